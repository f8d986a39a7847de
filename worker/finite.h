/** Sequences whose values left the finite numbers: theirs is the failure, not the micro-batch's.
 *
 *  A stage that finds one fills its rows with one NaN whose last bits say which stage it was
 *  (proto/ FORMAT.md, section 2); stages after it compute on zeros in its place and pass the mark
 *  on. */
#ifndef TFM_WORKER_FINITE_H
#define TFM_WORKER_FINITE_H

#include <stdbool.h>
#include <stdint.h>

enum {
  TFM_FINITE_STAGES = 1 << 16
}; /* stages that can be told apart; later ones are the last */

/** Whether all n values are finite. */
bool tfm_finite(const float *values, int64_t n);

/** The stage + 1 that failed a sequence of n values, by its mark; 0 for one that is well. Other
 *  NaNs are no mark. */
uint32_t tfm_finite_mark_of(const float *values, int64_t n);

/** Fill n values with the mark of `mark` = stage + 1. */
void tfm_finite_mark(float *values, int64_t n, uint32_t mark);

/** Before a stage computes, bad [B] is zeros: sequences that are marked are noted in bad[b], and
 *  the rows of noted ones become zeros. x [T,H], cu_len [B+1]; a sequence may have no rows. An
 *  encoder's rows and a decoder's are looked at one after the other, with the same bad. */
void tfm_finite_enter(float *x, const int32_t *cu_len, int64_t B, int64_t H, uint32_t *bad);

/** The same of x that came as bfloat16: halves [T,H] are what came. There a mark is two halves. */
void tfm_finite_enter_halves(const uint16_t *halves, float *x, const int32_t *cu_len, int64_t B,
                             int64_t H, uint32_t *bad);

/** After stage has computed: the noted ones get their mark again, and those that are not finite
 *  now get this stage's. */
void tfm_finite_leave(float *x, const int32_t *cu_len, int64_t B, int64_t H, int stage,
                      uint32_t *bad);

/** After tfm_finite_leave(), of halves [T,H] that x was narrowed to: the noted ones get their mark
 *  as it travels in bfloat16. */
void tfm_finite_leave_halves(uint16_t *halves, const int32_t *cu_len, int64_t B, int64_t H,
                             const uint32_t *bad);

#endif
