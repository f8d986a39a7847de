/** Files that nobody sees half: written under another name beside their place, which they take when
 *  they are whole. What was there before stays until then, and for good when writing fails.
 *
 *  A link is followed, so that the file is replaced and not the link. A device or a pipe is never
 * replaced: it is written as it is, and a pipe that nobody reads is an error. */
#ifndef TFM_CORE_BASE_WHOLE_FILE_H
#define TFM_CORE_BASE_WHOLE_FILE_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdio.h>

/** Zero-initialised is closed. */
typedef struct {
  FILE *stream; /* where it is written */
  char *path;
  char *part; /* its name until it is whole; NULL: a device or a pipe */
} tfm_whole_file;

/** gives: *file, release with tfm_whole_file_end(). borrows: path, until return.
 *  Errors: TFM_E_IO (named after path), TFM_E_NOMEM; then nothing is open. */
tfm_status tfm_whole_file_begin(tfm_whole_file *file, const char *path,
                                tfm_err *err) TFM_MUST_USE;

/** Close it and give it its name. A write to the stream that failed is told here.
 *  Errors: TFM_E_IO; then there is no new file. A closed one is allowed. */
tfm_status tfm_whole_file_end(tfm_whole_file *file, tfm_err *err) TFM_MUST_USE;

/** All of a file at once. Errors: as above. */
tfm_status tfm_whole_file_write(const char *path, tfm_span bytes, tfm_err *err) TFM_MUST_USE;

#endif
