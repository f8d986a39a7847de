#include "core/base/clock.h"

#include "tests/support/check.h"

#include <math.h>

/* Sleeping takes wall time but no CPU time, so the two clocks are told apart. */
static void sleeping_is_wall_time_not_cpu_time(void **state)
{
  (void)state;
  double wall = tfm_now_s();
  double cpu = tfm_cpu_s();
  tfm_sleep_s(0.05);
  assert_true(tfm_now_s() - wall >= 0.049);
  assert_true(tfm_cpu_s() - cpu < 0.03);
}

static void work_is_cpu_time(void **state)
{
  (void)state;
  double start = tfm_cpu_s();
  double end = tfm_now_s() + 5;
  volatile unsigned work = 0;
  while (tfm_cpu_s() - start < 0.01 && tfm_now_s() < end) {
    ++work;
  }
  assert_true(tfm_cpu_s() - start >= 0.01);
}

static void time_never_goes_back(void **state)
{
  (void)state;
  double last = tfm_now_s();
  for (int i = 0; i < 10000; ++i) {
    double now = tfm_now_s();
    assert_true(now >= last);
    last = now;
  }
}

static void odd_durations_return_at_once(void **state)
{
  (void)state;
  double start = tfm_now_s();
  tfm_sleep_s(0);
  tfm_sleep_s(-1);
  tfm_sleep_s((double)NAN);
  assert_true(tfm_now_s() - start < 0.5);
}

/* What nobody looked at counts for a part only: a process that was stopped did not wait. */
static void being_stopped_is_not_waiting(void **state)
{
  (void)state;
  tfm_awake awake = {0};
  assert_true(tfm_awake_look(&awake, 1000, 1) == 0);
  assert_true(tfm_awake_look(&awake, 1000.5, 1) == 0.5);
  assert_true(tfm_awake_look(&awake, 4000.5, 1) == 1.5);
  assert_true(tfm_awake_look(&awake, 4001, 1) == 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sleeping_is_wall_time_not_cpu_time),
      cmocka_unit_test(work_is_cpu_time),
      cmocka_unit_test(time_never_goes_back),
      cmocka_unit_test(odd_durations_return_at_once),
      cmocka_unit_test(being_stopped_is_not_waiting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
