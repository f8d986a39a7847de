/** Sixteen float lanes in two AVX registers. The operations and their meaning are those of
 *  simd_portable.h, bit for bit. */
#ifndef TFM_CORE_KERNELS_SIMD_AVX2_H
#define TFM_CORE_KERNELS_SIMD_AVX2_H

#include <stdint.h>

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#define VEC_ISA   TFM_ISA_AVX2
#define VEC_TABLE tfm__kernels_avx2
/* 6 x 16 outputs take 12 of the 16 registers; two hold weights, the rest broadcasts. */
#define VEC_TILE_ROWS 6
#define VEC_TILE_VECS 1

typedef struct {
  __m256 lo; /* lanes 0..7 */
  __m256 hi; /* lanes 8..15 */
} vec;

typedef vec vec_mask; /* all bits of a lane, or none */

static inline vec vec_zero(void)
{
  return (vec){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline vec vec_set(float x)
{
  const __m256 v = _mm256_set1_ps(x);
  return (vec){v, v};
}

static inline vec vec_load(const float *p)
{
  return (vec){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline void vec_store(float *p, vec a)
{
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}

static inline vec_mask vec_first(int64_t n)
{
  const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i lo = _mm256_set1_epi32((int)n);
  const __m256i hi = _mm256_set1_epi32((int)n - 8);
  return (vec_mask){_mm256_castsi256_ps(_mm256_cmpgt_epi32(lo, at)),
                    _mm256_castsi256_ps(_mm256_cmpgt_epi32(hi, at))};
}

static inline vec vec_load_part(const float *p, int64_t n)
{
  const vec_mask m = vec_first(n);
  return (vec){_mm256_maskload_ps(p, _mm256_castps_si256(m.lo)),
               _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.hi))};
}

static inline void vec_store_part(float *p, vec a, int64_t n)
{
  const vec_mask m = vec_first(n);
  _mm256_maskstore_ps(p, _mm256_castps_si256(m.lo), a.lo);
  _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.hi), a.hi);
}

static inline vec vec_add(vec a, vec b)
{
  return (vec){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

static inline vec vec_sub(vec a, vec b)
{
  return (vec){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

static inline vec vec_mul(vec a, vec b)
{
  return (vec){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

static inline vec vec_div(vec a, vec b)
{
  return (vec){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
  return (vec){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
  return (vec){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}

static inline vec vec_sqrt(vec a)
{
  return (vec){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}

static inline vec vec_max(vec a, vec b)
{
  return (vec){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

static inline vec vec_min(vec a, vec b)
{
  return (vec){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}

static inline vec vec_abs(vec a)
{
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return (vec){_mm256_andnot_ps(bit, a.lo), _mm256_andnot_ps(bit, a.hi)};
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return (vec){_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.lo), _mm256_and_ps(bit, sign.lo)),
               _mm256_or_ps(_mm256_andnot_ps(bit, magnitude.hi), _mm256_and_ps(bit, sign.hi))};
}

static inline vec_mask vec_less(vec a, vec b)
{
  return (vec_mask){_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ),
                    _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}

static inline vec vec_select(vec_mask m, vec a, vec b)
{
  return (vec){_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}

static inline vec vec_bits_up23(vec a)
{
  return (vec){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a.lo), 23)),
               _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a.hi), 23))};
}

static inline __m256 half_dot_bf16(__m256 x, __m256 w, __m256 acc)
{
  const __m256i a = _mm256_castps_si256(x);
  const __m256i b = _mm256_castps_si256(w);
  const __m256 high = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u));
  acc = _mm256_fmadd_ps(_mm256_and_ps(x, high), _mm256_and_ps(w, high), acc);
  return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                         _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)), acc);
}

static inline vec vec_dot_bf16(vec x, vec w, vec acc)
{
  return (vec){half_dot_bf16(x.lo, w.lo, acc.lo), half_dot_bf16(x.hi, w.hi, acc.hi)};
}

/* Denormal sums become zeros between these two. */
#define VEC_FLUSH_BEGIN                                                                        \
  const unsigned int mode = _mm_getcsr();                                                      \
  _mm_setcsr(mode | 0x8000u);
#define VEC_FLUSH_END _mm_setcsr(mode);

static inline __m256 half_dot_int8(__m256 x, __m256 w, __m256 acc)
{
  const __m256i a = _mm256_castps_si256(x);
  const __m256i b = _mm256_castps_si256(w);
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xff)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  const __m256i sum = _mm256_add_epi32(_mm256_castps_si256(acc), even);
  return _mm256_castsi256_ps(_mm256_add_epi32(sum, odd));
}

static inline vec vec_dot_int8(vec x, vec w, vec acc)
{
  return (vec){half_dot_int8(x.lo, w.lo, acc.lo), half_dot_int8(x.hi, w.hi, acc.hi)};
}

static inline __m256 half_add_int(__m256 a, __m256 b)
{
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

static inline vec vec_add_int(vec a, vec b)
{
  return (vec){half_add_int(a.lo, b.lo), half_add_int(a.hi, b.hi)};
}

static inline __m256 half_sub_int(__m256 a, __m256 b)
{
  return _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

static inline vec vec_sub_int(vec a, vec b)
{
  return (vec){half_sub_int(a.lo, b.lo), half_sub_int(a.hi, b.hi)};
}

static inline vec vec_float_of_int(vec a)
{
  return (vec){_mm256_cvtepi32_ps(_mm256_castps_si256(a.lo)),
               _mm256_cvtepi32_ps(_mm256_castps_si256(a.hi))};
}

static inline __m256 half_float_of_int8(const int8_t *p)
{
  const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

static inline vec vec_float_of_int8(const int8_t *p)
{
  return (vec){half_float_of_int8(p), half_float_of_int8(p + 8)};
}

static inline float vec_sum(vec a)
{
  const __m256 h = _mm256_add_ps(a.lo, a.hi);
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

static inline float vec_top(vec a)
{
  const __m256 h = _mm256_max_ps(a.lo, a.hi);
  const __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

/* Eight rows of eight, in place. */
static inline void transpose_eight(__m256 t[8])
{
  __m256 u[8];
  __m256 v[8];
  for (int i = 0; i < 8; i += 2) {
    u[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
    u[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_shuffle_ps(u[i], u[i + 2], 0x44);
    v[i + 1] = _mm256_shuffle_ps(u[i], u[i + 2], 0xee);
    v[i + 2] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0x44);
    v[i + 3] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
  }
}

static inline void vec_transpose(vec t[16])
{
  __m256 part[4][8]; /* by (rows 8.., lanes 8..) */
  for (int i = 0; i < 8; ++i) {
    part[0][i] = t[i].lo;
    part[1][i] = t[i].hi;
    part[2][i] = t[i + 8].lo;
    part[3][i] = t[i + 8].hi;
  }
  for (int p = 0; p < 4; ++p) {
    transpose_eight(part[p]);
  }
  for (int i = 0; i < 8; ++i) {
    t[i] = (vec){part[0][i], part[2][i]};
    t[i + 8] = (vec){part[1][i], part[3][i]};
  }
}

#endif
#endif
