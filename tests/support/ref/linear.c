#include "tests/support/ref/ref.h"

#include <math.h>

double ref_dot(const float *x, const float *w, int64_t K, double *magnitude)
{
  double sum = 0.0;
  *magnitude = 0.0;
  for (int64_t k = 0; k < K; ++k) {
    const double product = (double)x[k] * (double)w[k];
    sum += product;
    *magnitude += fabs(product);
  }
  return sum;
}
