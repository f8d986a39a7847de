#include "coordinator/task/quantize.h"

#include <math.h>
#include <string.h>

static bool is_bits(tfm_number_type type)
{
  return type == TFM_NUMBER_BINARY || type == TFM_NUMBER_UBINARY;
}

int64_t tfm_quantized_width(tfm_number_type type, int64_t n)
{
  return is_bits(type) ? (n + 7) / 8 : n;
}

/* 255 steps from -1 to 1, all of it in float32 as the reference has it. */
static int step_of(float x)
{
  const float step = floorf((x + 1.0F) / (2.0F / 255.0F));
  return step <= 0 ? 0 : step >= 255 ? 255 : (int)step;
}

static int signs_of(const float *x, int64_t n)
{
  int bits = 0;
  for (int k = 0; k < 8 && k < n; ++k) {
    bits |= (x[k] > 0) << (7 - k);
  }
  return bits;
}

int tfm_quantized(tfm_number_type type, const float *x, int64_t n, int64_t i)
{
  const int value = is_bits(type) ? signs_of(x + 8 * i, n - 8 * i) : step_of(x[i]);
  return type == TFM_NUMBER_INT8 || type == TFM_NUMBER_BINARY ? value - 128 : value;
}

/* The places of a float32 that a half keeps are rounded as integers: the carry goes into the
 * exponent by itself, up to infinity. */
uint16_t tfm_half_bits(float x)
{
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t size = bits & 0x7fffffff;
  if (size >= 0x7f800000) { /* infinity, NaN */
    return (uint16_t)(sign | 0x7c00 | (size > 0x7f800000 ? 0x200 : 0));
  }
  if (size < 0x38800000) { /* below the smallest normal half: a count of 2^-24 */
    const float count = rintf(fabsf(x) * 0x1p24F);
    return (uint16_t)(sign | (uint32_t)count);
  }
  const uint32_t kept = size - 0x38000000;
  const uint32_t rounded = (kept + 0xfff + (kept >> 13 & 1)) >> 13;
  return (uint16_t)(sign | (rounded > 0x7c00 ? 0x7c00 : rounded));
}

float tfm_half_value(uint16_t bits)
{
  const uint32_t exponent = bits >> 10 & 0x1f;
  const float fraction = (float)(bits & 0x3ff);
  const float size = exponent == 0x1f ? (bits & 0x3ff ? NAN : INFINITY)
                     : exponent == 0  ? fraction * 0x1p-24F
                                      : ldexpf(fraction + 1024, (int)exponent - 25);
  return bits & 0x8000 ? -size : size;
}
