/** Whether every run gave the same: each row's line of output and each number of its results, held
 *  against the first run that had the row. */
#ifndef TFM_COORDINATOR_SCALE_CHECK_H
#define TFM_COORDINATOR_SCALE_CHECK_H

#include "core/base/sha256.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tfm_scale_check tfm_scale_check;

/** gives: *out, release with tfm_scale_check_close(). Errors: TFM_E_NOMEM. */
tfm_status tfm_scale_check_open(tfm_scale_check **out, tfm_err *err) TFM_MUST_USE;

/** A run begins: its rows come from the first on. */
void tfm_scale_check_begin(tfm_scale_check *check);

/** The next row: its line, to which any number of pieces of its results belong. Numbers of rows
 *  past the first 64 MiB are not kept: those are compared by their lines alone. Errors:
 *  TFM_E_NOMEM. */
tfm_status tfm_scale_check_row(tfm_scale_check *check, const void *line, size_t n,
                               tfm_err *err) TFM_MUST_USE;
tfm_status tfm_scale_check_values(tfm_scale_check *check, const float *values, size_t n,
                                  tfm_err *err) TFM_MUST_USE;

/** The run is over; wanted: rows it should have had. */
void tfm_scale_check_end(tfm_scale_check *check, int64_t wanted);

/** What was seen so far. */
typedef struct {
  int64_t runs, rows;          /* compared with one before; the most rows of a run */
  int64_t differing;           /* rows of all runs, missing ones included */
  double max_delta;            /* between numbers of a row; NAN where one alone is no number */
  char sha256[TFM_SHA256_HEX]; /* of the lines of the first run with so many rows */
} tfm_scale_verdict;

tfm_scale_verdict tfm_scale_check_verdict(const tfm_scale_check *check);

/** At least two runs with rows, and no row of them differed. */
bool tfm_scale_check_passed(const tfm_scale_check *check);

/** NULL is allowed. */
void tfm_scale_check_close(tfm_scale_check *check);

#endif
