#include "core/base/par.h"

#include "tests/support/check.h"

enum { TASKS = 9 };

static int order[TASKS];
static int done;

static void note(void *arg, int task, int thread)
{
  assert_ptr_equal(arg, order);
  assert_int_equal(thread, 0);
  order[done++] = task;
}

/* Without an executor: this thread, every task once, in order. */
static void no_executor_means_this_thread_in_order(void **state)
{
  (void)state;
  done = 0;
  tfm_par_for(NULL, TASKS, note, order);
  assert_int_equal(done, TASKS);
  for (int i = 0; i < TASKS; ++i) {
    assert_int_equal(order[i], i);
  }
  tfm_par_for(NULL, 0, note, order);
  assert_int_equal(done, TASKS);
  assert_int_equal(tfm_par_threads(NULL), 1);
}

static void run_backwards(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  assert_int_equal(par->nthread, 3);
  while (ntask-- > 0) {
    fn(arg, ntask, 0);
  }
}

static void an_executor_is_asked(void **state)
{
  (void)state;
  tfm_par par = {.nthread = 3, .run = run_backwards};
  done = 0;
  tfm_par_for(&par, TASKS, note, order);
  assert_int_equal(done, TASKS);
  assert_int_equal(order[0], TASKS - 1);
  assert_int_equal(tfm_par_threads(&par), 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_executor_means_this_thread_in_order),
      cmocka_unit_test(an_executor_is_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
