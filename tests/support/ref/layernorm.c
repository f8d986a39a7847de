#include "tests/support/ref/ref.h"

#include <math.h>

void ref_layernorm(const float *x, const float *gain, const float *bias, double eps, int64_t H,
                   double *y)
{
  double mean = 0.0;
  for (int64_t h = 0; h < H; ++h) {
    mean += (double)x[h];
  }
  mean /= (double)H;
  double variance = 0.0;
  for (int64_t h = 0; h < H; ++h) {
    variance += ((double)x[h] - mean) * ((double)x[h] - mean);
  }
  variance /= (double)H;
  for (int64_t h = 0; h < H; ++h) {
    y[h] = ((double)x[h] - mean) / sqrt(variance + eps) * (double)gain[h] + (double)bias[h];
  }
}
