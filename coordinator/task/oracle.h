/** The one-process oracle (DESIGN D2) beside a job: what the whole model, in a copy of its own and
 * on one thread, makes of one sequence. Every value of the cluster must equal it bit for bit. */
#ifndef TFM_COORDINATOR_TASK_ORACLE_H
#define TFM_COORDINATOR_TASK_ORACLE_H

#include "coordinator/job.h"
#include "core/model/smooth.h"

typedef struct tfm_oracle tfm_oracle;

/** Load the whole model for the job's rows. Its weights are shared with nobody, so that what
 * happened to a stage's did not happen to these. borrows: job. gives: *out, release with
 * tfm_oracle_close(). Errors: of whole.h. */
tfm_status tfm_oracle_open(tfm_oracle **out, const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** The longest sequence it may be asked about, in rows of a micro-batch. */
int64_t tfm_oracle_tokens(const tfm_job *job);

/** The values of a sequence, [s->rows, width], from the whole model, alone in its batch. Of a text
 * that grew, all at once: what would be gone on with at each place, nothing kept from one to the
 * next. number: of its row. Borrowed, until the next call. */
const float *tfm_oracle_run(tfm_oracle *oracle, const tfm_sequence *s, int64_t number);

/** Let it note how large the inputs of linear layers become (core/model/smooth.h), in the sequences
 *  of tfm_oracle_run(). *seen is released after the oracle. */
tfm_status tfm_oracle_watch(tfm_oracle *oracle, tfm_smooth **seen, tfm_err *err) TFM_MUST_USE;

/** Whether all values on the way there are finite, of a sequence that came whole. */
bool tfm_oracle_finite(tfm_oracle *oracle, const tfm_sequence *s);

/** NULL is allowed. */
void tfm_oracle_close(tfm_oracle *oracle);

#endif
