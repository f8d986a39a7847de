/** What the oracle sees of a slice beyond slice.h. Room-private. */
#ifndef TFM_CORE_MODEL_SLICE_PRIVATE_H
#define TFM_CORE_MODEL_SLICE_PRIVATE_H

#include "core/model/slice.h"

/** Run unit u of the slice's range over batch->x in place. */
void tfm__slice_run_unit(tfm_slice *slice, int64_t u, const tfm_batch *batch, tfm_par *par);

#endif
