#include "core/kernels/isa.h"

#include "core/kernels/activation.h"
#include "tests/core/kernels/kernels_test.h"

#include <fenv.h>
#include <math.h>

static void names_go_both_ways(void **state)
{
  (void)state;
  for (int i = 0; i < TFM_ISA_COUNT; ++i) {
    tfm_isa back = TFM_ISA_COUNT;
    assert_true(tfm_isa_parse(tfm_isa_name((tfm_isa)i), &back));
    assert_int_equal(back, i);
  }
  tfm_isa none = TFM_ISA_PORTABLE;
  assert_false(tfm_isa_parse("sve", &none));
}

/* Plain C is always there, the best one is available, and what is not available is refused with
 * the name of what is. */
static void only_what_is_there_can_be_used(void **state)
{
  (void)state;
  assert_true(tfm_isa_available(TFM_ISA_PORTABLE));
  assert_true(tfm_isa_available(tfm_isa_best()));
  assert_int_equal(tfm_isa_used(), tfm_isa_best());
  assert_string_equal(tfm_isa_note(), "");
  for (int i = 0; i < TFM_ISA_COUNT; ++i) {
    tfm_err err = {0};
    const tfm_status st = tfm_isa_use((tfm_isa)i, &err);
    if (tfm_isa_available((tfm_isa)i)) {
      assert_int_equal(st, TFM_OK);
      assert_int_equal(tfm_isa_used(), i);
      continue;
    }
    assert_int_equal(st, TFM_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, tfm_isa_name(tfm_isa_best())));
  }
  tfm_err err = {0};
  assert_int_equal(tfm_isa_use(TFM_ISA_COUNT, &err), TFM_E_UNSUPPORTED);
  assert_int_equal(tfm_isa_use(tfm_isa_best(), &err), TFM_OK);
}

/* What another library may leave behind: rounding upwards, and on x86 denormals flushed to zero. */
static void disturb_arithmetic(void)
{
  (void)fesetround(FE_UPWARD);
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u);
#endif
}

/* Half a denormal must survive a kernel and silu(1) must be rounded to nearest: neither holds in a
 * disturbed thread, which shows that the disturbance is real and that the call undoes it. */
static void arithmetic_is_restored(void **state)
{
  (void)state;
  const float x[] = {0x1p-140f, 1.0f};
  float want[2];
  float disturbed[2];
  float restored[2];
  tfm_fp_default();
  FOR_EACH_ISA(isa)
  {
    tfm_activate(TFM_ACT_SILU, x, 2, want);
    disturb_arithmetic();
    tfm_activate(TFM_ACT_SILU, x, 2, disturbed);
    tfm_fp_default();
    tfm_activate(TFM_ACT_SILU, x, 2, restored);
    assert_true(want[0] > 0.0f);
    assert_false(same_bits(want[0], disturbed[0]) && same_bits(want[1], disturbed[1]));
    check_same_bits(restored, want, 2, "isa %s", tfm_isa_name(isa));
  }
}

/* What the handshake says of a rank is what its floating point unit does, found by trying. */
static void what_happens_to_denormals_is_seen(void **state)
{
  (void)state;
  tfm_fp_default();
  assert_string_equal(tfm_fp_denormals(), "kept");
#if defined(__x86_64__)
  const unsigned was = __builtin_ia32_stmxcsr();
  static const struct {
    unsigned bits;
    const char *name;
  } rows[] = {{0x8000u, "flushed"}, {0x0040u, "ignored"}, {0x8040u, "lost"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    __builtin_ia32_ldmxcsr(was | rows[i].bits);
    const char *seen = tfm_fp_denormals();
    tfm_fp_default();
    assert_string_equal(seen, rows[i].name);
  }
#endif
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_go_both_ways),
      cmocka_unit_test(only_what_is_there_can_be_used),
      cmocka_unit_test(arithmetic_is_restored),
      cmocka_unit_test(what_happens_to_denormals_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
