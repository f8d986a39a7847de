/** One writer for each file: an advisory lock on it, held until it is closed. */
#ifndef TFM_COORDINATOR_OUTPUT_LOCK_H
#define TFM_COORDINATOR_OUTPUT_LOCK_H

#include "core/base/status.h"

/** Open path for reading and writing, made when it is not there, and lock it; waits two seconds for
 * an attempt that is just ending. *fd is what to close. journal: tells who has it, or NULL. Errors:
 * TFM_E_OUTPUT: it cannot be made, or it is busy; `output` names it then. */
tfm_status tfm__lock_open(int *fd, const char *path, const char *output, const char *journal,
                          tfm_err *err) TFM_MUST_USE;

#endif
