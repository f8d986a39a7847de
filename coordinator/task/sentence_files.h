/** What the small files of sentence-transformers say of texts: how long they may be, and what
 * stands before them. Folders without such files say nothing.
 *
 *  Source: sentence-transformers 5 and 6: config_sentence_transformers.json (prompts),
 * sentence_bert_config.json (max_seq_length).
 */
#ifndef TFM_COORDINATOR_TASK_SENTENCE_FILES_H
#define TFM_COORDINATOR_TASK_SENTENCE_FILES_H

#include "coordinator/task/task.h"
#include "core/base/json.h"

/** A JSON file of a folder: *json is NULL when it is not there; else gives it, release with
 * tfm_json_close(). Errors: those of tfm_json_open(). */
tfm_status tfm_sentence_file(const char *folder, const char *name, tfm_json **json,
                             tfm_err *err) TFM_MUST_USE;

/** Lower context->max_length to what the file beside config.json says, unless --max-length is
 * given. Errors: TFM_E_FORMAT; TFM_E_UNSUPPORTED (do_lower_case). */
tfm_status tfm_sentence_length(tfm_task_context *context, tfm_err *err) TFM_MUST_USE;

/** Append the prompt that --prompt-name names, else the folder's default, if it has one. Errors:
 * TFM_E_USAGE or TFM_E_FORMAT (there is no prompt of this name). */
tfm_status tfm_sentence_prompt(const tfm_task_context *context, tfm_buf *prompt,
                               tfm_err *err) TFM_MUST_USE;

#endif
