/** A row of input, from the moment it is read until its result is written. */
#ifndef TFM_COORDINATOR_INPUT_ROW_H
#define TFM_COORDINATOR_INPUT_ROW_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/** A field that is copied to the output unread: its name and its raw JSON value. */
typedef struct {
  tfm_span name;
  tfm_span value;
} tfm_field;

/** All spans point into the row's own memory. A row that could not be read has status != OK and
 * the message in `error`; it stays in the stream and becomes an error row. */
typedef struct {
  int64_t number;      /* 0, 1, 2 ... over all inputs: the place in the output */
  int file;            /* index of the input it came from */
  int64_t line;        /* line in that file, from 1 (of its first line, for CSV) */
  int64_t byte_offset; /* of its first byte in that file (uncompressed) */
  tfm_span id;         /* raw JSON value: the id column's, else the number */
  tfm_span text;       /* well-formed UTF-8 */
  tfm_span pair;       /* p == NULL when the row has none */
  bool has_list;
  int nlist;
  const tfm_span *list; /* candidate labels, texts to rank; well-formed UTF-8 */
  int nextra;
  const tfm_field *extra; /* passed through */
  tfm_status status;
  tfm_span error;
  void *memory; /* one block; released by tfm_row_free() */
} tfm_row;

/** Release a row's memory and the row. NULL is allowed. */
void tfm_row_free(tfm_row *row);

#endif
