/** What the units of a model cost, for the plan: floating-point operations and bytes, from the
 * config alone. Source of the counts: two flops per multiply-add of a real token; nothing is
 * padded. */
#ifndef TFM_CORE_MODEL_COST_H
#define TFM_CORE_MODEL_COST_H

#include "core/model/config.h"

/** Flops of one unit for a sequence of `len` tokens. */
double tfm_cost_unit(const tfm_config *config, int64_t unit, int64_t len);

/** Flops of the head for one sequence. */
double tfm_cost_head(const tfm_config *config, int64_t len);

/** The last unit before this one with the same weights, which a rank that has both holds once; -1
 * when there is none. */
int64_t tfm_cost_unit_twin(const tfm_config *config, int64_t unit);

/** Bytes of a unit's weights, of the head's and of the embedding tables, as float32 in memory.
 */
int64_t tfm_cost_unit_bytes(const tfm_config *config, int64_t unit);
int64_t tfm_cost_head_bytes(const tfm_config *config);
int64_t tfm_cost_embed_bytes(const tfm_config *config);

#endif
