/** The frequencies rotary positions turn by. Room-private. */
#ifndef TFM_CORE_MODEL_FREQUENCY_H
#define TFM_CORE_MODEL_FREQUENCY_H

#include "core/model/config.h"

/** frequency [turned/2] out: base^(-2i/turned) of local layers or of the others, stretched as
 * config->scaling says for a text of `length` tokens, which only the dynamic kind looks at: it
 * raises the base beyond config->trained. Returns what cosines and sines are multiplied with.
 *
 *  Numerics: the reference's float32 steps around a power in double precision, so that no last bit
 *            of a libm can show. Source: transformers, modeling_rope_utils.py; Peng et al. 2023
 *            (arXiv 2309.00071) for yarn. */
float tfm__frequencies(const tfm_config *config, bool local, int64_t length, float *frequency);

#endif
