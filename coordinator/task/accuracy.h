/** What a dtype costs in accuracy: the same rows through the whole model in float32, and how far
 * its answers are from the job's. For `verify`; decides nothing. */
#ifndef TFM_COORDINATOR_TASK_ACCURACY_H
#define TFM_COORDINATOR_TASK_ACCURACY_H

#include "coordinator/job.h"

typedef struct tfm_accuracy tfm_accuracy;

/** Load the whole model in float32. borrows: job. gives: *out. Errors: of whole.h. */
tfm_status tfm_accuracy_open(tfm_accuracy **out, const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Count one row's differences. Rows without an answer in either are not compared. Errors:
 * TFM_E_NOMEM, TFM_E_FORMAT. */
tfm_status tfm_accuracy_row(tfm_accuracy *a, const tfm_item *item, const tfm_answer *answer,
                            tfm_err *err) TFM_MUST_USE;

/** Append the lines of the report. */
void tfm_accuracy_report(const tfm_accuracy *a, tfm_buf *out);

/** NULL is allowed. */
void tfm_accuracy_close(tfm_accuracy *a);

#endif
