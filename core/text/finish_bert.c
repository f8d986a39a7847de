/* BertProcessing: [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with type 1 from B on.
 * RobertaProcessing: <s> A </s>, and <s> A </s></s> B </s> with type 0 all through; it also trims
 * offsets. */
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

typedef struct {
  tfm__place cls, sep;
  bool trims, prefix_space, seen_trims, seen_prefix;
} fields;

static fields read_fields(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  fields f = {.trims = false};
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "cls")) {
      f.cls = read_special(l);
    } else if (tfm_span_is(key, "sep")) {
      f.sep = read_special(l);
    } else if (tfm_span_is(key, "trim_offsets")) {
      f.trims = tfm_jread_bool(r);
      f.seen_trims = true;
    } else if (tfm_span_is(key, "add_prefix_space")) {
      f.prefix_space = tfm_jread_bool(r);
      f.seen_prefix = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, f.cls.what == TFM__SPECIAL, "cls");
  tfm__loader_want(l, f.sep.what == TFM__SPECIAL, "sep");
  return f;
}

/* cls, the first, sep; for a pair `seps` times sep, the second, sep. */
static tfm__processor *make(tfm__loader *l, const fields *f, size_t seps, int32_t second_type)
{
  tfm__place *v = tfm__loader_alloc(l, (4 + seps) * sizeof *v);
  tfm__template *t = tfm__loader_alloc(l, sizeof *t);
  tfm__processor *p = tfm__loader_alloc(l, sizeof *p);
  if (!v || !t || !p) {
    return NULL;
  }
  size_t n = 0;
  v[n++] = f->cls;
  v[n++] = (tfm__place){.what = TFM__FIRST};
  for (size_t i = 0; i < seps; ++i) {
    v[n++] = f->sep;
  }
  v[n++] = (tfm__place){.what = TFM__SECOND, .type_id = second_type};
  v[n] = f->sep;
  v[n++].type_id = second_type;
  *t = (tfm__template){.single = v, .nsingle = 3, .pair = v, .npair = n};
  *p = (tfm__processor){.order = t, .wraps = {true, seps > 1}};
  return p;
}

static void *read_bert(tfm__loader *l)
{
  fields f = read_fields(l);
  return make(l, &f, 1, 1);
}

static void *read_roberta(tfm__loader *l)
{
  fields f = read_fields(l);
  tfm__loader_want(l, f.seen_trims, "trim_offsets");
  tfm__loader_want(l, f.seen_prefix, "add_prefix_space");
  tfm__processor *p = make(l, &f, 2, 0);
  if (p) {
    p->trims = f.trims;
    p->trim.prefix_space = f.prefix_space;
  }
  return p;
}

const tfm__kind tfm__bert_processing = {.type = "BertProcessing", .read = read_bert};
const tfm__kind tfm__roberta_processing = {.type = "RobertaProcessing", .read = read_roberta};
