/** A row of input, from the moment it is read until its result is written. */
#ifndef TFM_COORDINATOR_INPUT_ROW_H
#define TFM_COORDINATOR_INPUT_ROW_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/** Where reading stands, right behind a row: enough for another process to go on from there, and to
 * see that the input is still what was read. Plain data; all zeros is the beginning. */
typedef struct {
  int64_t rows;        /* given out so far */
  int64_t number;      /* of the next row */
  int64_t blank_lines; /* skipped so far */
  int64_t offset;      /* bytes of the file used up (uncompressed) */
  int64_t lines;       /* ends of lines among them */
  int32_t file;        /* index of the input */
  int32_t unclosed;    /* CSV quotes of the file that never closed */
  uint32_t crc;        /* CRC-32C of the bytes used up of the file */
  uint32_t before;     /* CRC-32C over length and CRC of each file before it */
} tfm_mark;

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
  tfm_mark after;      /* where reading goes on behind it */
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

/** The value of a field that is passed through; {NULL, 0} when the row has none of this name. */
static inline tfm_span tfm_row_extra(const tfm_row *row, const char *name)
{
  for (int i = 0; i < row->nextra; ++i) {
    if (tfm_span_is(row->extra[i].name, name)) {
      return row->extra[i].value;
    }
  }
  return (tfm_span){NULL, 0};
}

/** Release a row's memory and the row. NULL is allowed. */
void tfm_row_free(tfm_row *row);

#endif
