/* int8 by VPDPBUSD on 512 bits (AVX512_VNNI); empty where the compiler has none. */
#include "core/kernels/inline.h"
#include "core/kernels/simd_avx512.h"
#include "core/kernels/table.h"

#if defined(VEC_ISA) && defined(__AVX512VNNI__)

static inline vec dot(vec x, vec w, vec acc)
{
  return _mm512_castsi512_ps(_mm512_dpbusd_epi32(
      _mm512_castps_si512(acc), _mm512_castps_si512(x), _mm512_castps_si512(w)));
}

#define PRODUCT(x, w, acc) dot(x, w, acc)
#define SUM(a, b)          vec_add_int(a, b)
#define NAME(rows, vecs)   avx512vnni_##rows##x##vecs
#define TILES              const tfm__tiles tfm__tiles_avx512vnni
#define TILE_BEGIN
#define TILE_END
#include "core/kernels/tiles_body.inc"
#else
typedef int tfm__no_avx512vnni; /* an empty file is not C */
#endif
