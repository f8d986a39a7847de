#include "core/tensor/dtype.h"

#include <string.h>

typedef struct {
  const char *name;
  size_t bytes;
  bool weight;
} dtype_row;

static const dtype_row rows[TFM_DTYPE_COUNT] = {
    [TFM_F32] = {"F32", 4, true},   [TFM_F16] = {"F16", 2, true},
    [TFM_BF16] = {"BF16", 2, true}, [TFM_I64] = {"I64", 8, false},
    [TFM_I32] = {"I32", 4, false},  [TFM_U8] = {"U8", 1, false},
};

size_t tfm_dtype_bytes(tfm_dtype dtype)
{
  return rows[dtype].bytes;
}

const char *tfm_dtype_name(tfm_dtype dtype)
{
  return rows[dtype].name;
}

bool tfm_dtype_parse(tfm_span name, tfm_dtype *out)
{
  for (int i = 0; i < TFM_DTYPE_COUNT; ++i) {
    if (tfm_span_is(name, rows[i].name)) {
      *out = (tfm_dtype)i;
      return true;
    }
  }
  return false;
}

bool tfm_dtype_is_weight(tfm_dtype dtype)
{
  return rows[dtype].weight;
}

static float float_of_bits(uint32_t bits)
{
  float x = 0;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Half precision by its fields (IEEE 754-2008, binary16): a denormal is its integer times 2^-24. */
static float float_of_half(uint16_t half)
{
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t exponent = half >> 10 & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {
    float tiny = (float)fraction * 0x1p-24f;
    return sign ? -tiny : tiny;
  }
  uint32_t wide = exponent == 31 ? 255u : exponent + 127 - 15;
  return float_of_bits(sign | wide << 23 | fraction << 13);
}

void tfm_dtype_to_f32(tfm_dtype dtype, const void *from, size_t n, float *to)
{
  const unsigned char *p = from;
  if (dtype == TFM_F32) {
    memcpy(to, p, n * sizeof *to);
    return;
  }
  for (size_t i = 0; i < n; ++i) {
    uint16_t bits = 0;
    memcpy(&bits, p + 2 * i, sizeof bits);
    to[i] = dtype == TFM_F16 ? float_of_half(bits) : float_of_bits((uint32_t)bits << 16);
  }
}

bool tfm_all_finite(const float *x, size_t n, size_t *bad_at)
{
  enum { BLOCK = 1024 };
  for (size_t start = 0; start < n; start += BLOCK) {
    size_t end = n - start < BLOCK ? n : start + BLOCK;
    uint32_t worst = 0; /* an exponent of all ones is Infinity or NaN */
    for (size_t i = start; i < end; ++i) {
      uint32_t bits = 0;
      memcpy(&bits, x + i, sizeof bits);
      worst |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    for (size_t i = start; worst && i < end; ++i) {
      uint32_t bits = 0;
      memcpy(&bits, x + i, sizeof bits);
      if ((bits & 0x7f800000u) == 0x7f800000u) {
        if (bad_at) {
          *bad_at = i;
        }
        return false;
      }
    }
  }
  return true;
}
