#include "core/text/lower.h"

#include "core/base/utf8.h"
#include "core/text/unicode.h"

tfm_status tfm_text_lower(tfm_span text, tfm_buf *out)
{
  enum { SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };
  for (size_t i = 0, len = 0; i < text.n; i += len) {
    uint32_t lower[TFM__LOWER_MOST];
    const int n = tfm__unicode_lower(tfm_utf8_decode(text.p + i, &len), lower);
    for (int k = 0; k < n; ++k) {
      char bytes[4];
      const uint32_t c = lower[k] == FINAL_SIGMA ? SIGMA : lower[k];
      (void)tfm_buf_append(out, bytes, tfm_utf8_encode(c, bytes));
    }
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
