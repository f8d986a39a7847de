#include "core/base/clock.h"
#include "tests/core/text/support.h"

#define FLAGS(word, left, right, normalized)                                                   \
  "\"single_word\":" word ",\"lstrip\":" left ",\"rstrip\":" right                             \
  ",\"normalized\":" normalized ",\"special\":false"

static const tfm_encode_options bare = {.add_special_tokens = false};

/* The longest token at the leftmost place wins, and what it covers is not searched again. */
static void matches_are_leftmost_and_longest(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  CHECK_OK(open_text(&t,
                     SPAN("{\"added_tokens\":[{\"id\":0,\"content\":\"ab\"," FLAGS(
                         "false", "false", "false",
                         "false") "},"
                                  "{\"id\":0,\"content\":\"abcd\"," FLAGS(
                                      "false", "false", "false",
                                      "false") "},"
                                               "{\"id\":0,\"content\":\"bc\"," FLAGS(
                                                   "false", "false", "false",
                                                   "false") "}]," MODEL("\"[UNK]\":0") "}"),
                     &err),
           &err);
  encode(t, SPAN("abcdabcbcab"), NULL, bare, &e); /* abcd ab c bc ab */
  CHECK_IDS(&e, 2, 1, 0, 3, 1);
  assert_int_equal(e.begin[3], 7);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

/* The first listed gets the text's id, the last listing its options. */
static void a_token_listed_twice_is_one(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  CHECK_OK(open_text(&t,
                     SPAN("{\"added_tokens\":[{\"id\":8,\"content\":\"X\"," FLAGS(
                         "false", "false", "false",
                         "false") "},"
                                  "{\"id\":9,\"content\":\"X\"," FLAGS(
                                      "false", "true", "false",
                                      "false") "}]," MODEL("\"[UNK]\":0") "}"),
                     &err),
           &err);
  encode(t, SPAN("  X"), NULL, bare, &e);
  CHECK_IDS(&e, 1);
  assert_int_equal(e.begin[0], 0);
  CHECK_SPAN(tfm_encoding_token(t, &e, 0), SPAN("  X"));
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

static void a_token_that_normalises_to_nothing_is_refused(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  CHECK_FAILS(open_text(&t,
                        SPAN("{\"added_tokens\":[{\"id\":0,\"content\":\"\\u0301\"," FLAGS(
                            "false", "false", "false", "true") "}]," NORMALIZER
                                                               "," MODEL("\"[UNK]\":0") "}"),
                        &err),
              TFM_E_UNSUPPORTED, &err, "$.added_tokens: the normalizer leaves nothing");
}

enum { MANY = 100000 };

/* A hundred thousand tokens load and match at the pace of a few: a trie, no scan. A scan would
 * compare 10^5 tokens at each of 10^5 places. */
static void many_tokens_cost_no_more_than_few(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf json = {0};
  tfm_buf text = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  assert_int_equal(tfm_buf_str(&json, "{\"added_tokens\":["), TFM_OK);
  for (int i = 0; i < MANY; ++i) {
    (void)tfm_buf_printf(
        &json,
        "%s{\"id\":0,\"content\":\"<x%d>\"," FLAGS("false", "false", "false", "false") "}",
        i ? "," : "", i);
    (void)tfm_buf_printf(&text, "<x%d> ", MANY - 1 - i);
  }
  assert_int_equal(tfm_buf_str(&json, "]," SPLITTER "," MODEL("\"[UNK]\":0") "}"), TFM_OK);
  double start = tfm_cpu_s();
  CHECK_OK(open_text(&t, tfm_buf_view(&json), &err), &err);
  encode(t, tfm_buf_view(&text), NULL, bare, &e);
  assert_true(tfm_cpu_s() - start < 10);
  assert_int_equal(e.n, MANY);
  assert_int_equal(e.ids[0], MANY);
  assert_int_equal(e.ids[MANY - 1], 1);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&json);
  tfm_buf_fini(&text);
  tfm_tokenizer_close(t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_are_leftmost_and_longest),
      cmocka_unit_test(a_token_listed_twice_is_one),
      cmocka_unit_test(a_token_that_normalises_to_nothing_is_refused),
      cmocka_unit_test(many_tokens_cost_no_more_than_few)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
