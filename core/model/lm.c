#include "core/model/lm.h"

#include "core/kernels/activation.h"

#include <math.h>

int64_t tfm__likeliest(const float *z, int64_t V)
{
  int64_t top = 0;
  for (int64_t i = 1; i < V; ++i) {
    top = z[i] > z[top] ? i : top;
  }
  return top;
}

float tfm__log_probability(float *z, int64_t V, int64_t id)
{
  const int64_t top = tfm__likeliest(z, V);
  const double below = (double)z[id] - (double)z[top];
  tfm_softmax(z, V, z); /* of the highest: exp(0) over the sum */
  return (float)(below + log((double)z[top]));
}

void tfm__log_probabilities(float *z, int64_t V, float *p)
{
  const int64_t top = tfm__likeliest(z, V);
  const double highest = (double)z[top];
  tfm_softmax(z, V, p);
  const double of_highest = log((double)p[top]);
  for (int64_t i = 0; i < V; ++i) {
    z[i] = (float)((double)z[i] - highest + of_highest);
  }
}
