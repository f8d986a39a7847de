/* ByteLevel as a decoder: the characters of all tokens become the bytes they stand for, and these
 * one text. A token with a character that stands for no byte gives its own bytes. What is not
 * UTF-8 becomes U+FFFD; what may still become UTF-8 waits for the next token. Codes, for ByT5: a
 * character stands for the byte of its number, and what is not UTF-8 is left out. */
#include "core/base/utf8.h"
#include "core/text/byte_level.h"
#include "core/text/kinds.h"

typedef struct {
  int16_t byte[TFM__BYTE_LEVEL_END]; /* -1: stands for none */
  tfm_span bad;                      /* what malformed bytes become */
} decoder;

/* Append the bytes of a token. */
static tfm_status put_token(const decoder *b, tfm_span s, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  size_t before = out->n;
  size_t len = 0;
  for (size_t i = 0; i < s.n; i += len) {
    uint32_t c = tfm_utf8_decode(s.p + i, &len);
    if (c >= TFM__BYTE_LEVEL_END || b->byte[c] < 0) {
      out->n = before;
      return tfm_buf_span(out, s);
    }
    TFM_TRY(tfm_buf_char(out, (char)b->byte[c]));
  }

fail:
  return st;
}

/* Whether n malformed bytes, the last there are, may be the beginning of a character. */
static bool may_go_on(const char *p, size_t n)
{
  unsigned char lead = (unsigned char)*p;
  return lead >= 0xc2 && lead <= 0xf4 && tfm_utf8_bad_at(p, n) == n;
}

/* Append the characters of the bytes at `held`; returns how many bytes are used up. */
static size_t put_characters(tfm_span held, tfm_span bad, bool last, tfm_buf *out)
{
  size_t i = 0;
  while (i < held.n) {
    const char *p = held.p + i;
    size_t n = held.n - i;
    size_t len = tfm_utf8_valid_at(p, n);
    if (len) {
      (void)tfm_buf_append(out, p, len);
    } else if (!last && may_go_on(p, n)) {
      break;
    } else {
      len = tfm_utf8_bad_at(p, n);
      (void)tfm_buf_span(out, bad);
    }
    i += len;
  }
  return i;
}

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  const decoder *b = self;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  for (size_t i = 0; i < in->n; ++i) {
    TFM_TRY(put_token(b, tfm__strings_get(in, i), &d->held));
  }
  size_t used = put_characters(tfm_buf_view(&d->held), b->bad, last, &text);
  if (text.failed) {
    st = TFM_E_NOMEM;
    goto fail;
  }
  if (used) {
    d->held.n -= used;
    memmove(d->held.data, d->held.data + used, d->held.n);
  }
  TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
  out->continues = d->begun;
  out->open = !last;
  d->begun = true;

fail:
  tfm_buf_fini(&text);
  return st;
}

static decoder *new_decoder(tfm__loader *l, const char *bad)
{
  decoder *b = tfm__loader_alloc(l, sizeof *b);
  for (uint32_t c = 0; b && c < TFM__BYTE_LEVEL_END; ++c) {
    b->byte[c] = -1;
  }
  if (b) {
    b->bad = tfm_span_of(bad);
  }
  return b;
}

static void *read_codes(tfm__loader *l)
{
  decoder *b = new_decoder(l, "");
  if (!l->given) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "\"Codes\" is no decoder of a tokenizer.json");
  }
  (void)tfm_jread_skip(l->r);
  for (uint32_t byte = 0; b && byte < 256; ++byte) {
    b->byte[byte] = (int16_t)byte;
  }
  return b;
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  bool seen_prefix = false;
  bool seen_trim = false;
  decoder *b = new_decoder(l, "\xef\xbf\xbd");
  if (!b) {
    return NULL;
  }
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) { /* what they say is for the way there, not back */
    if (tfm_span_is(key, "add_prefix_space")) {
      (void)tfm_jread_bool(l->r);
      seen_prefix = true;
    } else if (tfm_span_is(key, "trim_offsets")) {
      (void)tfm_jread_bool(l->r);
      seen_trim = true;
    } else if (tfm_span_is(key, "use_regex")) {
      (void)tfm_jread_bool(l->r);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, seen_prefix, "add_prefix_space");
  tfm__loader_want(l, seen_trim, "trim_offsets");
  for (uint32_t byte = 0; byte < 256; ++byte) {
    b->byte[tfm__byte_level_character(byte)] = (int16_t)byte;
  }
  return b;
}

const tfm__kind tfm__byte_level_decoder = {.type = "ByteLevel", .read = read, .decode = decode};

const tfm__kind tfm__codes_decoder = {.type = "Codes", .read = read_codes, .decode = decode};
