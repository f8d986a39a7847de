/* AMX's instructions in plain C: what they mean. */
#include "core/kernels/simd_portable.h"

static inline vec flush(vec a)
{
  for (int i = 0; i < 16; ++i) {
    a.f[i] = fabsf(a.f[i]) < FLT_MIN ? copysignf(0.0f, a.f[i]) : a.f[i];
  }
  return a;
}

#define FLUSH(v) flush(v)
#define TOGETHER 1
#define TILES    tfm__amx_portable
#include "core/kernels/amx_model.inc"
