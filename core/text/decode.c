/* Ids back to text: tokens, through the decoders, joined; at once or id by id. */
#include "core/base/mem.h"
#include "core/text/decode_text.h"
#include "core/text/tokenizer_private.h"

struct tfm_decoder {
  const tfm_tokenizer *t;
  bool skip_special;
  bool begun;               /* a token has come, where there is no decoder */
  tfm__decoding *decodings; /* [decoders of t] */
  tfm__strings s[3];        /* what goes into a decoder, what comes out, whole strings */
};

static tfm_status put_id(tfm_decoder *d, int32_t id)
{
  tfm_span s = tfm_tokenizer_token(d->t, id);
  if (!s.p || (d->skip_special && tfm__added_is_special(&d->t->added, s))) {
    return TFM_OK;
  }
  return tfm__strings_add(&d->s[0], s);
}

/* The strings of `in` that are whole by now; the last one waits when it is not. */
static tfm_status take_whole(tfm__decoding *d, const tfm__strings *in, tfm__strings *out)
{
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < in->n; ++i) {
    TFM_TRY(tfm_buf_span(&d->part, tfm__strings_get(in, i)));
    if (i + 1 < in->n || !in->open) {
      TFM_TRY(tfm__strings_add(out, tfm_buf_view(&d->part)));
      tfm_buf_clear(&d->part);
    }
  }

fail:
  return st;
}

/* Run what is in s[0] through the decoders; the end of it is in *out. */
static tfm_status run(tfm_decoder *d, bool last, const tfm__strings **out)
{
  tfm_status st = TFM_OK;
  tfm__strings *now = &d->s[0];
  tfm__strings *next = &d->s[1];
  for (size_t i = 0; i < d->t->decoder.n; ++i) {
    const tfm__component *c = &d->t->decoder.v[i];
    const tfm__strings *in = now;
    if (!c->kind->takes_parts && (now->open || now->continues)) {
      tfm__strings_clear(&d->s[2]);
      TFM_TRY(take_whole(&d->decodings[i], now, &d->s[2]));
      in = &d->s[2];
    }
    tfm__strings_clear(next);
    TFM_TRY(c->kind->decode(c->self, &d->decodings[i], in, last, next));
    tfm__strings *swap = now;
    now = next;
    next = swap;
  }
  *out = now;

fail:
  return st;
}

/* Append what the tokens in s[0] add to the text. */
static tfm_status say(tfm_decoder *d, bool last, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const tfm__strings *said = NULL;
  TFM_TRY(run(d, last, &said));
  if (d->t->decodes) {
    TFM_TRY(tfm_buf_span(out, tfm_buf_view(&said->text)));
  }
  for (size_t i = 0; !d->t->decodes && i < said->n; ++i) {
    if (d->begun) {
      TFM_TRY(tfm_buf_char(out, ' '));
    }
    d->begun = true;
    TFM_TRY(tfm_buf_span(out, tfm__strings_get(said, i)));
  }

fail:
  tfm__strings_clear(&d->s[0]);
  return st;
}

static void forget(tfm_decoder *d)
{
  d->begun = false;
  tfm__strings_clear(&d->s[0]);
  for (size_t i = 0; d->decodings && i < d->t->decoder.n; ++i) {
    tfm__decoding *x = &d->decodings[i];
    tfm_buf_clear(&x->held);
    tfm_buf_clear(&x->part);
    x->count = 0;
    x->begun = false;
  }
}

static tfm_status explain(tfm_status st, tfm_err *err)
{
  switch ((int)st) {
  case TFM_OK:
    return st;
  case TFM_E_NOMEM:
    return tfm_fail(err, st, "not enough memory to decode");
  default:
    return tfm_fail(err, st, "a pattern of the decoder takes too long on this text");
  }
}

tfm_status tfm_decoder_open(tfm_decoder **out, const tfm_tokenizer *t, bool skip_special,
                            tfm_err *err)
{
  *out = NULL;
  tfm_decoder *d = tfm_calloc(1, sizeof *d);
  if (d) {
    d->t = t;
    d->skip_special = skip_special;
    d->decodings = tfm_calloc(t->decoder.n, sizeof *d->decodings);
  }
  if (!d || !d->decodings) {
    tfm_decoder_close(d);
    return explain(TFM_E_NOMEM, err);
  }
  *out = d;
  return TFM_OK;
}

tfm_status tfm_decoder_feed(tfm_decoder *d, int32_t id, tfm_buf *out, tfm_err *err)
{
  tfm_status st = put_id(d, id);
  return explain(st == TFM_OK ? say(d, false, out) : st, err);
}

tfm_status tfm_decoder_end(tfm_decoder *d, tfm_buf *out, tfm_err *err)
{
  tfm_status st = say(d, true, out);
  forget(d);
  return explain(st, err);
}

void tfm_decoder_close(tfm_decoder *d)
{
  if (!d) {
    return;
  }
  for (size_t i = 0; d->decodings && i < d->t->decoder.n; ++i) {
    tfm_buf_fini(&d->decodings[i].held);
    tfm_buf_fini(&d->decodings[i].part);
  }
  for (int i = 0; i < 3; ++i) {
    tfm__strings_fini(&d->s[i]);
  }
  tfm_free(d->decodings);
  tfm_free(d);
}

tfm_status tfm_tokenizer_decode(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                                bool skip_special, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_decoder *d = NULL;
  TFM_TRY(tfm_decoder_open(&d, t, skip_special, err));
  for (size_t i = 0; i < n && st == TFM_OK; ++i) {
    st = put_id(d, ids[i]);
  }
  st = explain(st == TFM_OK ? say(d, true, out) : st, err);

fail:
  tfm_decoder_close(d);
  return st;
}

tfm_status tfm_tokenizer_show(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                              bool skip_special, tfm_buf *out, tfm_err *err)
{
  const size_t had = out->n;
  tfm_status st = tfm_tokenizer_decode(t, ids, n, skip_special, out, err);
  if (st == TFM_OK && t->cleans_up && out->n > had) {
    out->n = had + tfm__cleanup_text(out->data + had, out->n - had);
  }
  return st;
}

tfm_status tfm_tokenizer_join(const tfm_tokenizer *t, const tfm_span *tokens, size_t n,
                              tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_decoder *d = NULL;
  TFM_TRY(tfm_decoder_open(&d, t, false, err));
  for (size_t i = 0; i < n && st == TFM_OK; ++i) {
    st = tfm__strings_add(&d->s[0], tokens[i]);
  }
  st = explain(st == TFM_OK ? say(d, true, out) : st, err);

fail:
  tfm_decoder_close(d);
  return st;
}
