/** What stands on top of the last layer: first token, dense layer, activation, output layer.
 * Room-private. */
#ifndef TFM_CORE_MODEL_HEAD_H
#define TFM_CORE_MODEL_HEAD_H

#include "core/base/par.h"
#include "core/kernels/linear.h"
#include "core/model/batch.h"
#include "core/model/model.h"

#include <stddef.h>

/** Zero-initialised is empty. */
typedef struct {
  tfm_linear *dense; /* [H,H] */
  tfm_linear *out;   /* [C,H] */
  tfm_activation act;
  int64_t H, width; /* width: floats a sequence's result has */
  float *first;     /* [max_sequences,H] each sequence's first token */
  float *pooled;    /* [max_sequences,H] */
  size_t scratch_bytes;
} tfm__head;

/** Read and pack the head of the model's task. On failure *head holds what was made; release
 * with tfm__head_fini() either way. Errors: TFM_E_UNSUPPORTED when the family has no head for
 * the task, those of weights.h, TFM_E_NOMEM. */
tfm_status tfm__head_open(tfm__head *head, const tfm_model *model, tfm_backend backend,
                          int64_t max_sequences, tfm_err *err) TFM_MUST_USE;
void tfm__head_fini(tfm__head *head);

/** result [B,width] out. */
void tfm__head_run(const tfm__head *head, const tfm_batch *batch, float *result, tfm_par *par);

#endif
