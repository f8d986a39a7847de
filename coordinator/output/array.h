/** Results as one array of numbers: the .npy format of NumPy, version 1.0.
 *
 *  One row of the array a row of input, in order; an error row is zeros (--errors says which). The
 * number of rows stands in the header, at the file's beginning, so it is counted before.
 *  Source: numpy.lib.format (NEP 1).
 */
#ifndef TFM_COORDINATOR_OUTPUT_ARRAY_H
#define TFM_COORDINATOR_OUTPUT_ARRAY_H

#include "core/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/** Zero-initialised: no array. Plain data. */
typedef struct {
  const char *type; /* NumPy's name of a number's type, "<f4"; NULL: no array. Static */
  size_t bytes;     /* of one number */
  int64_t rows, width;
} tfm_array;

/** Append the header, a multiple of 64 bytes. */
tfm_status tfm_array_header(const tfm_array *array, tfm_buf *out);

/** Append a row's numbers: `numbers`, whose bytes are a row's, or zeros when it is empty. */
tfm_status tfm_array_row(const tfm_array *array, tfm_span numbers, tfm_buf *out);

#endif
