#include "core/text/algo/read_vocab.h"

static void refuse(tfm__loader *l, tfm__vocab_answer answer, int32_t id)
{
  switch (answer) {
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

void tfm__read_vocab_add(tfm__loader *l, tfm_span token, int32_t id)
{
  refuse(l, tfm__vocab_add(l->vocab, token, id), id);
}

static void index_vocab(tfm__loader *l)
{
  size_t twice = 0;
  tfm__vocab_answer answer = tfm__vocab_index(l->vocab, &twice);
  if (answer == TFM__SAME_TEXT) {
    tfm_span token = tfm__vocab_entry_text(l->vocab, &l->vocab->entry[twice]);
    tfm_jread_fail(l->r, TFM_E_FORMAT, "the token \"%.*s\" stands there twice",
                   token.n > 64 ? 64 : (int)token.n, token.p);
  } else {
    refuse(l, answer, 0);
  }
}

void tfm__read_vocab(tfm__loader *l)
{
  tfm_span key;
  if (l->given && tfm_jread_null(l->r)) {
    return;
  }
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    int32_t id = (int32_t)tfm_jread_int(l->r, 0, TFM__HIGHEST_ID);
    if (tfm_jread_ok(l->r)) {
      refuse(l, tfm__vocab_append(l->vocab, key, id), id);
    }
  }
  if (tfm_jread_ok(l->r)) {
    index_vocab(l);
  }
}

tfm_span tfm__read_optional_string(tfm__loader *l)
{
  if (tfm_jread_null(l->r)) {
    return (tfm_span){NULL, 0};
  }
  return tfm__loader_copy(l, tfm_jread_string(l->r));
}
