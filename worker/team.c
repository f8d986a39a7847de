#include "worker/team.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Thread 0 polls at most this often: a poll costs about a microsecond. */
static const double poll_every_s = 200e-6;

/* How long a thread with a core of its own looks for the next piece of work before it sleeps:
 * about the gap between two kernels of one layer. */
static const double spin_s = 50e-6;

typedef struct {
  tfm_team *team;
  pthread_t id;
  int thread;
} member;

struct tfm_team {
  tfm_par par; /* first: the executor handed out is the team itself */
  tfm_team_options options;
  member *members; /* [nthread - 1] threads 1.. */
  int started;
  double polled_s;

  /* The piece of work in hand. `round` names it; members sleep until it changes. */
  tfm_task_fn fn;
  void *arg;
  int ntask;
  atomic_int next;    /* the next task nobody has taken */
  atomic_int working; /* members that have not finished this round */
  atomic_uint round;
  bool closing;
  pthread_mutex_t lock;
  pthread_cond_t changed;
};

static void run_tasks(tfm_team *team, int thread)
{
  for (;;) {
    int task = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
    if (task >= team->ntask) {
      return;
    }
    team->fn(team->arg, task, thread);
    if (thread == 0 && team->options.poll) {
      double now = tfm_now_s();
      if (now - team->polled_s > poll_every_s) {
        team->options.poll(team->options.arg);
        team->polled_s = now;
      }
    }
  }
}

/* Wait for a round after `seen`; false when the team closes. */
static bool await_round(tfm_team *team, unsigned seen)
{
  if (team->options.spin) {
    double until = tfm_now_s() + spin_s;
    while (tfm_now_s() < until) {
      if (atomic_load_explicit(&team->round, memory_order_acquire) != seen) {
        break;
      }
      sched_yield();
    }
  }
  (void)pthread_mutex_lock(&team->lock);
  while (atomic_load_explicit(&team->round, memory_order_acquire) == seen && !team->closing) {
    (void)pthread_cond_wait(&team->changed, &team->lock);
  }
  bool go_on = !team->closing;
  (void)pthread_mutex_unlock(&team->lock);
  return go_on;
}

static void *member_main(void *arg)
{
  member *self = arg;
  tfm_team *team = self->team;
  tfm_fp_default();
  if (team->options.start) {
    team->options.start(team->options.arg, self->thread);
  }
  for (unsigned seen = 0; await_round(team, seen);) {
    seen = atomic_load_explicit(&team->round, memory_order_acquire);
    run_tasks(team, self->thread);
    (void)atomic_fetch_sub_explicit(&team->working, 1, memory_order_release);
  }
  return NULL;
}

static void await_members(tfm_team *team)
{
  while (atomic_load_explicit(&team->working, memory_order_acquire) > 0) {
    if (team->options.poll) {
      double now = tfm_now_s();
      if (now - team->polled_s > poll_every_s) {
        team->options.poll(team->options.arg);
        team->polled_s = now;
      }
    }
    sched_yield();
  }
}

static void team_run(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  tfm_team *team = (tfm_team *)par;
  team->fn = fn;
  team->arg = arg;
  team->ntask = ntask;
  atomic_store_explicit(&team->next, 0, memory_order_relaxed);
  bool wake = par->nthread > 1 && ntask > 1;
  if (wake) {
    atomic_store_explicit(&team->working, par->nthread - 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&team->lock);
    (void)atomic_fetch_add_explicit(&team->round, 1, memory_order_release);
    (void)pthread_cond_broadcast(&team->changed);
    (void)pthread_mutex_unlock(&team->lock);
  }
  run_tasks(team, 0);
  if (wake) {
    await_members(team);
  }
}

tfm_status tfm_team_open(tfm_team **out, const tfm_team_options *options, tfm_err *err)
{
  *out = NULL;
  tfm_team *team = tfm_calloc(1, sizeof *team);
  if (!team) {
    return tfm_fail(err, TFM_E_NOMEM, "team of %d threads", options->nthread);
  }
  team->par = (tfm_par){.nthread = options->nthread, .run = team_run};
  team->options = *options;
  (void)pthread_mutex_init(&team->lock, NULL);
  (void)pthread_cond_init(&team->changed, NULL);
  team->members = tfm_calloc((size_t)options->nthread, sizeof *team->members);
  if (!team->members) {
    tfm_team_close(team);
    return tfm_fail(err, TFM_E_NOMEM, "team of %d threads", options->nthread);
  }
  for (int i = 1; i < options->nthread; ++i) {
    member *m = &team->members[i - 1];
    *m = (member){.team = team, .thread = i};
    if (pthread_create(&m->id, NULL, member_main, m) != 0) {
      tfm_team_close(team);
      return tfm_fail(err, TFM_E_NOMEM,
                      "thread %d of %d could not be started; lower --threads or raise the "
                      "limit on processes (ulimit -u)",
                      i + 1, options->nthread);
    }
    ++team->started;
  }
  *out = team;
  return TFM_OK;
}

tfm_par *tfm_team_par(tfm_team *team)
{
  return &team->par;
}

static double clock_s(clockid_t id)
{
  struct timespec t = {0};
  (void)clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double tfm_team_cpu_s(const tfm_team *team)
{
  double sum = clock_s(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < team->started; ++i) {
    clockid_t id = 0;
    if (pthread_getcpuclockid(team->members[i].id, &id) == 0) {
      sum += clock_s(id);
    }
  }
  return sum;
}

void tfm_team_close(tfm_team *team)
{
  if (!team) {
    return;
  }
  (void)pthread_mutex_lock(&team->lock);
  team->closing = true;
  (void)pthread_cond_broadcast(&team->changed);
  (void)pthread_mutex_unlock(&team->lock);
  for (int i = 0; i < team->started; ++i) {
    (void)pthread_join(team->members[i].id, NULL);
  }
  (void)pthread_cond_destroy(&team->changed);
  (void)pthread_mutex_destroy(&team->lock);
  tfm_free(team->members);
  tfm_free(team);
}
