/** `chat` on a terminal: lines that are typed become rows of the job, answers are shown while they
 * are made.
 *
 *  A thread of its own reads the terminal. It writes the conversation so far as one row into a pipe
 * that stands where standard input was, so that the job reads it as any other, and waits until the
 * answer is there. /exit or the end of input ends the job in order; ctrl-C ends an answer, a second
 * one that comes before the first was heard ends the program.
 */
#ifndef TFM_COORDINATOR_DIALOG_H
#define TFM_COORDINATOR_DIALOG_H

#include "coordinator/task/task.h"

typedef struct tfm_dialog tfm_dialog;

/** Whether the options ask for one: `chat`, no inputs, no output, and a terminal to read from
 * (under mpirun the launcher's). */
bool tfm_dialog_wanted(const tfm_options *options, bool under_mpi);

/** Put a pipe in the place of standard input. *own are the options of the job that reads it: those
 * that were given, changed where rows are read and shown; borrowed until closed. gives: *out.
 * Errors: TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm_dialog_open(tfm_dialog **out, const tfm_options *options,
                           const tfm_options **own, tfm_err *err) TFM_MUST_USE;

/** Hears the tokens of an answer (task.h). */
tfm_listener tfm_dialog_listener(tfm_dialog *dialog);

/** The job is ready: begin to read the terminal. borrows: tokenizer, until closed. Errors:
 * TFM_E_NOMEM. */
tfm_status tfm_dialog_begin(tfm_dialog *dialog, const tfm_tokenizer *tokenizer,
                            tfm_err *err) TFM_MUST_USE;

/** A row is done: show what was not shown yet, or why there is no answer, and ask for the next.
 * Errors: TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm_dialog_answer(tfm_dialog *dialog, const tfm_item *item, const tfm_answer *answer,
                             tfm_err *err) TFM_MUST_USE;

/** Ends the rows, too. NULL is allowed. */
void tfm_dialog_close(tfm_dialog *dialog);

#endif
