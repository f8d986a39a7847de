#include "worker/finite.h"

#include "core/kernels/bfloat16.h"
#include "tests/support/check.h"

#include <math.h>
#include <string.h>

enum { B = 3, H = 5, T = 6 };
static const int32_t cu_len[B + 1] = {0, 2, 3, 6};

static void fill(float *x)
{
  for (int i = 0; i < T * H; ++i) {
    x[i] = (float)(i + 1) * (i % 2 ? 1e-30F : -3e36F);
  }
}

/* Every place of a row of every length, NaN of any kind and both infinities; nothing finite is
 * one. */
static void one_value_is_enough(void **state)
{
  (void)state;
  static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7f800001, 0xffffffff, 0x7fc00000};
  static const uint32_t even[] = {0, 0x80000000, 0x7f7fffff, 0xff7fffff, 1, 0x807fffff};
  float x[67] = {0};
  for (int64_t n = 0; n < 67; ++n) {
    assert_true(tfm_finite(x, n));
    for (int64_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < sizeof odd / sizeof odd[0]; ++k) {
        memcpy(&x[i], &odd[k], sizeof x[i]);
        assert_false(tfm_finite(x, n));
      }
      for (size_t k = 0; k < sizeof even / sizeof even[0]; ++k) {
        memcpy(&x[i], &even[k], sizeof x[i]);
        assert_true(tfm_finite(x, n));
      }
    }
  }
}

/* The first stage that saw it is what the last one can tell, and neighbours keep every bit. */
static void a_mark_travels_to_the_end(void **state)
{
  (void)state;
  float x[T * H];
  float want[T * H];
  uint32_t bad[B];
  fill(x);
  fill(want);
  for (int stage = 0; stage < 4; ++stage) {
    memset(bad, 0, sizeof bad);
    tfm_finite_enter(x, cu_len, B, H, bad);
    assert_int_equal(bad[1], stage < 3 ? 0 : 3);
    assert_true(tfm_finite(x, (int64_t)T * H)); /* what is computed on never has a mark */
    if (stage == 2) {
      x[2 * H + 4] = INFINITY; /* the last value of sequence 1 */
    }
    tfm_finite_leave(x, cu_len, B, H, stage, bad);
    assert_int_equal(bad[0], 0);
    assert_int_equal(bad[1], stage < 2 ? 0 : 3);
    assert_int_equal(bad[2], 0);
  }
  assert_int_equal(tfm_finite_mark_of(x + 2 * H, H), 3);
  assert_memory_equal(x, want, sizeof(float) * 2 * H);
  assert_memory_equal(x + 3 * H, want + 3 * H, sizeof(float) * 3 * H);
}

/* The same through frames of bfloat16, where every stage has x anew. */
static void a_mark_travels_in_halves(void **state)
{
  (void)state;
  float x[T * H];
  uint16_t halves[T * H];
  uint16_t want[T * H];
  uint32_t bad[B];
  fill(x);
  tfm_bfloat16_narrow(x, T * H, halves, NULL);
  memcpy(want, halves, sizeof want);
  for (int stage = 299; stage < 303; ++stage) {
    memset(bad, 0, sizeof bad);
    tfm_bfloat16_widen(halves, T * H, x, NULL);
    tfm_finite_enter_halves(halves, x, cu_len, B, H, bad);
    assert_int_equal(bad[1], stage < 302 ? 0 : 302);
    assert_true(tfm_finite(x, (int64_t)T * H));
    if (stage == 301) {
      x[2 * H + 4] = NAN; /* the last value of sequence 1 */
    }
    tfm_finite_leave(x, cu_len, B, H, stage, bad);
    tfm_bfloat16_narrow(x, T * H, halves, NULL);
    tfm_finite_leave_halves(halves, cu_len, B, H, bad);
    assert_int_equal(bad[0], 0);
    assert_int_equal(bad[1], stage < 301 ? 0 : 302);
    assert_int_equal(bad[2], 0);
  }
  assert_memory_equal(halves, want, sizeof *halves * 2 * H);
  assert_memory_equal(halves + 3 * H, want + 3 * H, sizeof *halves * 3 * H);
}

/* Infinity and the NaNs that numbers are narrowed to are no mark; a sequence of no rows, or of one
 * value, is looked at no further than it goes. */
static void other_halves_are_no_mark(void **state)
{
  (void)state;
  static const uint16_t others[] = {0x7fc0, 0xffc0, 0x7f80, 0xff80, 0x7fff, 0};
  const int32_t none[] = {0, 0};
  const int32_t one[] = {0, 1};
  uint16_t half = 0x7fc1;
  float x = 1;
  uint32_t bad = 0;
  tfm_finite_enter_halves(&half, &x, none, 1, 1, &bad);
  assert_int_equal(bad, 0);
  for (size_t k = 0; k < sizeof others / sizeof others[0]; ++k) {
    tfm_finite_enter_halves(&others[k], &x, one, 1, 1, &bad);
    assert_int_equal(bad, 0);
  }
  assert_true(x > 0);
  bad = 7;
  tfm_finite_leave_halves(&half, one, 1, 1, &bad);
  bad = 0;
  tfm_finite_enter_halves(&half, &x, one, 1, 1, &bad);
  assert_int_equal(bad, TFM_FINITE_STAGES);
  assert_false(x > 0);
}

/* NaNs that no stage made are not taken for a mark. */
static void other_nans_are_no_mark(void **state)
{
  (void)state;
  static const uint32_t others[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff, 0x7f800000};
  for (size_t k = 0; k < sizeof others / sizeof others[0]; ++k) {
    float x = 0;
    memcpy(&x, &others[k], sizeof x);
    assert_int_equal(tfm_finite_mark_of(&x, 1), 0);
  }
  assert_int_equal(tfm_finite_mark_of(NULL, 0), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_value_is_enough),      cmocka_unit_test(a_mark_travels_to_the_end),
      cmocka_unit_test(other_nans_are_no_mark),   cmocka_unit_test(a_mark_travels_in_halves),
      cmocka_unit_test(other_halves_are_no_mark),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
