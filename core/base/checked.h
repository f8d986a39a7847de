/** Arithmetic on sizes that come from files, frames or users. Each call says whether the result
 *  fits; on false *out is untouched. Parsers use nothing else on such numbers. */
#ifndef TFM_CORE_BASE_CHECKED_H
#define TFM_CORE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool tfm_add_size(size_t a, size_t b, size_t *out)
{
  size_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) {
    return false;
  }
  *out = r;
  return true;
}

static inline bool tfm_mul_size(size_t a, size_t b, size_t *out)
{
  size_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) {
    return false;
  }
  *out = r;
  return true;
}

static inline bool tfm_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
  uint64_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) {
    return false;
  }
  *out = r;
  return true;
}

static inline bool tfm_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
  uint64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) {
    return false;
  }
  *out = r;
  return true;
}

static inline bool tfm_mul_i64(int64_t a, int64_t b, int64_t *out)
{
  int64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) {
    return false;
  }
  *out = r;
  return true;
}

/** u64 to size_t; always true on 64-bit machines, spelled out for the others. */
static inline bool tfm_narrow_size(uint64_t a, size_t *out)
{
  if (a > SIZE_MAX) {
    return false;
  }
  *out = (size_t)a;
  return true;
}

static inline bool tfm_narrow_int(int64_t a, int *out)
{
  if (a < INT32_MIN || a > INT32_MAX) {
    return false;
  }
  *out = (int)a;
  return true;
}

#endif
