#include "core/base/buf.h"

#include "core/base/checked.h"
#include "core/base/decimal.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tfm_status tfm_buf_reserve(tfm_buf *b, size_t n)
{
  size_t need = 0;
  if (!tfm_add_size(b->n, n, &need)) {
    b->failed = true;
    return TFM_E_NOMEM;
  }
  if (need <= b->cap) {
    return TFM_OK;
  }
  size_t cap = b->cap < 64 ? 64 : b->cap;
  while (cap < need) {
    if (!tfm_mul_size(cap, 2, &cap)) {
      cap = need;
    }
  }
  char *data = tfm_realloc_huge(b->data, cap, 1);
  if (!data) {
    b->failed = true;
    return TFM_E_NOMEM;
  }
  b->data = data;
  b->cap = cap;
  return TFM_OK;
}

tfm_status tfm_buf_append(tfm_buf *b, const void *bytes, size_t n)
{
  tfm_status st = tfm_buf_reserve(b, n);
  if (st == TFM_OK && n) {
    memcpy(b->data + b->n, bytes, n);
    b->n += n;
  }
  return st;
}

tfm_status tfm_buf_span(tfm_buf *b, tfm_span s)
{
  return tfm_buf_append(b, s.p, s.n);
}

tfm_status tfm_buf_str(tfm_buf *b, const char *s)
{
  return tfm_buf_append(b, s, strlen(s));
}

tfm_status tfm_buf_char(tfm_buf *b, char c)
{
  return tfm_buf_append(b, &c, 1);
}

tfm_status tfm_buf_printf(tfm_buf *b, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n < 0) {
    b->failed = true;
    return TFM_E_NOMEM;
  }
  tfm_status st = tfm_buf_reserve(b, (size_t)n + 1);
  if (st == TFM_OK) {
    va_start(args, format);
    (void)vsnprintf(b->data + b->n, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
  }
  return st;
}

static tfm_status append_escaped(tfm_buf *b, unsigned char c)
{
  switch (c) {
  case '"':
    return tfm_buf_str(b, "\\\"");
  case '\\':
    return tfm_buf_str(b, "\\\\");
  case '\n':
    return tfm_buf_str(b, "\\n");
  case '\r':
    return tfm_buf_str(b, "\\r");
  case '\t':
    return tfm_buf_str(b, "\\t");
  default:
    return tfm_buf_printf(b, "\\u%04x", c);
  }
}

static bool is_plain(unsigned char c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

tfm_status tfm_buf_json_string(tfm_buf *b, tfm_span s)
{
  (void)tfm_buf_char(b, '"');
  size_t i = 0;
  while (i < s.n) {
    size_t run = i;
    while (run < s.n && is_plain((unsigned char)s.p[run])) {
      ++run;
    }
    (void)tfm_buf_append(b, s.p + i, run - i);
    i = run;
    if (i == s.n) {
      break;
    }
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x80) {
      (void)(c == 0x7f ? tfm_buf_char(b, (char)c) : append_escaped(b, c));
      ++i;
      continue;
    }
    size_t len = tfm_utf8_valid_at(s.p + i, s.n - i);
    if (len) {
      (void)tfm_buf_append(b, s.p + i, len);
    } else {
      (void)tfm_buf_str(b, "\xef\xbf\xbd");
      len = tfm_utf8_bad_at(s.p + i, s.n - i);
    }
    i += len;
  }
  (void)tfm_buf_char(b, '"');
  return b->failed ? TFM_E_NOMEM : TFM_OK;
}

tfm_status tfm_buf_float(tfm_buf *b, float x)
{
  TFM_ASSERT(isfinite(x));
  tfm__decimal decimal;
  tfm__decimal_of_float(x, &decimal);
  return tfm__decimal_write(b, &decimal);
}

tfm_status tfm_buf_double(tfm_buf *b, double x)
{
  TFM_ASSERT(isfinite(x));
  tfm__decimal decimal;
  tfm__decimal_of_double(x, &decimal);
  return tfm__decimal_write(b, &decimal);
}

const char *tfm_buf_cstr(tfm_buf *b)
{
  if (tfm_buf_reserve(b, 1) != TFM_OK) {
    return "";
  }
  b->data[b->n] = '\0';
  return b->data;
}

void tfm_buf_fini(tfm_buf *b)
{
  tfm_free(b->data);
  *b = (tfm_buf){0};
}
