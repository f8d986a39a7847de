/* The filters. Source: Jinja 3.1, filters.py. */
#include "core/chat/builtin.h"
#include "core/chat/texts.h"

#include <string.h>

typedef const tfm__value *arguments;

static tfm__value filter_trim(tfm__run *r, tfm__value self, arguments a)
{
  return tfm__text_strip(r, tfm__string(r, self), a[0], TFM__BOTH);
}

static tfm__value filter_tojson(tfm__run *r, tfm__value self, arguments a)
{
  int64_t indent = -1;
  tfm_buf out = {0};
  if (a[0].kind > TFM__NONE && (!tfm__integer(a[0], &indent) || indent < 0 || indent > 64)) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "tojson with this indent is not supported");
  }
  if (a[1].kind != TFM__ABSENT && tfm__truth(a[1])) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "tojson with ensure_ascii is not supported");
  }
  tfm__to_json(r, self, a[0].kind > TFM__NONE ? indent : -1, &out);
  const tfm__value v = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return v;
}

static tfm__value filter_length(tfm__run *r, tfm__value self, arguments a)
{
  int64_t n = 0;
  (void)a;
  (void)tfm__length(r, self, &n);
  return tfm__int(n);
}

static tfm__value filter_join(tfm__run *r, tfm__value self, arguments a)
{
  const tfm_span between = a[0].kind == TFM__ABSENT ? (tfm_span){0} : tfm__string(r, a[0]);
  if (a[1].kind <= TFM__NONE) {
    return tfm__text_join(r, self, between);
  }
  const tfm__list *all = tfm__iterate(r, self);
  tfm__list *parts = tfm__list_new(r, TFM__PLAIN);
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    tfm__list_add(r, parts, tfm__item(r, all->v[i], a[1]));
  }
  return r->st == TFM_OK ? tfm__text_join(r, tfm__list_value(r, parts), between) : self;
}

static tfm__value filter_upper(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, tfm__string(r, self), TFM__UPPER);
}

static tfm__value filter_lower(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, tfm__string(r, self), TFM__LOWER);
}

static tfm__value filter_capitalize(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, tfm__string(r, self), TFM__CAPITALIZE);
}

static tfm__value filter_replace(tfm__run *r, tfm__value self, arguments a)
{
  int64_t most = -1;
  if (a[2].kind > TFM__NONE && !tfm__integer(a[2], &most)) {
    return tfm__fail(r, TFM_E_FORMAT, "replace: want a count, got %s", tfm__kind_name(a[2]));
  }
  return tfm__text_replace(r, tfm__string(r, self), tfm__string(r, a[0]), tfm__string(r, a[1]),
                           a[2].kind > TFM__NONE ? most : -1);
}

static tfm__value filter_default(tfm__run *r, tfm__value self, arguments a)
{
  const bool lacks = a[1].kind != TFM__ABSENT && tfm__truth(a[1]) ? !tfm__truth(self) : false;
  (void)r;
  if (self.kind != TFM__UNDEFINED && !lacks) {
    return self;
  }
  return a[0].kind == TFM__ABSENT ? tfm__text((tfm_span){"", 0}) : a[0];
}

static tfm__value filter_first(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  if (self.kind == TFM__LIST && self.as.list->kind == TFM__LAZY) {
    tfm__list *list = self.as.list;
    return list->at < list->n ? list->v[list->at++] : tfm__undefined((tfm_span){0});
  }
  const tfm__list *list = tfm__iterate(r, self);
  return list->n && r->st == TFM_OK ? list->v[0] : tfm__undefined((tfm_span){0});
}

static tfm__value filter_last(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  if (self.kind == TFM__LIST && self.as.list->kind == TFM__LAZY) {
    return tfm__fail(r, TFM_E_FORMAT, "last: this list has no end yet; make it one with |list");
  }
  const tfm__list *list = tfm__iterate(r, self);
  return list->n && r->st == TFM_OK ? list->v[list->n - 1] : tfm__undefined((tfm_span){0});
}

static tfm__value filter_list(tfm__run *r, tfm__value self, arguments a)
{
  const tfm__list *all = tfm__iterate(r, self);
  tfm__list *copy = tfm__list_new(r, TFM__PLAIN);
  (void)a;
  for (int64_t i = 0; i < all->n; ++i) {
    tfm__list_add(r, copy, all->v[i]);
  }
  return tfm__list_value(r, copy);
}

static tfm__value filter_items(tfm__run *r, tfm__value self, arguments a)
{
  tfm__list *list = tfm__list_new(r, TFM__LAZY);
  (void)a;
  if (self.kind != TFM__DICT && self.kind != TFM__UNDEFINED) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "items: want a mapping, got %s",
                     tfm__kind_name(self));
  }
  for (int64_t i = 0; self.kind == TFM__DICT && i < self.as.dict->n; ++i) {
    tfm__list *pair = tfm__list_new(r, TFM__TUPLE);
    tfm__list_add(r, pair, tfm__text(self.as.dict->v[i].key));
    tfm__list_add(r, pair, self.as.dict->v[i].value);
    tfm__list_add(r, list, tfm__list_value(r, pair));
  }
  return tfm__list_value(r, list);
}

static tfm__value filter_reverse(tfm__run *r, tfm__value self, arguments a)
{
  static const tfm__value back[3] = {
      {.kind = TFM__ABSENT}, {.kind = TFM__ABSENT}, {.kind = TFM__INT, .as.integer = -1}};
  (void)a;
  if (self.kind == TFM__TEXT) {
    return tfm__slice(r, self, back);
  }
  const tfm__list *all = tfm__iterate(r, self);
  tfm__list *list = tfm__list_new(r, TFM__LAZY);
  for (int64_t i = all->n; i > 0; --i) {
    tfm__list_add(r, list, all->v[i - 1]);
  }
  return tfm__list_value(r, list);
}

static tfm__value filter_string(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text(tfm__string(r, self));
}

static tfm__value filter_int(tfm__run *r, tfm__value self, arguments a)
{
  int64_t i = 0;
  (void)a;
  if (tfm__integer(self, &i)) {
    return tfm__int(i);
  }
  return tfm__fail(r, TFM_E_UNSUPPORTED, "int of %s is not supported", tfm__kind_name(self));
}

static tfm__value filter_abs(tfm__run *r, tfm__value self, arguments a)
{
  int64_t i = 0;
  (void)a;
  if (self.kind == TFM__REAL) {
    return self.as.real < 0.0 ? tfm__real(-self.as.real) : self;
  }
  if (!tfm__integer(self, &i)) {
    return tfm__fail(r, TFM_E_FORMAT, "abs of %s", tfm__kind_name(self));
  }
  return i < 0 ? tfm__operate(r, TFM__SUBTRACT, tfm__int(0), tfm__int(i)) : tfm__int(i);
}

/* ---- filters over elements -------------------------------------------------------------- */

/* Arguments behind the first `skip`. */
static tfm__arguments behind(const tfm__arguments *a, int skip)
{
  return (tfm__arguments){.n = a->n - skip, .v = a->v + skip};
}

/* The attribute that a dotted path names, as Jinja's make_attrgetter. */
static tfm__value by_path(tfm__run *r, tfm__value v, tfm_span path)
{
  for (size_t at = 0; at <= path.n && r->st == TFM_OK;) {
    size_t n = 0;
    bool digits = true;
    while (at + n < path.n && path.p[at + n] != '.') {
      digits = digits && path.p[at + n] >= '0' && path.p[at + n] <= '9';
      ++n;
    }
    if (digits) {
      return tfm__fail(r, TFM_E_UNSUPPORTED, "an attribute that is a number is not supported");
    }
    v = tfm__item(r, v, tfm__text((tfm_span){path.p + at, n}));
    at += n + 1;
  }
  return v;
}

/* What these filters go through. Jinja complains of what has no elements only once the result is
 * looked at. */
static const tfm__list *elements(tfm__run *r, tfm__value self)
{
  if (self.kind != TFM__UNDEFINED && self.kind != TFM__TEXT && self.kind != TFM__LIST &&
      self.kind != TFM__DICT) {
    (void)tfm__fail(r, TFM_E_UNSUPPORTED, "select, reject and map over %s are not supported",
                    tfm__kind_name(self));
  }
  return tfm__iterate(r, self);
}

/* One of the elements chosen by a test, or by what it is in itself. */
static bool chosen(tfm__run *r, tfm__value v, const tfm__arguments *a)
{
  if (a->n == 0) {
    return tfm__truth(v);
  }
  const tfm__builtin *test = a->v[0].kind == TFM__TEXT ? tfm__test_find(a->v[0].as.text) : NULL;
  if (!test) {
    (void)tfm__fail(r, TFM_E_UNSUPPORTED, "this test is not supported");
    return false;
  }
  const tfm__arguments rest = behind(a, 1);
  return tfm__truth(tfm__builtin_call(r, test, v, &rest));
}

static tfm__value choose(tfm__run *r, tfm__value self, const tfm__arguments *a, bool attribute,
                         bool wanted)
{
  const int skip = attribute ? 1 : 0;
  if (a->nnamed || a->n < skip || (attribute && a->v[0].kind != TFM__TEXT)) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "select with these arguments is not supported");
  }
  const tfm__arguments test = behind(a, skip);
  const tfm__list *all = elements(r, self);
  tfm__list *list = tfm__list_new(r, TFM__LAZY);
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    const tfm__value v = attribute ? by_path(r, all->v[i], a->v[0].as.text) : all->v[i];
    if (chosen(r, v, &test) == wanted) {
      tfm__list_add(r, list, all->v[i]);
    }
  }
  return tfm__list_value(r, list);
}

static tfm__value filter_select(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  return choose(r, self, a, false, true);
}

static tfm__value filter_reject(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  return choose(r, self, a, false, false);
}

static tfm__value filter_selectattr(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  return choose(r, self, a, true, true);
}

static tfm__value filter_rejectattr(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  return choose(r, self, a, true, false);
}

static tfm__value filter_map(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  const bool attribute = a->n == 0 && a->nnamed == 1 && tfm_span_is(a->name[0], "attribute") &&
                         a->named[0].kind == TFM__TEXT;
  const tfm__builtin *filter = a->n && !a->nnamed && a->v[0].kind == TFM__TEXT
                                   ? tfm__filter_find(a->v[0].as.text)
                                   : NULL;
  if (!attribute && !filter) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "map with these arguments is not supported");
  }
  const tfm__list *all = elements(r, self);
  tfm__list *list = tfm__list_new(r, TFM__LAZY);
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    if (attribute) {
      tfm__list_add(r, list, by_path(r, all->v[i], a->named[0].as.text));
    } else {
      const tfm__arguments rest = behind(a, 1);
      tfm__list_add(r, list, tfm__builtin_call(r, filter, all->v[i], &rest));
    }
  }
  return tfm__list_value(r, list);
}

static const tfm__builtin filters[] = {
    {.name = "abs", .run = filter_abs},
    {.name = "capitalize", .run = filter_capitalize},
    {.name = "count", .run = filter_length},
    {.name = "d", .parameters = {"default_value", "boolean"}, .run = filter_default},
    {.name = "default", .parameters = {"default_value", "boolean"}, .run = filter_default},
    {.name = "first", .run = filter_first},
    {.name = "int", .run = filter_int},
    {.name = "items", .run = filter_items},
    {.name = "join", .parameters = {"d", "attribute"}, .run = filter_join},
    {.name = "last", .run = filter_last},
    {.name = "length", .run = filter_length},
    {.name = "list", .run = filter_list},
    {.name = "lower", .run = filter_lower},
    {.name = "map", .run_any = filter_map},
    {.name = "reject", .run_any = filter_reject},
    {.name = "rejectattr", .run_any = filter_rejectattr},
    {.name = "replace",
     .required = 2,
     .parameters = {"old", "new", "count"},
     .run = filter_replace},
    {.name = "reverse", .run = filter_reverse},
    {.name = "select", .run_any = filter_select},
    {.name = "selectattr", .run_any = filter_selectattr},
    {.name = "string", .run = filter_string},
    {.name = "tojson", .parameters = {"indent", "ensure_ascii"}, .run = filter_tojson},
    {.name = "trim", .parameters = {"chars"}, .run = filter_trim},
    {.name = "upper", .run = filter_upper},
};

const tfm__builtin *tfm__filter_find(tfm_span name)
{
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; ++i) {
    if (tfm_span_is(name, filters[i].name)) {
      return &filters[i];
    }
  }
  return NULL;
}
