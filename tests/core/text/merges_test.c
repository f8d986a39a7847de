/* Folders with vocab.json and merges.txt. The ids are those AutoTokenizer of transformers
 * 5.23.0 gives for the same three files. */
#include "tests/core/text/support.h"

#include <stdlib.h>

static char folder[] = "/tmp/tfm_merges_XXXXXX";

static const char *path_of(const char *name)
{
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void put(const char *name, const char *content)
{
  FILE *f = fopen(path_of(name), "wb");
  assert_non_null(f);
  assert_true(fputs(content, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : 1;
}

static int clear_folder(void **state)
{
  (void)state;
  (void)remove(path_of("vocab.json"));
  (void)remove(path_of("merges.txt"));
  (void)remove(path_of("tokenizer_config.json"));
  return 0;
}

static int remove_folder(void **state)
{
  (void)clear_folder(state);
  return rmdir(folder);
}

#define VOCAB                                                                                  \
  "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"\xc4\xa0\":4,\"ab\":5,\"\xc4\xa0"                   \
  "ab\":6}"
#define MERGES "#version: 0.2\na b\n\xc4\xa0 ab\n"

static const struct {
  const char *config;
  int32_t ids[8];
  size_t n;
  const char *vocab, *merges; /* NULL: as above */
} answered[] = {
    {"{\"tokenizer_class\":\"GPT2Tokenizer\"}", {5, 6, 2}, 3, NULL, NULL},
    {"{\"tokenizer_class\":\"GPT2TokenizerFast\",\"add_bos_token\":true,\"bos_token\":\"<s>\"}",
     {0, 5, 6, 2},
     4,
     NULL,
     NULL},
    {"{\"tokenizer_class\":\"RobertaTokenizer\",\"add_prefix_space\":true}",
     {0, 6, 6, 2, 1},
     5,
     NULL,
     NULL},
    {"{\"tokenizer_class\":\"GPTNeoXTokenizer\",\"add_bos_token\":true,\"bos_token\":"
     "\"<s>\"}",
     {0, 5, 6, 2},
     4,
     NULL,
     NULL},
    {"{\"tokenizer_class\":\"Qwen2Tokenizer\",\"add_eos_token\":true,\"eos_token\":"
     "\"</s>\"}",
     {5, 6, 2, 1},
     4,
     NULL,
     NULL},
    {"{\"tokenizer_class\":\"CLIPTokenizer\"}",
     {0, 5, 6, 2, 1},
     5,
     "{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a</w>\":2,\"b</w>\":3,\"a\":4,\"ab</w>\":5,"
     "\"ab\":6,\"b\":7}",
     "a b</w>\na b\n"},
};

static void folders_are_read(void **state)
{
  for (size_t i = 0; i < COUNT_OF(answered); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    tfm_encoding e = {0};
    const tfm_encode_options options = {.add_special_tokens = true};
    (void)clear_folder(state);
    put("vocab.json", answered[i].vocab ? answered[i].vocab : VOCAB);
    put("merges.txt", answered[i].merges ? answered[i].merges : MERGES);
    put("tokenizer_config.json", answered[i].config);
    CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
    CHECK_OK(tfm_tokenizer_encode(t, SPAN("ab aba"), (tfm_span){NULL, 0}, &options, &e, &err),
             &err);
    assert_int_equal(e.n, answered[i].n);
    assert_memory_equal(e.ids, answered[i].ids, e.n * sizeof *e.ids);
    tfm_encoding_fini(&e);
    tfm_tokenizer_close(t);
  }
}

#define GPT2 "{\"tokenizer_class\":\"GPT2Tokenizer\"}"

static const struct {
  const char *vocab, *merges, *config;
  tfm_status status;
  const char *text;
} refused[] = {
    {VOCAB, NULL, GPT2, TFM_E_MISSING, "merges.txt"},
    {VOCAB, "a b\na b c\n", GPT2, TFM_E_FORMAT, "merges.txt: line 2: want two tokens"},
    {VOCAB, "a b\n\n", GPT2, TFM_E_FORMAT, "merges.txt: line 2: want two tokens"},
    {VOCAB, "b a\n", GPT2, TFM_E_FORMAT, "merges.txt: line 1: \"ba\" is not in vocab.json"},
    {"{\"a\":0,\"a\":1}", "", GPT2, TFM_E_FORMAT, "vocab.json: entry 2: the token \"a\""},
    {"{\"a\":0,\"b\":0}", "", GPT2, TFM_E_FORMAT, "another token has the id 0"},
    {"{\"a\":-1}", "", GPT2, TFM_E_FORMAT, "vocab.json: byte"},
    {"[", "", GPT2, TFM_E_FORMAT, "vocab.json: byte"},
    {VOCAB, MERGES, NULL, TFM_E_UNSUPPORTED, "no known tokenizer_class"},
    {VOCAB, MERGES, "{\"tokenizer_class\":\"OtherTokenizer\"}", TFM_E_UNSUPPORTED,
     "OtherTokenizer"},
    {VOCAB, MERGES, "{\"tokenizer_class\":\"TokenizersBackend\"}", TFM_E_FORMAT,
     "is kept in tokenizer.json, which is not in the folder"},
    {VOCAB, MERGES, "{\"tokenizer_class\":\"RobertaTokenizer\",\"cls_token\":null}",
     TFM_E_FORMAT, "cls_token: want a token"},
};

static void broken_folders_are_refused_by_name(void **state)
{
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_err err = {0};
    tfm_tokenizer *t = NULL;
    (void)clear_folder(state);
    put("vocab.json", refused[i].vocab);
    if (refused[i].merges) {
      put("merges.txt", refused[i].merges);
    }
    if (refused[i].config) {
      put("tokenizer_config.json", refused[i].config);
    }
    CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), refused[i].status, &err,
                refused[i].text);
    assert_null(t);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(folders_are_read, clear_folder),
      cmocka_unit_test_teardown(broken_folders_are_refused_by_name, clear_folder)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
