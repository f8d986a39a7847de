/** How far float32 results may stand from double-precision references, one name per claim.
 *
 *  Each figure is stated in a header of core/kernels or follows from it; tests print the worst
 *  element beside it. "rel to max(1,|x|)" divides the absolute error by max(1, |reference|).
 */
#ifndef TFM_TESTS_SUPPORT_TOLERANCE_H
#define TFM_TESTS_SUPPORT_TOLERANCE_H

/* Element-wise functions: activation.h states these. */
#define TOL_GELU_SCALED     1.5e-7 /* rel to max(1,|x|), every finite x */
#define TOL_GELU_TAIL       4e-6   /* relative, -5 <= x < 0 */
#define TOL_ROUGH_GELU      5e-5   /* rel to max(1,|x|), both forms */
#define TOL_GELU_NEW_SCALED 2.5e-7 /* rel to max(1,|x|) */
#define TOL_TANH            2.5e-7 /* relative */
#define TOL_SIGMOID         2.5e-7 /* relative, x >= -87 */
#define TOL_SILU            2.5e-7 /* relative, x >= -87 */
#define TOL_SOFTMAX         3e-7   /* relative over 1 + abs(x - max), if above 1e-30 */

/* Layer norm: relative to the row's largest |y - bias|. */
#define TOL_LAYERNORM 1e-6

/* Sums of products: relative to the sum of |products|, per output. One chain of 192 has a worst
 * case of 192 * 2^-24; random data stays far below. */
#define TOL_LINEAR 5e-7

/* Attention output: relative to the largest |value| of the sequence. */
#define TOL_ATTENTION 2e-6

#endif
