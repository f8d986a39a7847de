/* model.safetensors.index.json over two good shards, of tensors a and b, and c. */
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/weights.h"

#define HEADER(name, from, to)                                                                 \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" from "," to "]}"
#define FIRST                                                                                  \
  "\x70\0\0\0\0\0\0\0{" HEADER("a", "0", "4") "," HEADER("b", "4", "8") "}"                    \
                                                                        "\0\0\0\0\0\0\0\0"
#define SECOND "\x38\0\0\0\0\0\0\0{" HEADER("c", "0", "4") "} \0\0\0\0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static bool ready;
  if (!ready) {
    fuzz_put_file("first.safetensors", (tfm_span){FIRST, sizeof FIRST - 1});
    fuzz_put_file("second.safetensors", (tfm_span){SECOND, sizeof SECOND - 1});
    ready = true;
  }
  if (n) {
    fuzz_put_file("model.safetensors.index.json", (tfm_span){(const char *)data, n});
    fuzz_open_weights();
  }
  return 0;
}
