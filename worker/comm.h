/** The part of `bench comm` that a worker plays, in place of a job. */
#ifndef TFM_WORKER_COMM_H
#define TFM_WORKER_COMM_H

#include "proto/messages.h"
#include "proto/world.h"

/** Measure a peer and tell rank 0 the samples, or answer one. Errors: of proto/comm.h. */
tfm_status tfm__worker_comm(tfm_world *world, const tfm_msg_comm *comm,
                            tfm_err *err) TFM_MUST_USE;

#endif
