/** The best of many scores. Room-private. */
#ifndef TFM_CORE_MODEL_RANK_H
#define TFM_CORE_MODEL_RANK_H

#include <stdint.h>

/** The k best of p [n], 1 <= k <= n < 2^24: their scores, best first, into best [k], and their
 * places as floats into best [k .. 2k). Of equal scores the lower place is better. NaN is worse
 * than everything. Cost: n log k. */
void tfm__rank(const float *p, int64_t n, int64_t k, float *best);

#endif
