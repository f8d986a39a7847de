/* Folders with a SentencePiece model: the ids of AutoTokenizer (make_pieces_goldens.py), and files
 * that are broken. */
#include "core/base/json.h"
#include "tests/core/text/support.h"

#include <stdlib.h>

enum { LARGEST = 1 << 20, MOST_IDS = 256 };

static char folder[] = "/tmp/tfm_pieces_XXXXXX";

static const char *path_of(const char *name)
{
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void put(const char *name, tfm_span content)
{
  FILE *f = fopen(path_of(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
  assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : 1;
}

static int clear_folder(void **state)
{
  static const char *const names[] = {"spiece.model",
                                      "spm.model",
                                      "sentencepiece.bpe.model",
                                      "tokenizer.model",
                                      "tokenizer_config.json",
                                      "config.json",
                                      "source.spm",
                                      "vocab.json"};
  (void)state;
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    (void)remove(path_of(names[i]));
  }
  return 0;
}

static int remove_folder(void **state)
{
  (void)clear_folder(state);
  return rmdir(folder);
}

static tfm_buf read_fixture(const char *name, const char *ending)
{
  tfm_err err = {0};
  tfm_buf model = {0};
  char path[256];
  (void)snprintf(path, sizeof path, TFM_FIXTURES "/text/pieces/%s%s", name, ending);
  CHECK_OK(tfm_file_read_all(path, LARGEST, &model, &err), &err);
  return model;
}

static const char *string(const tfm_json *row, const char *key)
{
  tfm_err err = {0};
  const char *text = NULL;
  CHECK_OK(tfm_json_want_string(row, tfm_json_root(row), key, &text, &err), &err);
  return text;
}

static void check_ids(const tfm_tokenizer *t, const tfm_json *row, const char *key,
                      const char *pair, size_t line)
{
  tfm_encoding e = {0};
  size_t n = 0;
  encode(t, tfm_span_of(string(row, "text")), pair,
         (tfm_encode_options){.add_special_tokens = true}, &e);
  const tfm_json_node *ids = tfm_json_get(tfm_json_root(row), key);
  for (const tfm_json_node *x = tfm_json_first(ids); x; x = tfm_json_next(x), ++n) {
    double id = 0;
    assert_true(tfm_json_number(x, &id));
    if (n >= e.n || (double)e.ids[n] < id || (double)e.ids[n] > id) {
      fail_msg("line %zu: %s %zu: want %g, got %d of %zu", line, key, n, id,
               n < e.n ? (int)e.ids[n] : -1, e.n);
    }
  }
  assert_int_equal(n, e.n);
  tfm_encoding_fini(&e);
}

static void check_line(const char *text, size_t n, size_t line)
{
  tfm_err err = {0};
  const char *beside = NULL;
  tfm_json *row = NULL;
  tfm_tokenizer *t = NULL;
  (void)clear_folder(NULL);
  CHECK_OK(tfm_json_parse(&row, "rows.jsonl", text, n, &err), &err);
  tfm_buf model = read_fixture(string(row, "model"), ".model");
  put(string(row, "file"), tfm_buf_view(&model));
  put("tokenizer_config.json", tfm_span_of(string(row, "config")));
  CHECK_OK(tfm_json_opt_string(row, tfm_json_root(row), "vocab", &beside, &err), &err);
  if (beside) {
    tfm_buf vocab = read_fixture(beside, "");
    put("vocab.json", tfm_buf_view(&vocab));
    tfm_buf_fini(&vocab);
  }
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  check_ids(t, row, "ids", NULL, line);
  check_ids(t, row, "pair", "row", line);
  tfm_tokenizer_close(t);
  tfm_buf_fini(&model);
  tfm_json_close(row);
}

static void ids_are_the_references(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf text = {0};
  size_t line = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/pieces/rows.jsonl", LARGEST, &text, &err),
           &err);
  for (const char *p = text.data; p < text.data + text.n; ++line) {
    const char *end = memchr(p, '\n', (size_t)(text.data + text.n - p));
    assert_non_null(end);
    check_line(p, (size_t)(end - p), line + 1);
    p = end + 1;
  }
  assert_int_equal(line, 254);
  tfm_buf_fini(&text);
}

/* One piece as long as a book: looking for merges at each of its places would take hours. */
static void a_long_piece_costs_its_length(void **state)
{
  enum { LONG = 4000000 };
  /* Fields of ModelProto: pieces {"a"}, pieces {LONG times "a"}, trainer_spec {BPE}. */
  static const char head[] = "\x0a\x03\x0a\x01"
                             "a"
                             "\x0a\x85\x92\xf4\x01"
                             "\x0a";
  static const char tail[] = "\x12\x02\x18\x02";
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_buf model = {0};
  (void)clear_folder(state);
  assert_int_equal(tfm_buf_append(&model, head, sizeof head - 1), TFM_OK);
  assert_int_equal(tfm_buf_append(&model, "\x80\x92\xf4\x01", 4), TFM_OK); /* LONG */
  for (int i = 0; i < LONG; ++i) {
    (void)tfm_buf_char(&model, 'a');
  }
  assert_int_equal(tfm_buf_append(&model, tail, sizeof tail - 1), TFM_OK);
  put("tokenizer.model", tfm_buf_view(&model));
  put("tokenizer_config.json", tfm_span_of("{\"tokenizer_class\":\"LlamaTokenizer\"}"));
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  tfm_tokenizer_close(t);
  tfm_buf_fini(&model);
}

#define T5 "{\"tokenizer_class\":\"T5Tokenizer\"}"

static void the_model_type_names_the_class(void **state)
{
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_encoding e = {0};
  tfm_buf model = read_fixture("t5", ".model");
  (void)clear_folder(state);
  put("spiece.model", tfm_buf_view(&model));
  CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), TFM_E_UNSUPPORTED, &err,
              "no known tokenizer_class");
  put("config.json", tfm_span_of("{\"model_type\":\"mt5\"}"));
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  encode(t, SPAN(""), NULL, (tfm_encode_options){.add_special_tokens = true}, &e);
  CHECK_IDS(&e, 1);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  tfm_buf_fini(&model);
}

static const struct {
  const char *bytes;
  size_t n;
  const char *config;
  tfm_status status;
  const char *text;
} refused[] = {
    {"", 0, T5, TFM_E_FORMAT, "no pieces"},
    {"\x0a\x05"
     "ab",
     4, T5, TFM_E_FORMAT, "longer than what holds it"},
    {"\x0a\xff", 2, T5, TFM_E_FORMAT, "a number without an end"},
    {"\x0b", 1, T5, TFM_E_FORMAT, "a field of no known kind"},
    {"\x02\x00", 2, T5, TFM_E_FORMAT, "a field with the number 0"},
    {"\x08\x01", 2, T5, TFM_E_FORMAT, "of another kind than its number says"},
    {"\x0a\x03\x0a\x01\xff", 5, T5, TFM_E_FORMAT, "not UTF-8"},
    {"\x0a\x02\x15\x00", 4, T5, TFM_E_FORMAT, "ends within a number"},
    {"\x0a\x02\x18\x09", 4, T5, TFM_E_FORMAT, "a piece of no known type"},
    {"\x0a\x03\x0a\x01"
     "a\x0a\x03\x0a\x01"
     "a",
     10, T5, TFM_E_FORMAT, "piece 1: the token \"a\" stands there twice"},
    {"\x0a\x03\x0a\x01"
     "a\x12\x02\x18\x02",
     9, T5, TFM_E_UNSUPPORTED, "is a BPE model; a T5Tokenizer has a Unigram model"},
    {"\x0a\x03\x0a\x01"
     "a\x12\x02\x18\x07",
     9, T5, TFM_E_UNSUPPORTED, "a model of type 7"},
    {"\x0a\x03\x0a\x01"
     "a\x1a\x04\x12\x02xx",
     11, T5, TFM_E_FORMAT, "a charsmap of 2 bytes"},
    {"\x0a\x03\x0a\x01"
     "a",
     5, "{\"tokenizer_class\":\"XLNetTokenizer\"}", TFM_E_UNSUPPORTED,
     "XLNetTokenizer is not supported"},
    {"\x0a\x03\x0a\x01"
     "a",
     5, "{\"tokenizer_class\":\"XLMRobertaTokenizer\",\"pad_token\":null}", TFM_E_FORMAT,
     "pad_token: want a token"},
    {"\x0a\x03\x0a\x01"
     "a",
     5, "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":-1}", TFM_E_FORMAT, "extra_ids"},
};

static void broken_files_are_refused_by_byte(void **state)
{
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    (void)clear_folder(state);
    put("spiece.model", (tfm_span){refused[i].bytes, refused[i].n});
    put("tokenizer_config.json", tfm_span_of(refused[i].config));
    CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), refused[i].status, &err,
                refused[i].text);
    assert_null(t);
  }
}

/* What the sentencepiece library's users get of a text has no blanks at its ends. */
static void texts_of_own_pieces_have_no_blanks_around(void **state)
{
  static const char *const configs[] = {"{\"tokenizer_class\":\"M2M100Tokenizer\"}",
                                        "{\"tokenizer_class\":\"MarianTokenizer\"}"};
  (void)clear_folder(state);
  tfm_buf model = read_fixture("t5", ".model");
  tfm_buf vocab = read_fixture("t5", ".m2m100.json");
  put("sentencepiece.bpe.model", tfm_buf_view(&model));
  put("source.spm", tfm_buf_view(&model));
  put("vocab.json", tfm_buf_view(&vocab));
  for (size_t i = 0; i < COUNT_OF(configs); ++i) {
    tfm_err err = {0};
    tfm_buf text = {0};
    tfm_tokenizer *t = NULL;
    put("tokenizer_config.json", tfm_span_of(configs[i]));
    CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
    const int32_t blank = tfm_tokenizer_id(t, SPAN("\xe2\x96\x81"));
    const int32_t a = tfm_tokenizer_id(t, SPAN("\xe2\x96\x81"
                                               "a"));
    const int32_t ids[] = {blank, blank, a, blank, a, blank};
    CHECK_OK(tfm_tokenizer_decode(t, ids, COUNT_OF(ids), true, &text, &err), &err);
    assert_string_equal(tfm_buf_cstr(&text), "a  a");
    tfm_buf_fini(&text);
    tfm_tokenizer_close(t);
  }
  tfm_buf_fini(&vocab);
  tfm_buf_fini(&model);
}

/* A language that the checkpoint does not know, and a list of them that nobody does. */
static void unknown_languages_are_refused(void **state)
{
  static const struct {
    const char *config;
    tfm_status status;
    const char *text;
  } said[] = {
      {"{\"tokenizer_class\":\"MBartTokenizer\",\"src_lang\":\"sl_SI\"}", TFM_E_FORMAT,
       "src_lang: want a language of the checkpoint like en_XX, got \"sl_SI\""},
      {"{\"tokenizer_class\":\"NllbTokenizer\",\"src_lang\":\"en_XX\"}", TFM_E_FORMAT,
       "like eng_Latn, got \"en_XX\""},
      {"{\"tokenizer_class\":\"M2M100Tokenizer\",\"src_lang\":\"eng\"}", TFM_E_FORMAT,
       "like en, got \"eng\""},
      {"{\"tokenizer_class\":\"M2M100Tokenizer\",\"language_codes\":\"wmt22\"}",
       TFM_E_UNSUPPORTED, "language_codes: want m2m100 or wmt21, got \"wmt22\""},
  };
  for (size_t i = 0; i < COUNT_OF(said); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    (void)clear_folder(state);
    tfm_buf model = read_fixture("t5", ".model");
    tfm_buf vocab = read_fixture("t5", ".m2m100.json");
    put("sentencepiece.bpe.model", tfm_buf_view(&model));
    if (strstr(said[i].config, "M2M100")) {
      put("vocab.json", tfm_buf_view(&vocab));
    }
    put("tokenizer_config.json", tfm_span_of(said[i].config));
    CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), said[i].status, &err,
                said[i].text);
    assert_null(t);
    tfm_buf_fini(&vocab);
    tfm_buf_fini(&model);
  }
}

/* Every beginning of a file, and every file with one byte changed: read, or refused. */
static void no_damage_is_a_crash(void **state)
{
  tfm_buf model = read_fixture("albert", ".model");
  (void)clear_folder(state);
  put("tokenizer_config.json", tfm_span_of("{\"tokenizer_class\":\"AlbertTokenizer\"}"));
  for (size_t i = 0; i < 2 * model.n; ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    const size_t at = i / 2;
    const char was = model.data[at];
    model.data[at] ^= (char)0x55;
    put("spiece.model", (tfm_span){model.data, i % 2 ? at : model.n});
    model.data[at] = was;
    if (tfm_tokenizer_open_folder(&t, folder, &err) != TFM_OK) {
      assert_true(err.text[0]);
    }
    tfm_tokenizer_close(t);
  }
  tfm_buf_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_are_the_references),
      cmocka_unit_test(the_model_type_names_the_class),
      cmocka_unit_test(a_long_piece_costs_its_length),
      cmocka_unit_test(broken_files_are_refused_by_byte),
      cmocka_unit_test(texts_of_own_pieces_have_no_blanks_around),
      cmocka_unit_test(unknown_languages_are_refused),
      cmocka_unit_test(no_damage_is_a_crash),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
