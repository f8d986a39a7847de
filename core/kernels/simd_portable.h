/** Sixteen float lanes in plain C: the meaning of every vector operation.
 *
 *  simd_avx2.h and simd_avx512.h offer the same names on registers; a kernel written once over
 *  these names then has the same bits on all of them, because each operation is either exact or
 * one IEEE rounding. Room-private; included by one kernels_<isa>.c each.
 */
#ifndef TFM_CORE_KERNELS_SIMD_PORTABLE_H
#define TFM_CORE_KERNELS_SIMD_PORTABLE_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define VEC_ISA   TFM_ISA_PORTABLE
#define VEC_TABLE tfm__kernels_portable
/* 4 x 16 outputs: sixteen of the 32 vector registers of 64-bit ARM. */
#define VEC_TILE_ROWS 4
#define VEC_TILE_VECS 1

enum { VEC_N = 16 };

typedef struct {
  float f[16];
} vec;

typedef struct {
  uint32_t u[16]; /* all ones or zero */
} vec_mask;

#define VEC_EACH(i) for (int i = 0; i < VEC_N; ++i)

static inline vec vec_set(float x)
{
  vec r;
  VEC_EACH(i) r.f[i] = x;
  return r;
}

static inline vec vec_zero(void)
{
  return vec_set(0.0f);
}

static inline vec vec_load(const float *p)
{
  vec r;
  memcpy(r.f, p, sizeof r.f);
  return r;
}

static inline void vec_store(float *p, vec a)
{
  memcpy(p, a.f, sizeof a.f);
}

/** Lanes 0..n-1, 0 <= n <= 16. */
static inline vec_mask vec_first(int64_t n)
{
  vec_mask r;
  VEC_EACH(i) r.u[i] = i < n ? UINT32_MAX : 0;
  return r;
}

/** n floats; the other lanes are zero and their memory is not touched. */
static inline vec vec_load_part(const float *p, int64_t n)
{
  vec r = vec_zero();
  memcpy(r.f, p, (size_t)n * sizeof *p);
  return r;
}

static inline void vec_store_part(float *p, vec a, int64_t n)
{
  memcpy(p, a.f, (size_t)n * sizeof *p);
}

static inline vec vec_add(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] + b.f[i];
  return a;
}

static inline vec vec_sub(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] - b.f[i];
  return a;
}

static inline vec vec_mul(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] * b.f[i];
  return a;
}

static inline vec vec_div(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] / b.f[i];
  return a;
}

/** a * b + c with one rounding. */
static inline vec vec_fma(vec a, vec b, vec c)
{
  VEC_EACH(i) c.f[i] = fmaf(a.f[i], b.f[i], c.f[i]);
  return c;
}

/** c - a * b with one rounding. */
static inline vec vec_fnma(vec a, vec b, vec c)
{
  VEC_EACH(i) c.f[i] = fmaf(-a.f[i], b.f[i], c.f[i]);
  return c;
}

static inline vec vec_sqrt(vec a)
{
  VEC_EACH(i) a.f[i] = sqrtf(a.f[i]);
  return a;
}

/** a > b ? a : b, so b where either is NaN. */
static inline vec vec_max(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] > b.f[i] ? a.f[i] : b.f[i];
  return a;
}

/** a < b ? a : b, so b where either is NaN. */
static inline vec vec_min(vec a, vec b)
{
  VEC_EACH(i) a.f[i] = a.f[i] < b.f[i] ? a.f[i] : b.f[i];
  return a;
}

static inline vec vec_abs(vec a)
{
  VEC_EACH(i) a.f[i] = fabsf(a.f[i]);
  return a;
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
  VEC_EACH(i) magnitude.f[i] = copysignf(magnitude.f[i], sign.f[i]);
  return magnitude;
}

/** a < b; false where either is NaN. */
static inline vec_mask vec_less(vec a, vec b)
{
  vec_mask r;
  VEC_EACH(i) r.u[i] = a.f[i] < b.f[i] ? UINT32_MAX : 0;
  return r;
}

/** m ? a : b, lane by lane. */
static inline vec vec_select(vec_mask m, vec a, vec b)
{
  VEC_EACH(i) a.f[i] = m.u[i] ? a.f[i] : b.f[i];
  return a;
}

/** The bit pattern moved up by 23 places: a small integer becomes an exponent field. */
static inline vec vec_bits_up23(vec a)
{
  uint32_t u[16];
  memcpy(u, a.f, sizeof u);
  VEC_EACH(i) u[i] <<= 23;
  memcpy(a.f, u, sizeof u);
  return a;
}

/** acc plus the products of two bfloat16 in each lane, the one in the high half first; inputs have
 *  no denormals, and sums that would be are zeros: what VDPBF16PS does. */
static inline vec vec_dot_bf16(vec x, vec w, vec acc)
{
  uint32_t a[16];
  uint32_t b[16];
  memcpy(a, x.f, sizeof a);
  memcpy(b, w.f, sizeof b);
  for (int half = 1; half >= 0; --half) {
    VEC_EACH(i)
    {
      const uint32_t p = half ? a[i] & 0xffff0000u : a[i] << 16;
      const uint32_t q = half ? b[i] & 0xffff0000u : b[i] << 16;
      float f;
      float g;
      memcpy(&f, &p, sizeof f);
      memcpy(&g, &q, sizeof g);
      const float sum = fmaf(f, g, acc.f[i]);
      acc.f[i] = fabsf(sum) < FLT_MIN ? copysignf(0.0f, sum) : sum;
    }
  }
  return acc;
}

/* Nothing to do around them here. */
#define VEC_FLUSH_BEGIN
#define VEC_FLUSH_END

/** acc, integers, plus the products of four unsigned bytes of x and signed ones of w. */
static inline vec vec_dot_int8(vec x, vec w, vec acc)
{
  uint8_t a[64];
  int8_t b[64];
  int32_t sum[16];
  memcpy(a, x.f, sizeof a);
  memcpy(b, w.f, sizeof b);
  memcpy(sum, acc.f, sizeof sum);
  for (int i = 0; i < 64; ++i) {
    sum[i / 4] += a[i] * b[i];
  }
  memcpy(acc.f, sum, sizeof sum);
  return acc;
}

/** Lanes as integers of 32 bits, modulo 2^32. */
static inline vec vec_add_int(vec a, vec b)
{
  uint32_t u[16];
  uint32_t v[16];
  memcpy(u, a.f, sizeof u);
  memcpy(v, b.f, sizeof v);
  VEC_EACH(i) u[i] += v[i];
  memcpy(a.f, u, sizeof u);
  return a;
}

static inline vec vec_sub_int(vec a, vec b)
{
  uint32_t u[16];
  uint32_t v[16];
  memcpy(u, a.f, sizeof u);
  memcpy(v, b.f, sizeof v);
  VEC_EACH(i) u[i] -= v[i];
  memcpy(a.f, u, sizeof u);
  return a;
}

/** Signed integers to the nearest floats. */
static inline vec vec_float_of_int(vec a)
{
  int32_t u[16];
  memcpy(u, a.f, sizeof u);
  VEC_EACH(i) a.f[i] = (float)u[i];
  return a;
}

/** Sixteen signed bytes. */
static inline vec vec_float_of_int8(const int8_t *p)
{
  vec r;
  VEC_EACH(i) r.f[i] = (float)p[i];
  return r;
}

/** The sum of the lanes by halving: i and i+8, then i and i+4, i and i+2, 0 and 1. */
static inline float vec_sum(vec a)
{
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      a.f[i] = a.f[i] + a.f[i + half];
    }
  }
  return a.f[0];
}

/** The largest lane. */
static inline float vec_top(vec a)
{
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      a.f[i] = a.f[i] > a.f[i + half] ? a.f[i] : a.f[i + half];
    }
  }
  return a.f[0];
}

/** Lane j of row i becomes lane i of row j. */
static inline void vec_transpose(vec t[16])
{
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < i; ++j) {
      const float swap = t[i].f[j];
      t[i].f[j] = t[j].f[i];
      t[j].f[i] = swap;
    }
  }
}

#undef VEC_EACH

#endif
