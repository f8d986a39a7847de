/** Result rows as JSONL, CSV, TSV or an array (array.h). A task names its fields once; a row gives
 * each a raw JSON value or leaves it empty; an error row has none of them and an `error` instead.
 *
 *  JSONL: {"id":..., passed-through fields, result fields}; empty ones are left out.
 *  CSV/TSV: a header, then id, passed-through columns, result fields, error; a JSON string
 * becomes its text, null an empty cell, nested values stay JSON in one cell; quoted where RFC
 * 4180 wants it. TSV has no quotes: tab, newline, carriage return and backslash become \t, \n,
 * \r, \\.
 */
#ifndef TFM_COORDINATOR_OUTPUT_FORMAT_H
#define TFM_COORDINATOR_OUTPUT_FORMAT_H

#include "coordinator/cli/options.h"
#include "coordinator/input/row.h"
#include "coordinator/output/array.h"
#include "core/base/buf.h"

enum { TFM_ANSWER_MAX_FIELDS = 16 };

/** The result of one row: raw JSON values, in the order of the task's field names. Reused from
 * row to row: zero-initialised is empty; tfm_answer_clear() keeps the memory. */
typedef struct {
  tfm_buf value[TFM_ANSWER_MAX_FIELDS]; /* n == 0: the field is left out */
  tfm_buf numbers;                      /* of a row of an array (NPY), in place of the fields */
  int64_t tokens;                       /* of the row */
  int64_t made;                         /* that were added to it */
  tfm_status status;                    /* not OK: an error row */
  char error[TFM_ERR_TEXT];
} tfm_answer;

void tfm_answer_clear(tfm_answer *answer);

/** Make it an error row's answer. The text is cut to TFM_ERR_TEXT. */
void tfm_answer_fail(tfm_answer *answer, tfm_status status, const char *text);

void tfm_answer_fini(tfm_answer *answer);

/** Append what `code` says of an error: "format" of TFM_E_FORMAT. */
void tfm_answer_code(const tfm_answer *answer, tfm_buf *out);

/** What all rows of an output share. Plain data, borrowed. */
typedef struct {
  tfm_output_format format;
  int nfield;
  const char *const *fields; /* [nfield] names of the task's result fields */
  tfm_array array;           /* NPY */
  int nextra;
  const tfm_span *extra; /* [nextra] passed-through columns (CSV/TSV) */
  const char *const
      *files; /* NULL, or the inputs' names: results carry `file` when there are several */
} tfm_layout;

/** Append the header (CSV/TSV: a line) or nothing (JSONL). Errors: TFM_E_NOMEM. */
tfm_status tfm_layout_header(const tfm_layout *layout, tfm_buf *out);

/** Append one row's line, or its numbers. A passed-through field whose name is taken (id, file,
 * error, a result field) is written as input_<name>. Errors: TFM_E_NOMEM. */
tfm_status tfm_layout_row(const tfm_layout *layout, const tfm_row *row,
                          const tfm_answer *answer, tfm_buf *out);

/** Append the error row as a line of --errors: id, file, line, byte_offset, code, message. */
tfm_status tfm_layout_error(const tfm_layout *layout, const tfm_row *row,
                            const tfm_answer *answer, tfm_buf *out);

#endif
