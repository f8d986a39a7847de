/* Ids back to text: the tokens' strings, through the decoders, joined. */
#include "core/text/tokenizer_private.h"

static tfm_status gather(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                         bool skip_special, tfm__strings *out)
{
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < n; ++i) {
    tfm_span s = tfm_tokenizer_token(t, ids[i]);
    if (!s.p || (skip_special && tfm__added_is_special(&t->added, s))) {
      continue;
    }
    TFM_TRY(tfm__strings_add(out, s));
  }

fail:
  return st;
}

tfm_status tfm_tokenizer_decode(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                                bool skip_special, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__strings s[2] = {{{0}, NULL, 0, 0}, {{0}, NULL, 0, 0}};
  int now = 0;
  TFM_TRY(gather(t, ids, n, skip_special, &s[0]));
  for (size_t i = 0; i < t->decoder.n; ++i) {
    const tfm__component *c = &t->decoder.v[i];
    now = !now;
    s[now].n = 0;
    tfm_buf_clear(&s[now].text);
    TFM_TRY(c->kind->decode(c->self, &s[!now], &s[now]));
  }
  for (size_t i = 0; i < s[now].n; ++i) {
    if (i > 0 && t->decoder.n == 0) {
      TFM_TRY(tfm_buf_char(out, ' '));
    }
    TFM_TRY(tfm_buf_span(out, tfm__strings_get(&s[now], i)));
  }

fail:
  tfm__strings_fini(&s[0]);
  tfm__strings_fini(&s[1]);
  return st == TFM_OK ? st : tfm_fail(err, st, "not enough memory to decode %zu tokens", n);
}
