/** A table of measurements, and the three ways to print it. */
#ifndef TFM_COORDINATOR_BENCH_TABLE_H
#define TFM_COORDINATOR_BENCH_TABLE_H

#include "coordinator/cli/options.h"
#include "core/base/buf.h"

/** A column: static, as the table only borrows it. */
typedef struct {
  const char *key;   /* of JSON and CSV: units in it, as in mb_per_s */
  const char *title; /* of Markdown: as people write it, MB/s */
  int digits;        /* behind the decimal point; -1: the cells are text */
} tfm_bench_column;

/** Cells come one after the other, row by row. {.column = columns, .ncolumn = n} is empty and
 *  ready; release with tfm_bench_table_fini(). */
typedef struct {
  const tfm_bench_column *column;
  size_t ncolumn;
  tfm_buf text; /* all cells as they are printed */
  size_t *end;  /* [ncell] of each cell in it */
  size_t ncell;
  size_t cap;
} tfm_bench_table;

/** Append a cell of a text column (printed without the characters that would break a table), or
 * of a number column; NAN is a number nobody knows: nothing, or null. Errors: TFM_E_NOMEM. */
tfm_status tfm_bench_table_text(tfm_bench_table *t, const char *cell) TFM_MUST_USE;
tfm_status tfm_bench_table_number(tfm_bench_table *t, double cell) TFM_MUST_USE;

/** Append the whole table to out: Markdown with padded columns, CSV with a header, or JSON, an
 *  array of one object a row. Errors: TFM_E_NOMEM. */
tfm_status tfm_bench_table_print(const tfm_bench_table *t, tfm_bench_format format,
                                 tfm_buf *out) TFM_MUST_USE;

void tfm_bench_table_fini(tfm_bench_table *t);

#endif
