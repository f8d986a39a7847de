/* AMX's instructions out of those of AVX2; empty where the compiler has none. */
#include "core/kernels/simd_avx2.h"

#ifdef VEC_ISA
#define FLUSH(v) (v)
#define TOGETHER 2
#define TILES    tfm__amx_avx2
#include "core/kernels/amx_model.inc"
#else
typedef int tfm__no_amx_avx2; /* an empty file is not C */
#endif
