/* WordPiece decoder: the prefix glues, everything else gets a space before it; then the spaces
 * that tokenizing put before punctuation are taken out again, token by token. */
#include "core/text/decode_text.h"
#include "core/text/kinds.h"

typedef struct {
  tfm_span prefix;
  bool cleanup;
} decoder;

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)last;
  const decoder *w = self;
  tfm_status st = TFM_OK;
  tfm_buf b = {0};
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span s = tfm__strings_get(in, i);
    tfm_span prefix = w->prefix;
    tfm_buf_clear(&b);
    if (d->begun && s.n >= prefix.n && tfm_span_eq((tfm_span){s.p, prefix.n}, prefix)) {
      s = (tfm_span){s.p + prefix.n, s.n - prefix.n};
    } else if (d->begun) {
      TFM_TRY(tfm_buf_char(&b, ' '));
    }
    TFM_TRY(tfm_buf_span(&b, s));
    if (w->cleanup) {
      tfm__cleanup(&b);
    }
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&b)));
    d->begun = true;
  }

fail:
  tfm_buf_fini(&b);
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_cleanup = false;
  decoder *d = tfm__loader_alloc(l, sizeof *d);
  tfm_jread_object(r);
  while (d && tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "prefix")) {
      d->prefix = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "cleanup")) {
      d->cleanup = tfm_jread_bool(r);
      seen_cleanup = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, d && d->prefix.p, "prefix");
  tfm__loader_want(l, seen_cleanup, "cleanup");
  return d;
}

const tfm__kind tfm__wordpiece_decoder = {.type = "WordPiece", .read = read, .decode = decode};
