#include "coordinator/task/compare.h"

void tfm__run_alone(tfm_whole *whole, const tfm_sequence *s, float *values,
                    tfm_whole_watch watch, void *arg)
{
  const int32_t cu_len[2] = {0, (int32_t)s->n};
  const int32_t cu_source[2] = {0, (int32_t)s->nsource};
  const tfm_ids ids = {.B = 1,
                       .T = s->n,
                       .cu_len = cu_len,
                       .ids = s->ids,
                       .type_ids = s->type_ids,
                       .nmark = s->nmark,
                       .marks = s->marks,
                       .cu_source = cu_source,
                       .source = s->source};
  tfm_whole_run(whole, &ids, values, watch, arg);
}

tfm_status tfm__answer_json(const tfm_task_context *context, const tfm_task_ops *task,
                            const tfm_answer *answer, tfm_buf *scratch, tfm_json **out,
                            tfm_err *err)
{
  const char *names[TFM_ANSWER_MAX_FIELDS];
  const int n = task->fields(context, names);
  const char *comma = "";
  *out = NULL;
  tfm_buf_clear(scratch);
  (void)tfm_buf_char(scratch, '{');
  for (int f = 0; f < n; ++f) {
    if (answer->value[f].n) {
      (void)tfm_buf_printf(scratch, "%s\"%s\":", comma, names[f]);
      (void)tfm_buf_span(scratch, tfm_buf_view(&answer->value[f]));
      comma = ",";
    }
  }
  (void)tfm_buf_char(scratch, '}');
  if (scratch->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "an answer to compare");
  }
  return tfm_json_parse(out, "answer", scratch->data, scratch->n, err);
}
