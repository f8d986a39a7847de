#include "core/model/pool.h"

#include <math.h>
#include <string.h>

static void add_row(const float *x, float weight, int64_t H, float *y)
{
  for (int64_t h = 0; h < H; ++h) {
    y[h] += weight * x[h];
  }
}

static void max_row(const float *x, int64_t H, float *y)
{
  for (int64_t h = 0; h < H; ++h) {
    y[h] = x[h] > y[h] || isnan(x[h]) ? x[h] : y[h];
  }
}

/* The weighted sum over the rows that count, and the sum of the weights. */
static float weighted_sum(const float *x, int64_t n, int64_t skip, int64_t H, bool by_place,
                          float *y)
{
  float total = 0;
  memset(y, 0, (size_t)H * sizeof *y);
  for (int64_t t = skip; t < n; ++t) {
    const float weight = by_place ? (float)(t + 1) : 1.0F;
    add_row(x + t * H, weight, H, y);
    total += weight;
  }
  return total;
}

static void divide(float *y, int64_t H, float by)
{
  for (int64_t h = 0; h < H; ++h) {
    y[h] /= by;
  }
}

void tfm__pool(tfm_pooling mode, const float *x, int64_t n, int64_t skip, int64_t H, float *y)
{
  const float least = 1e-9F; /* the reference's guard against nothing to divide by */
  const bool nothing = skip >= n;
  float total = 0;
  if (mode == TFM_POOLING_MAX) {
    for (int64_t h = 0; h < H; ++h) {
      y[h] = -INFINITY;
    }
    for (int64_t t = skip; t < n; ++t) {
      max_row(x + t * H, H, y);
    }
  } else if (mode == TFM_POOLING_CLS) {
    memcpy(y, x + (nothing ? 0 : skip) * H, (size_t)H * sizeof *y);
  } else if (mode == TFM_POOLING_LAST_TOKEN) {
    (void)weighted_sum(x, n, nothing ? n : n - 1, H, false, y);
  } else {
    total = weighted_sum(x, n, skip, H, mode == TFM_POOLING_WEIGHTED_MEAN, y);
    total = total > least ? total : least;
    divide(y, H, mode == TFM_POOLING_MEAN_SQRT_LEN ? sqrtf(total) : total);
  }
}

void tfm__unit_length(float *x, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += (double)x[i] * (double)x[i];
  }
  const double length = sqrt(sum) > 1e-12 ? sqrt(sum) : 1e-12;
  for (int64_t i = 0; i < n; ++i) {
    x[i] = (float)((double)x[i] / length);
  }
}
