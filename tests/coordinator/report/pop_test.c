/* POP's efficiencies of stages whose times are made by hand. */
#include "coordinator/report/pop.h"
#include "tests/support/check.h"

/* Ten seconds; two stages compute 8 and 6 of them, the busier one sends for 1, the other for 0.5:
 * without sending it could not have taken less than 9. */
static void parts_multiply_to_the_whole(void **state)
{
  (void)state;
  const tfm_pop_stage stages[] = {{.busy_s = 8, .wait_s = 1, .send_s = 1},
                                  {.busy_s = 6, .wait_s = 3.5, .send_s = 0.5}};
  const tfm_pop p = tfm_pop_of_stages(stages, 2, 10);
  CHECK_NEAR(p.parallel, 0.7);
  CHECK_NEAR(p.load_balance, 0.875);
  CHECK_NEAR(p.communication, 0.8);
  CHECK_NEAR(p.serialisation, 8.0 / 9);
  CHECK_NEAR(p.transfer, 0.9);
  CHECK_NEAR(p.bubble, 1 - (14 + 1.5) / 20);
  CHECK_NEAR(p.parallel, p.load_balance * p.serialisation * p.transfer);
}

/* Sums over runs say the same as one run like each. */
static void sums_say_the_same(void **state)
{
  (void)state;
  const tfm_pop_stage once[] = {{.busy_s = 3, .send_s = 0.25}, {.busy_s = 2, .send_s = 0.5}};
  const tfm_pop_stage thrice[] = {{.busy_s = 9, .send_s = 0.75}, {.busy_s = 6, .send_s = 1.5}};
  const tfm_pop a = tfm_pop_of_stages(once, 2, 4);
  const tfm_pop b = tfm_pop_of_stages(thrice, 2, 12);
  CHECK_NEAR(a.parallel, b.parallel);
  CHECK_NEAR(a.serialisation, b.serialisation);
  CHECK_NEAR(a.transfer, b.transfer);
  CHECK_NEAR(a.bubble, b.bubble);
}

/* Of another stage's sending the busiest has nothing to wait for: no part is above 1. */
static void no_part_is_above_one(void **state)
{
  (void)state;
  const tfm_pop_stage stages[] = {{.busy_s = 10}, {.busy_s = 1, .send_s = 5}};
  const tfm_pop p = tfm_pop_of_stages(stages, 2, 10);
  CHECK_NEAR(p.serialisation, 1);
  CHECK_NEAR(p.transfer, 1);
  assert_true(p.bubble >= 0);
}

static void nothing_ran(void **state)
{
  (void)state;
  const tfm_pop_stage idle[] = {{0}};
  assert_true(check_same_double(tfm_pop_of_stages(idle, 1, 1).parallel, 0));
  assert_true(check_same_double(tfm_pop_of_stages(idle, 0, 0).transfer, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_multiply_to_the_whole), cmocka_unit_test(sums_say_the_same),
      cmocka_unit_test(no_part_is_above_one), cmocka_unit_test(nothing_ran)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
