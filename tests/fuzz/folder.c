/* A checkpoint folder without tokenizer.json. Input: the texts of up to five files, NUL bytes
 * between them; an empty one is not there. What is opened encodes and decodes. */
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

static const char *const names[] = {"vocab.txt", "vocab.json", "merges.txt",
                                    "tokenizer_config.json", "special_tokens_map.json"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  tfm_span rest = {(const char *)data, n};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    fuzz_put_file(names[i], fuzz_take_text(&rest));
  }
  fuzz_open_folder(fuzz_folder());
  return 0;
}
