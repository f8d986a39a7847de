/** Names out of files, made fit for a message. Room-private. */
#ifndef TFM_CORE_MODEL_SHOWN_H
#define TFM_CORE_MODEL_SHOWN_H

#include <stddef.h>

/** At most 120 bytes of a name: longer ones end in "...", cut between characters; control
 *  characters become '?', so that a name cannot write on the reader's terminal. */
typedef struct {
  char text[128];
} tfm__shown;

/** The text of the result lives as long as the full expression it stands in:
 *  tfm_fail(err, st, "%s", tfm__shown_of(name).text). */
tfm__shown tfm__shown_of(const char *name);

/** The same for n bytes that need no NUL. */
tfm__shown tfm__shown_bytes(const char *name, size_t n);

#endif
