/** Whole files and positioned reads, with every failure named. Only regular files are opened: a
 *  folder, FIFO or device is TFM_E_FORMAT with a sentence (a FIFO would block for ever). */
#ifndef TFM_CORE_BASE_FILE_H
#define TFM_CORE_BASE_FILE_H

#include "core/base/buf.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int fd;         /* -1 when closed */
  uint64_t bytes; /* size when opened */
  char *path;     /* owned, for messages */
} tfm_file;

/** Open a regular file for reading. gives: file->fd and path, release with tfm_file_fini().
 *  Errors: TFM_E_MISSING (not there), TFM_E_FORMAT (not a regular file, or a link loop),
 *  TFM_E_IO (anything else), TFM_E_NOMEM. */
tfm_status tfm_file_open(tfm_file *file, const char *path, tfm_err *err) TFM_MUST_USE;

/** Read exactly n bytes at offset into out; a file that has become shorter is TFM_E_FORMAT.
 *  Threads: callable from many at once on one file. */
tfm_status tfm_file_read_at(const tfm_file *file, uint64_t offset, void *out, size_t n,
                            tfm_err *err) TFM_MUST_USE;

void tfm_file_fini(tfm_file *file);

/** Append a whole regular file of at most max_bytes to *out. Larger is TFM_E_FORMAT. */
tfm_status tfm_file_read_all(const char *path, size_t max_bytes, tfm_buf *out,
                             tfm_err *err) TFM_MUST_USE;

/** "dir/name" in a fresh string, or NULL when memory is out; release with tfm_free(). */
char *tfm_path_join(const char *dir, const char *name);

/** The part after the last '/', borrowed from path. */
const char *tfm_path_base(const char *path);

/** What is at a path, links followed. */
typedef enum { TFM_PATH_NOTHING, TFM_PATH_FILE, TFM_PATH_FOLDER, TFM_PATH_OTHER } tfm_path_kind;
tfm_path_kind tfm_path_look(const char *path);

#endif
