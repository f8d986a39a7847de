/** What the oracle sees of a slice beyond slice.h. Room-private. */
#ifndef TFM_CORE_MODEL_SLICE_PRIVATE_H
#define TFM_CORE_MODEL_SLICE_PRIVATE_H

#include "core/model/slice.h"
#include "core/model/unit.h"

/** Unit u of the slice's range, borrowed; NULL where its weights are those of a unit before it. */
const tfm__unit *tfm__slice_unit(const tfm_slice *slice, int64_t u);

/** The last linear layer of the slice's head, borrowed; NULL where there is none. */
tfm_linear *tfm__slice_head_out(const tfm_slice *slice);

/** Which rows a last layer of the slice makes from now on; returns which it made. */
tfm_wanted tfm__slice_want(tfm_slice *slice, tfm_wanted wanted);

/** Run unit u of the slice's range over batch->x in place. */
void tfm__slice_run_unit(tfm_slice *slice, int64_t u, const tfm_batch *batch, tfm_par *par);

#endif
