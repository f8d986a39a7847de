/* ByteFallback: tokens like "<0xE4>" in a row are bytes; when these are UTF-8 they become one text,
 * else each becomes U+FFFD. So bytes wait for the first token that is none. */
#include "core/base/utf8.h"
#include "core/text/kinds.h"

static int digit(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a token is, -1 when none. A plus sign before one digit is read as the library's
 * language reads numbers. */
static int byte_of(tfm_span s)
{
  if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>') {
    return -1;
  }
  int high = s.p[3] == '+' ? 0 : digit(s.p[3]);
  int low = digit(s.p[4]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static tfm_status put_bytes(tfm__decoding *d, tfm__strings *out)
{
  tfm_status st = TFM_OK;
  if (d->held.n == 0) {
    return TFM_OK;
  }
  if (tfm_utf8_valid(d->held.data, d->held.n, NULL)) {
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&d->held)));
  } else {
    for (size_t i = 0; i < d->held.n; ++i) {
      TFM_TRY(tfm__strings_add(out, tfm_span_of("\xef\xbf\xbd")));
    }
  }
  tfm_buf_clear(&d->held);

fail:
  return st;
}

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)self;
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span s = tfm__strings_get(in, i);
    int byte = byte_of(s);
    if (byte >= 0) {
      TFM_TRY(tfm_buf_char(&d->held, (char)byte));
      continue;
    }
    TFM_TRY(put_bytes(d, out));
    TFM_TRY(tfm__strings_add(out, s));
  }
  if (last) {
    TFM_TRY(put_bytes(d, out));
  }

fail:
  return st;
}

static void *read(tfm__loader *l)
{
  (void)tfm_jread_skip(l->r); /* it has no options */
  return NULL;
}

const tfm__kind tfm__byte_fallback = {.type = "ByteFallback", .read = read, .decode = decode};
