/** What a job says of runs of tokens: biases, bad words, suppressed ones (head_spec.h). */
#ifndef TFM_COORDINATOR_TASK_SAID_H
#define TFM_COORDINATOR_TASK_SAID_H

#include "coordinator/task/task.h"
#include "core/base/json.h"

/** sequence_bias, bad_words_ids, suppress_tokens and begin_suppress_tokens of
 * generation_config.json join spec->said; spec->only are the ids that end a text. Errors:
 * TFM_E_FORMAT, TFM_E_UNSUPPORTED (too many). */
tfm_status tfm_said_of_file(tfm_head_spec *spec, const tfm_json *json, int64_t V,
                            tfm_err *err) TFM_MUST_USE;

/** --logit-bias and --bad-words join spec->said. Errors: TFM_E_USAGE, TFM_E_NOMEM. */
tfm_status tfm_said_of_options(tfm_head_spec *spec, const tfm_task_context *context,
                               tfm_err *err) TFM_MUST_USE;

#endif
