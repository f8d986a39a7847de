#include "coordinator/bench/ranks.h"

tfm_status tfm__bench_tell(tfm_world *world, int rank, tfm_frame_type type, tfm_buf *payload,
                           tfm_err *err)
{
  bool sent = false;
  tfm_status st = payload->failed ? tfm_fail(err, TFM_E_NOMEM, "a message") : TFM_OK;
  while (st == TFM_OK && !sent) {
    st = tfm_msg_send(tfm_world_control_out(world, rank), type, payload, &sent, err);
    if (st == TFM_OK && !sent) {
      tfm_world_idle(world);
      st = tfm_world_poll(world, err);
    }
  }
  tfm_buf_fini(payload);
  return st;
}

static tfm_status check_type(const tfm_frame *frame, tfm_frame_type type, tfm_err *err)
{
  tfm_msg_failed failed = {0};
  tfm_status st = TFM_OK;
  if (frame->head.type == (int)type) {
    return TFM_OK;
  }
  if (frame->head.type == TFM_FRAME_FAILED) {
    TFM_TRY(tfm_msg_failed_decode(&failed, frame->bytes + TFM_FRAME_HEADER,
                                  (size_t)frame->head.payload_bytes, err));
    *err = failed.err;
    return failed.err.status == TFM_OK ? TFM_E_PEER : failed.err.status;
  }
  st = tfm_fail(err, TFM_E_FORMAT, "rank %d: want %s, got %s", (int)frame->head.source,
                tfm_frame_type_name((int)type), tfm_frame_type_name(frame->head.type));

fail:
  return st;
}

tfm_status tfm__bench_hear(tfm_world *world, int a, int b, tfm_frame_type type,
                           tfm_frame **frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *frame = NULL;
  while (!*frame) {
    TFM_TRY(tfm_world_poll(world, err));
    TFM_TRY(tfm_link_receive(tfm_world_control_in(world, a), frame, err));
    if (!*frame && b > 0 && b != a) {
      TFM_TRY(tfm_link_receive(tfm_world_control_in(world, b), frame, err));
    }
    if (!*frame) {
      tfm_world_idle(world);
    }
  }
  tfm_world_busy(world);
  st = check_type(*frame, type, err);
  if (st != TFM_OK) {
    tfm_link_release(*frame);
    *frame = NULL;
  }

fail:
  return st;
}
