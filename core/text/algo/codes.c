/* Codes: every byte, or every character, is a token; its id is its number, or what the vocabulary
 * says. For folders that need no vocabulary file (ByT5, CANINE): no tokenizer.json has it. Source:
 * Xue et al. 2022, Clark et al. 2022; transformers 5.23, models/byt5 and canine. */
#include "core/base/utf8.h"
#include "core/text/kinds.h"

typedef struct {
  bool bytes;
  int32_t byte_id[256]; /* of the token that is U+0000 to U+00FF */
} codes;

static void put_token(tfm__tokens *out, int32_t id, const int32_t *at, size_t bytes)
{
  out->id[out->n] = id;
  out->begin[out->n] = tfm__at_begin(at[0]);
  out->end[out->n++] = tfm__at_end(at[bytes - 1]);
}

static tfm_status tokenize(const void *self, void *memo, const tfm__text *text,
                           const tfm__pieces *pieces, tfm__tokens *out)
{
  (void)memo;
  const codes *m = self;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < pieces->n; ++k) {
    const tfm__piece piece = pieces->v[k];
    TFM_TRY(tfm__tokens_reserve(out, piece.end - piece.begin));
    for (size_t i = piece.begin, len = 1; i < piece.end; i += len) {
      const uint32_t c = tfm_utf8_decode(text->p + i, &len);
      len = m->bytes ? 1 : len;
      const int32_t id = m->bytes ? m->byte_id[(unsigned char)text->p[i]] : (int32_t)c;
      put_token(out, id, text->at + i, len);
    }
  }

fail:
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  codes *m = tfm__loader_alloc(l, sizeof *m);
  if (m && !l->given) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "\"Codes\" is no model of a tokenizer.json");
  }
  tfm_jread_object(l->r);
  while (m && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "bytes")) {
      m->bytes = tfm_jread_bool(l->r);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  for (uint32_t c = 0; m && c < 256; ++c) {
    char room[4];
    m->byte_id[c] = tfm__vocab_id(l->vocab, (tfm_span){room, tfm_utf8_encode(c, room)});
  }
  return m;
}

static int32_t unknown_of(const void *self)
{
  (void)self;
  return -1;
}

const tfm__kind tfm__codes = {
    .type = "Codes", .read = read, .tokenize = tokenize, .unknown = unknown_of};
