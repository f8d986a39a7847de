/** Memory by the byte: what this process has, and what its host has left for it. */
#ifndef TFM_CORE_TOPO_MEMORY_H
#define TFM_CORE_TOPO_MEMORY_H

#include "core/base/status.h"

#include <stdint.h>

/** Resident bytes, files and shared memory it maps included: those of now, and the most there have
 * been since the program was started. (getrusage() also counts what the process was before it
 * became this program: under a launcher that may be more.) 0 where the system does not say. */
typedef struct {
  int64_t now, peak;
} tfm_memory_use;

tfm_memory_use tfm_memory_of_process(void);

/** Bytes this process could still take without swapping: what the system says is available
 * (MemAvailable) or, where that is less, what a control group above the process leaves (limit less
 * use, caches of files not counted; versions 1 and 2). -1 where nothing is known. root: "" for this
 * machine; a folder with proc/ and sys/ in it for tests. Costs less than a millisecond. */
int64_t tfm_memory_available(const char *root);

/** Whether so many bytes are there, or nobody knows. what: who wants them, as in "2 threads want".
 * Errors: TFM_E_NOMEM with both figures. */
tfm_status tfm_memory_want(int64_t bytes, const char *what, tfm_err *err) TFM_MUST_USE;

#endif
