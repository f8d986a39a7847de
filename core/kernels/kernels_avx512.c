/* The kernels on AVX-512 registers; empty where the compiler has none. */
#include "core/kernels/simd_avx512.h"

#ifdef VEC_ISA
#include "core/kernels/kernels_body.inc"
#else
typedef int tfm__no_avx512; /* an empty file is not C */
#endif
