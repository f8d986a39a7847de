#include "worker/vigil.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* It looks this often; what it did not look at counts for two looks. */
static const long look_ns = 250000000;
static const double look_most_s = 0.5;

struct tfm_vigil {
  int rank;
  void (*fire)(const char *line);
  pthread_t thread;
  pthread_mutex_t lock; /* of closing */
  pthread_cond_t closes;
  bool closing;
  atomic_uint_fast64_t notes, batch;
  atomic_int duty;
  _Atomic double limit_s;
};

static void fire(tfm_vigil *v, double quiet_s)
{
  char line[320];
  const unsigned long long batch = atomic_load(&v->batch);
  switch ((tfm_vigil_duty)atomic_load(&v->duty)) {
  case TFM_VIGIL_LISTENING:
    (void)snprintf(line, sizeof line,
                   "rank %d: rank 0 has been silent for %.0f s: it is stopped or out of reach; "
                   "run the same command again",
                   v->rank, quiet_s);
    break;
  case TFM_VIGIL_LOADING:
    (void)snprintf(
        line, sizeof line,
        "rank %d: the model has not been read after %.0f s; look at its file system, "
        "or give a larger --load-limit",
        v->rank, quiet_s);
    break;
  case TFM_VIGIL_COMPUTING:
    (void)snprintf(
        line, sizeof line,
        "rank %d: has been computing micro-batch %llu for %.0f s, and rank 0 does not "
        "end the job; run the same command again, or give a larger --stall-limit",
        v->rank, batch, quiet_s);
    break;
  }
  v->fire(line);
}

/* Until the next look; false when it is closing. */
static bool rest(tfm_vigil *v)
{
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += look_ns;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  (void)pthread_mutex_lock(&v->lock);
  if (!v->closing) {
    (void)pthread_cond_timedwait(&v->closes, &v->lock, &until);
  }
  const bool on = !v->closing;
  (void)pthread_mutex_unlock(&v->lock);
  return on;
}

static void *watch(void *arg)
{
  tfm_vigil *v = arg;
  tfm_awake awake = {0};
  uint64_t seen = 0;
  double since_s = 0;
  while (rest(v)) {
    const double now_s = tfm_awake_look(&awake, tfm_now_s(), look_most_s);
    const double limit_s =
        atomic_load(&v->limit_s); /* before the notes: a limit is new with its note */
    const uint64_t notes = atomic_load(&v->notes);
    if (notes != seen) {
      seen = notes;
      since_s = now_s;
    }
    if (limit_s > 0 && now_s - since_s > limit_s) {
      fire(v, now_s - since_s);
      break;
    }
  }
  return NULL;
}

tfm_status tfm_vigil_open(tfm_vigil **out, int rank, void (*fire_hook)(const char *line),
                          tfm_err *err)
{
  pthread_condattr_t attr;
  tfm_vigil *v = tfm_calloc(1, sizeof *v);
  *out = NULL;
  if (!v) {
    return tfm_fail(err, TFM_E_NOMEM, "the watch of rank %d", rank);
  }
  v->rank = rank;
  v->fire = fire_hook;
  (void)pthread_condattr_init(&attr);
  (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&v->lock, NULL);
  (void)pthread_cond_init(&v->closes, &attr);
  (void)pthread_condattr_destroy(&attr);
  if (pthread_create(&v->thread, NULL, watch, v) != 0) {
    (void)pthread_cond_destroy(&v->closes);
    (void)pthread_mutex_destroy(&v->lock);
    tfm_free(v);
    return tfm_fail(err, TFM_E_NOMEM, "a thread for the watch of rank %d", rank);
  }
  *out = v;
  return TFM_OK;
}

void tfm_vigil_note(tfm_vigil *vigil, tfm_vigil_duty duty, double limit_s, uint64_t batch)
{
  if (!vigil) {
    return;
  }
  atomic_store(&vigil->duty, (int)duty);
  atomic_store(&vigil->batch, batch);
  (void)atomic_fetch_add(&vigil->notes, 1);
  atomic_store(&vigil->limit_s, limit_s);
}

void tfm_vigil_close(tfm_vigil *vigil)
{
  if (!vigil) {
    return;
  }
  (void)pthread_mutex_lock(&vigil->lock);
  vigil->closing = true;
  (void)pthread_cond_signal(&vigil->closes);
  (void)pthread_mutex_unlock(&vigil->lock);
  (void)pthread_join(vigil->thread, NULL);
  (void)pthread_cond_destroy(&vigil->closes);
  (void)pthread_mutex_destroy(&vigil->lock);
  tfm_free(vigil);
}
