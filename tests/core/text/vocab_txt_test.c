/* Folders with vocab.txt: what the golden rows do not show. */
#include "tests/core/text/support.h"

#include <stdlib.h>

static char folder[] = "/tmp/tfm_vocab_txt_XXXXXX";

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

#define SPECIALS "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : 1;
}

static int clear_folder(void **state)
{
  (void)state;
  (void)remove(path_of("vocab.txt"));
  (void)remove(path_of("tokenizer_config.json"));
  (void)remove(path_of("special_tokens_map.json"));
  return 0;
}

static int remove_folder(void **state)
{
  (void)clear_folder(state);
  return rmdir(folder);
}

/* A line is a token without the white space behind it; of equal lines the last counts; an empty
 * line is a token nobody meets. */
static void lines_are_tokens(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  put("vocab.txt", SPAN(SPECIALS "a \r\n\nb\t\n a\u3000\nb\nlast"));
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("a")), 5);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("")), 6);
  assert_int_equal(tfm_tokenizer_id(t, SPAN(" a")), 8);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("b")), 9);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("last")), 10);
  assert_null(tfm_tokenizer_token(t, 7).p);
  assert_int_equal(tfm_tokenizer_describe(t).vocab, 10);
  tfm_tokenizer_close(t);
}

/* Special tokens that the vocabulary lacks get the next ids, in a fixed order. */
static void missing_specials_are_added(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  put("vocab.txt", SPAN("[UNK]\na\n"));
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("[SEP]")), 2);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("[PAD]")), 3);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("[CLS]")), 4);
  assert_int_equal(tfm_tokenizer_id(t, SPAN("[MASK]")), 5);
  tfm_tokenizer_close(t);
}

static const struct {
  tfm_span vocab;
  const char *config;
  tfm_status status;
  const char *text;
} refused[] = {
    {BYTES(""), NULL, TFM_E_FORMAT, "vocab.txt: the unknown token \"[UNK]\""},
    {BYTES("a\nb\n"), NULL, TFM_E_FORMAT, "vocab.txt: the unknown token \"[UNK]\""},
    {BYTES(SPECIALS "\xff\xfe\n"), NULL, TFM_E_FORMAT, "vocab.txt: byte 31"},
    {BYTES(SPECIALS), "{\"do_lower_case\":1}", TFM_E_FORMAT, "do_lower_case"},
    {BYTES(SPECIALS), "{", TFM_E_FORMAT, "tokenizer_config.json"},
    {BYTES(SPECIALS), "{\"cls_token\":null}", TFM_E_FORMAT, "cls_token: want a token"},
    {BYTES(SPECIALS), "{\"tokenizer_class\":\"CanineTokenizer\"}", TFM_E_UNSUPPORTED,
     "CanineTokenizer"},
};

static void broken_folders_are_refused_by_name(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    (void)clear_folder(state);
    put("vocab.txt", refused[i].vocab);
    if (refused[i].config) {
      put("tokenizer_config.json", tfm_span_of(refused[i].config));
    }
    CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), refused[i].status, &err,
                refused[i].text);
    assert_null(t);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(lines_are_tokens, clear_folder),
      cmocka_unit_test_teardown(missing_specials_are_added, clear_folder),
      cmocka_unit_test_teardown(broken_folders_are_refused_by_name, clear_folder)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
