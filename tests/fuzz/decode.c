/* Any ids through the decoders of the fixed tokenizers. Input: a byte that chooses one and one
 * that says whether specials are left out; then ids, one a byte below 0x80, else of two bytes
 * (0xff and 0xfe: of four, which no tokenizer has). */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

enum { HEAD = 2, MOST_IDS = 4096 };

static size_t read_ids(const uint8_t *p, size_t n, int32_t *ids)
{
  size_t count = 0;
  for (size_t i = 0; i < n && count < MOST_IDS; ++i) {
    if (p[i] >= 0xfe && n - i > 4) {
      uint32_t wide = (uint32_t)p[i + 1] << 24 | (uint32_t)p[i + 2] << 16 |
                      (uint32_t)p[i + 3] << 8 | p[i + 4];
      ids[count++] = (int32_t)wide;
      i += 4;
    } else if (p[i] >= 0x80 && n - i > 1) {
      ids[count++] = (p[i] & 0x7f) << 8 | p[i + 1];
      i += 1;
    } else {
      ids[count++] = p[i];
    }
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static int32_t ids[MOST_IDS];
  size_t count = 0;
  tfm_tokenizer *const *shelf = fuzz_tokenizers(&count);
  if (n >= HEAD) {
    size_t nid = read_ids(data + HEAD, n - HEAD, ids);
    fuzz_decode(shelf[data[0] % count], ids, nid, data[1] & 1);
  }
  return 0;
}
