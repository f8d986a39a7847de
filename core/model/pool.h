/** The vectors of a sequence's tokens as one vector. Room-private. One order of additions, token
 * after token, whatever stands around the sequence.
 *  Source: sentence-transformers 5, sentence_transformer/modules/pooling.py. */
#ifndef TFM_CORE_MODEL_POOL_H
#define TFM_CORE_MODEL_POOL_H

#include "core/model/head_spec.h"

/** x [n,H] rows of one sequence, of which the first `skip` (a prompt's) do not count; y [H] out.
 * mode is one of the six. With nothing left to count, the mean is 0 and the maximum -infinity. */
void tfm__pool(tfm_pooling mode, const float *x, int64_t n, int64_t skip, int64_t H, float *y);

/** Scale x [n] to length 1; a vector shorter than 1e-12 is divided by 1e-12, as torch does. */
void tfm__unit_length(float *x, int64_t n);

#endif
