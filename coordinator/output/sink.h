/** Where results go: a file that looks complete only when it is, or standard output.
 *
 *  A file is written as "<path>.part" (locked: a second job on it is TFM_E_OUTPUT "busy"),
 * flushed, renamed to its name at the end, and described by "<path>.manifest.json" (identity,
 * lines, bytes, sha256). A file that is already there decides what open does (INTERFACE section
 * 4): complete and of the same identity: nothing to do; anything else: TFM_E_OUTPUT unless
 * restart. gz and zst by the path's ending: independent members of a fixed number of lines.
 *  A device or pipe is written as it is. Standard output is best effort: no part file, no
 * manifest; a closed pipe is TFM_E_IO.
 *  Every write is checked; a full device is TFM_E_IO and leaves no file under the final name.
 */
#ifndef TFM_COORDINATOR_OUTPUT_SINK_H
#define TFM_COORDINATOR_OUTPUT_SINK_H

#include "core/base/sha256.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tfm_sink tfm_sink;

/** Check early, before models are loaded, that path can be made: the folder exists and may be
 * written, it is no folder, and neither it nor a file made beside it is one of the ninput
 * inputs (none named: standard input). NULL or "-" is standard output: fine unless it is an
 * input. Errors: TFM_E_OUTPUT (with the path and the reason), TFM_E_USAGE (same file as an
 * input). */
tfm_status tfm_sink_check(const char *path, const char *const *inputs, int ninput,
                          tfm_err *err) TFM_MUST_USE;

/** gives: *out, release with tfm_sink_close(). *done is set, and *out NULL, when the file is
 * complete and of this identity. identity: text that names everything the bytes depend on. */
tfm_status tfm_sink_open(tfm_sink **out, bool *done, const char *path, const char *identity,
                         bool restart, tfm_err *err) TFM_MUST_USE;

/** Append one row's bytes (a whole line). */
tfm_status tfm_sink_write(tfm_sink *sink, tfm_span line, tfm_err *err) TFM_MUST_USE;

/** Push what is buffered to the file (a person watches, or the input is slow). */
tfm_status tfm_sink_flush(tfm_sink *sink, tfm_err *err) TFM_MUST_USE;

/** Finish: flush, sync, rename, manifest. hex gets the sha256 of all bytes written to the file.
 */
tfm_status tfm_sink_finish(tfm_sink *sink, char hex[TFM_SHA256_HEX], tfm_err *err) TFM_MUST_USE;

/** Without finish(): the part file stays, nothing has the final name. NULL is allowed. */
void tfm_sink_close(tfm_sink *sink);

#endif
