/** Normalisation of rows: layer norm, and by the root of the mean square. */
#ifndef TFM_CORE_KERNELS_LAYERNORM_H
#define TFM_CORE_KERNELS_LAYERNORM_H

#include "core/base/par.h"

#include <stdint.h>

/** What a layer norm learned, and its epsilon. Borrowed arrays of H floats. */
typedef struct {
  const float *gain;
  const float *bias;
  float eps;
} tfm_norm;

/** Normalise each row to mean 0 and variance 1, then scale and shift.
 *
 *  x    [R,H] f32 in   rows ldx apart
 *  norm              gain [H] and bias [H]; eps >= 0 is added to the variance (layer_norm_eps)
 *  y    [R,H] f32 out  rows ldy apart; may be x itself, may not overlap it partly
 *
 *  Numerics: population variance (divide by H), two passes, f32 sums in 16 lanes and a fixed tree,
 *            y = ((x - mean) * (1 / sqrt(variance + eps))) * gain + bias, the last step fused. The
 *            bits of a row depend on that row alone.
 *  Threads:  tasks are runs of rows; no allocation, no locks.
 *  Source:   Ba, Kiros, Hinton 2016, section 3 (arXiv 1607.06450). */
void tfm_layernorm(const float *x, int64_t ldx, int64_t R, int64_t H, const tfm_norm *norm,
                   float *y, int64_t ldy, tfm_par *par);

/** Scale each row to a root mean square of 1, then by gain: norm->bias is not looked at.
 *
 *  Numerics: f32 sum of squares in 16 lanes and a fixed tree, divided by H,
 *            y = (x * (1 / sqrt(mean + eps))) * gain, each step rounded. The rest as above.
 *  Source:   Zhang, Sennrich 2019 (arXiv 1910.07467). */
void tfm_rmsnorm(const float *x, int64_t ldx, int64_t R, int64_t H, const tfm_norm *norm,
                 float *y, int64_t ldy, tfm_par *par);

#endif
