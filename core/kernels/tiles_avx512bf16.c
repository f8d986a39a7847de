/* bfloat16 by VDPBF16PS (AVX512_BF16); empty where the compiler has none. */
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
#else
typedef int tfm__no_avx512bf16; /* an empty file is not C */
#endif
