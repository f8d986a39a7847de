/** "<output>.manifest.json": what a finished output is. Written beside it, read by the next run.
 */
#ifndef TFM_COORDINATOR_OUTPUT_MANIFEST_H
#define TFM_COORDINATOR_OUTPUT_MANIFEST_H

#include "coordinator/resume/identity.h"
#include "core/base/sha256.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  const char *output;       /* path of the output */
  const char *job, *inputs; /* texts of its identity */
  int64_t lines;            /* written, a CSV header included */
  int64_t bytes;            /* of the file */
  char sha256[TFM_SHA256_HEX];
} tfm__manifest;

/** Write and sync it at path. Errors: TFM_E_OUTPUT, TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm__manifest_write(const tfm__manifest *manifest, const char *path,
                               tfm_err *err) TFM_MUST_USE;

/** Whether there is a manifest at path, of this identity and this many bytes. */
bool tfm__manifest_matches(const char *path, const tfm_identity *identity, int64_t bytes);

/** Whether there is a manifest at path, of another identity, and where the two part. */
bool tfm__manifest_differs(const char *path, const tfm_identity *identity,
                           tfm_difference *where);

/** The value of a line of the job's text in the manifest at path. False: no manifest, no such line,
 * or no room. */
bool tfm__manifest_value(const char *path, const char *name, char *value, size_t room);

#endif
