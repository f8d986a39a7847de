/* WordLevel: a piece is a token or it is unknown. */
#include "core/text/algo/read_vocab.h"
#include "core/text/kinds.h"

typedef struct {
  const tfm__vocab *vocab;
  int32_t unknown; /* -1: the vocabulary lacks it, which is an error when it is needed */
} wordlevel;

static tfm_status tokenize(const void *self, void *memo, const tfm__text *text,
                           const tfm__pieces *pieces, tfm__tokens *out)
{
  (void)memo; /* the vocabulary is one look-up away */
  const wordlevel *w = self;
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__tokens_reserve(out, pieces->n));
  for (size_t k = 0; k < pieces->n; ++k) {
    tfm__piece piece = pieces->v[k];
    int32_t id =
        tfm__vocab_id(w->vocab, (tfm_span){text->p + piece.begin, piece.end - piece.begin});
    id = id < 0 ? w->unknown : id;
    if (id < 0) {
      return TFM_E_FORMAT;
    }
    out->id[out->n] = id;
    out->begin[out->n] = tfm__at_begin(text->at[piece.begin]);
    out->end[out->n++] = tfm__at_end(text->at[piece.end - 1]);
  }

fail:
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  tfm_span unknown = {NULL, 0};
  bool seen_vocab = false;
  wordlevel *w = tfm__loader_alloc(l, sizeof *w);
  tfm_jread_object(r);
  while (w && tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "unk_token")) {
      unknown = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "vocab")) {
      if (seen_vocab) {
        tfm_jread_fail(r, TFM_E_FORMAT, "the key stands there twice");
      }
      tfm__read_vocab(l);
      seen_vocab = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, unknown.p, "unk_token");
  tfm__loader_want(l, seen_vocab, "vocab");
  if (w) {
    *w = (wordlevel){l->vocab, tfm__vocab_id(l->vocab, unknown)};
  }
  return w;
}

static int32_t unknown_of(const void *self)
{
  return ((const wordlevel *)self)->unknown;
}

const tfm__kind tfm__wordlevel = {.type = "WordLevel",
                                  .mark = "vocab",
                                  .read = read,
                                  .tokenize = tokenize,
                                  .unknown = unknown_of};
