/* bfloat16 by VDPBF16PS and VCVTNE2PS2BF16 (AVX512_BF16); empty where the compiler has none. */
#include "core/kernels/inline.h"
#include "core/kernels/simd_avx512.h"
#include "core/kernels/table.h"

#if defined(VEC_ISA) && defined(__AVX512BF16__)

static inline vec dot(vec x, vec w, vec acc)
{
  return _mm512_dpbf16_ps(acc, (__m512bh)x, (__m512bh)w);
}

#define PRODUCT(x, w, acc) dot(x, w, acc)
#define SUM(a, b)          vec_add(a, b)
#define NAME(rows, vecs)   avx512bf16_##rows##x##vecs
#define TILES              const tfm__tiles tfm__tiles_avx512bf16
#define TILE_BEGIN
#define TILE_END
#include "core/kernels/tiles_body.inc"

ALWAYS_INLINE void row_to_bfloat16(const float *x, int64_t n, unsigned char *out)
{
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512bh both = _mm512_cvtne2ps_pbh(vec_load(x + i + 16), vec_load(x + i));
    _mm512_storeu_si512(out + 2 * i, (__m512i)both);
  }
  for (; i < n; i += 16) {
    const int64_t left = n - i < 16 ? n - i : 16;
    const __m256bh half = _mm512_cvtneps_pbh(vec_load_part(x + i, left));
    _mm256_mask_storeu_epi16(out + 2 * i, vec_first(left), (__m256i)half);
  }
}

void tfm__to_bfloat16_avx512bf16(const float *x, int64_t ldx, int64_t rows, int64_t n,
                                 unsigned char *out, int64_t apart)
{
  for (; rows > 0; --rows, x += ldx, out += apart) {
    row_to_bfloat16(x, n, out);
  }
}

/* The low 16 bits of each lane. */
static inline __m512i halves(vec x)
{
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
}

void tfm__pair_bfloat16_avx512bf16(const float *even, const float *odd, int64_t n, float *words)
{
  const __m512i take_turns =
      _mm512_add_epi32(_mm512_set1_epi32(0x00100000),
                       _mm512_mullo_epi32(_mm512_set1_epi32(0x00010001),
                                          _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
                                                           5, 4, 3, 2, 1, 0)));
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m512bh both = _mm512_cvtne2ps_pbh(vec_load(odd + i), vec_load(even + i));
    _mm512_storeu_si512(words + i, _mm512_permutexvar_epi16(take_turns, (__m512i)both));
  }
  if (i < n) {
    const int64_t left = n - i;
    const __m512i low = halves(vec_load_part(even + i, left));
    const __m512i high = halves(vec_load_part(odd + i, left));
    const __m512i word = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
    vec_store_part(words + i, _mm512_castsi512_ps(word), left);
  }
}
#else
typedef int tfm__no_avx512bf16; /* an empty file is not C */
#endif
