#include "coordinator/task/task.h"

static const tfm_task_ops *const rows[] = {&tfm_task_classify};

enum { NROW = sizeof rows / sizeof rows[0] };

const tfm_task_ops *tfm_task_find(tfm_task task)
{
  for (int i = 0; i < NROW; ++i) {
    if (rows[i]->task == task) {
      return rows[i];
    }
  }
  return NULL;
}

void tfm_task_list(tfm_buf *out)
{
  for (int i = 0; i < NROW; ++i) {
    (void)tfm_buf_printf(out, "%s%s", i ? ", " : "", tfm_task_name(rows[i]->task));
  }
}
