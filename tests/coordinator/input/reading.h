/** For the tests of coordinator/input: a reader over bytes, and what came out of it. */
#ifndef TFM_TESTS_COORDINATOR_INPUT_READING_H
#define TFM_TESTS_COORDINATOR_INPUT_READING_H

#include "coordinator/input/reader.h"

enum { MOST_ROWS = 16 };

typedef struct {
  tfm_options options; /* zeroed but for limit; a test may set more before read_bytes() */
  tfm_row_wants wants;
  tfm_status st;
  tfm_err err;
  int nrow; /* rows that came; the first MOST_ROWS are kept */
  tfm_row *rows[MOST_ROWS];
  tfm_reader *reader;
} reading;

/** Default options. */
reading reading_begin(void);

/** Read n bytes as one file of that name ending (".jsonl", ".csv", "" ...). */
void read_bytes(reading *r, const char *ending, const char *bytes, size_t n);

/** The same with a string. */
void read_text(reading *r, const char *ending, const char *text);

/** Free the rows and the reader. */
void reading_end(reading *r);

/** Whether row i is no error row and holds this text. */
bool text_is(const reading *r, int i, const char *text);

#endif
