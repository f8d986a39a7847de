/** How fast this machine runs a model's parts, for simulations: on micro-batches as they come,
 *  through all units that a host's cores run in turn, on as many cores at once as will compute. */
#ifndef TFM_COORDINATOR_SIMULATE_MEASURE_H
#define TFM_COORDINATOR_SIMULATE_MEASURE_H

#include "coordinator/job.h"

typedef struct {
  tfm_range units; /* what a host has of the model */
  int at_once;     /* threads that will compute on a host; no more than this machine's cores are
                      measured together, nor 16, nor copies that memory has no room for */
  const tfm_ids *batches;
  size_t nbatch; /* >= 1 */
} tfm_measure_request;

/** The mean of all cores, and at last what `job->pace.speed` said of parts these units lack. Takes
 * half a second and the time to read the weights. Errors: TFM_E_NOMEM, of tfm_slice_open(). */
tfm_status tfm_simulate_measure(tfm_job *job, const tfm_measure_request *request,
                                tfm_speed *speed, tfm_err *err) TFM_MUST_USE;

#endif
