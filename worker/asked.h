/** What rank 0 asks for, out of START: words and numbers as what they name here. Part of
 *  worker.c. */
#ifndef TFM_WORKER_ASKED_H
#define TFM_WORKER_ASKED_H

#include "core/kernels/linear.h"
#include "core/model/head_spec.h"
#include "proto/messages.h"

/** The head. Errors: TFM_E_CONFIG for a task, pooling or other kind that this build has not. */
tfm_status tfm__asked_head(const tfm_msg_start *start, tfm_head_spec *spec,
                           tfm_err *err) TFM_MUST_USE;

/** The engine; what the ranks settle on of it follows in ASSIGN. Errors: TFM_E_CONFIG, likewise. */
tfm_status tfm__asked_engine(const tfm_msg_start *start, tfm_engine *engine,
                             tfm_err *err) TFM_MUST_USE;

#endif
