/** The verb `tokenize`: ids, tokens, offsets and type ids of every row, by the coordinator
 * alone. */
#ifndef TFM_COORDINATOR_TASK_TOKENIZE_H
#define TFM_COORDINATOR_TASK_TOKENIZE_H

#include "coordinator/cli/options.h"
#include "coordinator/resume/identity.h"
#include "core/text/tokenizer.h"

/** Open the tokenizer that the options name: --tokenizer's file or folder, --model's, or the
 *  embedded default's. gives: *out, release with tfm_tokenizer_close(). identity: gets what was
 *  opened; may be NULL. Errors: TFM_E_MISSING, those of tfm_tokenizer_open_folder(). */
tfm_status tfm_tokenize_open(const tfm_options *options, tfm_tokenizer **out,
                             tfm_identity *identity, tfm_err *err) TFM_MUST_USE;

/** Read, tokenize (decode, count), write. No weight is read. All tokens are given: nothing is
 *  truncated unless --max-length asks for it. */
tfm_status tfm_tokenize_run(const tfm_options *options, tfm_err *err) TFM_MUST_USE;

#endif
