/** What a language model says of one row of logits. Room-private. */
#ifndef TFM_CORE_MODEL_LM_H
#define TFM_CORE_MODEL_LM_H

#include <stdint.h>

/** The id of the highest of z [V]; of equals the lowest. */
int64_t tfm__likeliest(const float *z, int64_t V);

/** The natural logarithm of the probability of `id` under the softmax of z [V], which is
 *  overwritten.
 *
 *  Numerics: the sum of exponentials is tfm_softmax()'s; its logarithm and what is added to it are
 *            of double precision, rounded once, so that no last bit of a libm can show. NaN where a
 *            logit is not finite. */
float tfm__log_probability(float *z, int64_t V, int64_t id);

/** The same of every id, in place of z; p [V] is scratch. */
void tfm__log_probabilities(float *z, int64_t V, float *p);

#endif
