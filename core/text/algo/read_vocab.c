#include "core/text/algo/read_vocab.h"

void tfm__read_vocab_add(tfm__loader *l, tfm_span token, int32_t id)
{
  switch (tfm__vocab_add(l->vocab, token, id)) {
  case TFM__ADDED:
    break;
  case TFM__SAME_TEXT:
    tfm_jread_fail(l->r, TFM_E_FORMAT, "the token stands there twice");
    break;
  case TFM__SAME_ID:
    tfm_jread_fail(l->r, TFM_E_FORMAT, "another token has the id %d already", (int)id);
    break;
  case TFM__NO_MEMORY:
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the vocabulary");
    break;
  }
}

void tfm__read_vocab(tfm__loader *l)
{
  tfm_buf token = {0}; /* the key is borrowed until the next call, and the id comes after it */
  tfm_span key;
  if (l->given && tfm_jread_null(l->r)) {
    return;
  }
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    tfm_buf_clear(&token);
    if (tfm_buf_span(&token, key) != TFM_OK) {
      tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the vocabulary");
    }
    int32_t id = (int32_t)tfm_jread_int(l->r, 0, TFM__HIGHEST_ID);
    if (!tfm_jread_ok(l->r)) {
      break;
    }
    tfm__read_vocab_add(l, tfm_buf_view(&token), id);
  }
  tfm_buf_fini(&token);
}

tfm_span tfm__read_optional_string(tfm__loader *l)
{
  if (tfm_jread_null(l->r)) {
    return (tfm_span){NULL, 0};
  }
  return tfm__loader_copy(l, tfm_jread_string(l->r));
}
