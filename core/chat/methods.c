/* The methods of Python's texts, mappings and lists, and of loops. Those that would change a value
 * are known, and refused as Jinja's sandbox refuses them. */
#include "core/base/utf8.h"
#include "core/chat/builtin.h"
#include "core/chat/texts.h"

#include <string.h>

typedef const tfm__value *arguments;

/* ---- texts ------------------------------------------------------------------------------ */

static tfm__value text_strip(tfm__run *r, tfm__value self, arguments a)
{
  return tfm__text_strip(r, self.as.text, a[0], TFM__BOTH);
}

static tfm__value text_lstrip(tfm__run *r, tfm__value self, arguments a)
{
  return tfm__text_strip(r, self.as.text, a[0], TFM__LEFT);
}

static tfm__value text_rstrip(tfm__run *r, tfm__value self, arguments a)
{
  return tfm__text_strip(r, self.as.text, a[0], TFM__RIGHT);
}

static bool at_end(tfm_span s, tfm_span what, bool front)
{
  return what.n <= s.n &&
         (what.n == 0 || memcmp(front ? s.p : s.p + s.n - what.n, what.p, what.n) == 0);
}

/* One text, or any of a tuple of them. */
static tfm__value at_either_end(tfm__run *r, tfm_span s, tfm__value what, bool front)
{
  const bool tuple = what.kind == TFM__LIST && what.as.list->kind == TFM__TUPLE;
  const int64_t n = tuple ? what.as.list->n : 1;
  for (int64_t i = 0; i < n; ++i) {
    const tfm__value one = tuple ? what.as.list->v[i] : what;
    if (one.kind != TFM__TEXT) {
      return tfm__fail(r, TFM_E_FORMAT, "%s: want a string, got %s",
                       front ? "startswith" : "endswith", tfm__kind_name(one));
    }
    if (tfm__work(r, one.as.text.n) && at_end(s, one.as.text, front)) {
      return tfm__bool(true);
    }
  }
  return tfm__bool(false);
}

static tfm__value text_startswith(tfm__run *r, tfm__value self, arguments a)
{
  return at_either_end(r, self.as.text, a[0], true);
}

static tfm__value text_endswith(tfm__run *r, tfm__value self, arguments a)
{
  return at_either_end(r, self.as.text, a[0], false);
}

/* The argument must be a text. */
static bool want_text(tfm__run *r, const char *what, tfm__value v)
{
  if (v.kind != TFM__TEXT) {
    (void)tfm__fail(r, TFM_E_FORMAT, "%s: want a string, got %s", what, tfm__kind_name(v));
  }
  return r->st == TFM_OK;
}

static tfm__value text_removeprefix(tfm__run *r, tfm__value self, arguments a)
{
  tfm_span s = self.as.text;
  if (want_text(r, "removeprefix", a[0]) && at_end(s, a[0].as.text, true)) {
    s = (tfm_span){s.p + a[0].as.text.n, s.n - a[0].as.text.n};
  }
  return tfm__text(s);
}

static tfm__value text_removesuffix(tfm__run *r, tfm__value self, arguments a)
{
  tfm_span s = self.as.text;
  if (want_text(r, "removesuffix", a[0]) && at_end(s, a[0].as.text, false)) {
    s.n -= a[0].as.text.n;
  }
  return tfm__text(s);
}

static tfm__value text_replace(tfm__run *r, tfm__value self, arguments a)
{
  int64_t most = -1;
  if (a[2].kind != TFM__ABSENT && !tfm__integer(a[2], &most)) {
    return tfm__fail(r, TFM_E_FORMAT, "replace: want a count, got %s", tfm__kind_name(a[2]));
  }
  if (!want_text(r, "replace", a[0]) || !want_text(r, "replace", a[1])) {
    return self;
  }
  most = a[2].kind == TFM__ABSENT ? -1 : most;
  return tfm__text_replace(r, self.as.text, a[0].as.text, a[1].as.text, most);
}

static tfm__value text_upper(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, self.as.text, TFM__UPPER);
}

static tfm__value text_lower(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, self.as.text, TFM__LOWER);
}

static tfm__value text_capitalize(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, self.as.text, TFM__CAPITALIZE);
}

static tfm__value text_title(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return tfm__text_case(r, self.as.text, TFM__TITLE);
}

static tfm__value text_join(tfm__run *r, tfm__value self, arguments a)
{
  const tfm__list *all = tfm__iterate(r, a[0]);
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    (void)want_text(r, "join", all->v[i]);
  }
  tfm__list *same = tfm__list_new(r, TFM__PLAIN);
  *same = *all;
  same->kind = TFM__PLAIN;
  return tfm__text_join(r, tfm__list_value(r, same), self.as.text);
}

static tfm__value text_find(tfm__run *r, tfm__value self, arguments a)
{
  const tfm_span s = self.as.text;
  if (!want_text(r, "find", a[0]) || !tfm__work(r, s.n)) {
    return self;
  }
  const size_t at = tfm__text_find(s, a[0].as.text, 0);
  return tfm__int(at > s.n ? -1 : (int64_t)tfm_utf8_count(s.p, at));
}

static tfm__value text_count(tfm__run *r, tfm__value self, arguments a)
{
  const tfm_span s = self.as.text;
  int64_t n = 0;
  if (!want_text(r, "count", a[0]) || !tfm__work(r, s.n)) {
    return self;
  }
  if (a[0].as.text.n == 0) {
    return tfm__int((int64_t)tfm_utf8_count(s.p, s.n) + 1);
  }
  for (size_t at = 0; (at = tfm__text_find(s, a[0].as.text, at)) <= s.n; ++n) {
    at += a[0].as.text.n;
  }
  return tfm__int(n);
}

/* ---- splitting -------------------------------------------------------------------------- */

static void split_blanks(tfm__run *r, tfm_span s, int64_t most, tfm__list *parts)
{
  for (s = tfm__lstrip(s); s.n && r->st == TFM_OK; s = tfm__lstrip(s)) {
    size_t n = 0;
    size_t len = 0;
    if (parts->n == most) {
      tfm__list_add(r, parts, tfm__text(s));
      return;
    }
    while (n < s.n && !tfm__space(tfm_utf8_decode(s.p + n, &len))) {
      n += len;
    }
    tfm__list_add(r, parts, tfm__text((tfm_span){s.p, n}));
    s = (tfm_span){s.p + n, s.n - n};
  }
}

static void split_at(tfm__run *r, tfm_span s, tfm_span at, int64_t most, tfm__list *parts)
{
  size_t from = 0;
  while (parts->n != most && r->st == TFM_OK) {
    const size_t next = tfm__text_find(s, at, from);
    if (next > s.n) {
      break;
    }
    tfm__list_add(r, parts, tfm__text((tfm_span){s.p + from, next - from}));
    from = next + at.n;
  }
  tfm__list_add(r, parts, tfm__text((tfm_span){s.p + from, s.n - from}));
}

/* The same from the end; the parts come out last first. */
static void split_back(tfm__run *r, tfm_span s, tfm_span at, int64_t most, tfm__list *parts)
{
  size_t end = s.n;
  for (size_t i = s.n; i > 0 && parts->n != most && r->st == TFM_OK; --i) {
    const size_t from = i - 1;
    if (at.n <= end - from && memcmp(s.p + from, at.p, at.n) == 0) {
      tfm__list_add(r, parts, tfm__text((tfm_span){s.p + from + at.n, end - from - at.n}));
      end = from;
    }
  }
  tfm__list_add(r, parts, tfm__text((tfm_span){s.p, end}));
  for (int64_t i = 0, j = parts->n - 1; i < j; ++i, --j) {
    const tfm__value v = parts->v[i];
    parts->v[i] = parts->v[j];
    parts->v[j] = v;
  }
}

static tfm__value split(tfm__run *r, tfm_span s, arguments a, bool back)
{
  tfm__list *parts = tfm__list_new(r, TFM__PLAIN);
  int64_t most = -1;
  if (a[1].kind != TFM__ABSENT && !tfm__integer(a[1], &most)) {
    return tfm__fail(r, TFM_E_FORMAT, "split: want a count, got %s", tfm__kind_name(a[1]));
  }
  if (!tfm__work(r, s.n)) {
    return tfm__text(s);
  }
  if (a[0].kind <= TFM__NONE && back && most >= 0) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "rsplit of so many words is not supported");
  }
  if (a[0].kind == TFM__ABSENT || a[0].kind == TFM__NONE) {
    split_blanks(r, s, a[1].kind == TFM__ABSENT ? -1 : most, parts);
    return tfm__list_value(r, parts);
  }
  if (!want_text(r, "split", a[0])) {
    return a[0];
  }
  if (a[0].as.text.n == 0) {
    return tfm__fail(r, TFM_E_FORMAT, "split: the text to split at is empty");
  }
  most = a[1].kind == TFM__ABSENT || most < 0 ? -1 : most;
  (back ? split_back : split_at)(r, s, a[0].as.text, most, parts);
  return tfm__list_value(r, parts);
}

static tfm__value text_split(tfm__run *r, tfm__value self, arguments a)
{
  return split(r, self.as.text, a, false);
}

static tfm__value text_rsplit(tfm__run *r, tfm__value self, arguments a)
{
  return split(r, self.as.text, a, true);
}

static const tfm__builtin of_text[] = {
    {.name = "strip", .parameters = {""}, .run = text_strip},
    {.name = "lstrip", .parameters = {""}, .run = text_lstrip},
    {.name = "rstrip", .parameters = {""}, .run = text_rstrip},
    {.name = "startswith", .required = 1, .parameters = {""}, .run = text_startswith},
    {.name = "endswith", .required = 1, .parameters = {""}, .run = text_endswith},
    {.name = "removeprefix", .required = 1, .parameters = {""}, .run = text_removeprefix},
    {.name = "removesuffix", .required = 1, .parameters = {""}, .run = text_removesuffix},
    {.name = "replace", .required = 2, .parameters = {"", "", "count"}, .run = text_replace},
    {.name = "split", .parameters = {"sep", "maxsplit"}, .run = text_split},
    {.name = "rsplit", .parameters = {"sep", "maxsplit"}, .run = text_rsplit},
    {.name = "join", .required = 1, .parameters = {""}, .run = text_join},
    {.name = "find", .required = 1, .parameters = {""}, .run = text_find},
    {.name = "count", .required = 1, .parameters = {""}, .run = text_count},
    {.name = "upper", .run = text_upper},
    {.name = "lower", .run = text_lower},
    {.name = "capitalize", .run = text_capitalize},
    {.name = "title", .run = text_title},
    {.name = "casefold"},
    {.name = "center"},
    {.name = "encode"},
    {.name = "expandtabs"},
    {.name = "format"},
    {.name = "format_map"},
    {.name = "index"},
    {.name = "isalnum"},
    {.name = "isalpha"},
    {.name = "isascii"},
    {.name = "isdecimal"},
    {.name = "isdigit"},
    {.name = "isidentifier"},
    {.name = "islower"},
    {.name = "isnumeric"},
    {.name = "isprintable"},
    {.name = "isspace"},
    {.name = "istitle"},
    {.name = "isupper"},
    {.name = "ljust"},
    {.name = "maketrans"},
    {.name = "partition"},
    {.name = "rfind"},
    {.name = "rindex"},
    {.name = "rjust"},
    {.name = "rpartition"},
    {.name = "splitlines"},
    {.name = "swapcase"},
    {.name = "translate"},
    {.name = "zfill"},
    {.name = NULL},
};

/* ---- mappings --------------------------------------------------------------------------- */

static tfm__value dict_get(tfm__run *r, tfm__value self, arguments a)
{
  const tfm__value *v = NULL;
  if (a[0].kind == TFM__TEXT && tfm__work(r, (size_t)self.as.dict->n * 8)) {
    v = tfm__dict_find(self.as.dict, a[0].as.text);
  }
  return v ? *v : a[1].kind == TFM__ABSENT ? tfm__none() : a[1];
}

static tfm__value dict_view(tfm__run *r, tfm__value self, bool keys, bool values)
{
  tfm__list *list = tfm__list_new(r, TFM__VIEW);
  for (int64_t i = 0; i < self.as.dict->n && r->st == TFM_OK; ++i) {
    const tfm__member *m = &self.as.dict->v[i];
    tfm__value one = values ? m->value : tfm__text(m->key);
    if (keys && values) {
      tfm__list *pair = tfm__list_new(r, TFM__TUPLE);
      tfm__list_add(r, pair, tfm__text(m->key));
      tfm__list_add(r, pair, m->value);
      one = tfm__list_value(r, pair);
    }
    tfm__list_add(r, list, one);
  }
  return tfm__list_value(r, list);
}

static tfm__value dict_items(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return dict_view(r, self, true, true);
}

static tfm__value dict_keys(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return dict_view(r, self, true, false);
}

static tfm__value dict_values(tfm__run *r, tfm__value self, arguments a)
{
  (void)a;
  return dict_view(r, self, false, true);
}

static const tfm__builtin of_dict[] = {
    {.name = "get", .required = 1, .parameters = {"", ""}, .run = dict_get},
    {.name = "items", .run = dict_items},
    {.name = "keys", .run = dict_keys},
    {.name = "values", .run = dict_values},
    {.name = "clear"},
    {.name = "copy"},
    {.name = "fromkeys"},
    {.name = "pop"},
    {.name = "popitem"},
    {.name = "setdefault"},
    {.name = "update"},
    {.name = NULL},
};

static const tfm__builtin of_list[] = {
    {.name = "append"}, {.name = "clear"},   {.name = "copy"},   {.name = "count"},
    {.name = "extend"}, {.name = "index"},   {.name = "insert"}, {.name = "pop"},
    {.name = "remove"}, {.name = "reverse"}, {.name = "sort"},   {.name = NULL},
};

/* ---- loops ------------------------------------------------------------------------------ */

static tfm__value loop_cycle(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  if (a->n == 0 || a->nnamed) {
    return tfm__fail(r, TFM_E_FORMAT, "loop.cycle: want values to choose from");
  }
  return a->v[self.as.loop->index % a->n];
}

/* Whether the values differ from those of the last time. */
static tfm__value loop_changed(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  tfm__list *now = tfm__list_new(r, TFM__TUPLE);
  tfm__loop *loop = self.as.loop;
  for (int i = 0; i < a->n; ++i) {
    tfm__list_add(r, now, a->v[i]);
  }
  const tfm__value v = tfm__list_value(r, now);
  const bool changed = loop->watched.kind == TFM__ABSENT || !tfm__equal(r, loop->watched, v);
  loop->watched = changed ? v : loop->watched;
  return tfm__bool(changed);
}

static const tfm__builtin of_loop[] = {
    {.name = "cycle", .run_any = loop_cycle},
    {.name = "changed", .run_any = loop_changed},
    {.name = NULL},
};

static const tfm__builtin *find(const tfm__builtin *rows, tfm_span name)
{
  while (rows->name && !tfm_span_is(name, rows->name)) {
    ++rows;
  }
  return rows->name ? rows : NULL;
}

const tfm__builtin *tfm__method_find(tfm__value self, tfm_span name)
{
  return self.kind == TFM__TEXT   ? find(of_text, name)
         : self.kind == TFM__DICT ? find(of_dict, name)
         : self.kind == TFM__LIST ? find(of_list, name)
         : self.kind == TFM__LOOP ? find(of_loop, name)
                                  : NULL;
}

bool tfm__method_refused(tfm_span name)
{
  const tfm__builtin *const tables[] = {of_text, of_dict, of_list, of_loop};
  bool known = false;
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; ++i) {
    const tfm__builtin *row = find(tables[i], name);
    if (row && tfm__builtin_works(row)) {
      return false;
    }
    known = known || row;
  }
  return known;
}
