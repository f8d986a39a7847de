/* BertProcessing: [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with type 1 from B on. */
#include "core/text/finish.h"
#include "core/text/kinds.h"

/* ["[SEP]", 102] */
static tfm__place read_special(tfm__loader *l)
{
  tfm__place place = {.what = TFM__SPECIAL};
  tfm_jread *r = l->r;
  int n = 0;
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    if (n == 0) {
      place.text = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (n == 1) {
      place.id = (int32_t)tfm_jread_int(r, 0, TFM__HIGHEST_ID);
    } else {
      (void)tfm_jread_skip(r);
    }
    ++n;
  }
  if (n != 2) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want a token and its id, got %d elements", n);
  }
  return place;
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  tfm__place cls = {0};
  tfm__place sep = {0};
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "cls")) {
      cls = read_special(l);
    } else if (tfm_span_is(key, "sep")) {
      sep = read_special(l);
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, cls.what == TFM__SPECIAL, "cls");
  tfm__loader_want(l, sep.what == TFM__SPECIAL, "sep");
  tfm__place *v = tfm__loader_alloc(l, 5 * sizeof *v);
  tfm__template *t = tfm__loader_alloc(l, sizeof *t);
  if (!v || !t) {
    return NULL;
  }
  v[0] = cls;
  v[1] = (tfm__place){.what = TFM__FIRST};
  v[2] = sep;
  v[3] = (tfm__place){.what = TFM__SECOND, .type_id = 1};
  v[4] = sep;
  v[4].type_id = 1;
  *t = (tfm__template){.single = v, .nsingle = 3, .pair = v, .npair = 5};
  return t;
}

const tfm__kind tfm__bert_processing = {.type = "BertProcessing", .read = read};
