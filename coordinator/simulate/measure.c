#include "coordinator/simulate/measure.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/cost.h"
#include "core/topo/memory.h"

#include <pthread.h>

enum { THREADS_MOST = 16 };

static const double measured_s = 0.5;
static const int64_t bytes_most = (int64_t)2 << 30; /* of units that stand for all */

/* A core at work. */
typedef struct {
  tfm_job *job;
  const tfm_measure_request *request;
  tfm_slice_options options;
  tfm_slice *slice;
  pthread_t thread;
  tfm_speed speed;
  tfm_status st;
  tfm_err err;
} runner;

static void *run(void *arg)
{
  runner *r = arg;
  tfm_fp_default();
  const tfm_speed_rows rows = {r->request->batches, r->request->nbatch, measured_s};
  r->st = tfm_speed_walk(&r->speed, r->slice, &r->job->model, &r->options, &rows, &r->err);
  return NULL;
}

/* The last units of the range that are not too many to hold. */
static tfm_range fit_units(const tfm_job *job, tfm_range units, int64_t *bytes)
{
  int64_t first = units.last;
  *bytes = 0;
  while (first > units.first) {
    const int64_t more =
        tfm_cost_unit_bytes(&job->model.config, job->engine.precision, first - 1);
    if (units.last - first >= 2 && *bytes + more > bytes_most) {
      break;
    }
    *bytes += more;
    --first;
  }
  return (tfm_range){first, units.last};
}

static int count_threads(const tfm_job *job, int at_once, int64_t bytes)
{
  const int64_t left = tfm_memory_available("");
  int n = at_once < job->machine.ncore ? at_once : job->machine.ncore;
  n = n < THREADS_MOST ? n : THREADS_MOST;
  while (n > 1 && left >= 0 && 2 * bytes * n > left) {
    --n;
  }
  return n > 1 ? n : 1;
}

static tfm_status open_runner(runner *r, tfm_job *job, const tfm_measure_request *request,
                              tfm_range units, tfm_err *err)
{
  r->job = job;
  r->request = request;
  r->options = (tfm_slice_options){.first = units.first,
                                   .last = units.last,
                                   .head = units.last == 2 * job->model.config.L,
                                   .engine = job->engine,
                                   .max_tokens = job->max_tokens,
                                   .max_sequences = job->max_sequences,
                                   .nthread = 1,
                                   .store = job->store};
  return tfm_slice_open(&r->slice, &job->model, &r->options, err);
}

/* All at once, the first on this thread. */
static tfm_status run_all(runner *runners, int n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int started = 1;
  for (; started < n; ++started) {
    if (pthread_create(&runners[started].thread, NULL, run, &runners[started]) != 0) {
      st = tfm_fail(err, TFM_E_NOMEM, "thread %d of %d cannot be started", started + 1, n);
      break;
    }
  }
  if (st == TFM_OK) {
    (void)run(&runners[0]);
  }
  for (int i = 1; i < started; ++i) {
    (void)pthread_join(runners[i].thread, NULL);
  }
  for (int i = 0; st == TFM_OK && i < n; ++i) {
    st = runners[i].st;
    *err = st == TFM_OK ? *err : runners[i].err;
  }
  return st;
}

static void add_speed(tfm_speed *sum, const tfm_speed *more, int n)
{
  sum->attention += more->attention / n;
  sum->scores += more->scores / n;
  sum->ffn += more->ffn / n;
  sum->head += more->head / n;
}

tfm_status tfm_simulate_measure(tfm_job *job, const tfm_measure_request *request,
                                tfm_speed *speed, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t bytes = 0;
  const tfm_range units = fit_units(job, request->units, &bytes);
  const int n = count_threads(job, request->at_once, bytes);
  runner *runners = tfm_calloc((size_t)n, sizeof *runners);
  *speed = (tfm_speed){0};
  if (!runners) {
    return tfm_fail(err, TFM_E_NOMEM, "measuring on %d cores", n);
  }
  for (int i = 0; i < n; ++i) {
    TFM_TRY(open_runner(&runners[i], job, request, units, err));
  }
  TFM_TRY(run_all(runners, n, err));
  for (int i = 0; i < n; ++i) {
    add_speed(speed, &runners[i].speed, n);
  }
  tfm_speed_fill(speed, &job->pace.speed);

fail:
  for (int i = 0; i < n; ++i) {
    tfm_slice_close(runners[i].slice);
  }
  tfm_free(runners);
  return st;
}
