/** Tasks: what the numbers of the last stage mean, and how a result row shows them.
 *
 *  A task is one file here and one row in task.c: its name, what it reads from a row, its
 * result fields, and how values become them. Field names are Hugging Face's (INTERFACE section
 * 4).
 */
#ifndef TFM_COORDINATOR_TASK_TASK_H
#define TFM_COORDINATOR_TASK_TASK_H

#include "coordinator/cli/options.h"
#include "coordinator/encode/item.h"
#include "coordinator/output/format.h"
#include "core/model/config.h"

/** What a task may look at; borrowed. */
typedef struct {
  const tfm_options *options;
  const tfm_config *config;
} tfm_task_context;

typedef struct {
  tfm_task task;
  bool pair; /* reads text_pair where a row has one */
  /* The names of the result fields, in order; returns how many. names: [TFM_ANSWER_MAX_FIELDS].
   */
  int (*fields)(const tfm_task_context *context, const char **names);
  /* Fill an empty answer from item->values. Errors: TFM_E_NOMEM. */
  tfm_status (*answer)(const tfm_task_context *context, const tfm_item *item,
                       tfm_answer *answer, tfm_err *err);
} tfm_task_ops;

/** The row of a task, NULL when it is not offered. */
const tfm_task_ops *tfm_task_find(tfm_task task);

/** Append the names of all offered tasks, separated by commas. */
void tfm_task_list(tfm_buf *out);

extern const tfm_task_ops tfm_task_classify; /* classify.c */

#endif
