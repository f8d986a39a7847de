#include "tests/support/ref/ref.h"

#include <math.h>

double ref_gelu(double x)
{
  return 0.5 * x * erfc(-x / sqrt(2.0));
}

double ref_gelu_new(double x)
{
  const double pi = 3.14159265358979323846;
  return x / (1.0 + exp(-2.0 * sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
}

double ref_sigmoid(double x)
{
  return 1.0 / (1.0 + exp(-x));
}

double ref_silu(double x)
{
  return x * ref_sigmoid(x);
}

double ref_relu(double x)
{
  return x > 0.0 ? x : 0.0;
}

void ref_softmax(const double *x, int64_t n, double *y)
{
  double max = x[0];
  for (int64_t i = 1; i < n; ++i) {
    max = x[i] > max ? x[i] : max;
  }
  double sum = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    y[i] = exp(x[i] - max);
    sum += y[i];
  }
  for (int64_t i = 0; i < n; ++i) {
    y[i] /= sum;
  }
}
