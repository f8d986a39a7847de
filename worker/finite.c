#include "worker/finite.h"

#include <string.h>

enum { EXPONENT = 0x7f800000, MAGNITUDE = 0x7fffffff, MARK = 0x7fc00000 };

/* A NaN that no number is narrowed to (core/kernels/bfloat16.h); behind it stands the stage. */
enum { MARK_HALF = 0x7fc1 };

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

/* Of a single value the stage is lost: the last that can be told apart. */
static uint32_t mark_of_halves(const uint16_t *halves, int64_t n)
{
  if (n < 1 || halves[0] != MARK_HALF) {
    return 0;
  }
  return n > 1 ? halves[1] + 1U : TFM_FINITE_STAGES;
}

void tfm_finite_enter_halves(const uint16_t *halves, float *x, const int32_t *cu_len, int64_t B,
                             int64_t H, uint32_t *bad)
{
  for (int64_t b = 0; b < B; ++b) {
    const int64_t n = (cu_len[b + 1] - cu_len[b]) * H;
    bad[b] = bad[b] ? bad[b] : mark_of_halves(halves + cu_len[b] * H, n);
    if (bad[b] && n > 0) {
      memset(x + cu_len[b] * H, 0, (size_t)n * sizeof *x);
    }
  }
}

void tfm_finite_leave_halves(uint16_t *halves, const int32_t *cu_len, int64_t B, int64_t H,
                             const uint32_t *bad)
{
  for (int64_t b = 0; b < B; ++b) {
    uint16_t *row = halves + cu_len[b] * H;
    const int64_t n = (cu_len[b + 1] - cu_len[b]) * H;
    for (int64_t i = 0; bad[b] && i < n; ++i) {
      row[i] = i == 1 ? (uint16_t)(bad[b] - 1) : MARK_HALF;
    }
  }
}
