/** What `verify` compares results by: the oracle's numbers for one sequence, and answers as JSON.
 * Room-private. */
#ifndef TFM_COORDINATOR_TASK_COMPARE_H
#define TFM_COORDINATOR_TASK_COMPARE_H

#include "coordinator/encode/item.h"
#include "coordinator/task/task.h"
#include "core/base/json.h"
#include "core/model/whole.h"

/** What the whole model makes of one sequence, alone in its batch: values [rows, width] out. watch
 * may be NULL. */
void tfm__run_alone(tfm_whole *whole, const tfm_sequence *s, float *values,
                    tfm_whole_watch watch, void *arg);

/** The fields of an answer as one object. scratch: any buffer, overwritten. gives: *out. Errors:
 * TFM_E_NOMEM; TFM_E_FORMAT when a field is not JSON. */
tfm_status tfm__answer_json(const tfm_task_context *context, const tfm_task_ops *task,
                            const tfm_answer *answer, tfm_buf *scratch, tfm_json **out,
                            tfm_err *err) TFM_MUST_USE;

#endif
