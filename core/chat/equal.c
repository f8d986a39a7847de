/* Equality of values. What is shared within a value is walked each time it is met: the walk is
 * bounded by the rendering's steps. */
#include "core/chat/run.h"

static bool equal(tfm__run *r, tfm__value a, tfm__value b, int depth);

static bool equal_lists(tfm__run *r, const tfm__list *a, const tfm__list *b, int depth)
{
  if (a == b) {
    return true;
  }
  if (a->kind != b->kind || a->n != b->n || a->kind >= TFM__VIEW) {
    return false;
  }
  int64_t i = 0;
  while (i < a->n && equal(r, a->v[i], b->v[i], depth + 1)) {
    ++i;
  }
  return i == a->n;
}

static bool equal_dicts(tfm__run *r, const tfm__dict *a, const tfm__dict *b, int depth)
{
  if (a == b) {
    return true;
  }
  if (a->n != b->n) {
    return false;
  }
  for (int64_t i = 0; i < a->n; ++i) {
    const tfm__value *other = tfm__dict_find(b, a->v[i].key);
    if (!other || !equal(r, a->v[i].value, *other, depth + 1)) {
      return false;
    }
  }
  return true;
}

static bool equal(tfm__run *r, tfm__value a, tfm__value b, int depth)
{
  int64_t i = 0;
  int64_t j = 0;
  double x = 0.0;
  double y = 0.0;
  if (depth > TFM__VALUE_DEPTH) {
    (void)tfm__fail(r, TFM_E_FORMAT, "values nested deeper than %d are compared",
                    TFM__VALUE_DEPTH);
  }
  if (!tfm__work(r, 0)) {
    return false;
  }
  if (tfm__integer(a, &i) && tfm__integer(b, &j)) {
    return i == j;
  }
  if (tfm__number(a, &x) && tfm__number(b, &y)) {
    return x >= y && x <= y;
  }
  if (a.kind != b.kind) {
    return false;
  }
  switch (a.kind) {
  case TFM__TEXT:
    return tfm_span_eq(a.as.text, b.as.text);
  case TFM__LIST:
    return equal_lists(r, a.as.list, b.as.list, depth);
  case TFM__DICT:
    return equal_dicts(r, a.as.dict, b.as.dict, depth);
  case TFM__NAMESPACE:
    return a.as.dict == b.as.dict;
  case TFM__LOOP:
    return a.as.loop == b.as.loop;
  case TFM__MACRO:
    return a.as.macro == b.as.macro;
  case TFM__FUNCTION:
    return a.as.function == b.as.function;
  case TFM__METHOD:
    return a.as.method == b.as.method;
  case TFM__ABSENT:
  case TFM__UNDEFINED:
  case TFM__NONE:
  case TFM__BOOL:
  case TFM__INT:
  case TFM__REAL:
    break;
  }
  return true;
}

bool tfm__equal(tfm__run *r, tfm__value a, tfm__value b)
{
  return equal(r, a, b, 0);
}
