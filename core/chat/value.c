#include "core/chat/value.h"

#include "core/base/utf8.h"

#include <math.h>
#include <string.h>

bool tfm__truth(tfm__value v)
{
  switch (v.kind) {
  case TFM__ABSENT:
  case TFM__UNDEFINED:
  case TFM__NONE:
    return false;
  case TFM__BOOL:
    return v.as.truth;
  case TFM__INT:
    return v.as.integer != 0;
  case TFM__REAL:
    return v.as.real < 0.0 || v.as.real > 0.0 || isnan(v.as.real);
  case TFM__TEXT:
    return v.as.text.n > 0;
  case TFM__LIST:
    return v.as.list->kind == TFM__LAZY || v.as.list->n > 0;
  case TFM__DICT:
    return v.as.dict->n > 0;
  case TFM__NAMESPACE:
  case TFM__LOOP:
  case TFM__MACRO:
  case TFM__FUNCTION:
  case TFM__METHOD:
    break;
  }
  return true;
}

bool tfm__integer(tfm__value v, int64_t *out)
{
  *out = v.kind == TFM__BOOL ? v.as.truth : v.kind == TFM__INT ? v.as.integer : 0;
  return v.kind == TFM__BOOL || v.kind == TFM__INT;
}

bool tfm__number(tfm__value v, double *out)
{
  int64_t integer = 0;
  const bool whole = tfm__integer(v, &integer);
  *out = v.kind == TFM__REAL ? v.as.real : (double)integer;
  return whole || v.kind == TFM__REAL;
}

tfm__value *tfm__dict_find(const tfm__dict *dict, tfm_span key)
{
  for (int64_t i = 0; i < dict->n; ++i) {
    if (tfm_span_eq(dict->v[i].key, key)) {
      return &dict->v[i].value;
    }
  }
  return NULL;
}

const char *tfm__kind_name(tfm__value v)
{
  static const char *const names[] = {
      [TFM__ABSENT] = "nothing",      [TFM__UNDEFINED] = "an undefined value",
      [TFM__NONE] = "none",           [TFM__BOOL] = "true or false",
      [TFM__INT] = "an integer",      [TFM__REAL] = "a number",
      [TFM__TEXT] = "a string",       [TFM__LIST] = "a list",
      [TFM__DICT] = "a mapping",      [TFM__NAMESPACE] = "a namespace",
      [TFM__LOOP] = "a loop",         [TFM__MACRO] = "a macro",
      [TFM__FUNCTION] = "a function", [TFM__METHOD] = "a method"};
  return names[v.kind];
}

void tfm__print_real(double x, tfm_buf *out)
{
  if (!isfinite(x)) {
    (void)tfm_buf_str(out, isnan(x) ? "nan" : x > 0.0 ? "inf" : "-inf");
    return;
  }
  const size_t at = out->n;
  (void)tfm_buf_double(out, x);
  bool whole = true;
  for (size_t i = at; i < out->n; ++i) {
    whole = whole && (out->data[i] == '-' || (out->data[i] >= '0' && out->data[i] <= '9'));
  }
  if (whole) {
    (void)tfm_buf_str(out, ".0");
  }
}

/* A text inside of a list or dict, as repr() has it. */
static bool print_quoted(tfm_span s, tfm_buf *out)
{
  const bool single = s.n && memchr(s.p, '\'', s.n);
  const char quote = single && !memchr(s.p, '"', s.n) ? '"' : '\'';
  (void)tfm_buf_char(out, quote);
  for (size_t i = 0; i < s.n; ++i) {
    const unsigned char c = (unsigned char)s.p[i];
    if (c >= 0x80) {
      return false;
    }
    if (c == (unsigned char)quote || c == '\\') {
      (void)tfm_buf_printf(out, "\\%c", c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      (void)tfm_buf_str(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else if (c < 0x20 || c == 0x7f) {
      (void)tfm_buf_printf(out, "\\x%02x", c);
    } else {
      (void)tfm_buf_char(out, (char)c);
    }
  }
  (void)tfm_buf_char(out, quote);
  return true;
}

static bool print(tfm__value v, int depth, tfm_buf *out);

static bool print_inside(tfm__value v, int depth, tfm_buf *out)
{
  if (v.kind == TFM__UNDEFINED) {
    (void)tfm_buf_str(out, "Undefined");
    return true;
  }
  return v.kind == TFM__TEXT ? print_quoted(v.as.text, out) : print(v, depth, out);
}

static bool print_list(const tfm__list *list, int depth, tfm_buf *out)
{
  const bool tuple = list->kind == TFM__TUPLE;
  if (!tuple && list->kind != TFM__PLAIN) {
    return false;
  }
  (void)tfm_buf_char(out, tuple ? '(' : '[');
  for (int64_t i = 0; i < list->n; ++i) {
    (void)tfm_buf_str(out, i ? ", " : "");
    if (!print_inside(list->v[i], depth + 1, out)) {
      return false;
    }
  }
  (void)tfm_buf_str(out, tuple && list->n == 1 ? ",)" : tuple ? ")" : "]");
  return true;
}

static bool print_dict(const tfm__dict *dict, int depth, tfm_buf *out)
{
  (void)tfm_buf_char(out, '{');
  for (int64_t i = 0; i < dict->n; ++i) {
    (void)tfm_buf_str(out, i ? ", " : "");
    if (!print_quoted(dict->v[i].key, out)) {
      return false;
    }
    (void)tfm_buf_str(out, ": ");
    if (!print_inside(dict->v[i].value, depth + 1, out)) {
      return false;
    }
  }
  (void)tfm_buf_char(out, '}');
  return true;
}

static bool print(tfm__value v, int depth, tfm_buf *out)
{
  if (depth > TFM__VALUE_DEPTH || out->n > TFM__MOST_PRINTED) {
    return false;
  }
  switch (v.kind) {
  case TFM__UNDEFINED:
    return true;
  case TFM__NONE:
    (void)tfm_buf_str(out, "None");
    return true;
  case TFM__BOOL:
    (void)tfm_buf_str(out, v.as.truth ? "True" : "False");
    return true;
  case TFM__INT:
    (void)tfm_buf_printf(out, "%lld", (long long)v.as.integer);
    return true;
  case TFM__REAL:
    tfm__print_real(v.as.real, out);
    return true;
  case TFM__TEXT:
    (void)tfm_buf_span(out, v.as.text);
    return true;
  case TFM__LIST:
    return print_list(v.as.list, depth, out);
  case TFM__DICT:
    return print_dict(v.as.dict, depth, out);
  case TFM__ABSENT:
  case TFM__NAMESPACE:
  case TFM__LOOP:
  case TFM__MACRO:
  case TFM__FUNCTION:
  case TFM__METHOD:
    break;
  }
  return false;
}

bool tfm__print(tfm__value v, tfm_buf *out)
{
  return print(v, 0, out);
}

bool tfm__space(uint32_t c)
{
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

tfm_span tfm__lstrip(tfm_span s)
{
  size_t len = 0;
  while (s.n && tfm__space(tfm_utf8_decode(s.p, &len))) {
    s = (tfm_span){s.p + len, s.n - len};
  }
  return s;
}

tfm_span tfm__rstrip(tfm_span s)
{
  while (s.n) {
    size_t at = s.n - 1;
    size_t len = 0;
    while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80) {
      --at;
    }
    if (!tfm__space(tfm_utf8_decode(s.p + at, &len))) {
      break;
    }
    s.n = at;
  }
  return s;
}

size_t tfm__byte_of(tfm_span s, int64_t character)
{
  size_t at = 0;
  for (; at < s.n && character > 0; --character) {
    ++at;
    while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80) {
      ++at;
    }
  }
  return at;
}
