#include "tests/core/text/support.h"

/* Whatever was reserved, TFM__TEXT_SLACK bytes may be written: nothing, too. */
static void a_text_of_nothing_has_its_slack(void **state)
{
  (void)state;
  tfm__text t = {0};
  assert_int_equal(tfm__text_reserve(&t, 0), TFM_OK);
  assert_non_null(t.p);
  assert_non_null(t.at);
  for (size_t i = 0; i < TFM__TEXT_SLACK; ++i) {
    t.p[i] = 'x';
    t.at[i] = 1;
  }
  tfm__text_fini(&t);
}

/* Growing keeps what is there, and makes what may be read beyond it zero. */
static void growing_keeps_the_text(void **state)
{
  (void)state;
  tfm__text t = {0};
  for (int i = 0; i < 5000; ++i) {
    assert_int_equal(tfm__text_reserve(&t, 4), TFM_OK);
    tfm__text_put(&t, 0x20ac, i);
    assert_int_equal(t.p[t.n], 0);
  }
  assert_int_equal(t.n, 15000);
  for (int i = 0; i < 5000; ++i) {
    assert_memory_equal(t.p + 3 * i, "\xe2\x82\xac", 3);
    assert_int_equal(t.at[3 * i], i);
    assert_int_equal(t.at[3 * i + 2], i);
  }
  assert_int_equal(tfm__text_reserve(&t, UINT32_MAX), TFM_E_NOMEM);
  tfm__text_fini(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_text_of_nothing_has_its_slack),
                                     cmocka_unit_test(growing_keeps_the_text)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
