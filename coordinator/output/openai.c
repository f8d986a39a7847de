#include "coordinator/output/openai.h"

static void put_error(const tfm_answer *answer, tfm_buf *out)
{
  (void)tfm_buf_str(out, "{\"code\":\"");
  tfm_answer_code(answer, out);
  (void)tfm_buf_str(out, "\",\"message\":");
  (void)tfm_buf_json_string(out, tfm_span_of(answer->error));
  (void)tfm_buf_char(out, '}');
}

static void put_body(const tfm_row *row, const tfm_answer *answer, tfm_buf *out)
{
  const tfm_span model = tfm_row_extra(row, "model");
  const long long tokens = (long long)answer->tokens;
  (void)tfm_buf_char(out, '{');
  (void)tfm_buf_span(out, tfm_buf_view(&answer->value[0]));
  (void)tfm_buf_str(out, ",\"model\":");
  (void)tfm_buf_span(out, model.n ? model : tfm_span_of("null"));
  (void)tfm_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%lld,", tokens);
  if (answer->made > 0) {
    (void)tfm_buf_printf(out, "\"completion_tokens\":%lld,", (long long)answer->made);
  }
  (void)tfm_buf_printf(out, "\"total_tokens\":%lld}}", tokens + (long long)answer->made);
}

void tfm__openai_row(const tfm_row *row, const tfm_answer *answer, tfm_buf *out)
{
  const bool answered = answer->status == TFM_OK;
  (void)tfm_buf_printf(out,
                       "{\"id\":\"batch_req_%lld\",\"custom_id\":", (long long)row->number);
  (void)tfm_buf_span(out, row->id);
  (void)tfm_buf_printf(
      out, ",\"response\":{\"status_code\":%d,\"request_id\":\"req_%lld\",\"body\":",
      answered ? 200 : 400, (long long)row->number);
  if (answered) {
    put_body(row, answer, out);
    (void)tfm_buf_str(out, "},\"error\":null}\n");
    return;
  }
  (void)tfm_buf_str(out, "{\"error\":");
  put_error(answer, out);
  (void)tfm_buf_str(out, "}},\"error\":");
  put_error(answer, out);
  (void)tfm_buf_str(out, "}\n");
}
