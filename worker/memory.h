/** The part of `bench memory` that a worker plays, in place of a job. */
#ifndef TFM_WORKER_MEMORY_H
#define TFM_WORKER_MEMORY_H

#include "proto/messages.h"

/** Measure, and say where that was. Errors: TFM_E_NOMEM (also where the host has less left than all
 *  that measure at once would take), of tfm_machine_open(). */
tfm_status tfm__worker_memory(const tfm_msg_memory *memory, tfm_msg_bandwidth *out,
                              tfm_err *err) TFM_MUST_USE;

#endif
