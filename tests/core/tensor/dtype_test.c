#include "core/tensor/dtype.h"

#include "tests/support/check.h"

#include <math.h>

static void names_are_those_of_safetensors(void **state)
{
  (void)state;
  static const struct {
    tfm_dtype dtype;
    const char *name;
    size_t bytes;
    bool weight;
  } rows[] = {{TFM_F32, "F32", 4, true},   {TFM_F16, "F16", 2, true},
              {TFM_BF16, "BF16", 2, true}, {TFM_I64, "I64", 8, false},
              {TFM_I32, "I32", 4, false},  {TFM_U8, "U8", 1, false}};
  assert_int_equal(COUNT_OF(rows), TFM_DTYPE_COUNT);
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_dtype parsed = TFM_DTYPE_COUNT;
    assert_string_equal(tfm_dtype_name(rows[i].dtype), rows[i].name);
    assert_int_equal(tfm_dtype_bytes(rows[i].dtype), rows[i].bytes);
    assert_int_equal(tfm_dtype_is_weight(rows[i].dtype), rows[i].weight);
    assert_true(tfm_dtype_parse(tfm_span_of(rows[i].name), &parsed));
    assert_int_equal(parsed, rows[i].dtype);
  }
}

static void other_names_are_unknown(void **state)
{
  (void)state;
  static const tfm_span names[] = {{"", 0},    {"f32", 3},   {"F32 ", 4}, {"F3", 2},
                                   {"F64", 3}, {"F32\0", 4}, {"BF1", 3},  {"BF16X", 5}};
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    tfm_dtype parsed = TFM_DTYPE_COUNT;
    assert_false(tfm_dtype_parse(names[i], &parsed));
    assert_int_equal(parsed, TFM_DTYPE_COUNT);
  }
}

/* All 65536 halves against the definition of IEEE 754 binary16, in double precision where every
 * half is exact: (-1)^s * 2^(e-15) * (1 + f/1024), denormals 2^-14 * f/1024. Bits are compared,
 * so the sign of zero counts. */
static void every_half_float_is_exact(void **state)
{
  (void)state;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint16_t half = (uint16_t)bits;
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023) / 1024;
    float got = 0;
    tfm_dtype_to_f32(TFM_F16, &half, 1, &got);
    if (exponent == 31) {
      assert_true(fraction > 0 ? isnan(got) : isinf(got));
      assert_int_equal(signbit(got) != 0, bits >> 15);
      continue;
    }
    double value = exponent ? ldexp(1 + fraction, exponent - 15) : ldexp(fraction, -14);
    float want = (float)(bits >> 15 ? -value : value);
    assert_memory_equal(&got, &want, sizeof got);
  }
}

/* A bfloat16 is the upper half of a float; the definition of binary32 by fields, in doubles. */
static void every_bfloat16_is_exact(void **state)
{
  (void)state;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    uint16_t brief = (uint16_t)bits;
    int exponent = (int)(bits >> 7 & 255);
    double fraction = (double)(bits & 127) / 128;
    float got = 0;
    tfm_dtype_to_f32(TFM_BF16, &brief, 1, &got);
    if (exponent == 255) {
      assert_true(fraction > 0 ? isnan(got) : isinf(got));
      continue;
    }
    double value = exponent ? ldexp(1 + fraction, exponent - 127) : ldexp(fraction, -126);
    float want = (float)(bits >> 15 ? -value : value);
    assert_memory_equal(&got, &want, sizeof got);
  }
}

/* Weights lie at any byte of a file; the values do not depend on where. */
static void any_alignment_gives_the_same_values(void **state)
{
  (void)state;
  static const float f32[3] = {1.5f, -0.0f, 1e-40f};
  static const uint16_t f16[3] = {0x3e00, 0x8000, 0x0001};
  for (size_t shift = 0; shift < 8; ++shift) {
    unsigned char bytes[32];
    float got[3];
    memcpy(bytes + shift, f32, sizeof f32);
    tfm_dtype_to_f32(TFM_F32, bytes + shift, 3, got);
    assert_memory_equal(got, f32, sizeof f32);
    memcpy(bytes + shift, f16, sizeof f16);
    tfm_dtype_to_f32(TFM_F16, bytes + shift, 3, got);
    assert_true(check_same_double((double)got[0], 1.5) &&
                check_same_double((double)got[1], -0.0) &&
                check_same_double((double)got[2], 0x1p-24));
  }
}

/* One bad value at every place of a block and its neighbours is found where it is; the largest
 * float and denormals are finite. */
static void the_first_value_that_is_not_finite_is_found(void **state)
{
  (void)state;
  enum { N = 2100 };
  static float x[N];
  size_t at = 0;
  for (size_t i = 0; i < N; ++i) {
    x[i] = i % 3 == 0 ? 3.4028235e38f : i % 3 == 1 ? -1e-45f : 0;
  }
  assert_true(tfm_all_finite(x, N, &at));
  assert_true(tfm_all_finite(x, 0, &at));
  static const size_t places[] = {0, 1, 1022, 1023, 1024, 1025, 2047, 2048, N - 1};
  for (size_t i = 0; i < COUNT_OF(places); ++i) {
    float good = x[places[i]];
    x[places[i]] = i % 2 ? -INFINITY : NAN;
    assert_false(tfm_all_finite(x, N, &at));
    assert_int_equal(at, places[i]);
    assert_false(tfm_all_finite(x, N, NULL));
    assert_true(tfm_all_finite(x, places[i], NULL)); /* before it all is well */
    x[places[i]] = good;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_those_of_safetensors),
      cmocka_unit_test(other_names_are_unknown),
      cmocka_unit_test(every_half_float_is_exact),
      cmocka_unit_test(every_bfloat16_is_exact),
      cmocka_unit_test(any_alignment_gives_the_same_values),
      cmocka_unit_test(the_first_value_that_is_not_finite_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
