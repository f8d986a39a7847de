#include "core/plan/plan.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

static const char *print(tfm_range range, tfm_buf *buf)
{
  tfm_buf_clear(buf);
  assert_int_equal(tfm_range_print(range, buf), TFM_OK);
  return tfm_buf_cstr(buf);
}

static void check_cuts(const char *text, int64_t nunit, const tfm_range *want, int nwant)
{
  tfm_range *cuts = NULL;
  int k = 0;
  tfm_err err = {0};
  if (tfm_range_parse(text, nunit, &cuts, &k, &err) != TFM_OK) {
    fail_msg("%s refused: %s", text, err.text);
  }
  assert_int_equal(k, nwant);
  for (int i = 0; i < k; ++i) {
    assert_int_equal(cuts[i].first, want[i].first);
    assert_int_equal(cuts[i].last, want[i].last);
  }
  tfm_free(cuts);
}

/* The forms of INTERFACE.md, told as units: unit 2l is layer l's attention, 2l + 1 its ffn. */
static void every_form_is_read(void **state)
{
  (void)state;
  check_cuts("0-2a,2f-4,5-6", 14, (tfm_range[]){{0, 5}, {5, 10}, {10, 14}}, 3);
  check_cuts("0-6", 14, (tfm_range[]){{0, 14}}, 1);
  check_cuts("0", 2, (tfm_range[]){{0, 2}}, 1);
  check_cuts("0,1", 4, (tfm_range[]){{0, 2}, {2, 4}}, 2);
  check_cuts("0a,0f", 2, (tfm_range[]){{0, 1}, {1, 2}}, 2);
  check_cuts("0a-0f,1a-1f", 4, (tfm_range[]){{0, 2}, {2, 4}}, 2);
  check_cuts("0a,0f-1a,1f", 4, (tfm_range[]){{0, 1}, {1, 3}, {3, 4}}, 3);
  check_cuts("0a-1a,1f-2", 6, (tfm_range[]){{0, 3}, {3, 6}}, 2);
}

/* Each refusal must say which part is wrong and why: a person who typed it has to find it. The
 * first eleven are what the project's hostile check types. */
static void wrong_cuts_are_refused_with_the_place(void **state)
{
  (void)state;
  static const struct {
    const char *text, *part, *why;
  } cases[] = {
      {"5-1", "part 1", "ends before it begins"},
      {"a-b", "part 1", "wanted a layer number"},
      {"0-0,0-1", "part 2", "holds layer 0's attention again"},
      {"0-0,2-3", "part 2", "layer 1's attention is in no part"},
      {"0-99", "part 1", "layers 0-6 only"},
      {"1-1", "part 1", "layer 0's attention is in no part"},
      {"0-", "part 1", "missing at its end"},
      {"-", "part 1", "wanted a layer number"},
      {",", "part 1", "empty"},
      {"0-1,", "part 2", "empty"},
      {"", "part 1", "empty"},
      {"0-5", "part 1", "layer 6's attention is in no part"},
      {"0-6a", "part 1", "layer 6's ffn is in no part"},
      {"0-2a,3-6", "part 2", "layer 2's ffn is in no part"},
      {"0-2a,2-6", "part 2", "holds layer 2's attention again"},
      {"0-2,2f-6", "part 2", "holds layer 2's ffn again"},
      {"0f-6", "part 1", "layer 0's attention is in no part"},
      {"0-3f-6", "part 1", "nothing behind it"},
      {"0-6x", "part 1", "nothing behind it"},
      {"0-6 ", "part 1", "nothing behind it"},
      {" 0-6", "part 1", "wanted a layer number"},
      {"0-6aa", "part 1", "nothing behind it"},
      {"0-+6", "part 1", "wanted a layer number"},
      {"0f-0a,0-6", "part 1", "ends before it begins"},
      {"0-7", "part 1", "layers 0-6 only"},
      {"0-99999999999999999999999999", "part 1", "layers 0-6 only"},
      {"18446744073709551616-6", "part 1", "ends before it begins"},
      {"0,1,2,3,4,5,6,7", "part 8", "layers 0-6 only"},
      {"0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a,0a", "part 2", "again"},
      {"0-\x1b[31m\xff", "part 1", "0-?[31m?"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_range *cuts = (tfm_range *)&cuts;
    int k = -1;
    tfm_err err = {0};
    if (tfm_range_parse(cases[i].text, 14, &cuts, &k, &err) != TFM_E_USAGE) {
      fail_msg("\"%s\" is taken as %d parts", cases[i].text, k);
    }
    assert_null(cuts);
    assert_int_equal(k, 0);
    if (strncmp(err.text, "--layers: ", 10) != 0 || !strstr(err.text, cases[i].part) ||
        !strstr(err.text, cases[i].why)) {
      fail_msg("\"%s\": wanted \"%s\" and \"%s\" in: %s", cases[i].text, cases[i].part,
               cases[i].why, err.text);
    }
  }
}

static void ranges_are_printed_the_short_way(void **state)
{
  (void)state;
  tfm_buf buf = {0};
  assert_string_equal(print((tfm_range){0, 5}, &buf), "0-2a");
  assert_string_equal(print((tfm_range){5, 10}, &buf), "2f-4");
  assert_string_equal(print((tfm_range){5, 6}, &buf), "2f");
  assert_string_equal(print((tfm_range){4, 5}, &buf), "2a");
  assert_string_equal(print((tfm_range){4, 6}, &buf), "2");
  assert_string_equal(print((tfm_range){5, 7}, &buf), "2f-3a");
  assert_string_equal(print((tfm_range){3, 3}, &buf), "-");
  tfm_buf_fini(&buf);
}

/* All ways to cut five layers into three, written and read back: the printer and the parser
 * agree on every suffix in every place. */
static void print_and_parse_are_inverse(void **state)
{
  (void)state;
  enum { NUNIT = 10 };
  tfm_buf text = {0};
  for (int64_t a = 1; a < NUNIT - 1; ++a) {
    for (int64_t b = a + 1; b < NUNIT; ++b) {
      tfm_range want[] = {{0, a}, {a, b}, {b, NUNIT}};
      tfm_buf_clear(&text);
      for (int i = 0; i < 3; ++i) {
        assert_int_equal(tfm_buf_str(&text, i ? "," : ""), TFM_OK);
        assert_int_equal(tfm_range_print(want[i], &text), TFM_OK);
      }
      check_cuts(tfm_buf_cstr(&text), NUNIT, want, 3);
    }
  }
  tfm_buf_fini(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_is_read),
      cmocka_unit_test(wrong_cuts_are_refused_with_the_place),
      cmocka_unit_test(ranges_are_printed_the_short_way),
      cmocka_unit_test(print_and_parse_are_inverse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
