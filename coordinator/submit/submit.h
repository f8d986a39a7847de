/** The verb sbatch: a filled script of a batch system around one command of this program. */
#ifndef TFM_COORDINATOR_SUBMIT_SUBMIT_H
#define TFM_COORDINATOR_SUBMIT_SUBMIT_H

#include "coordinator/cli/options.h"

/** Append the script that options ask for: --scheduler, its resources, and the command behind "--",
 * which is checked as if it ran here. Errors: TFM_E_USAGE for a command that would be refused, that
 * reads standard input, or that names no output file (only a file can be gone on with);
 * TFM_E_NOMEM. */
tfm_status tfm_submit_print(const tfm_options *options, char *const *envp, tfm_buf *out,
                            tfm_err *err) TFM_MUST_USE;

#endif
