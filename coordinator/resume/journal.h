/** "<output>.journal": what of an unfinished output is on the disk, and for which job.
 *
 *  A header that names the job, then records of fixed size, each with its own CRC, its place and
 * the number of the attempt that wrote it. The valid ones are those up to the first that is not
 * whole, out of place or of another attempt than the BEGIN before it. A journal has its name only
 * once its header is on the disk, so a header that is not whole is no crash's doing.
 *
 *  The records say nothing by themselves: whoever resumes compares them with the files they speak
 * of.
 */
#ifndef TFM_COORDINATOR_RESUME_JOURNAL_H
#define TFM_COORDINATOR_RESUME_JOURNAL_H

#include "coordinator/resume/record.h"
#include "core/base/status.h"

typedef struct tfm__journal tfm__journal;

/** What a job is: texts of tfm_identity (coordinator/resume/identity.h). */
typedef struct {
  const char *job, *input;
  bool replaces; /* something stood under the output's name, and was given up by --restart */
} tfm__journal_head;

/** Write a new journal with its first BEGIN as path_new, then put it in the place of path. borrows:
 * path, until closed. gives: *out. Errors: TFM_E_OUTPUT, TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm__journal_create(tfm__journal **out, const char *path, const char *path_new,
                               const tfm__journal_head *head, tfm_err *err) TFM_MUST_USE;

/** Open the one that is there; *out is NULL with TFM_OK when there is none. Reads all records,
 * changes nothing. Errors: TFM_E_OUTPUT (no journal of ours, another format, a damaged header),
 * TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm__journal_open(tfm__journal **out, const char *path, tfm_err *err) TFM_MUST_USE;

/** What the header says; borrowed. */
const tfm__journal_head *tfm__journal_says(const tfm__journal *journal);

/** Valid records. */
int64_t tfm__journal_count(const tfm__journal *journal);

/** Record i; false when it cannot be read any more. */
bool tfm__journal_get(const tfm__journal *journal, int64_t i, tfm__record *record);

/** Take the journal over: keep its first n records, forget the others, add a BEGIN. All of it is on
 * the disk afterwards. Errors: TFM_E_IO. */
tfm_status tfm__journal_take(tfm__journal *journal, int64_t n, tfm_err *err) TFM_MUST_USE;

/** Whether the journal is still ours alone: locks may be off on a cluster's file system. Errors:
 * TFM_E_OUTPUT (another attempt has taken over): nothing may be written any more. */
tfm_status tfm__journal_ours(const tfm__journal *journal, tfm_err *err) TFM_MUST_USE;

/** Add a COMMIT or FINAL and sync it, if the journal is still ours. Its epoch and sequence are
 * filled in. Errors: those of tfm__journal_ours(), TFM_E_IO; nothing may be added after either. */
tfm_status tfm__journal_add(tfm__journal *journal, tfm__record *record,
                            tfm_err *err) TFM_MUST_USE;

/** Close; the file stays. NULL is allowed. */
void tfm__journal_close(tfm__journal *journal);

/** "process 12 on node3" of the last attempt in the journal at path; "" when it does not say. */
void tfm__journal_owner(const char *path, char *out, size_t n);

#endif
