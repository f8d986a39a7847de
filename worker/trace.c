#include "worker/trace.h"

static const double shortest_s = 1e-6;

void tfm_trace_note(tfm_msg_trace *trace, const tfm_msg_span *span)
{
  const bool work = span->kind == TFM_SPAN_COMPUTE || span->kind == TFM_SPAN_HEAD;
  if (!trace || (!work && span->end_s - span->begin_s < shortest_s)) {
    return;
  }
  if (trace->n == TFM_MSG_SPANS) {
    ++trace->lost;
  } else {
    trace->v[trace->n++] = *span;
  }
}

bool tfm_trace_pressing(const tfm_msg_trace *trace)
{
  return trace && trace->n >= TFM_MSG_SPANS / 2;
}

tfm_status tfm_trace_send(tfm_msg_trace *trace, tfm_link *out, tfm_err *err)
{
  bool sent = false;
  tfm_buf payload = {0};
  if (!trace || (trace->n == 0 && trace->lost == 0)) {
    return TFM_OK;
  }
  (void)tfm_msg_trace_encode(trace, &payload);
  const tfm_status st = tfm_msg_send(out, TFM_FRAME_TRACE, &payload, &sent, err);
  tfm_buf_fini(&payload);
  if (sent) {
    trace->n = 0;
    trace->lost = 0;
  }
  return st;
}
