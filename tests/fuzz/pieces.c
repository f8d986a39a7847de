/* A folder with a SentencePiece model. Input: tokenizer_config.json, a NUL byte, the model. What is
 * opened encodes and decodes. */
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  tfm_span model = {(const char *)data, n};
  fuzz_put_file("tokenizer_config.json", fuzz_take_text(&model));
  fuzz_put_file("tokenizer.model", model);
  fuzz_open_folder(fuzz_folder());
  return 0;
}
