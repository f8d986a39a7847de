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

/** Append a line for each file of a checkpoint folder that the model's digest may not cover:
 *  tokenizer, prompts, and the modules in the folders below it, by name; of a file, its own.
 *  Errors: TFM_E_IO when
 *  the folder cannot be listed. */
tfm_status tfm_identity_folder(const char *folder, tfm_buf *out, tfm_err *err);

#endif
