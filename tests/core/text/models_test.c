/* Models that are malformed, and numbers as the library reads them. */
#include "core/base/clock.h"
#include "core/base/utf8.h"
#include "core/text/algo/read_score.h"
#include "tests/core/text/support.h"

#define BPE(vocab, merges)                                                                     \
  "{\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}}"
#define AB "{\"a\":0,\"b\":1,\"ab\":2}"
#define UNIGRAM(id, vocab)                                                                     \
  "{\"model\":{\"type\":\"Unigram\",\"unk_id\":" id ",\"vocab\":" vocab "}}"

static const struct {
  const char *json;
  tfm_status status;
  const char *text;
} refused[] = {
    {"{\"model\":{\"type\":\"BPE\"}}", TFM_E_FORMAT, "$.model: \"vocab\" is missing"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", TFM_E_FORMAT, "\"merges\" is missing"},
    {BPE("[]", "[]"), TFM_E_FORMAT, "$.model.vocab: want an object, got an array"},
    {BPE(AB, "{}"), TFM_E_FORMAT, "merges: byte 0, $: want an array, got an object"},
    {BPE(AB, "[\"a b\",\"a b c\"]"), TFM_E_FORMAT,
     "$[1]: want two tokens with a blank between, got \"a b c\""},
    {BPE(AB, "[\"ab\"]"), TFM_E_FORMAT, "$[0]: want two tokens"},
    {BPE(AB, "[[\"a\"]]"), TFM_E_FORMAT, "$[0]: want two tokens, got 1"},
    {BPE(AB, "[[\"a\",\"b\",\"b\"]]"), TFM_E_FORMAT, "$[0]: want two tokens, got 3"},
    {BPE(AB, "[[[\"a\"],\"b\"]]"), TFM_E_FORMAT, "$[0][0]: want a string, got an array"},
    {BPE(AB, "[1]"), TFM_E_FORMAT, "$[0]: want a string, got a number"},
    {BPE(AB, "[\"a b\",[\"a\",\"b\"]]"), TFM_E_FORMAT, "$[1]: want all merges in one form"},
    {BPE(AB, "[\"a x\"]"), TFM_E_FORMAT, "\"x\" of a merge is not in the vocabulary"},
    {BPE(AB, "[\"b a\"]"), TFM_E_FORMAT, "\"ba\" of a merge is not in the vocabulary"},
    {"{\"model\":{\"type\":\"BPE\",\"continuing_subword_prefix\":\"##\",\"vocab\":" AB
     ",\"merges\":[\"a b\"]}}",
     TFM_E_FORMAT, "no longer than the prefix"},
    {"{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{},\"merges\":[]}}",
     TFM_E_UNSUPPORTED, "$.model.dropout: a dropout of 0.1"},
    {"{\"model\":{\"type\":\"BPE\",\"dropout\":2,\"vocab\":{},\"merges\":[]}}", TFM_E_FORMAT,
     "want a probability"},
    {"{\"model\":{\"type\":\"BPE\",\"fuse_unk\":1,\"vocab\":{},\"merges\":[]}}", TFM_E_FORMAT,
     "$.model.fuse_unk"},
    {UNIGRAM("0", "{}"), TFM_E_FORMAT, "$.model.vocab: want an array, got an object"},
    {UNIGRAM("0", "[\"a\",\"b\"]"), TFM_E_FORMAT, "$.model.vocab[0]: want an array"},
    {UNIGRAM("0", "[[\"a\"]]"), TFM_E_FORMAT, "want a piece and its score, got 1"},
    {UNIGRAM("0", "[[\"a\",-1,2]]"), TFM_E_FORMAT, "want a piece and its score, got 3"},
    {UNIGRAM("0", "[[\"a\",\"x\"]]"), TFM_E_FORMAT, "$.model.vocab[0][1]: want a number"},
    {UNIGRAM("0", "[[\"a\",null]]"), TFM_E_FORMAT, "$.model.vocab[0][1]: want a number"},
    {UNIGRAM("0", "[[\"a\",-1e999]]"), TFM_E_FORMAT, "$.model.vocab[0][1]: the score is not"},
    {UNIGRAM("99", "[[\"a\",-1]]"), TFM_E_FORMAT, "\"unk_id\" is 99, but there are 1 pieces"},
    {UNIGRAM("0", "[]"), TFM_E_FORMAT, "\"unk_id\" is 0, but there are 0 pieces"},
    {UNIGRAM("-1", "[[\"a\",-1]]"), TFM_E_FORMAT, "$.model.unk_id"},
    {UNIGRAM("\"a\"", "[[\"a\",-1]]"), TFM_E_FORMAT, "$.model.unk_id"},
    {"{\"model\":{\"type\":\"WordLevel\",\"vocab\":{}}}", TFM_E_FORMAT,
     "\"unk_token\" is missing"},
    {"{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\"}}", TFM_E_FORMAT,
     "\"vocab\" is missing"},
};

static void malformed_models_are_refused_by_name(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    CHECK_FAILS(open_text(&t, tfm_span_of(refused[i].json), &err), refused[i].status, &err,
                refused[i].text);
    assert_null(t);
  }
}

enum { CHAIN = 100 };

/* The characters from U+0100 on, of two bytes each. */
static const char *letters(void)
{
  static char text[2 * CHAIN + 4];
  for (uint32_t i = 0; i < CHAIN; ++i) {
    (void)tfm_utf8_encode(0x100 + i, text + 2 * (size_t)i);
  }
  return text;
}

/* Merges that add a letter to the letters before, but merge `odd` is another one. Token n is the
 * first n letters, token CHAIN + n letter n. */
static tfm_span chain_of_merges(tfm_buf *json, int odd, const char *instead)
{
  const char *all = letters();
  tfm_buf_clear(json);
  (void)tfm_buf_str(json, "{\"model\":{\"type\":\"BPE\",\"merges\":[");
  for (int i = 1; i < CHAIN; ++i) {
    (void)tfm_buf_str(json, i > 1 ? "," : "");
    if (i - 1 == odd) {
      (void)tfm_buf_str(json, instead);
    } else {
      (void)tfm_buf_printf(json, "[\"%.*s\",\"%.2s\"]", 2 * i, all, all + 2 * i);
    }
  }
  (void)tfm_buf_str(json, "],\"vocab\":{\"\":0");
  for (int i = 1; i <= CHAIN; ++i) {
    (void)tfm_buf_printf(json, ",\"%.*s\":%d", 2 * i, all, i);
  }
  for (int i = 1; i < CHAIN; ++i) {
    (void)tfm_buf_printf(json, ",\"%.2s\":%d", all + 2 * i, CHAIN + i);
  }
  (void)tfm_buf_str(json, "}}}");
  assert_false(json->failed);
  return tfm_buf_view(json);
}

/* Merges are looked up many at a time. Each of them must take effect, at its rank: the first n
 * letters become one token by the first n - 1 merges. */
static void all_of_many_merges_count(void **state)
{
  (void)state;
  tfm_buf json = {0};
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_encoding e = {0};
  CHECK_OK(open_text(&t, chain_of_merges(&json, -1, ""), &err), &err);
  for (int n = 1; n <= CHAIN; ++n) {
    encode(t, (tfm_span){letters(), 2 * (size_t)n}, NULL, (tfm_encode_options){0}, &e);
    CHECK_IDS(&e, n);
  }
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  tfm_buf_fini(&json);
}

/* One that is wrong among many is told by its own place, and the first of two is told. */
static void a_wrong_merge_is_told_wherever_it_stands(void **state)
{
  (void)state;
  tfm_buf json = {0};
  const int odd[] = {0, 1, 31, 32, 33, 63, 64, 97, 98};
  for (size_t i = 0; i < COUNT_OF(odd); ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    char want[80];
    (void)snprintf(want, sizeof want, "$[%d][1]: the token \"x\" of a merge is not", odd[i]);
    CHECK_FAILS(open_text(&t, chain_of_merges(&json, odd[i], "[\"\",\"x\"],7"), &err),
                TFM_E_FORMAT, &err, want);
  }
  tfm_buf_fini(&json);
}

/* As the library does, which a Marian tokenizer.json of the checks' zoo needs. */
static void the_last_of_two_equal_pieces_counts(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_encoding e = {0};
  CHECK_OK(open_text(&t,
                     SPAN("{\"version\":\"1.0\",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,"
                          "\"vocab\":[[\"<unk>\",0],[\"a\",-1],[\"b\",-1],[\"a\",-2]]}}"),
                     &err),
           &err);
  encode(t, SPAN("ab"), NULL, (tfm_encode_options){0}, &e);
  CHECK_IDS(&e, 3, 2);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

/* Without a type the fields tell. */
static void models_are_told_by_their_fields(void **state)
{
  (void)state;
  static const char *const files[][2] = {
      {"{\"model\":{\"vocab\":" AB ",\"merges\":[]}}", "BPE"},
      {"{\"model\":{\"merges\":[],\"vocab\":" AB ",\"unk_token\":null}}", "BPE"},
      {"{\"model\":{\"vocab\":[[\"a\",0]],\"unk_id\":null}}", "Unigram"},
      {"{\"model\":{\"unk_token\":\"a\",\"vocab\":" AB "}}", "WordLevel"},
      {"{\"model\":{\"vocab\":" AB ",\"unk_token\":\"a\",\"continuing_subword_prefix\":\"\","
       "\"max_input_chars_per_word\":9}}",
       "WordPiece"},
  };
  for (size_t i = 0; i < COUNT_OF(files); ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    CHECK_OK(open_text(&t, tfm_span_of(files[i][0]), &err), &err);
    assert_string_equal(tfm_tokenizer_describe(t).model, files[i][1]);
    tfm_tokenizer_close(t);
  }
}

/* A row needs an unknown token that the model does not have: that row fails, the next does not. */
static void a_row_may_need_an_unknown_token_in_vain(void **state)
{
  (void)state;
  static const char *const files[] = {
      "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":" AB ",\"merges\":[]}}",
      UNIGRAM("null", "[[\"a\",-1],[\"b\",-2]]"),
      "{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":" AB "}}"};
  for (size_t i = 0; i < COUNT_OF(files); ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    tfm_encoding e = {0};
    tfm_encode_options o = {.add_special_tokens = true};
    tfm_span none = {NULL, 0};
    CHECK_OK(open_text(&t, tfm_span_of(files[i]), &err), &err);
    CHECK_FAILS(tfm_tokenizer_encode(t, SPAN("ax"), none, &o, &e, &err), TFM_E_FORMAT, &err,
                "has no token");
    CHECK_OK(tfm_tokenizer_encode(t, SPAN("a"), none, &o, &e, &err), &err);
    CHECK_IDS(&e, 0);
    tfm_encoding_fini(&e);
    tfm_tokenizer_close(t);
  }
}

/* An encoding that served one tokenizer remembers nothing of it when the next comes. */
static void a_memory_belongs_to_one_tokenizer(void **state)
{
  (void)state;
  tfm_encoding e = {0};
  tfm_encode_options o = {.add_special_tokens = true};
  for (int i = 0; i < 4; ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    const char *json = i % 2 ? BPE(AB, "[\"a b\"]") : BPE(AB, "[]");
    CHECK_OK(open_text(&t, tfm_span_of(json), &err), &err);
    CHECK_OK(tfm_tokenizer_encode(t, SPAN("ab"), (tfm_span){NULL, 0}, &o, &e, &err), &err);
    assert_int_equal(e.n, i % 2 ? 1 : 2);
    tfm_tokenizer_close(t);
  }
  tfm_encoding_fini(&e);
}

/* What the library's reader makes of numbers (printed by its to_str, see read_score.h); the first
 * four and the long fraction are not the nearest double. */
static void scores_are_read_as_the_library_does(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    double value;
  } numbers[] = {
      {"-2.0154635906219482", -0x1.01fab5fffffffp+1},
      {"-9.773894309997559", -0x1.38c3be0000001p+3},
      {"-11.830850601196289", -0x1.7a9653fffffffp+3},
      {"-13.521411895751953", -0x1.b0af67fffffffp+3},
      {"-0", -0.0},
      {"0", 0.0},
      {"-1.5", -1.5},
      {"12345678901234567890123", 0x1.4ea15b273b38ap+73},
      {"0.000000000000000000000000000012345678901234567", 0x1.f4ccdc0b84174p-97},
      {"-1e-5", -0x1.4f8b588e368f1p-17},
      {"1.7976931348623157e308", 0x1.fffffffffffffp+1023},
      {"4.9e-324", 0x0.0000000000001p-1022},
      {"1e-400", 0.0},
      {"123456789012345678901234567890e-10", 0x1.56a95319d63e1p+63},
      {"-3.14159265358979323846264338327950288", -0x1.921fb54442d18p+1},
      {"1E+2", 100.0},
      {"18446744073709551615", 0x1.0p+64},
      {"18446744073709551616.5", 0x1.0p+64},
      {"2.2250738585072014e-308", 0x1.0p-1022},
      {"0e99999999999999999999", 0.0},
  };
  double x = 0;
  for (size_t i = 0; i < COUNT_OF(numbers); ++i) {
    assert_true(tfm__score_of(tfm_span_of(numbers[i].text), &x));
    if (!check_same_double(x, numbers[i].value)) {
      fail_msg("%s: want %a, got %a", numbers[i].text, numbers[i].value, x);
    }
  }
  assert_false(tfm__score_of(SPAN("1e309"), &x));
  assert_false(tfm__score_of(SPAN("-1e99999999999999999999"), &x));
}

/* One piece of any length: each character tries tokens no longer than the longest. */
static void unigram_time_is_linear(void **state)
{
  (void)state;
  enum { SMALL = 50000, LARGE = 800000 };
  tfm_tokenizer *t = NULL;
  tfm_err err = {0};
  tfm_encoding e = {0};
  double took[2] = {1e9, 1e9};
  char *text = tfm_calloc(LARGE, 1);
  memset(text, 'a', LARGE);
  CHECK_OK(open_text(&t, SPAN(UNIGRAM("0", "[[\"?\",0],[\"a\",-1],[\"aaaaaaaab\",-1]]")), &err),
           &err);
  for (int i = 0; i < 6; ++i) {
    size_t n = i % 2 ? LARGE : SMALL;
    double start = tfm_cpu_s();
    encode(t, (tfm_span){text, n}, NULL, (tfm_encode_options){.max_length = 0}, &e);
    double now = tfm_cpu_s() - start;
    took[i % 2] = now < took[i % 2] ? now : took[i % 2];
    assert_int_equal(e.n, n);
  }
  if (took[1] > 80 * took[0] + 0.02) { /* 16 is linear */
    fail_msg("%g s for 50 kB, %g s for 800 kB", took[0], took[1]);
  }
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  tfm_free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(malformed_models_are_refused_by_name),
                                     cmocka_unit_test(all_of_many_merges_count),
                                     cmocka_unit_test(a_wrong_merge_is_told_wherever_it_stands),
                                     cmocka_unit_test(the_last_of_two_equal_pieces_counts),
                                     cmocka_unit_test(models_are_told_by_their_fields),
                                     cmocka_unit_test(a_row_may_need_an_unknown_token_in_vain),
                                     cmocka_unit_test(a_memory_belongs_to_one_tokenizer),
                                     cmocka_unit_test(scores_are_read_as_the_library_does),
                                     cmocka_unit_test(unigram_time_is_linear)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
