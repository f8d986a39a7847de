/* int8 by VPDPBUSD on 256 bits (AVX_VNNI); empty where the compiler has none. */
#include "core/kernels/inline.h"
#include "core/kernels/simd_avx2.h"
#include "core/kernels/table.h"

#if defined(VEC_ISA) && defined(__AVXVNNI__)

static inline __m256 half_dot(__m256 x, __m256 w, __m256 acc)
{
  return _mm256_castsi256_ps(_mm256_dpbusd_avx_epi32(
      _mm256_castps_si256(acc), _mm256_castps_si256(x), _mm256_castps_si256(w)));
}

static inline vec dot(vec x, vec w, vec acc)
{
  return (vec){half_dot(x.lo, w.lo, acc.lo), half_dot(x.hi, w.hi, acc.hi)};
}

#define PRODUCT(x, w, acc) dot(x, w, acc)
#define SUM(a, b)          vec_add_int(a, b)
#define NAME(rows, vecs)   avxvnni_##rows##x##vecs
#define TILES              const tfm__tiles tfm__tiles_avxvnni
#define TILE_BEGIN
#define TILE_END
#include "core/kernels/tiles_body.inc"
#else
typedef int tfm__no_avxvnni; /* an empty file is not C */
#endif
