/** Reading a file of rows, whatever it holds. */
#ifndef TFM_TESTS_FUZZ_INPUT_H
#define TFM_TESTS_FUZZ_INPUT_H

#include "core/base/span.h"

/** Read the file of that name (with an ending that tells its format; static). The first byte of the
 *  input chooses what is wanted of a row, the rest is the file. What must hold: rows are numbered
 *  from 0, and stand behind each other; texts are well-formed UTF-8, id and passed-through values
 *  JSON; a row that failed has a reason. Another reader that goes on behind the first row, and one
 *  behind a later row, gives the same rows. */
void fuzz_read_rows(const char *name, tfm_span input);

#endif
