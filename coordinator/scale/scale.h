/** The verb `scale`: the same rows through several layouts of the ranks that are here, one job
 *  after the other, as a scaling study wants it: rates with their spread, speed-up, efficiency and
 *  where the time went, and whether every layout gave the same bits. */
#ifndef TFM_COORDINATOR_SCALE_SCALE_H
#define TFM_COORDINATOR_SCALE_SCALE_H

#include "coordinator/cli/options.h"
#include "proto/world.h"

/** Workers that the layouts named in options want, when no launcher has made any: at least 1. */
int tfm_scale_workers(const tfm_options *options);

/** Run all layouts and append the report, and write --svg. *passed: every row was the same in every
 *  run. Errors: of a job; TFM_E_USAGE and TFM_E_CONFIG for layouts that there are no ranks for and
 *  input that cannot be read again; TFM_E_STOPPED: nothing is appended. */
tfm_status tfm_scale_run(tfm_world *world, const tfm_options *options, tfm_buf *out,
                         bool *passed, tfm_err *err) TFM_MUST_USE;

#endif
