/* BPEDecoder: the suffix of a token becomes a blank, that of the last one nothing. So a token is
 * held until the next comes. */
#include "core/text/decode_text.h"
#include "core/text/kinds.h"

typedef struct {
  tfm_span suffix;
} decoder;

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  const decoder *b = self;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  for (size_t i = 0; i <= in->n; ++i) {
    if (d->begun && (i < in->n || last)) {
      tfm_buf_clear(&text);
      TFM_TRY(tfm__replace_all(&text, tfm_buf_view(&d->held), b->suffix,
                               i < in->n ? tfm_span_of(" ") : (tfm_span){"", 0}));
      TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
    }
    if (i < in->n) {
      tfm_buf_clear(&d->held);
      TFM_TRY(tfm_buf_span(&d->held, tfm__strings_get(in, i)));
      d->begun = true;
    }
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  decoder *b = tfm__loader_alloc(l, sizeof *b);
  tfm_jread_object(l->r);
  while (b && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "suffix")) {
      b->suffix = tfm__loader_copy(l, tfm_jread_string(l->r));
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, b && b->suffix.p, "suffix");
  return b;
}

const tfm__kind tfm__bpe_decoder = {
    .type = "BPEDecoder", .mark = "suffix", .read = read, .decode = decode};
