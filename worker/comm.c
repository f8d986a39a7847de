#include "worker/comm.h"

#include "proto/comm.h"

static tfm_status tell(tfm_world *world, const tfm_comm_sample *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf payload = {0};
  bool sent = false;
  const tfm_msg_sample sample = {.bytes = s->bytes,
                                 .shared = s->shared,
                                 .latency_s = s->latency_s,
                                 .waiting_s = s->waiting_s,
                                 .bytes_per_s = s->bytes_per_s};
  (void)tfm_msg_sample_encode(&sample, &payload);
  while (st == TFM_OK && !sent) {
    st = tfm_msg_send(tfm_world_control_out(world, 0), TFM_FRAME_SAMPLE, &payload, &sent, err);
    if (st == TFM_OK && !sent) {
      tfm_world_idle(world);
      st = tfm_world_poll(world, err);
    }
  }
  tfm_buf_fini(&payload);
  return st;
}

tfm_status tfm__worker_comm(tfm_world *world, const tfm_msg_comm *comm, tfm_err *err)
{
  tfm_comm_sample samples[TFM_COMM_SAMPLES];
  if (!comm->measures) {
    return tfm_comm_answer(world, comm->peer, err);
  }
  tfm_status st = tfm_comm_measure(world, comm->peer, comm->passes, samples, err);
  for (int i = 0; i < TFM_COMM_SAMPLES && st == TFM_OK; ++i) {
    st = tell(world, &samples[i], err);
  }
  return st;
}
