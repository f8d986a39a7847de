#include "tests/support/ref/ref.h"

#include <stdlib.h>

static void attend_row(const float *q, const float *k, const float *v, int64_t ld, int64_t len,
                       int64_t D, double scale, double *p, double *out)
{
  for (int64_t j = 0; j < len; ++j) {
    double magnitude = 0.0;
    p[j] = ref_dot(q, k + j * ld, D, &magnitude) * scale;
  }
  ref_softmax(p, len, p);
  for (int64_t d = 0; d < D; ++d) {
    out[d] = 0.0;
    for (int64_t j = 0; j < len; ++j) {
      out[d] += p[j] * (double)v[j * ld + d];
    }
  }
}

void ref_attention(const float *q, const float *k, const float *v, int64_t ld, int64_t len,
                   int64_t D, double scale, double *out)
{
  double *p = calloc((size_t)len, sizeof *p);
  if (!p) {
    abort();
  }
  for (int64_t i = 0; i < len; ++i) {
    attend_row(q + i * ld, k, v, ld, len, D, scale, p, out + i * D);
  }
  free(p);
}
