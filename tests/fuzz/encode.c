/* Any text through the fixed tokenizers. Input: a byte that chooses one, two that say how, the
 * text; behind the first byte 0xff (never in UTF-8) a pair text. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

enum { HEAD = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static tfm_encoding e; /* serves all rows and tokenizers, as a thread's does */
  size_t count = 0;
  tfm_tokenizer *const *shelf = fuzz_tokenizers(&count);
  if (n < HEAD) {
    return 0;
  }
  fuzz_how how = fuzz_how_of(data[1], data[2]);
  const char *p = (const char *)data + HEAD;
  const char *mark = n > HEAD ? memchr(p, 0xff, n - HEAD) : NULL;
  tfm_span text = {p, mark ? (size_t)(mark - p) : n - HEAD};
  tfm_span pair = {mark ? mark + 1 : NULL, mark ? n - HEAD - text.n - 1 : 0};
  fuzz_encode(shelf[data[0] % count], &e, text, pair, &how);
  return 0;
}
