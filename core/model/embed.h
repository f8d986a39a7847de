/** The embedding front of a model: ids to the first residual stream. Runs on the coordinator.
 */
#ifndef TFM_CORE_MODEL_EMBED_H
#define TFM_CORE_MODEL_EMBED_H

#include "core/base/par.h"
#include "core/model/batch.h"
#include "core/model/model.h"
#include "core/model/store.h"

typedef struct tfm_embed tfm_embed;

enum { TFM_EMBED_MOST = 32768 }; /* widest tables with a projection behind them */

/** Read the tables, or take them from a store (NULL: the heap), which outlives them. gives: *out,
 * release with tfm_embed_close(). Errors: of safetensors.h, NOMEM. */
tfm_status tfm_embed_open(tfm_embed **out, const tfm_model *model, tfm_store *store,
                          tfm_err *err) TFM_MUST_USE;
void tfm_embed_close(tfm_embed *embed);
size_t tfm_embed_bytes(const tfm_embed *embed);

/** x[t] = norm(word[id] + type[type] + position[t - start]) for BERT, in the reference's order.
 * Where the tables are narrower than H, a projection follows (native's arithmetic).
 * A decoder behind an encoder has tables of positions and a norm of its own.
 *  x [T,H] out, or where the sequences have sources [S + T,H], those of all sources first.
 *  ids, types and lengths must be in range: tfm_id_check() says so for one row.
 *  Threads: callable from many at once on one embed; tasks are runs of rows, no allocation. */
void tfm_embed_run(const tfm_embed *embed, const tfm_ids *ids, float *x, tfm_par *par);

/** What a model takes. Plain data. */
typedef struct {
  int64_t V;          /* ids are below */
  int64_t types;      /* type ids are below; 0: they are not looked at */
  int64_t max_length; /* tokens of a sequence */
} tfm_id_limits;

tfm_id_limits tfm_embed_limits(const tfm_embed *embed);

/** Whether n ids and type ids are inside the tables and n is within max_length.
 *  Errors: TFM_E_FORMAT naming the id and the table's size. */
tfm_status tfm_id_check(const tfm_id_limits *limits, const int32_t *ids,
                        const int32_t *type_ids, int64_t n, tfm_err *err) TFM_MUST_USE;

#endif
