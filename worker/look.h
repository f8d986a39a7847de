/** Attention weights of this rank's layers, for `explain`: taken while a batch of one sequence is
 *  computed, and told to rank 0 row by row. Nothing of a result depends on it. */
#ifndef TFM_WORKER_LOOK_H
#define TFM_WORKER_LOOK_H

#include "worker/stage.h"

/** Zero-initialised is none. */
typedef struct {
  tfm_slice_look look;
  int64_t layers, T;
} tfm__stage_look;

/** Before the slice runs batch: make room and look, if rank 0 asked for it; release with
 *  tfm__stage_look_end(). Errors: TFM_E_NOMEM; TFM_E_FORMAT (more than one sequence, or too long
 *  for a message). */
tfm_status tfm__stage_look_begin(tfm_stage *stage, const tfm_batch *batch,
                                 tfm__stage_look *look, tfm_err *err) TFM_MUST_USE;

/** After it: tell rank 0 what was seen, waiting for free frames; returns early when rank 0 says
 *  LEAVE. Errors: those of waiting. */
tfm_status tfm__stage_look_tell(tfm_stage *stage, const tfm__stage_look *look,
                                tfm_err *err) TFM_MUST_USE;

void tfm__stage_look_end(tfm_stage *stage, tfm__stage_look *look);

#endif
