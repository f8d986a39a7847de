/** Sixteen float lanes in one AVX-512 register. The operations and their meaning are those of
 *  simd_portable.h, bit for bit. */
#ifndef TFM_CORE_KERNELS_SIMD_AVX512_H
#define TFM_CORE_KERNELS_SIMD_AVX512_H

#include <stdint.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#include <immintrin.h>

#define VEC_ISA   TFM_ISA_AVX512
#define VEC_TABLE tfm__kernels_avx512
/* 14 x 32 outputs take 28 of the 32 registers; two hold weights, the rest broadcasts. */
#define VEC_TILE_ROWS 14
#define VEC_TILE_VECS 2

typedef __m512 vec;
typedef __mmask16 vec_mask;

static inline vec vec_zero(void)
{
  return _mm512_setzero_ps();
}

static inline vec vec_set(float x)
{
  return _mm512_set1_ps(x);
}

static inline vec vec_load(const float *p)
{
  return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
  _mm512_storeu_ps(p, a);
}

static inline vec_mask vec_first(int64_t n)
{
  return (vec_mask)((1u << n) - 1u);
}

static inline vec vec_load_part(const float *p, int64_t n)
{
  return _mm512_maskz_loadu_ps(vec_first(n), p);
}

static inline void vec_store_part(float *p, vec a, int64_t n)
{
  _mm512_mask_storeu_ps(p, vec_first(n), a);
}

static inline vec vec_add(vec a, vec b)
{
  return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
  return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
  return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
  return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
  return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
  return _mm512_fnmadd_ps(a, b, c);
}

static inline vec vec_sqrt(vec a)
{
  return _mm512_sqrt_ps(a);
}

static inline vec vec_max(vec a, vec b)
{
  return _mm512_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
  return _mm512_min_ps(a, b);
}

static inline vec vec_abs(vec a)
{
  return _mm512_abs_ps(a);
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}

static inline vec_mask vec_less(vec a, vec b)
{
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vec vec_select(vec_mask m, vec a, vec b)
{
  return _mm512_mask_blend_ps(m, b, a);
}

static inline vec vec_bits_up23(vec a)
{
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23));
}

static inline vec vec_dot_bf16(vec x, vec w, vec acc)
{
  const __m512i a = _mm512_castps_si512(x);
  const __m512i b = _mm512_castps_si512(w);
  const __m512i high = _mm512_set1_epi32((int)0xffff0000u);
  acc = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, high)),
                        _mm512_castsi512_ps(_mm512_and_si512(b, high)), acc);
  return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
                         _mm512_castsi512_ps(_mm512_slli_epi32(b, 16)), acc);
}

/* Denormal sums become zeros between these two. */
#define VEC_FLUSH_BEGIN                                                                        \
  const unsigned int mode = _mm_getcsr();                                                      \
  _mm_setcsr(mode | 0x8000u);
#define VEC_FLUSH_END _mm_setcsr(mode);

static inline vec vec_dot_int8(vec x, vec w, vec acc)
{
  const __m512i a = _mm512_castps_si512(x);
  const __m512i b = _mm512_castps_si512(w);
  const __m512i even = _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi16(0xff)),
                                         _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
  const __m512i sum = _mm512_add_epi32(_mm512_castps_si512(acc), even);
  return _mm512_castsi512_ps(_mm512_add_epi32(sum, odd));
}

static inline vec vec_add_int(vec a, vec b)
{
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

static inline vec vec_sub_int(vec a, vec b)
{
  return _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

static inline vec vec_float_of_int(vec a)
{
  return _mm512_cvtepi32_ps(_mm512_castps_si512(a));
}

static inline vec vec_float_of_int8(const int8_t *p)
{
  const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

static inline float vec_sum(vec a)
{
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

static inline float vec_top(vec a)
{
  const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

static inline void vec_transpose(vec t[16])
{
  __m512 u[16];
  __m512 v[16];
  /* Pairs, then quads, inside each 128-bit part; then the parts themselves, twice. */
  for (int i = 0; i < 16; i += 2) {
    u[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);
    u[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_shuffle_ps(u[i], u[i + 2], 0x44);
    v[i + 1] = _mm512_shuffle_ps(u[i], u[i + 2], 0xee);
    v[i + 2] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0x44);
    v[i + 3] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    u[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
    u[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
    u[i + 8] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
    u[i + 12] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(u[i], u[i + 8], 0x88);
    t[i + 8] = _mm512_shuffle_f32x4(u[i], u[i + 8], 0xdd);
    t[i + 4] = _mm512_shuffle_f32x4(u[i + 4], u[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(u[i + 4], u[i + 12], 0xdd);
  }
}

#endif
#endif
