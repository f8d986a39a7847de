/** The way out of a job: result rows to the sink, error rows also to --errors, and the counting
 * that
 *  --max-errors and the summary need. One for every verb that writes rows.
 */
#ifndef TFM_COORDINATOR_OUTPUT_OUTLET_H
#define TFM_COORDINATOR_OUTPUT_OUTLET_H

#include "coordinator/input/reader.h"
#include "coordinator/output/format.h"
#include "coordinator/output/sink.h"

#include <stdio.h>

/** Zero-initialised is empty. */
typedef struct {
  const tfm_options *options; /* borrowed */
  tfm_sink *sink;
  FILE *errors; /* --errors, or NULL */
  const char *fields[TFM_ANSWER_MAX_FIELDS];
  tfm_layout layout;
  tfm_buf line;
  int64_t rows, row_errors;
  char
      sha256[TFM_SHA256_HEX]; /* of a finished output file; "" before and for standard output */
} tfm_outlet;

/** Open --errors. rows: also the sink, with a header where the format has one; result field
 * names are in outlet->fields [nfield] already. identity: see sink.h. *done: the output is
 * complete already. borrows: options and reader. */
tfm_status tfm_outlet_open(tfm_outlet *outlet, const tfm_options *options,
                           const tfm_reader *reader, int nfield, const char *identity,
                           bool *done, tfm_err *err) TFM_MUST_USE;

/** Count a row and list it when it is an error. Errors: TFM_E_ERRORS past --max-errors,
 * TFM_E_IO. */
tfm_status tfm_outlet_count(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err) TFM_MUST_USE;

/** Write a row's line. */
tfm_status tfm_outlet_write(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err) TFM_MUST_USE;

/** After the last row. */
tfm_status tfm_outlet_finish(tfm_outlet *outlet, tfm_err *err) TFM_MUST_USE;

void tfm_outlet_fini(tfm_outlet *outlet);

#endif
