/** The bytes of one input, unpacked when it is gz or zst (told by content). */
#ifndef TFM_COORDINATOR_INPUT_STREAM_H
#define TFM_COORDINATOR_INPUT_STREAM_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tfm__stream tfm__stream;

/** What other threads may look at while one reads. */
typedef struct {
  atomic_bool waiting;      /* a read of something slow is blocked */
  void (*waits)(void *arg); /* called when it begins to be, or NULL */
  void *arg;
  atomic_int_fast64_t bytes; /* read so far, as they are stored */
} tfm__gauge;

/** Open a file, device or pipe; "-" is standard input. Opening a FIFO waits for its writer.
 * borrows: path and gauge, until closed. gives: *out. Errors: TFM_E_MISSING, TFM_E_FORMAT (a
 * folder), TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm__stream_open(tfm__stream **out, const char *path, tfm__gauge *gauge,
                            tfm_err *err) TFM_MUST_USE;

/** The same over memory. borrows: text and gauge, until closed. */
tfm_status tfm__stream_open_text(tfm__stream **out, tfm_span text, tfm__gauge *gauge,
                                 tfm_err *err) TFM_MUST_USE;

/** Read up to cap (> 0) bytes: as many as there are now, at least one; *n is 0 only at the end.
 * Errors: TFM_E_IO; TFM_E_FORMAT for damaged or cut gz or zst data, naming the file. */
tfm_status tfm__stream_read(tfm__stream *s, char *out, size_t cap, size_t *n,
                            tfm_err *err) TFM_MUST_USE;

/** Whether tfm__stream_seek() is possible: a regular file, not packed. Known after a first read. */
bool tfm__stream_seekable(const tfm__stream *s);

/** Go to that byte of a seekable stream. Errors: TFM_E_IO. */
tfm_status tfm__stream_seek(tfm__stream *s, int64_t offset, tfm_err *err) TFM_MUST_USE;

/** What messages call it: the path, or "standard input". Borrowed. */
const char *tfm__stream_name(const tfm__stream *s);

/** NULL is allowed. */
void tfm__stream_close(tfm__stream *s);

#endif
