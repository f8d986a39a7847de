#include "worker/team.h"

#include "core/base/clock.h"
#include "tests/support/check.h"

#include <stdatomic.h>

enum { TASKS = 1000, ROUNDS = 200 };

typedef struct {
  atomic_int runs[TASKS];
  atomic_int worst_thread;
} tally;

static void count_task(void *arg, int task, int thread)
{
  tally *t = arg;
  (void)atomic_fetch_add(&t->runs[task], 1);
  if (thread > atomic_load(&t->worst_thread)) {
    atomic_store(&t->worst_thread, thread);
  }
}

static void count_poll(void *arg)
{
  ++*(int *)arg;
}

static void slow_task(void *arg, int task, int thread)
{
  (void)arg;
  (void)task;
  (void)thread;
  tfm_sleep_s(1e-3);
}

/* The executor's promise (par.h): each task exactly once, whatever the number of threads.
 * Counting the runs of every task over many rounds catches a lost, doubled or late one. */
static void each_task_runs_once(void **state)
{
  (void)state;
  for (int nthread = 1; nthread <= 4; ++nthread) {
    static tally t;
    tfm_err err = {0};
    tfm_team *team = NULL;
    tfm_team_options options = {.nthread = nthread, .spin = nthread % 2 == 0};
    assert_int_equal(tfm_team_open(&team, &options, &err), TFM_OK);
    t = (tally){0};
    for (int round = 1; round <= ROUNDS; ++round) {
      tfm_par_for(tfm_team_par(team), TASKS, count_task, &t);
      assert_int_equal(atomic_load(&t.runs[0]), round);
      assert_int_equal(atomic_load(&t.runs[TASKS - 1]), round);
    }
    for (int i = 0; i < TASKS; ++i) {
      assert_int_equal(atomic_load(&t.runs[i]), ROUNDS);
    }
    assert_in_range(atomic_load(&t.worst_thread), 0, nthread - 1);
    tfm_team_close(team);
  }
}

/* Zero and one task are the edges where nobody is woken. */
static void few_tasks_work_too(void **state)
{
  (void)state;
  static tally t;
  tfm_err err = {0};
  tfm_team *team = NULL;
  tfm_team_options options = {.nthread = 3};
  assert_int_equal(tfm_team_open(&team, &options, &err), TFM_OK);
  t = (tally){0};
  tfm_par_for(tfm_team_par(team), 0, count_task, &t);
  assert_int_equal(atomic_load(&t.runs[0]), 0);
  tfm_par_for(tfm_team_par(team), 1, count_task, &t);
  tfm_par_for(tfm_team_par(team), 2, count_task, &t);
  assert_int_equal(atomic_load(&t.runs[0]), 2);
  assert_int_equal(atomic_load(&t.runs[1]), 1);
  tfm_team_close(team);
}

/* Frames move only when thread 0 polls, so it must do so between tasks. */
static void thread_zero_polls_between_tasks(void **state)
{
  (void)state;
  int polls = 0;
  tfm_err err = {0};
  tfm_team *team = NULL;
  tfm_team_options options = {.nthread = 1, .poll = count_poll, .arg = &polls};
  assert_int_equal(tfm_team_open(&team, &options, &err), TFM_OK);
  tfm_par_for(tfm_team_par(team), 10, slow_task, NULL);
  assert_in_range(polls, 9, 10); /* tasks of 1 ms, polls at most every 0.2 ms */
  tfm_team_close(team);
  tfm_team_close(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_task_runs_once),
      cmocka_unit_test(few_tasks_work_too),
      cmocka_unit_test(thread_zero_polls_between_tasks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
