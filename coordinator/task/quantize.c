#include "coordinator/task/quantize.h"

#include <math.h>

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
