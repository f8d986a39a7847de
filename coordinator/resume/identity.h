/** What a job is, as two texts: everything its output's bytes depend on apart from the inputs, and
 * the inputs. Two jobs with the same texts write the same bytes. The journal keeps them, so that an
 * output is gone on with by the job that began it alone, and so does the manifest.
 *
 *  A text is lines of a name, a tab and a value; names say what a person would change. */
#ifndef TFM_COORDINATOR_RESUME_IDENTITY_H
#define TFM_COORDINATOR_RESUME_IDENTITY_H

#include "coordinator/cli/options.h"

/** Zero-initialised is empty. Complete, and its texts NUL-terminated, after
 * tfm_identity_inputs(). */
typedef struct {
  tfm_buf job;
  tfm_buf inputs;
  bool
      piped; /* an input is a pipe: whether it says the same again shows only when it is read */
} tfm_identity;

/** Add a line to the job's text. */
void tfm_identity_add(tfm_identity *identity, const char *name, const char *format, ...)
    TFM_PRINTF(3, 4);

/** Add what the options contribute: row selection, columns, output shape, what the task is told. */
void tfm_identity_options(tfm_identity *identity, const tfm_options *options);

/** Add a line for each file of a checkpoint folder that the model's digest may not cover:
 *  tokenizer, prompts, and the modules in the folders below it, by name and content; of a file, its
 *  own. Errors: TFM_E_IO when the folder cannot be listed or a file fails while it is read,
 *  TFM_E_NOMEM. */
tfm_status tfm_identity_folder(tfm_identity *identity, const char *folder,
                               tfm_err *err) TFM_MUST_USE;

/** Fill the inputs' text: of each file its size, its first and last bytes and its time. Errors:
 *  TFM_E_IO, TFM_E_NOMEM, also for what could not be added before. */
tfm_status tfm_identity_inputs(tfm_identity *identity, const tfm_options *options,
                               tfm_err *err) TFM_MUST_USE;

void tfm_identity_fini(tfm_identity *identity);

/** Where two texts part. */
typedef struct {
  char name[128];
  char was[192], is[192]; /* "nothing" for a line that is not there */
} tfm_difference;

/** Whether two texts differ, and where first. times: the files' times count too; without them a
 * file that was copied is the same. */
bool tfm_identity_differ(const char *was, const char *is, bool times, tfm_difference *where);

/** The value of the first line of that name in a text. False when there is none, or it does not fit
 * room bytes with its NUL. */
bool tfm_identity_value(const char *text, const char *name, char *value, size_t room);

#endif
