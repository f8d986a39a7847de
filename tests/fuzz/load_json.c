/* The loader of tokenizer.json. What it takes must also work: the tokenizer encodes and decodes
 * the text that stands behind the first NUL byte of the input (which JSON never holds), or, when
 * there is none, one that has a bit of everything. */
#include "core/text/tokenizer_private.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  const char *p = (const char *)data;
  const char *nul = n ? memchr(p, 0, n) : NULL;
  size_t json = nul ? (size_t)(nul - p) : n;
  tfm_span text = nul ? (tfm_span){nul + 1, n - json - 1} : tfm_span_of(FUZZ_SOME_TEXT);
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = tfm__tokenizer_new();
  FUZZ_WANT(t);
  tfm_status st = tfm__load_json(t, "tokenizer.json", (tfm_span){p, json}, NULL, &err);
  if (st == TFM_OK) {
    fuzz_how plain = fuzz_how_of(1, 9);
    fuzz_how pair = fuzz_how_of(0x96, 12);
    fuzz_encode(t, &e, text, (tfm_span){NULL, 0}, &plain);
    fuzz_encode(t, &e, text, tfm_span_of("ab  a"), &pair);
  } else {
    FUZZ_WANT(st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED);
    FUZZ_WANT(strncmp(err.text, "tokenizer.json: ", 16) == 0);
  }
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  return 0;
}
