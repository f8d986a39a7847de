/** A file that grows at its end: what waits to be written, what has been written, and the CRC of
 * what no commit vouches for yet. A device or pipe is written as it is and never committed. */
#ifndef TFM_COORDINATOR_OUTPUT_GROWN_H
#define TFM_COORDINATOR_OUTPUT_GROWN_H

#include "coordinator/resume/record.h"
#include "core/base/buf.h"

/** Zero but for fd and name: an empty file. Plain data; the owner closes fd. */
typedef struct {
  int fd;
  const char *name; /* for messages; borrowed */
  bool stream;      /* cannot be written at a place, nor synced */
  tfm_buf out;      /* added, not written yet */
  int64_t bytes;    /* written */
  /* A commit covers [from, settled); bytes behind may be written already (an open member). */
  int64_t from, settled;
  uint32_t crc;         /* of [from, bytes) */
  uint32_t settled_crc; /* of [from, settled) */
  uint32_t open_crc;    /* of [settled, bytes) */
  bool unsynced;
} tfm__grown;

/** Write what waits. Errors: TFM_E_IO. */
tfm_status tfm__grown_write(tfm__grown *f, tfm_err *err) TFM_MUST_USE;

/** Put what was written on the disk. Errors: TFM_E_IO; never to be tried again, since the system
 * may have dropped what it could not write. */
tfm_status tfm__grown_sync(tfm__grown *f, tfm_err *err) TFM_MUST_USE;

/** The file may end here: everything written so far belongs to the next commit. */
void tfm__grown_settle(tfm__grown *f);

/** What the next commit vouches for. */
tfm__stretch tfm__grown_stretch(const tfm__grown *f);

/** That commit is on the disk: begin the next. */
void tfm__grown_committed(tfm__grown *f);

/** Whether the file still holds these bytes. */
bool tfm__grown_holds(const tfm__grown *f, const tfm__stretch *stretch);

/** Cut it to that many bytes, on the disk, and go on from there. Errors: TFM_E_IO. */
tfm_status tfm__grown_cut(tfm__grown *f, int64_t bytes, tfm_err *err) TFM_MUST_USE;

/** Read bytes [from, from + n) into out; false when they are not there. */
bool tfm__grown_read(const tfm__grown *f, int64_t from, void *out, size_t n);

void tfm__grown_fini(tfm__grown *f);

#endif
