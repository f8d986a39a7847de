/* CTC: tokens that repeat count once, the padding token is taken out, the word delimiter becomes a
 * blank, and strings left empty are dropped. */
#include "core/text/decode_text.h"
#include "core/text/kinds.h"

typedef struct {
  tfm_span pad, delimiter;
  bool cleanup;
} decoder;

static tfm_status put_token(const decoder *c, tfm_span s, tfm__strings *out)
{
  tfm_status st = TFM_OK;
  tfm_buf plain = {0};
  tfm_buf text = {0};
  TFM_TRY(tfm__replace_all(&plain, s, c->pad, (tfm_span){"", 0}));
  if (c->cleanup) {
    tfm__cleanup(&plain);
    TFM_TRY(tfm__replace_all(&text, tfm_buf_view(&plain), c->delimiter, tfm_span_of(" ")));
  } else {
    TFM_TRY(tfm_buf_span(&text, tfm_buf_view(&plain)));
  }
  if (text.n) {
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
  }

fail:
  tfm_buf_fini(&plain);
  tfm_buf_fini(&text);
  return st;
}

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)last;
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span s = tfm__strings_get(in, i);
    if (d->begun && tfm_span_eq(s, tfm_buf_view(&d->held))) {
      continue;
    }
    d->begun = true;
    tfm_buf_clear(&d->held);
    TFM_TRY(tfm_buf_span(&d->held, s));
    TFM_TRY(put_token(self, s, out));
  }

fail:
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  bool seen_cleanup = false;
  decoder *c = tfm__loader_alloc(l, sizeof *c);
  tfm_jread_object(l->r);
  while (c && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "pad_token")) {
      c->pad = tfm__loader_copy(l, tfm_jread_string(l->r));
    } else if (tfm_span_is(key, "word_delimiter_token")) {
      c->delimiter = tfm__loader_copy(l, tfm_jread_string(l->r));
    } else if (tfm_span_is(key, "cleanup")) {
      c->cleanup = tfm_jread_bool(l->r);
      seen_cleanup = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, c && c->pad.p, "pad_token");
  tfm__loader_want(l, c && c->delimiter.p, "word_delimiter_token");
  tfm__loader_want(l, seen_cleanup, "cleanup");
  return c;
}

const tfm__kind tfm__ctc = {.type = "CTC", .read = read, .decode = decode};
