/* Strip: up to so many of one character are taken off the beginning and the end of each string.
 * Where a string comes in parts, those of the character that may be its end wait. */
#include "core/base/utf8.h"
#include "core/text/kinds.h"

typedef struct {
  char content[4];
  size_t content_n;
  uint64_t start, stop;
} decoder;

/* While a string lasts: count, of the characters taken off its beginning; begun, when that is
 * over; held, what may be its end. */
static tfm_status put_character(const decoder *s, tfm__decoding *d, tfm_span c, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  bool same = tfm_span_eq(c, (tfm_span){s->content, s->content_n});
  if (!d->begun && same && d->count < s->start) {
    ++d->count;
    return TFM_OK;
  }
  d->begun = true;
  if (!same) {
    TFM_TRY(tfm_buf_span(out, tfm_buf_view(&d->held)));
    TFM_TRY(tfm_buf_span(out, c));
    tfm_buf_clear(&d->held);
  } else if (d->held.n / s->content_n < s->stop) {
    TFM_TRY(tfm_buf_span(&d->held, c));
  } else { /* one more waits, so the first of them need not any longer */
    TFM_TRY(tfm_buf_span(out, c));
  }

fail:
  return st;
}

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)last;
  const decoder *s = self;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span string = tfm__strings_get(in, i);
    tfm_buf_clear(&text);
    for (size_t k = 0, len = 0; k < string.n; k += len) {
      len = tfm_utf8_valid_at(string.p + k, string.n - k);
      TFM_TRY(put_character(s, d, (tfm_span){string.p + k, len}, &text));
    }
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
    if (i + 1 < in->n || !in->open) {
      d->begun = false;
      d->count = 0;
      tfm_buf_clear(&d->held);
    }
  }
  out->continues = in->continues;
  out->open = in->open;

fail:
  tfm_buf_fini(&text);
  return st;
}

static void read_content(tfm_jread *r, decoder *s)
{
  tfm_span c = tfm_jread_string(r);
  if (!tfm_jread_ok(r)) {
    return;
  }
  s->content_n = tfm_utf8_valid_at(c.p, c.n);
  if (s->content_n == 0 || s->content_n != c.n) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want one character");
    return;
  }
  memcpy(s->content, c.p, c.n);
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  bool seen_start = false;
  bool seen_stop = false;
  decoder *s = tfm__loader_alloc(l, sizeof *s);
  tfm_jread_object(l->r);
  while (s && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "content")) {
      read_content(l->r, s);
    } else if (tfm_span_is(key, "start")) {
      s->start = tfm_jread_u64(l->r);
      seen_start = true;
    } else if (tfm_span_is(key, "stop")) {
      s->stop = tfm_jread_u64(l->r);
      seen_stop = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, s && s->content_n, "content");
  tfm__loader_want(l, seen_start, "start");
  tfm__loader_want(l, seen_stop, "stop");
  return s;
}

const tfm__kind tfm__strip_decoder = {
    .type = "Strip", .read = read, .decode = decode, .takes_parts = true};
