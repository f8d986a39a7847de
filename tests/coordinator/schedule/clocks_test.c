/* Clocks of other hosts, with answers that the test makes up. */
#include "coordinator/schedule/clocks.h"
#include "tests/support/check.h"

#include <math.h>

static void the_offset_is_from_the_middle(void **state)
{
  (void)state;
  tfm_clock c = {0};
  tfm_clock_take(&c, 10, 1000.5, 11);
  assert_true(c.known && fabs(c.offset_s - 990) < 1e-9 && fabs(c.error_s - 0.5) < 1e-9);
  tfm_clock_take(&c, 20, 1010.25, 20.5); /* a quicker answer is a better one */
  assert_true(fabs(c.offset_s - 990) < 1e-9 && fabs(c.error_s - 0.25) < 1e-9);
  tfm_clock_take(&c, 30, 1022, 34); /* a slow one says nothing new */
  assert_true(fabs(c.error_s - 0.25) < 1e-9);
}

/* Clocks of one host are one, however late the answer comes. */
static void what_may_be_zero_is_zero(void **state)
{
  (void)state;
  tfm_clock c = {0};
  tfm_clock_take(&c, 10, 10.9, 11);
  assert_true(c.known && !(fabs(c.offset_s) > 0));
  tfm_clock_take(&c, 20, 19.9, 20.1);
  assert_true(fabs(c.offset_s + 0.15) < 1e-9);
}

static void what_is_old_is_replaced(void **state)
{
  (void)state;
  tfm_clock c = {0};
  tfm_clock_take(&c, 0, 500, 0.002);
  tfm_clock_take(&c, 10, 510,
                 10.008); /* 10 s drift by 0.5 ms: 1.5 ms now, and 4 ms are offered */
  assert_true(fabs(c.error_s - 0.001) < 1e-9);
  tfm_clock_take(&c, 100, 600.1, 100.008);
  assert_true(fabs(c.error_s - 0.004) < 1e-9 && fabs(c.taken_s - 100.008) < 1e-9);
  tfm_clock_take(&c, 100, 600.1, 99); /* the answer before the question */
  assert_true(fabs(c.error_s - 0.004) < 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_offset_is_from_the_middle),
      cmocka_unit_test(what_may_be_zero_is_zero),
      cmocka_unit_test(what_is_old_is_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
