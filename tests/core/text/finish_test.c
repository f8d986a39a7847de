#include "core/text/finish.h"
#include "tests/core/text/support.h"

static size_t distance(size_t a, size_t b)
{
  return a > b ? a - b : b - a;
}

/* Longest first, said in words: nothing is cut that fits; all the room is used; a text that is
 * cut keeps no less than one that is not has, up to the odd token. For every small pair of
 * lengths and every room. */
static void pairs_are_cut_longest_first(void **state)
{
  (void)state;
  for (size_t most = 0; most < 24; ++most) {
    for (size_t a = 0; a < 20; ++a) {
      for (size_t b = 0; b < 20; ++b) {
        size_t n1 = a;
        size_t n2 = b;
        bool cut = tfm__truncate(most, true, &n1, &n2);
        assert_int_equal(cut, a + b > most);
        assert_true(n1 <= a && n2 <= b);
        assert_int_equal(n1 + n2, a + b < most ? a + b : most);
        if (n1 < a && n2 < b) {
          assert_true(distance(n1, n2) <= 1);
        } else if (n1 < a) {
          assert_true(n1 + 1 >= n2);
        } else if (n2 < b) {
          assert_true(n2 + 1 >= n1);
        }
      }
    }
  }
}

static void a_single_text_is_cut_to_the_length(void **state)
{
  (void)state;
  size_t n1 = 9;
  size_t n2 = 0;
  assert_false(tfm__truncate(9, false, &n1, &n2));
  assert_int_equal(n1, 9);
  assert_true(tfm__truncate(4, false, &n1, &n2));
  assert_int_equal(n1, 4);
}

static void a_template_counts_its_specials(void **state)
{
  (void)state;
  const tfm__place places[] = {{.what = TFM__SPECIAL},
                               {.what = TFM__FIRST},
                               {.what = TFM__SPECIAL},
                               {.what = TFM__SECOND}};
  const tfm__template t = {.single = places, .nsingle = 2, .pair = places, .npair = 4};
  assert_int_equal(tfm__template_added(&t, false), 1);
  assert_int_equal(tfm__template_added(&t, true), 2);
  assert_int_equal(tfm__template_added(&tfm__plain_template, true), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_cut_longest_first),
                                     cmocka_unit_test(a_single_text_is_cut_to_the_length),
                                     cmocka_unit_test(a_template_counts_its_specials)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
