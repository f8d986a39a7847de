#include "core/model/head.h"

#include "core/base/mem.h"
#include "core/kernels/gather.h"
#include "core/model/shown.h"
#include "core/model/weights.h"

#include <string.h>

tfm_status tfm__head_open(tfm__head *head, const tfm_model *model, tfm_backend backend,
                          int64_t max_sequences, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module dense[] = {TFM__MODULE_HEAD_DENSE};
  static const tfm__module out[] = {TFM__MODULE_HEAD_OUT};
  const tfm_config *config = &model->config;
  const tfm__head_row *row = tfm__arch_head(config->arch, config->task);
  const size_t floats = (size_t)(max_sequences * config->H);
  if (!row) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: architectures: \"%s\": the head of task %s is not supported",
                    tfm__shown_of(config->architecture).text, tfm_task_name(config->task));
  }
  *head = (tfm__head){.act = row->act, .H = config->H, .width = config->nlabel};
  TFM_TRY(tfm__linear_load(&head->dense, model, backend, dense, 1, 0, err));
  TFM_TRY(tfm__linear_load(&head->out, model, backend, out, 1, 0, err));
  head->scratch_bytes = 2 * floats * sizeof(float);
  head->first = tfm_alloc_aligned(floats, sizeof *head->first);
  head->pooled = tfm_alloc_aligned(floats, sizeof *head->pooled);
  if (!head->first || !head->pooled) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the head's scratch memory: %zu bytes",
                     head->scratch_bytes));
  }
  memset(head->first, 0, floats * sizeof *head->first);
  memset(head->pooled, 0, floats * sizeof *head->pooled);

fail:
  return st;
}

void tfm__head_fini(tfm__head *head)
{
  tfm_linear_close(head->dense);
  tfm_linear_close(head->out);
  tfm_free(head->first);
  tfm_free(head->pooled);
  *head = (tfm__head){.dense = NULL};
}

void tfm__head_run(const tfm__head *head, const tfm_batch *batch, float *result, tfm_par *par)
{
  const int64_t H = head->H;
  const tfm_epilogue activate = {.act = head->act};
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  /* The rows of x that begin a sequence are a gather by cu_len. */
  tfm_gather(batch->x, batch->cu_len, batch->B, H, 0, head->first, H);
  tfm_linear_run(head->dense, head->first, H, batch->B, head->pooled, H, &activate, par);
  tfm_linear_run(head->out, head->pooled, H, batch->B, result, head->width, &plain, par);
}
