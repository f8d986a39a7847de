#include "core/text/lower.h"

#include "core/base/utf8.h"
#include "core/text/unicode.h"

/* Append the ASCII bytes that text begins with; returns how many. Room was reserved. */
static size_t lower_ascii(tfm_span text, tfm_buf *out)
{
  char *to = out->data + out->n;
  size_t n = 0;
  for (; n < text.n && (unsigned char)text.p[n] < 0x80; ++n) {
    const char c = text.p[n];
    to[n] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
  }
  out->n += n;
  return n;
}

tfm_status tfm_text_lower(tfm_span text, tfm_buf *out)
{
  enum { SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };
  for (size_t i = 0, len = 0; i < text.n; i += len) {
    uint32_t lower[TFM__LOWER_MOST];
    if (tfm_buf_reserve(out, text.n - i) != TFM_OK) {
      return TFM_E_NOMEM;
    }
    len = lower_ascii((tfm_span){text.p + i, text.n - i}, out);
    if (len > 0) {
      continue;
    }
    const int n = tfm__unicode_lower(tfm_utf8_decode(text.p + i, &len), lower);
    for (int k = 0; k < n; ++k) {
      char bytes[4];
      const uint32_t c = lower[k] == FINAL_SIGMA ? SIGMA : lower[k];
      (void)tfm_buf_append(out, bytes, tfm_utf8_encode(c, bytes));
    }
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
