/** Where the rows of a scoring job go, in input order: the outlet, the demo's table, or the
 * comparison of `verify`; and the progress line. */
#ifndef TFM_COORDINATOR_DELIVER_H
#define TFM_COORDINATOR_DELIVER_H

#include "coordinator/job.h"
#include "coordinator/output/outlet.h"
#include "coordinator/report/history.h"
#include "coordinator/report/metrics.h"
#include "coordinator/report/progress.h"
#include "coordinator/report/trace.h"

typedef struct tfm_verifier tfm_verifier; /* coordinator/task/verify.h */

/** Zero-initialised is empty. Plain data of coordinator.c. */
typedef struct {
  tfm_job *job; /* borrowed */
  tfm_outlet outlet;
  tfm_verifier *verifier; /* or NULL */
  tfm_answer answer;
  tfm_progress_state progress;
  tfm_history history;
  tfm_metrics_file metrics;
  tfm_trace *trace; /* or NULL */
} tfm_delivery;

/** Open what the options ask for. *done: the output is complete already, nothing is to be run.
 */
tfm_status tfm_delivery_open(tfm_delivery *d, tfm_job *job, bool *done,
                             tfm_err *err) TFM_MUST_USE;

/** The pump's two callbacks; arg is the tfm_delivery. */
tfm_status tfm_delivery_row(void *arg, const tfm_item *item, tfm_err *err);
tfm_status tfm_delivery_rest(void *arg, bool idle, tfm_err *err);

/** After the last row: finish the files. */
tfm_status tfm_delivery_finish(tfm_delivery *d, tfm_err *err) TFM_MUST_USE;

/** The job ends early (err is TFM_E_STOPPED): keep what is there, and say it. */
void tfm_delivery_stop(tfm_delivery *d, tfm_err *err);

void tfm_delivery_fini(tfm_delivery *d);

#endif
