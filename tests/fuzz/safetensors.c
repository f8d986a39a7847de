/* The one file of weights. Input that begins with a brace: the header, a NUL byte and the data
 * part, before which the length is put; any other: the file as it is. */
#include "core/base/buf.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  tfm_span bytes = {(const char *)data, n};
  tfm_buf file = {0};
  if (n && data[0] == '{') {
    tfm_span header = fuzz_take_text(&bytes);
    unsigned char length[8] = {(unsigned char)header.n, (unsigned char)(header.n >> 8),
                               (unsigned char)(header.n >> 16)};
    (void)tfm_buf_append(&file, length, sizeof length);
    (void)tfm_buf_span(&file, header);
  }
  (void)tfm_buf_span(&file, bytes);
  FUZZ_WANT(!file.failed);
  if (file.n) { /* an empty file cannot be put there */
    fuzz_put_file("model.safetensors", tfm_buf_view(&file));
    fuzz_open_weights();
  }
  tfm_buf_fini(&file);
  return 0;
}
