#include "core/text/decode_text.h"

#include "core/base/utf8.h"

#include <string.h>

tfm_status tfm__replace_all(tfm_buf *out, tfm_span s, tfm_span from, tfm_span to)
{
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < s.n;) {
    size_t len = tfm_utf8_valid_at(s.p + i, s.n - i);
    if (s.n - i >= from.n && tfm_span_eq((tfm_span){s.p + i, from.n}, from)) {
      TFM_TRY(tfm_buf_span(out, to));
      i += from.n;
      len = from.n ? 0 : len;
    }
    TFM_TRY(tfm_buf_append(out, s.p + i, len));
    i += len;
  }
  if (from.n == 0) {
    TFM_TRY(tfm_buf_span(out, to));
  }

fail:
  return st;
}

/* In this order, each over the whole token, as the library does; DO_NOT is for tokens alone. */
enum { DO_NOT = 7 };
static const struct {
  const char *from, *to;
} rules[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
             {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
             {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

/* Replace in place: no replacement is longer than what it replaces. */
static size_t replace(char *p, size_t n, const char *from, const char *to)
{
  size_t nfrom = strlen(from);
  size_t nto = strlen(to);
  size_t out = 0;
  for (size_t i = 0; i < n;) {
    if (n - i >= nfrom && memcmp(p + i, from, nfrom) == 0) {
      memcpy(p + out, to, nto);
      out += nto;
      i += nfrom;
    } else {
      p[out++] = p[i++];
    }
  }
  return out;
}

void tfm__cleanup(tfm_buf *b)
{
  for (size_t k = 0; k < sizeof rules / sizeof rules[0]; ++k) {
    b->n = replace(b->data, b->n, rules[k].from, rules[k].to);
  }
}

size_t tfm__cleanup_text(char *p, size_t n)
{
  for (size_t k = 0; k < sizeof rules / sizeof rules[0]; ++k) {
    n = k == DO_NOT ? n : replace(p, n, rules[k].from, rules[k].to);
  }
  return n;
}
