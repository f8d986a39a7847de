/* A checkpoint folder without tokenizer.json. Input: the texts of up to five files, NUL bytes
 * between them: vocab.txt, vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json;
 * an empty one is not there. What is opened encodes and decodes. */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

#include <unistd.h>

enum { FILES = 5 };

static const char *const names[FILES] = {"vocab.txt", "vocab.json", "merges.txt",
                                         "tokenizer_config.json", "special_tokens_map.json"};

static char folder[64];
static char *paths[FILES];

static void remove_folder(void)
{
  for (int i = 0; i < FILES; ++i) {
    (void)unlink(paths[i]);
    tfm_free(paths[i]);
  }
  (void)rmdir(folder);
}

/* In memory where that is possible: a disk is a hundred times slower than what is tested. */
static void make_folder(void)
{
  const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  (void)snprintf(folder, sizeof folder, "%s/tfm-fuzz-XXXXXX", parent);
  FUZZ_WANT(mkdtemp(folder));
  for (int i = 0; i < FILES; ++i) {
    paths[i] = tfm_path_join(folder, names[i]);
    FUZZ_WANT(paths[i]);
  }
  FUZZ_WANT(atexit(remove_folder) == 0);
}

static void put_file(const char *path, tfm_span text)
{
  (void)unlink(path);
  if (text.n == 0) {
    return;
  }
  FILE *file = fopen(path, "we");
  FUZZ_WANT(file && fwrite(text.p, 1, text.n, file) == text.n);
  FUZZ_WANT(fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  const char *p = (const char *)data;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  if (!paths[0]) {
    make_folder();
  }
  for (int i = 0; i < FILES; ++i) {
    const char *nul = n ? memchr(p, 0, n) : NULL;
    tfm_span text = {p, nul ? (size_t)(nul - p) : n};
    put_file(paths[i], text);
    size_t step = nul ? text.n + 1 : n;
    p = n ? p + step : p;
    n -= step;
  }
  tfm_status st = tfm_tokenizer_open_folder(&t, folder, &err);
  if (st == TFM_OK) {
    fuzz_how how = fuzz_how_of(1, 9);
    fuzz_encode(t, &e, tfm_span_of(FUZZ_SOME_TEXT), tfm_span_of("ab a"), &how);
  } else {
    FUZZ_WANT(st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED || st == TFM_E_MISSING);
    FUZZ_WANT(!t && err.text[0]);
  }
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  return 0;
}
