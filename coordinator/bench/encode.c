#include "coordinator/bench/bench.h"
#include "coordinator/bench/load.h"
#include "coordinator/engine.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/kernels/peak.h"
#include "core/model/whole.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS_MOST = 16 };

static const double shortest_s = 0.05; /* a pass below that measures the clock */

static const tfm_bench_column columns[] = {{"model", "model", -1},
                                           {"dtype", "dtype", -1},
                                           {"lengths", "lengths", -1},
                                           {"threads", "threads", 0},
                                           {"rows", "rows", 0},
                                           {"tokens", "tokens", 0},
                                           {"rows_per_s", "rows/s", 1},
                                           {"tokens_per_s", "tokens/s", 0},
                                           {"tokens_per_s_sd", "sd", 0},
                                           {"tokens_per_cpu_s", "tokens/CPU s", 0},
                                           {"gflops_per_core", "GFLOP/s a core", 1},
                                           {"peak_gflops", "peak", 1},
                                           {"share_of_peak", "share %", 1}};

typedef struct bench bench;

/* A thread with a model of its own. */
typedef struct {
  bench *b;
  pthread_t thread;
  tfm_whole *whole;
  float *result;
} runner;

struct bench {
  const tfm_options *options;
  tfm_job job;
  tfm__load loads[LENGTHS_MOST];
  int nload;
  runner *runner;
  int nrunner;
  const tfm__load *load; /* at work */
  atomic_size_t next;    /* its first micro-batch that nobody has taken */
  double *rate;          /* [repetitions] tokens a second of a pass */
  double *cpu_s;
};

static tfm_status make_loads(bench *b, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = b->options;
  if (o->nlength == 0) {
    return tfm__load_read(&b->loads[b->nload++], &b->job, err);
  }
  for (int i = 0; i < o->nlength; ++i) {
    char *end = NULL;
    const long n = strtol(o->lengths[i], &end, 10);
    if (i == LENGTHS_MOST || n < 1 || n > b->job.max_length || *end) {
      return tfm_fail(err, TFM_E_USAGE,
                      "--lengths: want at most %d numbers of tokens from 1 to %lld, got %.32s",
                      LENGTHS_MOST, (long long)b->job.max_length, o->lengths[i]);
    }
    TFM_TRY(tfm__load_make(&b->loads[b->nload++], &b->job, n, err));
  }

fail:
  return st;
}

/* ---- passes ---- */

static void *run_batches(void *arg)
{
  runner *r = arg;
  const tfm__load *l = r->b->load;
  tfm_fp_default();
  for (;;) {
    const size_t i = atomic_fetch_add(&r->b->next, 1);
    if (i >= l->nbatch) {
      return NULL;
    }
    tfm_whole_run(r->whole, &l->batch[i], r->result, NULL, NULL);
  }
}

/* The first runner is this thread. */
static tfm_status run_pass(bench *b, double *took_s, double *cpu_s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int started = 1;
  atomic_store(&b->next, 0);
  const double cpu = tfm_cpu_s();
  const double begin = tfm_now_s();
  for (; started < b->nrunner; ++started) {
    runner *r = &b->runner[started];
    if (pthread_create(&r->thread, NULL, run_batches, r) != 0) {
      st = tfm_fail(err, TFM_E_NOMEM, "thread %d of %d cannot be started", started + 1,
                    b->nrunner);
      break;
    }
  }
  (void)run_batches(&b->runner[0]);
  for (int i = 1; i < started; ++i) {
    (void)pthread_join(b->runner[i].thread, NULL);
  }
  *took_s = tfm_now_s() - begin;
  *cpu_s = tfm_cpu_s() - cpu;
  return st;
}

static double mean_of(const double *x, size_t n, double *sd)
{
  double sum = 0;
  double square = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += x[i];
  }
  const double mean = sum / (double)n;
  for (size_t i = 0; i < n; ++i) {
    square += (x[i] - mean) * (x[i] - mean);
  }
  *sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
  return mean;
}

static tfm_status put_row(const bench *b, const tfm__load *l, tfm_precision precision,
                          double peak, tfm_bench_table *table)
{
  tfm_status st = TFM_OK;
  const size_t n = (size_t)b->options->repetitions;
  const char *folder = b->job.folder;
  const char *name = strrchr(folder, '/');
  double sd = 0;
  const double rate = mean_of(b->rate, n, &sd);
  const double cpu_s = tfm_bench_median(b->cpu_s, n);
  const double speed = l->flops / cpu_s;
  const double numbers[] = {
      b->nrunner,        l->rows,      l->tokens,   rate * l->rows / l->tokens, rate, sd,
      l->tokens / cpu_s, speed * 1e-9, peak * 1e-9, 100 * speed / peak};
  TFM_TRY(tfm_bench_table_text(table, name && name[1] ? name + 1 : folder));
  TFM_TRY(tfm_bench_table_text(table, tfm_precision_name(precision)));
  TFM_TRY(tfm_bench_table_text(table, l->name));
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    TFM_TRY(tfm_bench_table_number(table, numbers[i]));
  }

fail:
  return st;
}

static tfm_status measure(bench *b, const tfm__load *l, tfm_precision precision, double peak,
                          tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  double took = 0;
  b->load = l;
  for (int64_t k = -1; k < b->options->repetitions; ++k) { /* the first pass warms up */
    const size_t at = k < 0 ? 0 : (size_t)k;
    TFM_TRY(run_pass(b, &took, &b->cpu_s[at], err));
    b->rate[at] = l->tokens / took;
  }
  if (took < shortest_s) {
    tfm_log(TFM_LOG_WARN, "%s: a pass takes %.1f ms: too short to measure well", l->name,
            took * 1e3);
  }
  if (put_row(b, l, precision, peak, table) != TFM_OK) {
    st = tfm_fail(err, TFM_E_NOMEM, "the table");
  }

fail:
  return st;
}

/* ---- the whole ---- */

static void close_models(bench *b)
{
  for (int i = 0; b->runner && i < b->nrunner; ++i) {
    tfm_whole_close(b->runner[i].whole);
    b->runner[i].whole = NULL;
  }
}

static tfm_status make_runners(bench *b, tfm_err *err)
{
  const size_t n = (size_t)b->options->repetitions;
  const size_t floats = (size_t)b->job.max_rows * (size_t)b->job.context.shape.width;
  b->nrunner = (int)b->options->threads;
  b->nrunner = b->nrunner > 0 ? b->nrunner : 1;
  b->runner = tfm_calloc((size_t)b->nrunner, sizeof *b->runner);
  b->rate = tfm_calloc(n, sizeof *b->rate);
  b->cpu_s = tfm_calloc(n, sizeof *b->cpu_s);
  bool all = b->runner && b->rate && b->cpu_s;
  for (int i = 0; all && i < b->nrunner; ++i) {
    b->runner[i].b = b;
    b->runner[i].result = tfm_calloc(floats, sizeof(float));
    all = b->runner[i].result != NULL;
  }
  return all ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "%d threads", b->nrunner);
}

static tfm_status measure_dtype(bench *b, tfm_engine engine, tfm_bench_table *table,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  const double peak = tfm_linear_peak(engine.precision);
  for (int i = 0; i < b->nrunner; ++i) {
    TFM_TRY(tfm_whole_open(&b->runner[i].whole, &b->job.model, engine, b->job.max_tokens,
                           b->job.max_sequences, err));
  }
  for (int i = 0; i < b->nload; ++i) {
    TFM_TRY(measure(b, &b->loads[i], engine.precision, peak, table, err));
  }

fail:
  close_models(b);
  return st;
}

static void fini(bench *b)
{
  close_models(b);
  for (int i = 0; b->runner && i < b->nrunner; ++i) {
    tfm_free(b->runner[i].result);
  }
  for (int i = 0; i < b->nload; ++i) {
    tfm__load_fini(&b->loads[i]);
  }
  tfm_free(b->runner);
  tfm_free(b->rate);
  tfm_free(b->cpu_s);
  tfm_job_fini(&b->job);
}

tfm_status tfm_bench_encode(const tfm_options *options, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bench *b = tfm_calloc(1, sizeof *b);
  *table = (tfm_bench_table){.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  if (!b) {
    return tfm_fail(err, TFM_E_NOMEM, "a measurement");
  }
  b->options = options;
  TFM_TRY(tfm_job_open(&b->job, NULL, options, false, err));
  if (tfm_config_decoder(&b->job.model.config)) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "bench encode: %s models are not supported, they have an encoder and a "
                     "decoder",
                     b->job.model.config.model_type));
  }
  TFM_TRY(tfm_isa_use(tfm_engine_isa(&b->job), err));
  TFM_TRY(tfm_engine_choose(&b->job, tfm_isa_used(), err));
  TFM_TRY(tfm_job_encoder(&b->job, err));
  TFM_TRY(make_runners(b, err));
  TFM_TRY(make_loads(b, err));
  const bool all = strcmp(options->dtype, "auto") == 0;
  const tfm_precision asked = tfm_precision_dtype(b->job.engine.precision);
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    if (all || p == (int)asked) {
      const tfm_engine engine = {.backend = b->job.engine.backend,
                                 .precision = tfm_engine_precision(&b->job, (tfm_precision)p),
                                 .wire = b->job.engine.wire};
      TFM_TRY(measure_dtype(b, engine, table, err));
    }
  }

fail:
  fini(b);
  tfm_free(b);
  return st;
}
