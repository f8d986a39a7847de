/** Verbs that print facts on standard output and touch no weights: inspect, plan, topo. */
#ifndef TFM_COORDINATOR_REPORT_FACTS_H
#define TFM_COORDINATOR_REPORT_FACTS_H

#include "coordinator/job.h"

/** What a checkpoint is and what in it is not supported. Append to out. A model that cannot be
 *  opened is the error; one whose task is not offered is described, and says so. */
tfm_status tfm_facts_inspect(const tfm_options *options, tfm_buf *out,
                             tfm_err *err) TFM_MUST_USE;

/** The plan for --ranks N on this machine, or for the ranks of world when N is not given. */
tfm_status tfm_facts_plan(tfm_job *job, tfm_world *world, const tfm_options *options,
                          tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** The hardware tree and what this process may use. */
tfm_status tfm_facts_topo(const tfm_options *options, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** The plan of a running job, with what the ranks said: for stderr at the start. */
tfm_status tfm_facts_job_plan(const tfm_job *job, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** Where each rank of a running job may run by the system's own word, a line each as mpirun
 * --report-bindings has it; of hosts that rank 0 cannot see the cpus' numbers. */
tfm_status tfm_facts_bindings(const tfm_job *job, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
