/* What the front promises besides the golden rows: errors, odd inputs, threads, facts. */
#include "core/base/clock.h"
#include "core/text/lower.h"
#include "tests/core/text/support.h"

#include <pthread.h>
#include <stdlib.h>

#define SMALL                                                                                  \
  "{" NORMALIZER "," SPLITTER "," MODEL("\"[UNK]\":0,\"a\":1,\"##b\":2,\"ab\":3,\".\":4") "}"

static const tfm_encode_options bare = {.add_special_tokens = false};

static tfm_tokenizer *open_or_fail(tfm_span json)
{
  tfm_tokenizer *t = NULL;
  tfm_err err = {0};
  CHECK_OK(open_text(&t, json, &err), &err);
  return t;
}

/* ---- refusals ---- */

static const struct {
  const char *json;
  tfm_status status;
  const char *text;
} refused[] = {
    {"", TFM_E_FORMAT, "want an object"},
    {"[]", TFM_E_FORMAT, "want an object, got an array"},
    {"{}", TFM_E_FORMAT, "\"model\" is missing"},
    {"{\"model\":null}", TFM_E_FORMAT, "$.model: want an object, got null"},
    {"{\"model\":{\"type\":\"Huffman\"}}", TFM_E_UNSUPPORTED,
     "$.model.type: \"Huffman\" is not supported; supported are BPE, WordPiece, Unigram, "
     "WordLevel"},
    {"{\"model\":{\"type\":7}}", TFM_E_FORMAT, "$.model.type: want a string, got a number"},
    {"{\"model\":{\"tokens\":{}}}", TFM_E_FORMAT, "$.model: \"type\" is missing"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", TFM_E_FORMAT, "\"unk_token\" is missing"},
    {"{" MODEL("\"a\":0") "}", TFM_E_FORMAT, "\"[UNK]\" is not in the vocabulary"},
    {"{" MODEL("\"[UNK]\":0,\"a\":0") "}", TFM_E_FORMAT,
     "$.model.vocab.a: another token has the id 0 already"},
    {"{" MODEL("\"[UNK]\":0,\"a\":1,\"\\u0061\":2") "}", TFM_E_FORMAT, "stands there twice"},
    {"{" MODEL("\"[UNK]\":0,\"a\":-1") "}", TFM_E_FORMAT, "got -1"},
    {"{" MODEL("\"[UNK]\":0,\"a\":16777216") "}", TFM_E_FORMAT, "got 16777216"},
    {"{" MODEL("\"[UNK]\":0") ",\"version\":\"2.0\"}", TFM_E_UNSUPPORTED, "\"2.0\""},
    {"{" MODEL("\"[UNK]\":0") ",\"surprise\":1}", TFM_E_UNSUPPORTED, "$.surprise"},
    {"{" MODEL("\"[UNK]\":0") "," MODEL("\"[UNK]\":0") "}", TFM_E_FORMAT, "twice"},
    {"{" MODEL("\"[UNK]\":0") ",\"normalizer\":{\"type\":\"NFKX\"}}", TFM_E_UNSUPPORTED,
     "$.normalizer.type: \"NFKX\" is not supported; supported are BertNormalizer, "},
    {"{" MODEL(
         "\"[UNK]\":0") ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
                        "\"Nmt2\"}]}}",
     TFM_E_UNSUPPORTED, "$.normalizer.normalizers[0].type: \"Nmt2\""},
    {"{" MODEL("\"[UNK]\":0") ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[null]}}",
     TFM_E_FORMAT, "$.normalizer.normalizers[0]: want an object, got null"},
    {"{" MODEL("\"[UNK]\":0") ",\"normalizer\":{\"type\":\"Sequence\"}}", TFM_E_FORMAT,
     "\"normalizers\" is missing"},
    {"{" MODEL("\"[UNK]\":0") ",\"normalizer\":{\"type\":\"BertNormalizer\"}}", TFM_E_FORMAT,
     "\"clean_text\" is missing"},
    {"{" MODEL("\"[UNK]\":0") ",\"pre_tokenizer\":{\"type\":\"Cyrillic\"}}", TFM_E_UNSUPPORTED,
     "$.pre_tokenizer.type"},
    {"{" MODEL("\"[UNK]\":0") ",\"post_processor\":{\"type\":\"Other\"}}", TFM_E_UNSUPPORTED,
     "BertProcessing, RobertaProcessing, TemplateProcessing, ByteLevel, Sequence"},
    {"{" MODEL("\"[UNK]\":0") ",\"post_processor\":{\"type\":\"ByteLevel\"}}", TFM_E_FORMAT,
     "\"add_prefix_space\" is missing"},
    {"{" MODEL(
         "\"[UNK]\":0") ",\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",1]"
                        "}}",
     TFM_E_FORMAT, "\"sep\" is missing"},
    {"{" MODEL("\"[UNK]\":0") ",\"decoder\":{\"type\":\"Other\"}}", TFM_E_UNSUPPORTED,
     "$.decoder.type"},
    {"{" MODEL("\"[UNK]\":0") ",\"added_tokens\":{}}", TFM_E_FORMAT, "want an array"},
    {"{" MODEL("\"[UNK]\":0") ",\"added_tokens\":[{\"id\":0}]}", TFM_E_FORMAT,
     "$.added_tokens[0]: \"content\" is missing"},
    {"{" MODEL("\"[UNK]\":0") ",\"truncation\":{\"max_length\":\"x\"}}", TFM_E_FORMAT,
     "$.truncation.max_length"},
    {"{" MODEL("\"[UNK]\":0") ",\"padding\":3}", TFM_E_FORMAT, "$.padding"},
    {"{" MODEL("\"[UNK]\":0") "} x", TFM_E_FORMAT, "nothing more"},
};

static void broken_files_are_refused_by_name(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_tokenizer *t = NULL;
    tfm_err err = {0};
    CHECK_FAILS(open_text(&t, tfm_span_of(refused[i].json), &err), refused[i].status, &err,
                refused[i].text);
    assert_int_equal(strncmp(err.text, "tokenizer.json: ", 16), 0);
    assert_null(t);
  }
}

/* Any prefix of a file is refused with a reason, whatever was half built by then. */
static void a_file_cut_anywhere_is_refused(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf file = {0};
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/odd.json", 1 << 20, &file, &err), &err);
  while (file.n > 0 && file.data[file.n - 1] != '}') {
    --file.n;
  }
  for (size_t n = 0; n < file.n; ++n) {
    tfm_tokenizer *t = NULL;
    CHECK_FAILS(open_text(&t, (tfm_span){file.data, n}, &err), TFM_E_FORMAT, &err,
                "tokenizer.json");
  }
  tfm_buf_fini(&file);
}

static void a_folder_without_a_tokenizer_is_missing_one(void **state)
{
  (void)state;
  tfm_tokenizer *t = NULL;
  tfm_err err = {0};
  CHECK_FAILS(tfm_tokenizer_open_folder(&t, TFM_FIXTURES "/topo", &err), TFM_E_MISSING, &err,
              "none of tokenizer.json, vocab.txt, vocab.json");
  CHECK_FAILS(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/nowhere.json", &err),
              TFM_E_MISSING, &err, "nowhere.json");
}

/* ---- rows ---- */

static void rows_that_are_not_utf8_fail_alone(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_span none = {NULL, 0};
  tfm_tokenizer *t = open_or_fail(SPAN(SMALL));
  CHECK_FAILS(tfm_tokenizer_encode(t, SPAN("a \xff"), none, &bare, &e, &err), TFM_E_FORMAT,
              &err, "not UTF-8 at byte 2");
  CHECK_FAILS(tfm_tokenizer_encode(t, SPAN("a"), SPAN("\xc0\xaf"), &bare, &e, &err),
              TFM_E_FORMAT, &err, "not UTF-8");
  assert_int_equal(e.n, 0);
  encode(t, SPAN("a ab."), NULL, bare, &e);
  CHECK_IDS(&e, 1, 3, 4);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

static void nul_is_a_character(void **state)
{
  (void)state;
  tfm_encoding e = {0};
  tfm_tokenizer *t = open_or_fail(SPAN("{" MODEL("\"[UNK]\":0,\"a\":1,\"a\\u0000b\":2") "}"));
  encode(t, SPAN("a\0b"), NULL, bare, &e);
  CHECK_IDS(&e, 2);
  assert_int_equal(e.end[0], 3);
  CHECK_SPAN(tfm_encoding_token(t, &e, 0), SPAN("a\0b"));
  encode(t, SPAN("a\0"), NULL, bare, &e); /* not the token "a" */
  CHECK_IDS(&e, 0);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

static void an_empty_pair_is_a_pair(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  const tfm_encode_options o = {.add_special_tokens = true};
  CHECK_OK(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/bert.json", &err), &err);
  encode(t, SPAN(""), NULL, o, &e);
  CHECK_IDS(&e, 2, 3);
  encode(t, SPAN(""), "", o, &e);
  CHECK_IDS(&e, 2, 3, 3);
  assert_int_equal(e.type_ids[2], 1);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

static void a_length_without_room_for_specials_is_an_error(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  tfm_encode_options o = {.add_special_tokens = true, .max_length = 1};
  tfm_span none = {NULL, 0};
  CHECK_OK(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/bert.json", &err), &err);
  CHECK_FAILS(tfm_tokenizer_encode(t, SPAN("the"), none, &o, &e, &err), TFM_E_USAGE, &err,
              "no room for the 2 special tokens");
  o.max_length = 2;
  encode(t, SPAN("the"), NULL, o, &e);
  CHECK_IDS(&e, 2, 3);
  assert_true(e.truncated);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

/* ---- facts ---- */

static void facts_are_what_a_plan_needs(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  CHECK_OK(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/odd.json", &err), &err);
  tfm_tokenizer_facts f = tfm_tokenizer_describe(t);
  assert_string_equal(f.model, "WordPiece");
  assert_int_equal(f.vocab, 25 + 8); /* 25 in the model; of the added ones 8 are new */
  assert_int_equal(f.highest_id, 32);
  assert_int_equal(f.highest_type_id, 4);
  assert_int_equal(f.added_single, 3);
  assert_int_equal(f.added_pair, 2);
  assert_int_equal(f.model_max_length, 0);
  tfm_tokenizer_close(t);

  CHECK_OK(tfm_tokenizer_open_folder(&t, TFM_FIXTURES "/text/config", &err), &err);
  assert_int_equal(tfm_tokenizer_describe(t).model_max_length, 16);
  tfm_tokenizer_close(t);
  CHECK_OK(tfm_tokenizer_open_folder(&t, TFM_FIXTURES "/text/map", &err), &err);
  assert_int_equal(tfm_tokenizer_describe(t).model_max_length, 0); /* its 10^30 means none */
  tfm_tokenizer_close(t);
}

static void the_tokens_that_begin_and_that_mask_are_found(void **state)
{
  (void)state;
  static const struct {
    const char *path, *cls, *mask;
  } cases[] = {{"text/config", "[CLS]", "[MASK]"},
               {"text/map", "<s>", "[MASK]"},
               {"task/bytes.json", "<s>", NULL}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    char *path = tfm_path_join(TFM_FIXTURES, cases[i].path);
    assert_non_null(path);
    CHECK_OK(tfm_path_look(path) == TFM_PATH_FOLDER ? tfm_tokenizer_open_folder(&t, path, &err)
                                                    : tfm_tokenizer_open_file(&t, path, &err),
             &err);
    const tfm_tokenizer_facts f = tfm_tokenizer_describe(t);
    CHECK_SPAN(tfm_tokenizer_token(t, f.cls_id), tfm_span_of(cases[i].cls));
    if (cases[i].mask) {
      CHECK_SPAN(tfm_tokenizer_token(t, f.mask_id), tfm_span_of(cases[i].mask));
    } else {
      assert_int_equal(f.mask_id, -1);
    }
    tfm_tokenizer_close(t);
    tfm_free(path);
  }
}

static void write_file(const char *path, const char *content)
{
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_true(fputs(content, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

/* A WordPiece decoder without cleanup of its own puts a blank before everything. */
static void texts_are_cleaned_up_where_the_files_ask_for_it(void **state)
{
  (void)state;
  static const char *const wanted[] = {"ab . ab", "ab. ab"};
  static const int32_t ids[] = {3, 4, 3};
  char folder[] = "/tmp/tfm-clean-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *json = tfm_path_join(folder, "tokenizer.json");
  char *config = tfm_path_join(folder, "tokenizer_config.json");
  assert_true(json && config);
  write_file(
      json,
      "{" NORMALIZER "," SPLITTER ",\"decoder\":{\"type\":\"WordPiece\",\"prefix\":"
      "\"##\",\"cleanup\":false}," MODEL("\"[UNK]\":0,\"a\":1,\"##b\":2,\"ab\":3,\".\":4") "}");
  for (int clean = 0; clean < 2; ++clean) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    tfm_buf text = {0};
    write_file(config, clean ? "{\"clean_up_tokenization_spaces\":true}" : "{}");
    CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
    CHECK_OK(tfm_tokenizer_show(t, ids, COUNT_OF(ids), false, &text, &err), &err);
    assert_string_equal(tfm_buf_cstr(&text), wanted[clean]);
    tfm_buf_fini(&text);
    tfm_tokenizer_close(t);
  }
  assert_int_equal(remove(json) | remove(config) | remove(folder), 0);
  tfm_free(json);
  tfm_free(config);
}

static void roles_that_no_file_names_are_none(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  char folder[] = "/tmp/tfm-roles-XXXXXX";
  assert_non_null(mkdtemp(folder));
  static const char *const configs[] = {
      "{\"tokenizer_class\":\"TokenizersBackend\"}",
      "{\"tokenizer_class\":\"TokenizersBackend\",\"cls_token\":{\"content\":\"ab\"},"
      "\"mask_token\":\"##b\"}",
      "{\"tokenizer_class\":\"BertTokenizer\",\"cls_token\":null,\"mask_token\":\"none\"}"};
  static const int32_t wanted[][2] = {{-1, -1}, {3, 2}, {-1, -1}};
  char *json = tfm_path_join(folder, "tokenizer.json");
  char *config = tfm_path_join(folder, "tokenizer_config.json");
  assert_true(json && config);
  write_file(json, SMALL);
  for (size_t i = 0; i < COUNT_OF(configs); ++i) {
    write_file(config, configs[i]);
    CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
    assert_int_equal(tfm_tokenizer_describe(t).cls_id, wanted[i][0]);
    assert_int_equal(tfm_tokenizer_describe(t).mask_id, wanted[i][1]);
    tfm_tokenizer_close(t);
  }
  assert_int_equal(remove(json) | remove(config) | remove(folder), 0);
  tfm_free(json);
  tfm_free(config);
}

static void texts_in_lower_case_compare_without_case(void **state)
{
  (void)state;
  tfm_buf out = {0};
  assert_int_equal(tfm_text_lower(SPAN("A\xc3\x84\xce\xa3\xcf\x82 \xc4\xb0x"), &out), TFM_OK);
  CHECK_SPAN(tfm_buf_view(&out), SPAN("a\xc3\xa4\xcf\x83\xcf\x83 i\xcc\x87x"));
  tfm_buf_fini(&out);
}

static void texts_and_ids_find_each_other(void **state)
{
  (void)state;
  tfm_tokenizer *t = open_or_fail(SPAN(SMALL));
  assert_int_equal(tfm_tokenizer_id(t, SPAN("##b")), 2);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("b")), -1);
  CHECK_SPAN(tfm_tokenizer_token(t, 3), SPAN("ab"));
  assert_null(tfm_tokenizer_token(t, 5).p);
  assert_null(tfm_tokenizer_token(t, -1).p);
  tfm_tokenizer_close(t);
}

static void unknown_ids_are_passed_over_in_decoding(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf out = {0};
  tfm_tokenizer *t = open_or_fail(SPAN(SMALL));
  const int32_t ids[] = {1, 99, -5, 3, INT32_MAX, 2};
  CHECK_OK(tfm_tokenizer_decode(t, ids, COUNT_OF(ids), true, &out, &err), &err);
  CHECK_SPAN(tfm_buf_view(&out), SPAN("a ab ##b")); /* no decoder: joined by spaces */
  tfm_buf_fini(&out);
  tfm_tokenizer_close(t);
}

/* ---- size ---- */

static double seconds_for(const tfm_tokenizer *t, const char *unit, size_t times)
{
  tfm_buf text = {0};
  tfm_encoding e = {0};
  double best = 1e9;
  for (size_t i = 0; i < times; ++i) {
    assert_int_equal(tfm_buf_str(&text, unit), TFM_OK);
  }
  for (int i = 0; i < 3; ++i) {
    double start = tfm_cpu_s();
    encode(t, tfm_buf_view(&text), NULL, bare, &e);
    double took = tfm_cpu_s() - start;
    best = took < best ? took : best;
  }
  tfm_encoding_fini(&e);
  tfm_buf_fini(&text);
  return best;
}

/* Ten times the text may take ten times as long (forty are allowed for noise): words, marks that
 * are dropped, marks that are reordered, blanks that added tokens could take in, ideographs. */
static void time_is_linear_in_the_text(void **state)
{
  (void)state;
  static const char *const units[] = {"a",      " ",      "\u0301", "e\u0301\u302e\u0323",
                                      "\u302e", "\u5317", "\uac01", "tok ",
                                      " <l>",   "<r> ",   "[",      "\U0001f600"};
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  CHECK_OK(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/odd.json", &err), &err);
  for (size_t i = 0; i < COUNT_OF(units); ++i) {
    double small = seconds_for(t, units[i], 6000);
    double large = seconds_for(t, units[i], 60000);
    if (large > 40 * small + 0.05) {
      fail_msg("unit %zu: %g s, ten times the text %g s", i, small, large);
    }
  }
  tfm_tokenizer_close(t);
}

/* ---- threads ---- */

enum { THREADS = 4, ROWS = 400 };

typedef struct {
  const tfm_tokenizer *t;
  uint64_t sum; /* of everything encoded */
} job;

static void *encode_rows(void *arg)
{
  job *j = arg;
  tfm_encoding e = {0};
  uint64_t seed = 5;
  for (int i = 0; i < ROWS; ++i) {
    char text[64];
    size_t n = check_random(&seed) % sizeof text;
    for (size_t k = 0; k < n; ++k) {
      text[k] = "aAbB .<l>tok"[check_random(&seed) % 12];
    }
    tfm_err err = {0};
    tfm_span none = {NULL, 0};
    if (tfm_tokenizer_encode(j->t, (tfm_span){text, n}, none, &bare, &e, &err) != TFM_OK) {
      return arg;
    }
    for (size_t k = 0; k < e.n; ++k) {
      j->sum = j->sum * 31 + (uint64_t)e.ids[k] * 7 + (uint64_t)e.end[k];
    }
  }
  tfm_encoding_fini(&e);
  return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  pthread_t threads[THREADS];
  job jobs[THREADS];
  CHECK_OK(tfm_tokenizer_open_file(&t, TFM_FIXTURES "/text/odd.json", &err), &err);
  for (int i = 0; i < THREADS; ++i) {
    jobs[i] = (job){.t = t};
    assert_int_equal(pthread_create(&threads[i], NULL, encode_rows, &jobs[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    void *failed = NULL;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
    assert_true(jobs[i].sum != 0 && jobs[i].sum == jobs[0].sum);
  }
  tfm_tokenizer_close(t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_files_are_refused_by_name),
      cmocka_unit_test(a_file_cut_anywhere_is_refused),
      cmocka_unit_test(a_folder_without_a_tokenizer_is_missing_one),
      cmocka_unit_test(rows_that_are_not_utf8_fail_alone),
      cmocka_unit_test(nul_is_a_character),
      cmocka_unit_test(an_empty_pair_is_a_pair),
      cmocka_unit_test(a_length_without_room_for_specials_is_an_error),
      cmocka_unit_test(facts_are_what_a_plan_needs),
      cmocka_unit_test(texts_and_ids_find_each_other),
      cmocka_unit_test(the_tokens_that_begin_and_that_mask_are_found),
      cmocka_unit_test(roles_that_no_file_names_are_none),
      cmocka_unit_test(texts_are_cleaned_up_where_the_files_ask_for_it),
      cmocka_unit_test(texts_in_lower_case_compare_without_case),
      cmocka_unit_test(unknown_ids_are_passed_over_in_decoding),
      cmocka_unit_test(time_is_linear_in_the_text),
      cmocka_unit_test(threads_share_a_tokenizer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
