/* What is no regular expression and what is not supported, by JSON path; steps on a text are
 * bounded; strings of any kind are found. That accepted ones match as in the library is in
 * front_test.c and, for the scanners, scan_test.c. */
#include "tests/core/text/support.h"

#define UNIGRAM "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0]]}"

static tfm_status open_split(tfm_tokenizer **t, const char *key, tfm_span pattern, tfm_err *err)
{
  tfm_buf json = {0};
  assert_int_equal(tfm_buf_printf(&json,
                                  "{" UNIGRAM
                                  ",\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":"
                                  "\"Isolated\",\"invert\":false,\"pattern\":{\"%s\":",
                                  key),
                   TFM_OK);
  assert_int_equal(tfm_buf_json_string(&json, pattern), TFM_OK);
  assert_int_equal(tfm_buf_str(&json, "}}}"), TFM_OK);
  tfm_status st = open_text(t, tfm_buf_view(&json), err);
  tfm_buf_fini(&json);
  return st;
}

static void expressions_are_refused_with_a_reason(void **state)
{
  (void)state;
  static const struct {
    const char *expression;
    tfm_status status;
    const char *text;
  } refused[] = {
      {"a(b", TFM_E_FORMAT, "$.pre_tokenizer.pattern.Regex: byte 3 of the regular expression"},
      {"a)b", TFM_E_FORMAT, "no ( to this )"},
      {"[ab", TFM_E_FORMAT, "a class without end"},
      {"[b-a]", TFM_E_FORMAT, "an empty range"},
      {"[]", TFM_E_UNSUPPORTED, "an empty class"},
      {"a\\", TFM_E_FORMAT, "a backslash at the end"},
      {"*a", TFM_E_FORMAT, "nothing to repeat"},
      {"(?=a)+", TFM_E_FORMAT, "nothing to repeat"},
      {"\\x{}", TFM_E_FORMAT, "up to six digits"},
      {"\\u12", TFM_E_FORMAT, "four digits"},
      {"\\xe9", TFM_E_UNSUPPORTED, "a byte that is no character"},
      {"\\x{d800}", TFM_E_UNSUPPORTED, "no character"},
      {"\\p{Klingon}", TFM_E_UNSUPPORTED, "this property"},
      {"\\p{L", TFM_E_FORMAT, "no } to this {"},
      {"(a)\\1", TFM_E_UNSUPPORTED, "this escape"},
      {"a\\Kb", TFM_E_UNSUPPORTED, "this escape"},
      {"\\R", TFM_E_UNSUPPORTED, "this escape"},
      {"(?(1)a)", TFM_E_UNSUPPORTED, "this kind of group"},
      {"(?~a)", TFM_E_UNSUPPORTED, "this kind of group"},
      {"(?x)a", TFM_E_UNSUPPORTED, "this kind of group"},
      {"(?i", TFM_E_FORMAT, "a group without end"},
      {"a(?i)b", TFM_E_UNSUPPORTED, "an option in the middle"},
      {"(?i)ss", TFM_E_UNSUPPORTED, "without letter case"},
      {"(?i)s{2}", TFM_E_UNSUPPORTED, "without letter case"},
      {"(?i)[\\p{L}]", TFM_E_UNSUPPORTED, "without letter case"},
      {"(?i)\xc3\xa9", TFM_E_UNSUPPORTED, "without letter case"},
      {"a{2}+", TFM_E_UNSUPPORTED, "this interval"},
      {"a{3,2}", TFM_E_UNSUPPORTED, "this interval"},
      {"a{70000}", TFM_E_UNSUPPORTED, "this interval"},
      {"(?:a*){2}", TFM_E_UNSUPPORTED, "match nothing"},
      {"a**", TFM_E_UNSUPPORTED, "a repeat of a repeat"},
      {"(?<=a+)b", TFM_E_UNSUPPORTED, "lookbehind"},
      {"[\\w-a]", TFM_E_UNSUPPORTED, "a range from a set"},
      {"[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]", TFM_E_UNSUPPORTED, "so deep"},
  };
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    CHECK_FAILS(open_split(&t, "Regex", tfm_span_of(refused[i].expression), &err),
                refused[i].status, &err, refused[i].text);
  }
}

static void expressions_have_a_longest(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_buf long_one = {0};
  for (int i = 0; i < 20000; ++i) {
    assert_int_equal(tfm_buf_char(&long_one, 'a'), TFM_OK);
  }
  CHECK_FAILS(open_split(&t, "Regex", tfm_buf_view(&long_one), &err), TFM_E_UNSUPPORTED, &err,
              "20000 bytes");
  tfm_buf_clear(&long_one);
  for (int i = 0; i < 250; ++i) {
    assert_int_equal(tfm_buf_char(&long_one, '('), TFM_OK);
  }
  CHECK_FAILS(open_split(&t, "Regex", tfm_buf_view(&long_one), &err), TFM_E_UNSUPPORTED, &err,
              "so deep");
  tfm_buf_fini(&long_one);
}

static void a_text_that_takes_too_many_steps_is_an_error(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_encoding e = {0};
  const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!b";
  tfm_encode_options o = {0};
  CHECK_OK(open_split(&t, "Regex", tfm_span_of("(a|aa)+b"), &err), &err);
  CHECK_FAILS(tfm_tokenizer_encode(t, tfm_span_of(text), (tfm_span){NULL, 0}, &o, &e, &err),
              TFM_E_UNSUPPORTED, &err, "too many steps");
  encode(t, tfm_span_of("aab aab"), NULL, o, &e); /* and the next row is fine */
  assert_int_equal(e.n, 3);
  tfm_tokenizer_close(t);
  tfm_encoding_fini(&e);
}

/* Strings mean themselves, whatever they hold; the empty one stands between all characters. */
static void strings_are_found_as_they_are(void **state)
{
  (void)state;
  static const struct {
    tfm_span pattern, text;
    size_t pieces;
  } rows[] = {{{".", 1}, {"a.b.", 4}, 4},
              {{"(?", 2}, {"a(?b", 4}, 3},
              {{"a\0b", 3}, {"xa\0ba\0b", 7}, 3},
              {{"aa", 2}, {"aaaaa", 5}, 3},
              {{"", 0}, {"a\xc3\xa9z", 4}, 3}};
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    tfm_encoding e = {0};
    CHECK_OK(open_split(&t, "String", rows[i].pattern, &err), &err);
    encode(t, rows[i].text, NULL, (tfm_encode_options){0}, &e);
    assert_int_equal(e.n, rows[i].pieces);
    tfm_tokenizer_close(t);
    tfm_encoding_fini(&e);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expressions_are_refused_with_a_reason),
      cmocka_unit_test(expressions_have_a_longest),
      cmocka_unit_test(a_text_that_takes_too_many_steps_is_an_error),
      cmocka_unit_test(strings_are_found_as_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
