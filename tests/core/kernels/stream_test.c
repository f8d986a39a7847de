/* The loops run on every thread and give rates; how fast memory is is the machine's affair. */
#include "core/kernels/stream.h"
#include "tests/support/check.h"

#include <math.h>

static void every_loop_has_a_rate(void **state)
{
  (void)state;
  tfm_err err = {0};
  for (int threads = 1; threads <= 3; ++threads) {
    tfm_stream s = {0};
    CHECK_OK(tfm_stream_measure(&s, threads, 1 << 20, 2, &err), &err);
    assert_true(s.copy > 0 && s.scale > 0 && s.add > 0 && s.triad > 0);
    assert_true(isfinite(s.copy) && isfinite(s.scale) && isfinite(s.add) && isfinite(s.triad));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_loop_has_a_rate)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
