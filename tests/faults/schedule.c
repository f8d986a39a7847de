/* The scenarios of links and worlds under a scheduler of our own: one rank runs at a time, and who
 * is next, and whose messages are late, is drawn from a seed. So a seed is a run, which can be had
 * again; many seeds are many orders of what the ranks do, and every claim of the scenarios must
 * hold in each.
 *
 *  schedule [--seeds N] [--first S]
 *
 *  The local transport's poll and send, the naps of idle and the clock are led here by the linker
 * (--wrap).
 * Exit code 0: all claims held, and runs of one seed were the same, step by step. */
#include "proto/link_ops.h"
#include "tests/proto/scenarios.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS = 8, LATE_MOST = 90 };

static struct {
  pthread_mutex_t lock;
  pthread_cond_t turn;
  bool live[RANKS];
  int holder; /* -1: everybody is through */
  uint64_t rng, trace, steps, looks;
  uint64_t late; /* polls of 100 that see nothing */
} plan = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};

static _Thread_local int me = -1;

tfm_status __real_tfm__local_poll(tfm_world *world, tfm_err *err);
tfm_status __wrap_tfm__local_poll(tfm_world *world, tfm_err *err);
tfm_status __real_tfm__local_send(tfm_link *out, tfm__slot *slot, tfm_err *err);
tfm_status __wrap_tfm__local_send(tfm_link *out, tfm__slot *slot, tfm_err *err);
int __wrap_ppoll(struct pollfd *files, nfds_t n, const struct timespec *limit,
                 const sigset_t *mask);
double __wrap_tfm_now_s(void);

static uint64_t draw(uint64_t below)
{
  plan.rng ^= plan.rng >> 12;
  plan.rng ^= plan.rng << 25;
  plan.rng ^= plan.rng >> 27;
  return plan.rng * 2685821657736338717u % below;
}

/* FNV-1a, over everything that happens in its order. */
static void note(uint64_t what)
{
  plan.trace = (plan.trace ^ what) * 1099511628211u;
  ++plan.steps;
}

/* The lock is held: say who is next. */
static void pass_on(void)
{
  int live[RANKS];
  int n = 0;
  for (int rank = 0; rank < RANKS; ++rank) {
    if (plan.live[rank]) {
      live[n++] = rank;
    }
  }
  plan.holder = n ? live[draw((uint64_t)n)] : -1;
  (void)pthread_cond_broadcast(&plan.turn);
}

static void await_turn(void)
{
  while (plan.holder != me) {
    (void)pthread_cond_wait(&plan.turn, &plan.lock);
  }
}

static void yield(void)
{
  (void)pthread_mutex_lock(&plan.lock);
  note((uint64_t)me);
  pass_on();
  await_turn();
  (void)pthread_mutex_unlock(&plan.lock);
}

tfm_status __wrap_tfm__local_poll(tfm_world *world, tfm_err *err)
{
  yield();
  return draw(100) < plan.late ? TFM_OK : __real_tfm__local_poll(world, err);
}

tfm_status __wrap_tfm__local_send(tfm_link *out, tfm__slot *slot, tfm_err *err)
{
  yield();
  note((uint64_t)out->peer << 32 | slot->frame.n);
  return __real_tfm__local_send(out, slot, err);
}

/* Time passes for those who have work. */
int __wrap_ppoll(struct pollfd *files, nfds_t n, const struct timespec *limit,
                 const sigset_t *mask)
{
  (void)files;
  (void)n;
  (void)limit;
  (void)mask;
  return 0;
}

/* Time is how often somebody looked at it: as much in every run of a seed. */
double __wrap_tfm_now_s(void)
{
  plan.looks += me >= 0;
  return (double)plan.looks * 20e-6;
}

typedef struct {
  tfm_world *world;
  void (*play)(tfm_world *world);
  int rank;
} part;

static void *play_part(void *arg)
{
  part *p = arg;
  me = p->rank;
  (void)pthread_mutex_lock(&plan.lock);
  await_turn();
  (void)pthread_mutex_unlock(&plan.lock);
  p->play(p->world);
  tfm_world_close(p->world);
  (void)pthread_mutex_lock(&plan.lock);
  plan.live[me] = false;
  pass_on();
  (void)pthread_mutex_unlock(&plan.lock);
  return NULL;
}

/* The trace of one run. */
static uint64_t run(const scenario *s, int nrank, uint64_t seed)
{
  tfm_world *worlds[RANKS] = {0};
  part parts[RANKS];
  pthread_t threads[RANKS];
  tfm_err err = {0};
  plan.rng = seed * 2 + 1;
  plan.trace = 14695981039346656037u;
  plan.looks = 0;
  plan.late = draw(LATE_MOST);
  plan.holder = -1;
  if (tfm_world_open_local(worlds, nrank, &err) != TFM_OK) {
    (void)fprintf(stderr, "schedule: %s\n", err.text);
    exit(2);
  }
  for (int rank = 0; rank < nrank; ++rank) {
    plan.live[rank] = true;
    parts[rank] = (part){worlds[rank], s->play, rank};
    if (pthread_create(&threads[rank], NULL, play_part, &parts[rank]) != 0) {
      exit(2);
    }
  }
  (void)pthread_mutex_lock(&plan.lock);
  pass_on();
  (void)pthread_mutex_unlock(&plan.lock);
  for (int rank = 0; rank < nrank; ++rank) {
    (void)pthread_join(threads[rank], NULL);
  }
  return plan.trace;
}

static int64_t option(int argc, char **argv, const char *name, int64_t unset)
{
  for (int i = 1; i + 1 < argc; ++i) {
    if (strcmp(argv[i], name) == 0) {
      return strtoll(argv[i + 1], NULL, 10);
    }
  }
  return unset;
}

int main(int argc, char **argv)
{
  int64_t seeds = option(argc, argv, "--seeds", 5);
  int64_t first = option(argc, argv, "--first", 1);
  int64_t runs = 0;
  int64_t same = 0;
  for (int64_t seed = first; seed < first + seeds; ++seed) {
    for (int i = 0; i < nscenario; ++i) {
      int nrank = scenarios[i].nrank_min + (int)(seed % 3);
      uint64_t trace = run(&scenarios[i], nrank, (uint64_t)seed);
      if (run(&scenarios[i], nrank, (uint64_t)seed) != trace) {
        (void)fprintf(stderr, "schedule: %s, seed %lld: two runs differ\n", scenarios[i].name,
                      (long long)seed);
        return 1;
      }
      same += run(&scenarios[i], nrank, (uint64_t)(seed + 1000000)) == trace;
      runs += 3;
    }
  }
  (void)printf(
      "%lld runs of %d scenarios, %llu steps; %lld of %lld other seeds gave the same run\n",
      (long long)runs, nscenario, (unsigned long long)plan.steps, (long long)same,
      (long long)runs / 3);
  return same * 10 < runs ? 0 : 1; /* else the seed decides nothing */
}
