/** What the units of a model cost, for the plan: operations and bytes, from the config and the
 * precision of the units' linear layers alone. Source of the counts: two flops per multiply-add
 * of a real token; nothing is padded. Of the last layer only those for tokens that config->wanted
 * names count, one a sequence. */
#ifndef TFM_CORE_MODEL_COST_H
#define TFM_CORE_MODEL_COST_H

#include "core/kernels/precision.h"
#include "core/model/config.h"

/** Flops of a unit, by what they are spent on. */
typedef struct {
  double products; /* of the linear layers */
  double scores;   /* of queries with keys and weights with values */
} tfm_cost_parts;

/** The same as tfm_cost_unit(), in parts. */
tfm_cost_parts tfm_cost_unit_parts(const tfm_config *config, tfm_precision precision,
                                   int64_t unit, int64_t len);

/** Flops of one unit for a sequence of `len` tokens, each as long as one of float32: those of a
 * linear layer count a half in bfloat16 and a quarter in int8, as the widths of vectors have it
 * (whole where only weights are int8), and those of scores a half in both where they are bfloat16.
 */
double tfm_cost_unit(const tfm_config *config, tfm_precision precision, int64_t unit,
                     int64_t len);

/** In which numbers the head multiplies when the layers do in `precision`: a language model's in
 *  the layers' own, as its words weigh as much as many layers; all others, and those of layers in
 *  pieces, in float32. */
tfm_precision tfm_cost_head_precision(const tfm_config *config, tfm_precision precision);

/** Flops of the head for one sequence, each as long as one of float32. A language model's looks at
 *  every token: of given text all are scored, and a text that grows passes it with each. */
double tfm_cost_head(const tfm_config *config, tfm_precision precision, int64_t len);

/** The last unit before this one with the same weights, which a rank that has both holds once; -1
 * when there is none. */
int64_t tfm_cost_unit_twin(const tfm_config *config, int64_t unit);

/** Of units [first, last) the attentions that keep keys and values of sequences that grow: an
 * encoder's do not. */
int64_t tfm_cost_page_layers(const tfm_config *config, int64_t first, int64_t last);

/** Bytes the attention of units [first, last) keeps of TFM_PAGE_KEYS tokens. */
int64_t tfm_cost_page_bytes(const tfm_config *config, tfm_precision kv, int64_t first,
                            int64_t last);

/** Bytes of a unit's weights in memory, of the head's and of the embedding tables; `precision` is
 *  the layers'. The tables are float32 always. */
int64_t tfm_cost_unit_bytes(const tfm_config *config, tfm_precision precision, int64_t unit);
int64_t tfm_cost_head_bytes(const tfm_config *config, tfm_precision precision);
int64_t tfm_cost_embed_bytes(const tfm_config *config);

#endif
