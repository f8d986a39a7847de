/* The kernels on AVX2 and FMA registers; empty where the compiler has none. */
#include "core/kernels/simd_avx2.h"

#ifdef VEC_ISA
#include "core/kernels/kernels_body.inc"
#else
typedef int tfm__no_avx2; /* an empty file is not C */
#endif
