/** The verb `tokenize`: ids, tokens, offsets and type ids of every row, by the coordinator
 * alone. */
#ifndef TFM_COORDINATOR_TASK_TOKENIZE_H
#define TFM_COORDINATOR_TASK_TOKENIZE_H

#include "coordinator/cli/options.h"

/** Read, tokenize (decode, count), write. The tokenizer is --tokenizer's, --model's, or the
 * embedded default's; no weight is read. All tokens are given: nothing is truncated unless
 * --max-length asks for it. */
tfm_status tfm_tokenize_run(const tfm_options *options, tfm_err *err) TFM_MUST_USE;

#endif
