/** Runs of floats as bfloat16, for hidden states on their way from one stage to the next: a float's
 *  upper half, rounded.
 *
 *  Numerics: to the nearest, ties to even; denormals are numbers as any other (linear.h's products
 *            make them zeros), what is beyond the largest finite one is infinite, a NaN of any bits
 *            is the quiet one of its sign, 0x7fc0 or 0xffc0. Widening is exact, whatever the bits.
 *  Threads:  tasks are runs of values; no allocation, no locks. par NULL: this thread. */
#ifndef TFM_CORE_KERNELS_BFLOAT16_H
#define TFM_CORE_KERNELS_BFLOAT16_H

#include "core/base/par.h"

#include <stdint.h>

/** y[i] = x[i] rounded, i < n. x and y do not overlap. */
void tfm_bfloat16_narrow(const float *x, int64_t n, uint16_t *y, tfm_par *par);

/** y[i] = x[i], i < n. x and y do not overlap. */
void tfm_bfloat16_widen(const uint16_t *x, int64_t n, float *y, tfm_par *par);

/** x[i] = x[i] narrowed and widened, i < n. */
void tfm_bfloat16_round(float *x, int64_t n, tfm_par *par);

#endif
