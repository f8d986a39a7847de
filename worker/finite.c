#include "worker/finite.h"

#include <string.h>

enum { EXPONENT = 0x7f800000, MAGNITUDE = 0x7fffffff, MARK = 0x7fc00000 };

/* The largest magnitude, as bits: for finite floats and beyond they are in the same order. */
bool tfm_finite(const float *values, int64_t n)
{
  int32_t most = 0;
  for (int64_t i = 0; i < n; ++i) {
    int32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    bits &= MAGNITUDE;
    most = bits > most ? bits : most;
  }
  return most < EXPONENT;
}

uint32_t tfm_finite_mark_of(const float *values, int64_t n)
{
  uint32_t bits = 0;
  if (n > 0) {
    memcpy(&bits, values, sizeof bits);
  }
  return bits > MARK && bits <= MARK + TFM_FINITE_STAGES ? bits - MARK : 0;
}

void tfm_finite_mark(float *values, int64_t n, uint32_t mark)
{
  const uint32_t bits = MARK + mark;
  for (int64_t i = 0; i < n; ++i) {
    memcpy(&values[i], &bits, sizeof bits);
  }
}

void tfm_finite_enter(float *x, const int32_t *cu_len, int64_t B, int64_t H, uint32_t *bad)
{
  for (int64_t b = 0; b < B; ++b) {
    float *rows = x + cu_len[b] * H;
    const int64_t n = (cu_len[b + 1] - cu_len[b]) * H;
    bad[b] = bad[b] ? bad[b] : tfm_finite_mark_of(rows, n);
    if (bad[b] && n > 0) {
      memset(rows, 0, (size_t)n * sizeof *rows);
    }
  }
}

void tfm_finite_leave(float *x, const int32_t *cu_len, int64_t B, int64_t H, int stage,
                      uint32_t *bad)
{
  const uint32_t own = (uint32_t)(stage < TFM_FINITE_STAGES ? stage + 1 : TFM_FINITE_STAGES);
  for (int64_t b = 0; b < B; ++b) {
    float *rows = x + cu_len[b] * H;
    const int64_t n = (cu_len[b + 1] - cu_len[b]) * H;
    bad[b] = bad[b] ? bad[b] : tfm_finite(rows, n) ? 0 : own;
    if (bad[b]) {
      tfm_finite_mark(rows, n, bad[b]);
    }
  }
}
