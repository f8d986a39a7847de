/* AMX's instructions out of those of AVX-512; empty where the compiler has none. */
#include "core/kernels/simd_avx512.h"

#ifdef VEC_ISA
#define FLUSH(v) (v)
#define TOGETHER 4
#define TILES    tfm__amx_avx512
#include "core/kernels/amx_model.inc"
#else
typedef int tfm__no_amx_avx512; /* an empty file is not C */
#endif
