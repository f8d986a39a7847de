/* Looking into values: attributes, items, slices, iteration, comparison. */
#include "core/base/utf8.h"
#include "core/chat/builtin.h"

#include <string.h>

static tfm__value nothing(tfm_span name)
{
  return tfm__undefined(name);
}

/* A value that nobody set has nothing inside. */
static bool refuse_undefined(tfm__run *r, tfm__value v)
{
  if (v.kind != TFM__UNDEFINED) {
    return false;
  }
  (void)tfm__fail(r, TFM_E_FORMAT, "\"%.*s\" is undefined",
                  v.as.text.n > 100 ? 100 : (int)v.as.text.n, v.as.text.n ? v.as.text.p : "");
  return true;
}

static tfm__value loop_attribute(const tfm__loop *loop, tfm_span name)
{
  const int64_t i = loop->index;
  const int64_t n = loop->over->n;
  if (tfm_span_is(name, "index")) {
    return tfm__int(i + 1);
  }
  if (tfm_span_is(name, "index0")) {
    return tfm__int(i);
  }
  if (tfm_span_is(name, "revindex")) {
    return tfm__int(n - i);
  }
  if (tfm_span_is(name, "revindex0")) {
    return tfm__int(n - i - 1);
  }
  if (tfm_span_is(name, "first")) {
    return tfm__bool(i == 0);
  }
  if (tfm_span_is(name, "last")) {
    return tfm__bool(i == n - 1);
  }
  if (tfm_span_is(name, "length")) {
    return tfm__int(n);
  }
  if (tfm_span_is(name, "depth") || tfm_span_is(name, "depth0")) {
    return tfm__int(loop->depth + (tfm_span_is(name, "depth") ? 1 : 0));
  }
  if (tfm_span_is(name, "previtem")) {
    return i > 0 ? loop->over->v[i - 1] : nothing(name);
  }
  if (tfm_span_is(name, "nextitem")) {
    return i + 1 < n ? loop->over->v[i + 1] : nothing(name);
  }
  return nothing(name);
}

static tfm__value method(tfm__run *r, tfm__value self, const tfm__builtin *row)
{
  tfm__method *m = tfm__take(r, sizeof *m);
  if (!m) {
    return nothing((tfm_span){0});
  }
  *m = (tfm__method){self, row};
  return (tfm__value){.kind = TFM__METHOD, .as.method = m};
}

tfm__value tfm__attribute(tfm__run *r, tfm__value of, tfm_span name)
{
  if (refuse_undefined(r, of)) {
    return of;
  }
  const tfm__builtin *row = tfm__method_find(of, name);
  if (row) {
    return method(r, of, row);
  }
  if (of.kind == TFM__LOOP) {
    return loop_attribute(of.as.loop, name);
  }
  if (of.kind == TFM__DICT || of.kind == TFM__NAMESPACE) {
    const tfm__value *v =
        tfm__work(r, (size_t)of.as.dict->n * 8) ? tfm__dict_find(of.as.dict, name) : NULL;
    return v ? *v : nothing(name);
  }
  if (of.kind >= TFM__MACRO) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "attributes of %s are not supported",
                     tfm__kind_name(of));
  }
  return nothing(name);
}

/* The character at an index that may count from the end. */
static tfm__value character(tfm__run *r, tfm_span s, int64_t i)
{
  if (!tfm__work(r, s.n)) {
    return nothing((tfm_span){0});
  }
  i = i < 0 ? i + (int64_t)tfm_utf8_count(s.p, s.n) : i;
  const size_t at = i < 0 ? s.n : tfm__byte_of(s, i);
  if (at >= s.n) {
    return nothing((tfm_span){0});
  }
  return tfm__text((tfm_span){s.p + at, tfm_utf8_valid_at(s.p + at, s.n - at)});
}

tfm__value tfm__item(tfm__run *r, tfm__value of, tfm__value key)
{
  int64_t i = 0;
  if (refuse_undefined(r, of)) {
    return of;
  }
  if (of.kind == TFM__DICT && key.kind == TFM__TEXT) {
    const tfm__value *v = tfm__work(r, (size_t)of.as.dict->n * 8)
                              ? tfm__dict_find(of.as.dict, key.as.text)
                              : NULL;
    if (v) {
      return *v;
    }
  }
  if (key.kind == TFM__TEXT) { /* Jinja then tries the attribute */
    return tfm__attribute(r, of, key.as.text);
  }
  if (!tfm__integer(key, &i)) {
    return nothing((tfm_span){0});
  }
  if (of.kind == TFM__TEXT) {
    return character(r, of.as.text, i);
  }
  if (of.kind == TFM__LIST && of.as.list->kind <= TFM__RANGE) {
    const tfm__list *list = of.as.list;
    i = i < 0 ? i + list->n : i;
    return i >= 0 && i < list->n ? list->v[i] : nothing((tfm_span){0});
  }
  return nothing((tfm_span){0});
}

/* Start, stop and step as Python's slice.indices() makes them. */
static bool slice_bounds(tfm__run *r, const tfm__value bound[3], int64_t n, int64_t out[3])
{
  out[2] = 1;
  for (int i = 0; i < 3; ++i) {
    if (bound[i].kind > TFM__NONE && bound[i].kind != TFM__INT && bound[i].kind != TFM__BOOL) {
      (void)tfm__fail(r, TFM_E_FORMAT, "a slice: want integers, got %s",
                      tfm__kind_name(bound[i]));
      return false;
    }
  }
  const bool stepped = tfm__integer(bound[2], &out[2]);
  out[2] = stepped ? out[2] : 1;
  if (out[2] == 0) {
    (void)tfm__fail(r, TFM_E_FORMAT, "a slice of step 0");
    return false;
  }
  const int64_t low = out[2] < 0 ? -1 : 0;
  const int64_t high = out[2] < 0 ? n - 1 : n;
  for (int i = 0; i < 2; ++i) {
    int64_t at = 0;
    if (!tfm__integer(bound[i], &at)) {
      out[i] = (i == 0) == (out[2] > 0) ? low : high;
      continue;
    }
    at = at < 0 ? at + n : at;
    out[i] = at < low ? low : at > high ? high : at;
  }
  return true;
}

static tfm__value slice_text(tfm__run *r, tfm_span s, const tfm__value bound[3])
{
  int64_t b[3];
  tfm_buf out = {0};
  if (!tfm__work(r, s.n) || !slice_bounds(r, bound, (int64_t)tfm_utf8_count(s.p, s.n), b)) {
    return nothing((tfm_span){0});
  }
  if (b[2] == 1) {
    const size_t from = tfm__byte_of(s, b[0]);
    const size_t to = b[1] > b[0] ? tfm__byte_of(s, b[1]) : from;
    return tfm__text((tfm_span){s.p + from, to - from});
  }
  for (int64_t i = b[0]; b[2] > 0 ? i < b[1] : i > b[1]; i += b[2]) {
    const size_t at = tfm__byte_of(s, i);
    if (!tfm__work(r, at)) {
      break;
    }
    (void)tfm_buf_append(&out, s.p + at, tfm_utf8_valid_at(s.p + at, s.n - at));
    if (b[2] > INT32_MAX || b[2] < -INT32_MAX) {
      break; /* no second character is so far away */
    }
  }
  const tfm__value v = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return v;
}

tfm__value tfm__slice(tfm__run *r, tfm__value of, const tfm__value bound[3])
{
  int64_t b[3];
  if (refuse_undefined(r, of)) {
    return of;
  }
  if (of.kind == TFM__TEXT) {
    return slice_text(r, of.as.text, bound);
  }
  if (of.kind != TFM__LIST || of.as.list->kind > TFM__RANGE) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "slices of %s are not supported",
                     tfm__kind_name(of));
  }
  const tfm__list *list = of.as.list;
  tfm__list *part = tfm__list_new(r, list->kind);
  if (!slice_bounds(r, bound, list->n, b)) {
    return nothing((tfm_span){0});
  }
  for (int64_t i = b[0]; r->st == TFM_OK && (b[2] > 0 ? i < b[1] : i > b[1]); i += b[2]) {
    tfm__list_add(r, part, list->v[i]);
    if (b[2] > INT32_MAX || b[2] < -INT32_MAX) {
      break;
    }
  }
  return tfm__list_value(r, part);
}

static void add_characters(tfm__run *r, tfm__list *list, tfm_span s)
{
  for (size_t at = 0, n = 0; at < s.n && r->st == TFM_OK; at += n) {
    n = tfm_utf8_valid_at(s.p + at, s.n - at);
    tfm__list_add(r, list, tfm__text((tfm_span){s.p + at, n}));
  }
}

tfm__list *tfm__iterate(tfm__run *r, tfm__value v)
{
  if (v.kind == TFM__LIST && v.as.list->kind != TFM__LAZY) {
    return v.as.list;
  }
  tfm__list *list = tfm__list_new(r, TFM__PLAIN);
  if (v.kind == TFM__LIST) {
    for (; v.as.list->at < v.as.list->n && r->st == TFM_OK; ++v.as.list->at) {
      tfm__list_add(r, list, v.as.list->v[v.as.list->at]);
    }
  } else if (v.kind == TFM__DICT) {
    for (int64_t i = 0; i < v.as.dict->n; ++i) {
      tfm__list_add(r, list, tfm__text(v.as.dict->v[i].key));
    }
  } else if (v.kind == TFM__TEXT) {
    add_characters(r, list, v.as.text);
  } else if (v.kind != TFM__UNDEFINED) {
    (void)tfm__fail(r, TFM_E_FORMAT, "%s has no elements to go through", tfm__kind_name(v));
  }
  return list;
}

bool tfm__length(tfm__run *r, tfm__value v, int64_t *out)
{
  *out = 0;
  if (v.kind == TFM__TEXT && tfm__work(r, v.as.text.n)) {
    *out = (int64_t)tfm_utf8_count(v.as.text.p, v.as.text.n);
  } else if (v.kind == TFM__LIST && v.as.list->kind != TFM__LAZY) {
    *out = v.as.list->n;
  } else if (v.kind == TFM__DICT) {
    *out = v.as.dict->n;
  } else if (v.kind == TFM__LOOP) {
    *out = v.as.loop->over->n;
  } else if (v.kind != TFM__UNDEFINED) {
    (void)tfm__fail(r, TFM_E_FORMAT, "%s has no length", tfm__kind_name(v));
  }
  return r->st == TFM_OK;
}

static bool contains_text(tfm_span in, tfm_span what)
{
  for (size_t i = 0; what.n <= in.n && i <= in.n - what.n; ++i) {
    const char *at = what.n ? memchr(in.p + i, what.p[0], in.n - what.n - i + 1) : in.p;
    if (!at) {
      return false;
    }
    i = (size_t)(at - in.p);
    if (what.n == 0 || memcmp(at, what.p, what.n) == 0) {
      return true;
    }
  }
  return what.n == 0;
}

bool tfm__contains(tfm__run *r, tfm__value in, tfm__value what)
{
  if (in.kind == TFM__TEXT) {
    if (what.kind != TFM__TEXT) {
      (void)tfm__fail(r, TFM_E_FORMAT, "in a string: want a string, got %s",
                      tfm__kind_name(what));
      return false;
    }
    return tfm__work(r, in.as.text.n) && contains_text(in.as.text, what.as.text);
  }
  if (in.kind == TFM__DICT) {
    return tfm__work(r, (size_t)in.as.dict->n * 8) && what.kind == TFM__TEXT &&
           tfm__dict_find(in.as.dict, what.as.text);
  }
  if (in.kind == TFM__LIST && in.as.list->kind == TFM__LAZY) {
    bool found = false;
    while (!found && in.as.list->at < in.as.list->n && tfm__work(r, 0)) {
      found = tfm__equal(r, in.as.list->v[in.as.list->at++], what);
    }
    return found;
  }
  if (in.kind == TFM__NAMESPACE || in.kind == TFM__LOOP) {
    (void)tfm__fail(r, TFM_E_FORMAT, "in: %s holds no elements", tfm__kind_name(in));
    return false;
  }
  const tfm__list *list = tfm__iterate(r, in);
  int64_t i = 0;
  while (i < list->n && tfm__work(r, 0) && !tfm__equal(r, list->v[i], what)) {
    ++i;
  }
  return r->st == TFM_OK && i < list->n;
}

static int order(double a, double b)
{
  return (a > b) - (a < b);
}

bool tfm__compare(tfm__run *r, tfm__op op, tfm__value a, tfm__value b)
{
  double x = 0.0;
  double y = 0.0;
  int64_t i = 0;
  int64_t j = 0;
  int sign = 0;
  if (op == TFM__EQ || op == TFM__NE) {
    return tfm__work(r, a.kind == TFM__TEXT ? a.as.text.n : 0) &&
           tfm__equal(r, a, b) == (op == TFM__EQ);
  }
  if (tfm__integer(a, &i) && tfm__integer(b, &j)) {
    sign = (i > j) - (i < j);
  } else if (tfm__number(a, &x) && tfm__number(b, &y)) {
    sign = order(x, y);
  } else if (a.kind == TFM__TEXT && b.kind == TFM__TEXT) {
    const size_t n = a.as.text.n < b.as.text.n ? a.as.text.n : b.as.text.n;
    sign = n ? memcmp(a.as.text.p, b.as.text.p, n)
             : 0; /* the order of UTF-8 is that of code points */
    sign = sign ? sign : (a.as.text.n > b.as.text.n) - (a.as.text.n < b.as.text.n);
  } else if (a.kind == TFM__LIST && b.kind == TFM__LIST) {
    (void)tfm__fail(r, TFM_E_UNSUPPORTED, "the order of lists is not supported");
    return false;
  } else {
    (void)tfm__fail(r, TFM_E_FORMAT, "%s and %s have no order", tfm__kind_name(a),
                    tfm__kind_name(b));
    return false;
  }
  return op == TFM__LT   ? sign < 0
         : op == TFM__LE ? sign <= 0
         : op == TFM__GT ? sign > 0
                         : sign >= 0;
}
