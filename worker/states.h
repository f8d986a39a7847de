/** Hidden states of the micro-batch a stage has in hand, from its frame and back. As float32 they
 *  are changed where they arrived; as bfloat16 beside the frame, in float32. Part of stage.c. */
#ifndef TFM_WORKER_STATES_H
#define TFM_WORKER_STATES_H

#include "worker/stage.h"

/** The stage's memory for one micro-batch, by its assign: lengths, what is not finite, and
 *  where `bfloat16` says that this is what travels, x. Errors: TFM_E_NOMEM; what was made before is
 *  released by tfm__states_close() all the same. */
tfm_status tfm__states_open(tfm_stage *stage, bool bfloat16, tfm_err *err) TFM_MUST_USE;
void tfm__states_close(tfm_stage *stage);

/** Where the units find x of a frame, an encoder's rows first. */
float *tfm__states_of(const tfm_stage *stage, const tfm_frame *frame);

/** Before the units: x from the frame; sequences that an earlier stage gave up are noted in
 *  stage->bad and not computed on. */
void tfm__states_enter(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch);

/** After them: those that this one must give up are noted as well; x into the frame, with marks
 *  where sequences were given up (finite.h), but for the last stage, which reads x. */
void tfm__states_leave(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch);

#endif
