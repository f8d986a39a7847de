/* The kernels in plain C: the definition of the bits, and the only set on CPUs without AVX2. */
#include "core/kernels/simd_portable.h"

#include "core/kernels/kernels_body.inc"
