/** Oracles: the textbook formula in plain C and double precision, nothing clever.
 *  Tests believe these, not the kernels. Matrices are row-major and dense. */
#ifndef TFM_TESTS_SUPPORT_REF_REF_H
#define TFM_TESTS_SUPPORT_REF_REF_H

#include <stdint.h>

double ref_gelu(double x);
double ref_gelu_new(double x);
double ref_silu(double x);
double ref_sigmoid(double x);
double ref_relu(double x);

/** The nearest bfloat16, ties to even; NaN is the quiet NaN of its sign. */
float ref_bfloat16(float x);

/** One row; y may be x. */
void ref_softmax(const double *x, int64_t n, double *y);

/** One row. Source: Ba, Kiros, Hinton 2016, section 3. */
void ref_layernorm(const float *x, const float *gain, const float *bias, double eps, int64_t H,
                   double *y);

/** sum = x w^T + bias for one row of x and one of w, and the sum of the products' magnitudes,
 * which is what rounding errors are measured against. */
double ref_dot(const float *x, const float *w, int64_t K, double *magnitude);

/** One sequence, one head: q [len,D], k and v likewise, each with rows ld apart; out [len,D]
 * dense. Source: Vaswani et al. 2017, section 3.2.1. */
void ref_attention(const float *q, const float *k, const float *v, int64_t ld, int64_t len,
                   int64_t D, double scale, double *out);

#endif
