/* Floats as bfloat16, on every instruction set, against the definition in double precision. */
#include "core/kernels/bfloat16.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"

#include <stdlib.h>

static uint32_t bits(float x)
{
  uint32_t u = 0;
  memcpy(&u, &x, sizeof u);
  return u;
}

static float float_of(uint32_t u)
{
  float x = 0;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* Every upper half with lower halves at, below, between and above the middle: numbers, denormals,
 * infinities and NaNs of both signs, all ties and what becomes infinite. */
enum { UPPER = 1 << 16, LOWER = 7, ALL = UPPER * LOWER };

static float *every_float(void)
{
  static const uint32_t lower[LOWER] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x4321};
  float *x = malloc(ALL * sizeof *x);
  assert_non_null(x);
  for (uint32_t i = 0; i < ALL; ++i) {
    x[i] = float_of(i / LOWER << 16 | lower[i % LOWER]);
  }
  return x;
}

static void every_kind_of_number_is_rounded_as_defined(void **state)
{
  (void)state;
  float *x = every_float();
  float *rounded = malloc(ALL * sizeof *rounded);
  float *wide = malloc(ALL * sizeof *wide);
  uint16_t *narrow = malloc(ALL * sizeof *narrow);
  backwards_par backwards = backwards_par_of(3);
  assert_true(rounded && wide && narrow);
  FOR_EACH_ISA(isa)
  {
    memcpy(rounded, x, ALL * sizeof *x);
    tfm_bfloat16_round(rounded, ALL, &backwards.par);
    tfm_bfloat16_narrow(x, ALL, narrow, &backwards.par);
    tfm_bfloat16_widen(narrow, ALL, wide, &backwards.par);
    for (int64_t i = 0; i < ALL; ++i) {
      const uint32_t want = bits(ref_bfloat16(x[i]));
      if (bits(rounded[i]) != want || narrow[i] != want >> 16 || bits(wide[i]) != want) {
        fail_msg("%s: %08x: want %08x, got %08x, %04x, %08x", tfm_isa_name(isa), bits(x[i]),
                 want, bits(rounded[i]), narrow[i], bits(wide[i]));
      }
    }
  }
  free(x);
  free(rounded);
  free(wide);
  free(narrow);
}

/* No bits of a half change on the way, those of signalling NaNs neither. */
static void widening_is_exact(void **state)
{
  (void)state;
  uint16_t *x = malloc(UPPER * sizeof *x);
  float *y = malloc(UPPER * sizeof *y);
  assert_true(x && y);
  for (uint32_t i = 0; i < UPPER; ++i) {
    x[i] = (uint16_t)i;
  }
  FOR_EACH_ISA(isa)
  {
    tfm_bfloat16_widen(x, UPPER, y, NULL);
    for (uint32_t i = 0; i < UPPER; ++i) {
      assert_int_equal(bits(y[i]), i << 16);
    }
  }
  free(x);
  free(y);
}

/* Any number of values from any place on, and nothing beside them. */
static void runs_of_any_length_are_whole_and_alone(void **state)
{
  (void)state;
  enum { MOST = 70, ROOM = MOST + 24 };
  noise r = {5};
  float x[ROOM];
  noise_fill(&r, 3.0f, x, ROOM);
  FOR_EACH_ISA(isa)
  {
    for (int64_t n = 0; n <= MOST; ++n) {
      const int64_t at = n % 8;
      float rounded[ROOM];
      float wide[ROOM];
      uint16_t narrow[ROOM];
      memcpy(rounded, x, sizeof rounded);
      memset(wide, 0x5a, sizeof wide);
      memset(narrow, 0x5a, sizeof narrow);
      tfm_bfloat16_round(rounded + at, n, NULL);
      tfm_bfloat16_narrow(x + at, n, narrow + at, NULL);
      tfm_bfloat16_widen(narrow + at, n, wide + at, NULL);
      for (int64_t i = 0; i < ROOM; ++i) {
        const bool in = i >= at && i < at + n;
        const uint32_t want = bits(in ? ref_bfloat16(x[i]) : x[i]);
        assert_int_equal(bits(rounded[i]), want);
        assert_int_equal(narrow[i], in ? want >> 16 : 0x5a5a);
        assert_int_equal(bits(wide[i]), in ? want : 0x5a5a5a5au);
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_number_is_rounded_as_defined),
      cmocka_unit_test(widening_is_exact),
      cmocka_unit_test(runs_of_any_length_are_whole_and_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
