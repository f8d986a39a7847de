/** Whether a model's weights can be computed with in bfloat16 pieces (core/kernels/linear.h) as
 * exactly as in float32: the check of `--float32-mode auto`. It looks at the weights alone, so that
 * every rank and every layout would come to the same answer. */
#ifndef TFM_CORE_MODEL_PIECES_H
#define TFM_CORE_MODEL_PIECES_H

#include "core/model/model.h"

/** Whether a matrix whose largest magnitude this is fits: its pieces neither overflow nor fall
 *  among the denormals, which count as zeros: 0, or from 2^-80 to 2^100. */
bool tfm_pieces_hold(float largest);

/** Whether all matrices of the checkpoint do, but for embeddings of the vocabulary, which are not
 *  multiplied in pieces. Cost: reads the weights once. Errors: TFM_E_IO, TFM_E_FORMAT, NOMEM. */
tfm_status tfm_pieces_hold_model(const tfm_model *model, bool *hold, tfm_err *err) TFM_MUST_USE;

#endif
