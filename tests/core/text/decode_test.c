/* What decoding id by id promises: when a text is said, and what waits. */
#include "tests/core/text/support.h"

static tfm_tokenizer *open_with(const char *decoder, const char *vocab)
{
  tfm_tokenizer *t = NULL;
  tfm_err err = {0};
  tfm_buf json = {0};
  (void)tfm_buf_printf(&json,
                       "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{%s}},"
                       "\"decoder\":%s}",
                       vocab, decoder);
  CHECK_OK(open_text(&t, tfm_buf_view(&json), &err), &err);
  tfm_buf_fini(&json);
  return t;
}

/* Feed ids 0, 1, ...: what each adds to the text, and what the end does. */
static void check_said(const tfm_tokenizer *t, const char *const *said, int n)
{
  tfm_err err = {0};
  tfm_decoder *d = NULL;
  tfm_buf out = {0};
  CHECK_OK(tfm_decoder_open(&d, t, false, &err), &err);
  for (int round = 0; round < 2; ++round) { /* after its end a decoder begins anew */
    for (int i = 0; i <= n; ++i) {
      tfm_buf_clear(&out);
      if (i < n) {
        CHECK_OK(tfm_decoder_feed(d, i, &out, &err), &err);
      } else {
        CHECK_OK(tfm_decoder_end(d, &out, &err), &err);
      }
      CHECK_SPAN(tfm_buf_view(&out), tfm_span_of(said[i]));
    }
  }
  tfm_decoder_close(d);
  tfm_buf_fini(&out);
}

/* An emoji of four bytes in three tokens, a byte that never becomes one, a token that is no bytes,
 * and a beginning that nothing follows. */
static void characters_wait_for_their_last_byte(void **state)
{
  (void)state;
  static const char *const said[] = {"a",      "",       "", "\U0001f600b",
                                     "\ufffd", "\u5317", "", "\ufffd"};
  tfm_tokenizer *t = open_with(
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true}",
      "\"a\":0,\"\u00f0\u0141\":1,\"\u013a\":2,\"\u0122b\":3,\"\u0140\":4,\"\u5317\":5,"
      "\"\u00e5\":6");
  check_said(t, said, 7);
  tfm_tokenizer_close(t);
}

/* The whole run of byte tokens decides, so it waits for the first that is none. */
static void byte_tokens_wait_for_the_end_of_their_run(void **state)
{
  (void)state;
  static const char *const said[] = {"", "", "", "\u4f60a", "", "\ufffdb", "", "A"};
  tfm_tokenizer *t = open_with(
      "{\"type\":\"ByteFallback\"}",
      "\"<0xE4>\":0,\"<0xBD>\":1,\"<0xA0>\":2,\"a\":3,\"<0xff>\":4,\"b\":5,\"<0x41>\":6");
  check_said(t, said, 7);
  tfm_tokenizer_close(t);
}

/* The chain of Llama: one blank is taken off the beginning of the whole text, not of each token. */
static void a_chain_says_what_is_certain(void **state)
{
  (void)state;
  static const char *const said[] = {"Hi", " you", "", " \u00e9!", ""};
  tfm_tokenizer *t =
      open_with("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{"
                "\"String\":\"\u2581\"}"
                ",\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
                "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}",
                "\"\u2581Hi\":0,\"\u2581you\":1,\"<0x20>\":2,\"\u00e9!\":3");
  check_said(t, said, 4);
  tfm_tokenizer_close(t);
}

/* What may be the end of a stripped text waits; so does a token whose suffix depends on it. */
static void ends_wait(void **state)
{
  (void)state;
  static const char *const stripped[] = {"", "a", " b", "", ""};
  static const char *const words[] = {"", "a b", " c", ""};
  tfm_tokenizer *t =
      open_with("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Strip\","
                "\"content\":\" \",\"start\":1,\"stop\":2}]}",
                "\" \":0,\"a \":1,\"b\":2,\"  \":3");
  check_said(t, stripped, 4);
  tfm_tokenizer_close(t);
  t = open_with("{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
                "\"a</w>b\":0,\"</w>c\":1,\"</w>\":2");
  check_said(t, words, 3);
  tfm_tokenizer_close(t);
}

/* Strings of nothing are strings: their place is no null pointer, though no text was kept. */
static void empty_strings_have_a_place(void **state)
{
  (void)state;
  tfm__strings s = {0};
  assert_int_equal(tfm__strings_add(&s, SPAN("")), TFM_OK);
  assert_int_equal(tfm__strings_add(&s, (tfm_span){NULL, 0}), TFM_OK);
  for (size_t i = 0; i < 2; ++i) {
    assert_non_null(tfm__strings_get(&s, i).p);
    assert_int_equal(tfm__strings_get(&s, i).n, 0);
  }
  tfm__strings_fini(&s);
}

/* Without a decoder tokens are words; with an empty Sequence they are not. */
static void no_decoder_puts_blanks_between(void **state)
{
  (void)state;
  static const char *const words[] = {"a", " b", " ", ""};
  static const char *const joined[] = {"a", "b", "", ""};
  tfm_tokenizer *t = open_with("null", "\"a\":0,\"b\":1,\"\":2");
  check_said(t, words, 3);
  tfm_tokenizer_close(t);
  t = open_with("{\"type\":\"Sequence\",\"decoders\":[]}", "\"a\":0,\"b\":1,\"\":2");
  check_said(t, joined, 3);
  tfm_tokenizer_close(t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(characters_wait_for_their_last_byte),
      cmocka_unit_test(byte_tokens_wait_for_the_end_of_their_run),
      cmocka_unit_test(a_chain_says_what_is_certain),
      cmocka_unit_test(ends_wait),
      cmocka_unit_test(no_decoder_puts_blanks_between),
      cmocka_unit_test(empty_strings_have_a_place)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
