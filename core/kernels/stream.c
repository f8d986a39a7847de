#include "core/kernels/stream.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

enum { LOOPS = 4 };

typedef struct run run;

typedef struct {
  run *r;
  double *a, *b, *c;
  pthread_t thread;
} member;

struct run {
  int nthread, passes;
  int64_t n; /* numbers of an array */
  member *members;
  pthread_mutex_t gate; /* held until all threads are there */
  bool off;             /* one could not be started */
  pthread_barrier_t together;
  double best_s[LOOPS]; /* of member 0's clock */
};

static void copy(const member *m)
{
  for (int64_t i = 0; i < m->r->n; ++i) {
    m->c[i] = m->a[i];
  }
}

static void scale(const member *m)
{
  for (int64_t i = 0; i < m->r->n; ++i) {
    m->b[i] = 0.5 * m->c[i];
  }
}

static void add(const member *m)
{
  for (int64_t i = 0; i < m->r->n; ++i) {
    m->c[i] = m->a[i] + m->b[i];
  }
}

static void triad(const member *m)
{
  for (int64_t i = 0; i < m->r->n; ++i) {
    m->a[i] = m->b[i] + 0.5 * m->c[i];
  }
}

static void (*const loops[LOOPS])(const member *m) = {copy, scale, add, triad};
static const int arrays[LOOPS] = {2, 2, 3, 3};

static void touch(const member *m)
{
  for (int64_t i = 0; i < m->r->n; ++i) {
    m->a[i] = 1;
    m->b[i] = 2;
    m->c[i] = 0;
  }
}

static void run_loops(const member *m)
{
  run *r = m->r;
  touch(m);
  for (int pass = -1; pass < r->passes; ++pass) { /* the first warms up */
    for (int loop = 0; loop < LOOPS; ++loop) {
      (void)pthread_barrier_wait(&r->together);
      const double begin = tfm_now_s();
      loops[loop](m);
      (void)pthread_barrier_wait(&r->together);
      if (m == r->members && pass >= 0) {
        r->best_s[loop] = fmin(r->best_s[loop], tfm_now_s() - begin);
      }
    }
  }
}

static void *play(void *arg)
{
  const member *m = arg;
  (void)pthread_mutex_lock(&m->r->gate);
  (void)pthread_mutex_unlock(&m->r->gate);
  if (!m->r->off) {
    run_loops(m);
  }
  return NULL;
}

/* Start all, let them go together, and wait for their ends. */
static tfm_status run_threads(run *r, tfm_err *err)
{
  int started = 0;
  (void)pthread_mutex_lock(&r->gate);
  while (started < r->nthread &&
         pthread_create(&r->members[started].thread, NULL, play, &r->members[started]) == 0) {
    ++started;
  }
  r->off = started < r->nthread;
  (void)pthread_mutex_unlock(&r->gate);
  for (int i = 0; i < started; ++i) {
    (void)pthread_join(r->members[i].thread, NULL);
  }
  return r->off ? tfm_fail(err, TFM_E_NOMEM, "thread %d of %d cannot be started", started + 1,
                           r->nthread)
                : TFM_OK;
}

static tfm_status make_members(run *r, tfm_err *err)
{
  r->members = tfm_calloc((size_t)r->nthread, sizeof *r->members);
  bool all = r->members != NULL;
  for (int i = 0; all && i < r->nthread; ++i) {
    member *m = &r->members[i];
    m->r = r;
    m->a = tfm_alloc_aligned((size_t)r->n, sizeof *m->a);
    m->b = tfm_alloc_aligned((size_t)r->n, sizeof *m->b);
    m->c = tfm_alloc_aligned((size_t)r->n, sizeof *m->c);
    all = m->a && m->b && m->c;
  }
  return all ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "%d threads with three arrays of %lld bytes",
                        r->nthread, (long long)(r->n * 8));
}

static void free_members(run *r)
{
  for (int i = 0; r->members && i < r->nthread; ++i) {
    tfm_free(r->members[i].a);
    tfm_free(r->members[i].b);
    tfm_free(r->members[i].c);
  }
  tfm_free(r->members);
}

tfm_status tfm_stream_measure(tfm_stream *out, int nthread, int64_t bytes, int passes,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  run r = {.nthread = nthread, .passes = passes, .n = bytes / (int64_t)sizeof(double)};
  double rate[LOOPS];
  *out = (tfm_stream){0};
  if (pthread_mutex_init(&r.gate, NULL) != 0) {
    return tfm_fail(err, TFM_E_NOMEM, "a lock");
  }
  if (pthread_barrier_init(&r.together, NULL, (unsigned)nthread) != 0) {
    (void)pthread_mutex_destroy(&r.gate);
    return tfm_fail(err, TFM_E_NOMEM, "%d threads", nthread);
  }
  for (int loop = 0; loop < LOOPS; ++loop) {
    r.best_s[loop] = HUGE_VAL;
  }
  TFM_TRY(make_members(&r, err));
  TFM_TRY(run_threads(&r, err));
  for (int loop = 0; loop < LOOPS; ++loop) {
    rate[loop] = (double)arrays[loop] * (double)r.n * sizeof(double) * nthread / r.best_s[loop];
  }
  *out = (tfm_stream){rate[0], rate[1], rate[2], rate[3]};

fail:
  free_members(&r);
  (void)pthread_barrier_destroy(&r.together);
  (void)pthread_mutex_destroy(&r.gate);
  return st;
}
