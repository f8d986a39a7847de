/** One record of a journal: what was true at a moment when all of it was on the disk. */
#ifndef TFM_COORDINATOR_RESUME_RECORD_H
#define TFM_COORDINATOR_RESUME_RECORD_H

#include "coordinator/input/row.h"

#include <stdbool.h>
#include <stdint.h>

/* Larger than what it holds, so that a field more needs no other format; a divisor of a disk's
 * sector, so that no record lies in two. */
enum { TFM__RECORD_BYTES = 256, TFM__RECORD_HOST = 64 };

typedef enum {
  TFM__RECORD_BEGIN = 1, /* an attempt took the output over */
  TFM__RECORD_COMMIT,    /* everything up to here is on the disk */
  TFM__RECORD_FINAL      /* the same, and there are no more rows */
} tfm__record_kind;

/** The rows' part of a commit: what had been done when the last of them was delivered. */
typedef struct {
  tfm_mark mark; /* behind the last row; mark.rows of them have been delivered */
  int64_t row_errors, rows_truncated, rows_windowed;
  int64_t tokens; /* of delivered rows, specials included */
} tfm_tally;

/** Bytes [from, bytes) of a file, and their CRC-32C: what one commit added to it. */
typedef struct {
  int64_t bytes, from;
  uint32_t crc;
} tfm__stretch;

typedef struct {
  tfm__record_kind kind;
  uint32_t epoch;    /* of the attempt that wrote it, from 1 */
  uint64_t sequence; /* place in the journal, from 0 */
  /* BEGIN: */
  int64_t pid;
  char host[TFM__RECORD_HOST]; /* NUL-terminated */
  /* COMMIT, FINAL: */
  tfm__stretch part;   /* of the output */
  tfm__stretch tail;   /* lines of the compressed member that is open; from is 0 */
  tfm__stretch errors; /* of the list of errors */
  uint32_t
      sha[8];    /* SHA-256 state over the output's first part.bytes - part.bytes % 64 bytes */
  int64_t lines; /* in the output's first part.bytes bytes */
  tfm_tally tally;
} tfm__record;

/** The bytes of a record, with its CRC. */
void tfm__record_encode(const tfm__record *record, unsigned char out[TFM__RECORD_BYTES]);

/** False when these bytes are no whole record. */
bool tfm__record_decode(tfm__record *record, const unsigned char bytes[TFM__RECORD_BYTES]);

#endif
