#include "core/base/checked.h"

#include "tests/support/check.h"

/* The edges of each type: the last result that fits and the first that does not. */
static void sums_and_products_fit_exactly(void **state)
{
  (void)state;
  size_t z = 7;
  assert_true(tfm_add_size(SIZE_MAX - 1, 1, &z) && z == SIZE_MAX);
  assert_true(tfm_mul_size(SIZE_MAX / 5, 5, &z) && z == SIZE_MAX);
  uint64_t u = 7;
  assert_true(tfm_add_u64(UINT64_MAX - 1, 1, &u) && u == UINT64_MAX);
  assert_true(tfm_mul_u64(UINT64_C(1) << 32, UINT32_MAX, &u) && u == 0xffffffff00000000u);
  int64_t i = 7;
  assert_true(tfm_mul_i64(INT64_MIN / 2, 2, &i) && i == INT64_MIN);
  assert_true(tfm_narrow_size(SIZE_MAX, &z) && z == SIZE_MAX);
  int n = 7;
  assert_true(tfm_narrow_int(INT32_MAX, &n) && n == INT32_MAX);
  assert_true(tfm_narrow_int(INT32_MIN, &n) && n == INT32_MIN);
}

static void what_does_not_fit_leaves_the_result_alone(void **state)
{
  (void)state;
  size_t z = 7;
  assert_false(tfm_add_size(SIZE_MAX, 1, &z));
  assert_false(tfm_mul_size(SIZE_MAX / 5 + 1, 5, &z));
  assert_int_equal(z, 7);
  uint64_t u = 7;
  assert_false(tfm_add_u64(UINT64_MAX, 1, &u));
  assert_false(tfm_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u));
  assert_int_equal(u, 7);
  int64_t i = 7;
  assert_false(tfm_mul_i64(INT64_MIN, -1, &i));
  assert_false(tfm_mul_i64(INT64_MAX, 2, &i));
  assert_int_equal(i, 7);
  int n = 7;
  assert_false(tfm_narrow_int((int64_t)INT32_MAX + 1, &n));
  assert_false(tfm_narrow_int((int64_t)INT32_MIN - 1, &n));
  assert_int_equal(n, 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_products_fit_exactly),
      cmocka_unit_test(what_does_not_fit_leaves_the_result_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
