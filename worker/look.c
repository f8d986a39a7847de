#include "worker/look.h"

#include "core/base/checked.h"
#include "core/base/mem.h"

#include <string.h>

tfm_status tfm__stage_look_begin(tfm_stage *stage, const tfm_batch *batch,
                                 tfm__stage_look *look, tfm_err *err)
{
  const tfm_range units = stage->assign.units;
  *look = (tfm__stage_look){.T = batch->T};
  if (!stage->assign.look) {
    return TFM_OK;
  }
  if (batch->B != 1 || batch->slot || batch->cu_source || batch->T > TFM_MSG_WEIGHTS) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "attention is looked at in one whole sequence of at most %d tokens",
                    TFM_MSG_WEIGHTS);
  }
  look->layers = (units.last + 1) / 2 - units.first / 2;
  size_t floats = 0;
  if (!tfm_mul_size((size_t)(look->layers * stage->heads), (size_t)(batch->T * batch->T),
                    &floats)) {
    return tfm_fail(err, TFM_E_NOMEM, "attention weights of %lld tokens", (long long)batch->T);
  }
  look->look.weights = tfm_calloc(floats, sizeof(float));
  look->look.seen = tfm_calloc((size_t)look->layers, sizeof(bool));
  if (!look->look.weights || !look->look.seen) {
    return tfm_fail(err, TFM_E_NOMEM, "attention weights of %lld tokens", (long long)batch->T);
  }
  tfm_slice_watch(stage->slice, &look->look);
  return TFM_OK;
}

/* Send one message, waiting for a free frame. */
static tfm_status tell(tfm_stage *stage, const tfm_msg_attention *msg, tfm_buf *payload,
                       tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool sent = false;
  tfm_buf_clear(payload);
  (void)tfm_msg_attention_encode(msg, payload);
  for (;;) {
    TFM_TRY(tfm_msg_send(tfm_world_control_out(stage->world, 0), TFM_FRAME_ATTENTION, payload,
                         &sent, err));
    if (sent || stage->left) {
      break;
    }
    TFM_TRY(tfm__stage_wait(stage, err));
  }

fail:
  return st;
}

tfm_status tfm__stage_look_tell(tfm_stage *stage, const tfm__stage_look *look, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf payload = {0};
  const int64_t T = look->T;
  if (!look->look.weights) {
    return TFM_OK;
  }
  tfm_msg_attention *msg = tfm_calloc(1, sizeof *msg);
  if (!msg) {
    return tfm_fail(err, TFM_E_NOMEM, "attention weights of %lld tokens", (long long)T);
  }
  const int64_t rows = TFM_MSG_WEIGHTS / T;
  for (int64_t i = 0; i < look->layers * stage->heads; ++i) {
    for (int64_t q = 0; look->look.seen[i / stage->heads] && q < T; q += rows) {
      const int64_t n = (T - q < rows ? T - q : rows) * T;
      msg->layer = stage->assign.units.first / 2 + i / stage->heads;
      msg->head = i % stage->heads;
      msg->tokens = T;
      msg->first = q;
      msg->n = (int32_t)n;
      memcpy(msg->v, look->look.weights + (i * T + q) * T, (size_t)n * sizeof *msg->v);
      TFM_TRY(tell(stage, msg, &payload, err));
    }
  }

fail:
  tfm_buf_fini(&payload);
  tfm_free(msg);
  return st;
}

void tfm__stage_look_end(tfm_stage *stage, tfm__stage_look *look)
{
  if (look->look.weights) {
    tfm_slice_watch(stage->slice, NULL);
  }
  tfm_free(look->look.weights);
  tfm_free(look->look.seen);
  *look = (tfm__stage_look){0};
}
