/** Where an output stands in the file system: the names that belong to it. */
#ifndef TFM_COORDINATOR_OUTPUT_PLACE_H
#define TFM_COORDINATOR_OUTPUT_PLACE_H

#include "core/base/status.h"

#include <stdbool.h>

/** Owned strings. */
typedef struct {
  char *path;         /* the output itself, links followed */
  char *part;         /* its name while it is written */
  char *tail;         /* lines of the compressed member that is open */
  char *journal;      /* what of the part is on the disk, and for which job */
  char *journal_new;  /* the same while it is made */
  char *manifest;     /* what describes it when it is finished */
  char *manifest_new; /* and just before that */
} tfm__place;

/** Whether a path means standard output: NULL, "-", or one of its names in /dev and /proc. */
bool tfm__place_is_stdout(const char *path);

enum { TFM__PLACE_NAMES = 7 };

/** All names in the order above; borrowed, NULL after a failed init. */
void tfm__place_all(const tfm__place *place, const char *names[TFM__PLACE_NAMES]);

/** A link to a file is followed, so that finishing replaces the file and not the link. gives:
 * *place, release with tfm__place_fini() (also after a failure). Errors: TFM_E_NOMEM. */
tfm_status tfm__place_init(tfm__place *place, const char *path, tfm_err *err) TFM_MUST_USE;

void tfm__place_fini(tfm__place *place);

/** The folder a path is in, "." for a bare name. gives: a string for tfm_free(), or NULL. */
char *tfm__place_folder(const char *path);

/** Make names in the folder of path durable; a file system that knows no such thing is no error.
 * Errors: TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm__place_sync(const char *path, tfm_err *err) TFM_MUST_USE;

#endif
