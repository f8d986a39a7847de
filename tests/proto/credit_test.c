#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/credit.h"

/* No more than the limit is ever in flight, and what is given back can be taken again. */
static void credit_bounds_what_is_in_flight(void **state)
{
  (void)state;
  for (int stages = 1; stages <= 7; ++stages) {
    tfm_credit credit = tfm_credit_for(stages);
    assert_int_equal(credit.limit, 2 * stages + 1);
    for (int i = 0; i < credit.limit; ++i) {
      assert_true(tfm_credit_take(&credit));
    }
    assert_false(tfm_credit_take(&credit));
    assert_int_equal(credit.taken, credit.limit);
    tfm_credit_give(&credit);
    assert_true(tfm_credit_take(&credit));
    assert_false(tfm_credit_take(&credit));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(credit_bounds_what_is_in_flight)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
