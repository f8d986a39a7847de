/* The functions every template may call: Jinja's and those that transformers adds. */
#include "core/chat/builtin.h"

#include <string.h>

enum { MOST_RANGE = 100000 /* as Jinja's sandbox has it */ };

static tfm__value call_range(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  int64_t v[3] = {0, 0, 1};
  (void)self;
  bool fits = a->n >= 1 && a->n <= 3 && a->nnamed == 0;
  for (int i = 0; i < a->n && fits; ++i) {
    fits = tfm__integer(a->v[i], &v[a->n == 1 ? 1 : i]);
  }
  if (!fits || v[2] == 0) {
    return tfm__fail(r, TFM_E_FORMAT, "range: want one to three integers, no step of 0");
  }
  tfm__list *list = tfm__list_new(r, TFM__RANGE);
  for (int64_t i = v[0]; r->st == TFM_OK && (v[2] > 0 ? i < v[1] : i > v[1]);) {
    if (list->n == MOST_RANGE) {
      return tfm__fail(r, TFM_E_FORMAT, "range: want at most %d numbers", MOST_RANGE);
    }
    tfm__list_add(r, list, tfm__int(i));
    if (__builtin_add_overflow(i, v[2], &i)) {
      break;
    }
  }
  return tfm__list_value(r, list);
}

/* A dict of the arguments: those of a mapping, then those by name. */
static tfm__dict *gather(tfm__run *r, const char *what, const tfm__arguments *a)
{
  tfm__dict *dict = tfm__dict_new(r);
  if (a->n > 1 || (a->n == 1 && a->v[0].kind != TFM__DICT)) {
    (void)tfm__fail(r, TFM_E_UNSUPPORTED, "%s: want one mapping, and arguments by name", what);
  }
  for (int64_t i = 0; r->st == TFM_OK && a->n == 1 && i < a->v[0].as.dict->n; ++i) {
    tfm__dict_set(r, dict, a->v[0].as.dict->v[i].key, a->v[0].as.dict->v[i].value);
  }
  for (int i = 0; r->st == TFM_OK && i < a->nnamed; ++i) {
    tfm__dict_set(r, dict, a->name[i], a->named[i]);
  }
  return dict;
}

static tfm__value call_namespace(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  (void)self;
  return (tfm__value){.kind = TFM__NAMESPACE, .as.dict = gather(r, "namespace", a)};
}

static tfm__value call_dict(tfm__run *r, tfm__value self, const tfm__arguments *a)
{
  (void)self;
  return tfm__dict_value(gather(r, "dict", a));
}

static tfm__value call_raise(tfm__run *r, tfm__value self, const tfm__value *a)
{
  const tfm_span text = tfm__string(r, a[0]);
  (void)self;
  return tfm__fail(r, TFM_E_FORMAT, "the template refuses these messages: %.*s",
                   text.n > 400 ? 400 : (int)text.n, text.n ? text.p : "");
}

static tfm__value call_strftime(tfm__run *r, tfm__value self, const tfm__value *a)
{
  char format[128];
  char out[512];
  (void)self;
  if (a[0].kind != TFM__TEXT || a[0].as.text.n >= sizeof format ||
      (a[0].as.text.n && memchr(a[0].as.text.p, '\0', a[0].as.text.n))) {
    return tfm__fail(r, TFM_E_FORMAT, "strftime_now: want a string of at most 127 bytes");
  }
  memcpy(format, a[0].as.text.n ? a[0].as.text.p : "", a[0].as.text.n);
  format[a[0].as.text.n] = '\0';
  const char *bad = strpbrk(format, "%") ? strstr(format, "%f") : NULL;
  if (bad) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "strftime_now with %%f is not supported");
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const size_t n = strftime(out, sizeof out, format, &r->now);
#pragma GCC diagnostic pop
  return tfm__copy(r, (tfm_span){out, n});
}

static const tfm__builtin functions[] = {
    {.name = "dict", .run_any = call_dict},
    {.name = "namespace", .run_any = call_namespace},
    {.name = "raise_exception", .required = 1, .parameters = {"message"}, .run = call_raise},
    {.name = "range", .run_any = call_range},
    {.name = "strftime_now", .required = 1, .parameters = {"format"}, .run = call_strftime},
};

const tfm__builtin *tfm__function_find(tfm_span name)
{
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    if (tfm_span_is(name, functions[i].name)) {
      return &functions[i];
    }
  }
  return NULL;
}
