/** `verify`: every result of the cluster against the one-process oracle (DESIGN D2), bit for
 * bit, and against expected results when they are given, within 1e-4. In another dtype than float32
 * it also says how far the answers are from float32's (accuracy.h).
 */
#ifndef TFM_COORDINATOR_TASK_VERIFY_H
#define TFM_COORDINATOR_TASK_VERIFY_H

#include "coordinator/job.h"

typedef struct tfm_verifier tfm_verifier;

/** Load the whole model beside the cluster's slices, and --expected. borrows: job. gives: *out.
 *  Errors: of whole.h; TFM_E_MISSING, TFM_E_FORMAT for the expected file. */
tfm_status tfm_verifier_open(tfm_verifier **out, const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Compare one row: each sequence's values with the oracle's, the answer with the expected line.
 * Differences are counted. Errors: TFM_E_NOMEM. */
tfm_status tfm_verifier_row(tfm_verifier *verifier, const tfm_item *item,
                            const tfm_answer *answer, tfm_err *err) TFM_MUST_USE;

/** Append the report, which ends with a line PASSED or FAILED. Returns whether it passed: at
 * least one row was compared and none differed. */
bool tfm_verifier_report(const tfm_verifier *verifier, tfm_buf *out);

/** Write the file of --calibrate, if it was asked for: of the rows compared so far. Errors: of
 *  tfm_smooth_write(), TFM_E_IO. */
tfm_status tfm_verifier_calibrate(const tfm_verifier *verifier, tfm_err *err) TFM_MUST_USE;

/** NULL is allowed. */
void tfm_verifier_close(tfm_verifier *verifier);

#endif
