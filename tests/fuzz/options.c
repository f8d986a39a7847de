/* The command line: words with NUL bytes between. The first is what the file behind --config holds,
 * a word that begins with TFM_ stands in the environment, the others are arguments. */
#include "coordinator/cli/options.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_WORDS = 32 };

/* A word of its own; no path out of the folder where the program runs, whose files are nobody's. */
static char *word_of(tfm_span text)
{
  char *word = tfm_strndup(text.p, text.n);
  FUZZ_WANT(word);
  for (char *c = word; *c; ++c) {
    *c = *c == '/' ? '_' : *c;
  }
  return word;
}

static char *config_of(tfm_span text)
{
  fuzz_put_file("options.json", text);
  char path[128];
  int n = snprintf(path, sizeof path, "TFM_CONFIG=%s/options.json", fuzz_folder());
  char *word = tfm_strndup(path, (size_t)n);
  FUZZ_WANT(word);
  return word;
}

/* What was taken can be told, fitted to any task and has a help. */
static void use(const tfm_options *options)
{
  static const char *const tasks[] = {"text-classification", "text-generation", "rerank"};
  tfm_buf told = {0};
  tfm_err err = {0};
  FUZZ_WANT(options->verb < TFM_VERB_COUNT && options->limit >= -1 && options->skip >= 0);
  FUZZ_WANT(options->shard_count == 0 || options->shard_index < options->shard_count);
  tfm_options_tell(options, &told);
  tfm_status help = tfm_options_help(options->verb, options->help, &told);
  FUZZ_WANT(help == TFM_OK && !told.failed);
  for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; ++i) {
    tfm_status st = tfm_options_fit_task(options, tasks[i], &err);
    FUZZ_WANT(st == TFM_OK || (st == TFM_E_USAGE && err.text[0]));
  }
  tfm_buf_fini(&told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  tfm_span rest = {(const char *)data, n};
  char *argv[MOST_WORDS + 1] = {NULL};
  char *envp[MOST_WORDS + 2] = {NULL};
  int argc = 0;
  int nenv = 0;
  tfm_span config = fuzz_take_text(&rest);
  if (config.n) {
    envp[nenv++] = config_of(config);
  }
  while (rest.n && argc < MOST_WORDS && nenv < MOST_WORDS) {
    char *word = word_of(fuzz_take_text(&rest));
    if (strncmp(word, "TFM_", 4) == 0) {
      envp[nenv++] = word;
    } else {
      argv[argc++] = word;
    }
  }
  tfm_err err = {0};
  tfm_options options = {0};
  tfm_status st = tfm_options_read(&options, argc, argv, envp, &err);
  if (st == TFM_OK) {
    use(&options);
  } else {
    FUZZ_WANT(st == TFM_E_USAGE || st == TFM_E_MISSING);
    FUZZ_WANT(err.text[0] && tfm_utf8_valid(err.text, strlen(err.text), NULL));
  }
  tfm_options_fini(&options);
  for (int i = 0; i < argc; ++i) {
    tfm_free(argv[i]);
  }
  for (int i = 0; i < nenv; ++i) {
    tfm_free(envp[i]);
  }
  return 0;
}
