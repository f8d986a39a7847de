/** The verb `explain`: one text's way through the model. */
#ifndef TFM_COORDINATOR_EXPLAIN_EXPLAIN_H
#define TFM_COORDINATOR_EXPLAIN_EXPLAIN_H

#include "coordinator/job.h"

/** Run the text of options (its inputs are words of it) as a job of one row, whose ranks tell their
 *  attention weights; append what is told, and write --html. borrows: options until the job is
 *  closed. Errors: TFM_E_USAGE (no text, a task of other rows, too many tokens), TFM_E_UNSUPPORTED,
 *  those of a job. */
tfm_status tfm_explain_run(tfm_job *job, tfm_world *world, const tfm_options *options,
                           tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
