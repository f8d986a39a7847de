/** `plan --simulate FILE`: the plan of machines that are not there, made by the code that makes a
 *  job's, and its rows sent through them in simulated time (events.h). */
#ifndef TFM_COORDINATOR_SIMULATE_SIMULATE_H
#define TFM_COORDINATOR_SIMULATE_SIMULATE_H

#include "coordinator/job.h"

/** Append the plan and the simulated figures, each line of which begins with "simulated"; with
 *  --table only one line of figures. The speed of the model's parts is measured here, on one core.
 *  Errors: of tfm_hosts_read(), tfm_job_open(), tfm_slice_open(), of the input; TFM_E_UNSUPPORTED
 *  for texts that grow and for models with an encoder and a decoder. */
tfm_status tfm_simulate(tfm_job *job, tfm_world *world, const tfm_options *options,
                        tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
