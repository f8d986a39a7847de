/** The text that names everything an output's bytes depend on: two jobs with the same text
 *  write the same bytes. The sink keeps its digest in the manifest. */
#ifndef TFM_COORDINATOR_IDENTITY_H
#define TFM_COORDINATOR_IDENTITY_H

#include "coordinator/cli/options.h"

/** Append what the options and the input files contribute: row selection, columns, output
 *  shape, and each input's path, size and time. A pipe is never the same twice. */
void tfm_identity_options(const tfm_options *options, tfm_buf *out);

/** Append a line for one file or folder: path, size and time. */
void tfm_identity_path(const char *what, const char *path, tfm_buf *out);

#endif
