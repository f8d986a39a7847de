#include "proto/wire.h"

#include <math.h>
#include <string.h>

static void put(tfm_buf *out, uint64_t value, size_t bytes)
{
  unsigned char raw[8];
  for (size_t i = 0; i < bytes; ++i) {
    raw[i] = (unsigned char)(value >> (8 * i));
  }
  (void)tfm_buf_append(out, raw, bytes); /* out->failed tells */
}

void tfm__put_u32(tfm_buf *out, uint32_t value)
{
  put(out, value, 4);
}

void tfm__put_u64(tfm_buf *out, uint64_t value)
{
  put(out, value, 8);
}

void tfm__put_f64(tfm_buf *out, double value)
{
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  put(out, bits, 8);
}

void tfm__put_text(tfm_buf *out, const char *text, size_t cap)
{
  size_t n = strnlen(text, cap - 1);
  put(out, n, 4);
  (void)tfm_buf_append(out, text, n);
}

tfm__reader tfm__reader_open(const char *what, const void *bytes, size_t n)
{
  return (tfm__reader){.what = what, .bytes = bytes, .n = n};
}

void tfm__reader_fail(tfm__reader *r, const char *field, const char *format, ...)
{
  if (r->why.status != TFM_OK) {
    return;
  }
  va_list args;
  va_start(args, format);
  (void)tfm_vfail(&r->why, TFM_E_FORMAT, format, args);
  va_end(args);
  (void)tfm_err_prefix(&r->why, "message %s: %s", r->what, field);
}

/* The next n bytes, or NULL after a failure. */
static const unsigned char *take(tfm__reader *r, const char *field, size_t n)
{
  if (r->why.status != TFM_OK) {
    return NULL;
  }
  if (n > r->n - r->at) {
    tfm__reader_fail(r, field, "want %zu bytes at byte %zu, got %zu", n, r->at, r->n - r->at);
    return NULL;
  }
  const unsigned char *p = r->bytes + r->at;
  r->at += n;
  return p;
}

static uint64_t get(tfm__reader *r, const char *field, size_t bytes)
{
  const unsigned char *raw = take(r, field, bytes);
  uint64_t value = 0;
  for (size_t i = 0; raw && i < bytes; ++i) {
    value |= (uint64_t)raw[i] << (8 * i);
  }
  return value;
}

uint32_t tfm__get_u32(tfm__reader *r, const char *field)
{
  return (uint32_t)get(r, field, 4);
}

uint64_t tfm__get_u64(tfm__reader *r, const char *field)
{
  return get(r, field, 8);
}

double tfm__get_f64(tfm__reader *r, const char *field)
{
  uint64_t bits = get(r, field, 8);
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  if (!isfinite(value)) {
    tfm__reader_fail(r, field, "want a finite number, got bits %016llx",
                     (unsigned long long)bits);
    return 0;
  }
  return value;
}

void tfm__get_text(tfm__reader *r, const char *field, char *text, size_t cap)
{
  text[0] = '\0';
  uint32_t n = tfm__get_u32(r, field);
  if (n >= cap) {
    tfm__reader_fail(r, field, "want at most %zu bytes, got %lu", cap - 1, (unsigned long)n);
    return;
  }
  const unsigned char *bytes = take(r, field, n);
  if (!bytes || n == 0) {
    return;
  }
  if (memchr(bytes, 0, n)) {
    tfm__reader_fail(r, field, "want text without NUL");
    return;
  }
  memcpy(text, bytes, n);
  text[n] = '\0';
}

tfm_status tfm__reader_close(tfm__reader *r, tfm_err *err)
{
  if (r->why.status == TFM_OK && r->at != r->n) {
    tfm__reader_fail(r, "end", "want %zu bytes, got %zu", r->at, r->n);
  }
  if (r->why.status != TFM_OK && err) {
    *err = r->why;
  }
  return r->why.status;
}
