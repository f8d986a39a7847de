/** What stands on top of the last layer: a view of x, then the steps of the family's row
 * (arch/registry.h), or pooling and the modules of modules.json. Room-private. */
#ifndef TFM_CORE_MODEL_HEAD_H
#define TFM_CORE_MODEL_HEAD_H

#include "core/base/par.h"
#include "core/kernels/linear.h"
#include "core/model/arch/registry.h"
#include "core/model/batch.h"
#include "core/model/choose.h"
#include "core/model/loader.h"
#include "core/model/model.h"

#include <stddef.h>

/** A module of modules.json behind the pooling. */
typedef struct {
  tfm_linear *dense; /* [out,in]; NULL: scale to length 1 */
  tfm_activation act;
  int64_t out;
} tfm__after;

/** Zero-initialised is empty. */
typedef struct {
  const tfm__head_row *row; /* the family's, static */
  tfm_head_shape shape;
  tfm_head_spec spec;
  bool on_shelf; /* its weights are where the loader's shelf is */
  int64_t H, I, O;
  bool mean; /* FIRST: the mean over the tokens instead */
  tfm_activation act;
  float norm_eps;
  float scale;       /* LM: rows of x are multiplied with it first */
  float cap;         /* LM: scores are capped with it; 0: they are not */
  tfm_linear *dense; /* [I,H] or NULL */
  float *norm;       /* [2,I] gain, then bias; or NULL */
  tfm_linear *out;   /* [O,I]; NULL for pooling */
  bool after_prompt; /* POOLED: the first mark of a sequence is its first row that counts */
  int npool;
  tfm_pooling pool[TFM__POOLING_MOST];
  int nafter;
  tfm__after after[TFM__STEP_MOST];
  int64_t tile;         /* rows worked on at a time */
  float *a, *b;         /* [tile, widest] */
  float *logits;        /* MARKED, LM: [tile,O] */
  int32_t *last;        /* LAST: [tile] rows of x */
  tfm__chooser chooser; /* LM: of next tokens */
  size_t scratch_bytes;
} tfm__head;

/** Read and pack the head of the model's task, in float32 whatever the units are in; slots: of
 * sequences that grow. On failure *head holds what was made; release with tfm__head_fini() either
 * way. Errors: TFM_E_UNSUPPORTED when the family has no head for the task, those of weights.h,
 * TFM_E_NOMEM. */
tfm_status tfm__head_open(tfm__head *head, const tfm__loader *loader, int64_t slots,
                          tfm_err *err) TFM_MUST_USE;
void tfm__head_fini(tfm__head *head);

/** Whether the head can lie on a shelf: of those behind a pooling, modules.json decides the parts.
 */
bool tfm__head_can_be_shared(const tfm_model *model);

/** Bytes of weights and of scratch such a head will have, of layers in `precision`; 0 where there
 *  is none. */
void tfm__head_measure(const tfm_model *model, tfm_precision precision, int64_t *weights,
                       int64_t *scratch);

/** Its i-th linear layer with the family's name for it; NULL past the last. */
const tfm_linear *tfm__head_linear(const tfm__head *head, int i, const char **name);

/** result [rows,width] out, rows as tfm_head_rows() of each sequence add up to. */
void tfm__head_run(const tfm__head *head, const tfm_batch *batch, float *result, tfm_par *par);

#endif
