#include "proto/comm.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20 }; /* floats of a frame */

/* What the answering end does with a frame: its batch number. */
enum { BACK = 1, FORGET = 2, LAST = 3, POLITE = 4 /* added: wait politely for the next */ };

typedef struct {
  tfm_world *world;
  tfm_link *in, *out;
  bool polite;
} end;

static tfm_status open_end(end *e, tfm_world *world, int peer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame_limits limits = {.max_B = 1, .max_T = LARGEST, .width = 1};
  *e = (end){.world = world};
  if (!tfm_frame_activation_bytes(tfm_frame_table_most(1, LARGEST), LARGEST, 1, false,
                                  &limits.max_payload)) {
    TFM_TRY(tfm_fail(err, TFM_E_INTERNAL, "frames of %d floats", LARGEST));
  }
  TFM_TRY(tfm_world_open_in(world, &e->in, peer, &limits, TFM_LINK_BUFFERS, err));
  TFM_TRY(tfm_world_open_out(world, &e->out, peer, &limits, TFM_LINK_BUFFERS, err));

fail:
  return st;
}

/* One turn of waiting for something. */
static tfm_status turn(const end *e, tfm_err *err)
{
  const tfm_status st = tfm_world_poll(e->world, err);
  if (st == TFM_OK && e->polite) {
    tfm_world_idle(e->world);
  }
  return st;
}

static tfm_status receive(const end *e, tfm_frame **frame, tfm_err *err)
{
  tfm_status st = tfm_link_receive(e->in, frame, err);
  while (st == TFM_OK && !*frame) {
    st = turn(e, err);
    st = st == TFM_OK ? tfm_link_receive(e->in, frame, err) : st;
  }
  tfm_world_busy(e->world);
  return st;
}

static tfm_status free_frame(const end *e, tfm_frame **frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  while (st == TFM_OK && (*frame = tfm_link_frame(e->out)) == NULL) {
    st = turn(e, err);
  }
  return st;
}

/* Values are what the buffer holds: any bits are legal. */
static tfm_status send(const end *e, int64_t floats, uint64_t order, tfm_err *err)
{
  tfm_frame *frame = NULL;
  size_t payload = 0;
  tfm_status st = free_frame(e, &frame, err);
  if (st != TFM_OK) {
    return st;
  }
  (void)tfm_frame_activation_bytes(1, floats, 1, false,
                                   &payload); /* open_end() asked for more */
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = order,
                                 .B = 1,
                                 .T = floats,
                                 .width = 1,
                                 .payload_bytes = payload};
  tfm_frame_lengths(frame->bytes)[0] = (uint32_t)floats;
  return tfm_link_send(e->out, frame, err);
}

/* ---- the end that answers ---- */

static tfm_status answer(end *e, tfm_frame *frame, tfm_err *err)
{
  const uint64_t order = frame->head.batch;
  e->polite = (order & POLITE) != 0;
  if ((order & ~(uint64_t)POLITE) == BACK) {
    return tfm_link_send(e->out, frame, err);
  }
  tfm_link_release(frame);
  return (order & ~(uint64_t)POLITE) == LAST ? send(e, 1, 0, err) : TFM_OK;
}

tfm_status tfm_comm_answer(tfm_world *world, int peer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  end e;
  TFM_TRY(open_end(&e, world, peer, err));
  e.polite = true;
  for (bool ended = false; !ended;) {
    tfm_frame *frame = NULL;
    TFM_TRY(receive(&e, &frame, err));
    ended = frame->head.type == TFM_FRAME_END;
    if (ended) {
      tfm_link_release(frame);
    } else {
      TFM_TRY(answer(&e, frame, err));
    }
  }

fail:
  return st;
}

/* ---- the end that measures ---- */

static int by_size(const void *a, const void *b)
{
  const double *x = a;
  const double *y = b;
  return (*x > *y) - (*x < *y);
}

/* Median of half of there and back; the first goes uncounted, and says how the other end waits. */
static tfm_status measure_latency(end *e, int64_t floats, bool polite, double *took, int64_t n,
                                  double *median, tfm_err *err)
{
  tfm_status st = TFM_OK;
  e->polite = polite;
  for (int64_t i = -1; i < n; ++i) {
    tfm_frame *back = NULL;
    const double begin = tfm_now_s();
    TFM_TRY(send(e, floats, BACK | (polite ? POLITE : 0), err));
    TFM_TRY(receive(e, &back, err));
    tfm_link_release(back);
    if (i >= 0) {
      took[i] = (tfm_now_s() - begin) / 2;
    }
  }
  qsort(took, (size_t)n, sizeof *took, by_size);
  *median = took[n / 2];

fail:
  return st;
}

static tfm_status measure_rate(end *e, int64_t floats, int64_t n, double *bytes_per_s,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *back = NULL;
  e->polite = false;
  const double begin = tfm_now_s();
  for (int64_t i = 0; i < n; ++i) {
    TFM_TRY(send(e, floats, i + 1 == n ? LAST : FORGET, err));
  }
  TFM_TRY(receive(e, &back, err));
  *bytes_per_s = (double)(4 * floats * n) / (tfm_now_s() - begin);
  tfm_link_release(back);

fail:
  return st;
}

static tfm_status send_end(const end *e, tfm_err *err)
{
  tfm_frame *frame = NULL;
  const tfm_status st = free_frame(e, &frame, err);
  if (st != TFM_OK) {
    return st;
  }
  frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
  return tfm_link_send(e->out, frame, err);
}

tfm_status tfm_comm_measure(tfm_world *world, int peer, int64_t passes,
                            tfm_comm_sample *samples, tfm_err *err)
{
  enum { SMALL = 1 << 14, SMALL_TURNS = 20, RATE_FLOATS = 1 << 21, RATE_FRAMES = 100 };
  tfm_status st = TFM_OK;
  end e;
  double *took = tfm_calloc((size_t)passes, SMALL_TURNS * sizeof *took);
  if (!took) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%lld passes", (long long)passes));
  }
  TFM_TRY(open_end(&e, world, peer, err));
  for (int i = 0; i < TFM_COMM_SAMPLES; ++i) {
    tfm_comm_sample *s = &samples[i];
    const int64_t floats = (int64_t)1 << (2 * i);
    const int64_t turns = passes * (floats <= SMALL ? SMALL_TURNS : 2);
    const int64_t fill = RATE_FLOATS / floats;
    const int64_t frames = passes * (fill < RATE_FRAMES ? fill : RATE_FRAMES);
    s->bytes = 4 * floats;
    s->shared = tfm_link_shares(e.out);
    TFM_TRY(measure_latency(&e, floats, true, took, turns, &s->waiting_s, err));
    TFM_TRY(measure_latency(&e, floats, false, took, turns, &s->latency_s, err));
    TFM_TRY(measure_rate(&e, floats, frames, &s->bytes_per_s, err));
  }
  TFM_TRY(send_end(&e, err));

fail:
  tfm_free(took);
  return st;
}
