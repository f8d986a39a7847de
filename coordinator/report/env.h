/** What the program is and what it finds here: for --version, and for bug reports. */
#ifndef TFM_COORDINATOR_REPORT_ENV_H
#define TFM_COORDINATOR_REPORT_ENV_H

#include "core/base/buf.h"
#include "core/base/status.h"
#include "proto/world.h"

/** Name the commit this program was built from; NULL or "" when that is not known. borrows id for
 * good. To be called once, before any thread starts. */
void tfm_env_set_commit(const char *id);

/** It again; "" when it is not known. */
const char *tfm_env_commit(void);

/** Versions, processor, libraries and the environment variables that matter, a line each, or as one
 * JSON object of strings. Append to out. Errors: those of tfm_machine_open(), TFM_E_NOMEM. */
tfm_status tfm_env_print(tfm_world *world, bool json, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** "tfm-cluster 0.1.0 (commit)", and a line with MPI, libraries and the instruction set. */
tfm_status tfm_env_version(tfm_buf *out);

#endif
