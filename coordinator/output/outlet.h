/** The way out of a job: result rows to the sink, error rows also to --errors, the counting that
 *  --max-errors and the summary need, and what must be remembered to go on. One for every verb that
 * writes rows.
 */
#ifndef TFM_COORDINATOR_OUTPUT_OUTLET_H
#define TFM_COORDINATOR_OUTPUT_OUTLET_H

#include "coordinator/input/reader.h"
#include "coordinator/output/format.h"
#include "coordinator/output/sink.h"

/** Zero-initialised is empty. */
typedef struct {
  const tfm_options *options; /* borrowed */
  tfm_sink *sink;             /* NULL: rows are counted only */
  const char *fields[TFM_ANSWER_MAX_FIELDS];
  tfm_array array; /* set before it is opened; what the rows of an array are */
  tfm_status (*vouch)(void *arg, tfm_err *err); /* likewise, or NULL: tfm_sink_options */
  void *arg;
  tfm_layout layout;
  tfm_buf line;
  tfm_tally tally;      /* of all rows so far, those of earlier attempts included */
  tfm_tally written;    /* the same at the last row whose line is in the sink */
  bool within;          /* a row is counted and not written yet */
  int64_t resumed_rows; /* of earlier attempts */
  tfm_sink_costs costs; /* of a finished output */
  char
      sha256[TFM_SHA256_HEX]; /* of a finished output file; "" before and for standard output */
} tfm_outlet;

/** Check early that output, --errors and the files that tell of the run can be made and spoil
 * nothing, each other included; see tfm_sink_check(). */
tfm_status tfm_outlet_check(const tfm_options *options, tfm_err *err) TFM_MUST_USE;

/** Open the sink and --errors; write a header where the format has one, or take the reader to
 * where an earlier attempt stood. nfield: result field names are in outlet->fields already, and
 * outlet->array is set for -f npy; -1: no rows are laid out, the caller writes to the sink.
 * identity: NULL: nothing is written. *done: the output is complete already. borrows: options and
 * reader. */
tfm_status tfm_outlet_open(tfm_outlet *outlet, const tfm_options *options, tfm_reader *reader,
                           int nfield, const tfm_identity *identity, bool *done,
                           tfm_err *err) TFM_MUST_USE;

/** Count a row and list it when it is an error. Errors: TFM_E_ERRORS past --max-errors,
 * TFM_E_IO. */
tfm_status tfm_outlet_count(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err) TFM_MUST_USE;

/** Write the line of the row that was counted last. */
tfm_status tfm_outlet_write(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err) TFM_MUST_USE;

/** Now and then: commit when it is time to; idle: show what is there. */
tfm_status tfm_outlet_rest(tfm_outlet *outlet, bool idle, tfm_err *err) TFM_MUST_USE;

/** After the last row; `end`: where reading stands. */
tfm_status tfm_outlet_finish(tfm_outlet *outlet, const tfm_mark *end,
                             tfm_err *err) TFM_MUST_USE;

/** The job ends early (err is TFM_E_STOPPED): keep or show the rows that were written, and say in
 * err how many there are and how to go on. */
void tfm_outlet_stop(tfm_outlet *outlet, tfm_err *err);

/** Without finish(): the rows that were written are kept for the next attempt. */
void tfm_outlet_fini(tfm_outlet *outlet);

#endif
