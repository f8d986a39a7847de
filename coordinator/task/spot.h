/** `--verify 1/N`: one row in N is computed again by the one-process oracle before it is written,
 * and compared bit for bit; and before rows are committed, so is the sequence among them that each
 * line computed last. What a weight that changed in a stage's memory spoils is then not kept: what
 * came back after it differs too.
 *
 *  Which rows are taken depends on their numbers alone. A difference ends the job (TFM_E_INTERNAL):
 * neither side is known to be right. A row that is an error because its values were not finite
 * agrees when they are not in the oracle either; of texts that grow that is not looked at. */
#ifndef TFM_COORDINATOR_TASK_SPOT_H
#define TFM_COORDINATOR_TASK_SPOT_H

#include "coordinator/job.h"

typedef struct tfm_spot tfm_spot;

/** Whether a row is one of one in `of`. */
bool tfm_spot_chosen(int64_t number, int64_t of);

/** Load the oracle and get ready for the lines of the plan. borrows: job. gives: *out. Errors: of
 * oracle.h. */
tfm_status tfm_spot_open(tfm_spot **out, const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** A row is about to be written: compare it if it is chosen, else remember what of it vouches for
 * others. spot: NULL does nothing. Errors: TFM_E_INTERNAL (a difference: row, value, ranks),
 * TFM_E_NOMEM. */
tfm_status tfm_spot_row(tfm_spot *spot, const tfm_item *item, tfm_err *err) TFM_MUST_USE;

/** The rows so far are about to be committed. Errors: TFM_E_INTERNAL. */
tfm_status tfm_spot_vouch(tfm_spot *spot, tfm_err *err) TFM_MUST_USE;

typedef struct {
  int64_t rows;    /* chosen and compared, those that differed included */
  int64_t commits; /* sequences compared before commits */
  int64_t mismatches;
  double seconds; /* in the oracle */
} tfm_spot_count;

/** spot: NULL has counted nothing. */
tfm_spot_count tfm_spot_counted(const tfm_spot *spot);

/** NULL is allowed. */
void tfm_spot_close(tfm_spot *spot);

#endif
