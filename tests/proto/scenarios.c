#include "tests/proto/scenarios.h"

#include "core/base/clock.h"
#include "proto/comm.h"
#include "proto/link_ops.h"
#include "proto/messages.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_S = 30 };

_Noreturn void check_failed(const tfm_world *world, const char *file, int line,
                            const char *condition)
{
  char text[512];
  (void)snprintf(text, sizeof text, "%s:%d: rank %d: %s", file, line, tfm_world_rank(world),
                 condition);
  tfm_world_abort(99, text);
}

tfm_frame_limits scenario_limits(int64_t max_B, int64_t max_T, int64_t width)
{
  tfm_frame_limits limits = {.max_B = max_B, .max_T = max_T, .width = width};
  bool fits = tfm_frame_activation_bytes(max_B, max_T, width, false, &limits.max_payload);
  TFM_ASSERT(fits);
  return limits;
}

static void poll_world(tfm_world *world)
{
  tfm_err err = {0};
  if (tfm_world_poll(world, &err) != TFM_OK) {
    check_failed(world, __FILE__, __LINE__, err.text);
  }
}

static void poll_for(tfm_world *world, double seconds)
{
  for (double until = tfm_now_s() + seconds; tfm_now_s() < until;) {
    poll_world(world);
    tfm_world_idle(world);
  }
}

static void leave(tfm_world *world)
{
  tfm_err err = {0};
  if (tfm_world_leave(world, PATIENCE_S, &err) != TFM_OK) {
    check_failed(world, __FILE__, __LINE__, err.text);
  }
}

/* The next frame, waited for. */
static tfm_frame *await(tfm_world *world, tfm_link *in)
{
  tfm_frame *frame = NULL;
  tfm_err err = {0};
  for (double until = tfm_now_s() + PATIENCE_S; !frame;) {
    CHECK(world, tfm_now_s() < until);
    poll_world(world);
    if (tfm_link_receive(in, &frame, &err) != TFM_OK) {
      check_failed(world, __FILE__, __LINE__, err.text);
    }
    if (!frame) {
      tfm_world_idle(world);
    }
  }
  tfm_world_busy(world);
  return frame;
}

/* The next frame of this link must be refused with this word in the reason. */
static void await_refusal(tfm_world *world, tfm_link *in, const char *reason)
{
  tfm_frame *frame = NULL;
  tfm_err err = {0};
  tfm_status st = TFM_OK;
  for (double until = tfm_now_s() + PATIENCE_S; st == TFM_OK;) {
    CHECK(world, tfm_now_s() < until);
    poll_world(world);
    st = tfm_link_receive(in, &frame, &err);
    CHECK(world, frame == NULL);
    tfm_world_idle(world);
  }
  if (st != TFM_E_PEER || !strstr(err.text, reason)) {
    char text[TFM_ERR_TEXT + 64];
    (void)snprintf(text, sizeof text, "want a refusal for \"%s\", got: %s", reason, err.text);
    check_failed(world, __FILE__, __LINE__, text);
  }
}

static tfm_frame *free_frame(tfm_world *world, tfm_link *out)
{
  tfm_frame *frame = NULL;
  for (double until = tfm_now_s() + PATIENCE_S; !(frame = tfm_link_frame(out));) {
    CHECK(world, tfm_now_s() < until);
    poll_world(world);
    tfm_world_idle(world);
  }
  return frame;
}

static void send_frame(tfm_world *world, tfm_link *out, tfm_frame *frame)
{
  tfm_err err = {0};
  if (tfm_link_send(out, frame, &err) != TFM_OK) {
    check_failed(world, __FILE__, __LINE__, err.text);
  }
}

static void open_pair(tfm_world *world, tfm_link **in, tfm_link **out,
                      const tfm_frame_limits *limits, int own)
{
  tfm_err err = {0};
  int rank = tfm_world_rank(world);
  int n = tfm_world_size(world);
  int from = (rank + n - 1) % n;
  if (tfm_world_open_in(world, in, from, limits, TFM_LINK_BUFFERS, &err) != TFM_OK ||
      tfm_world_open_out(world, out, (rank + 1) % n, limits, own, &err) != TFM_OK) {
    check_failed(world, __FILE__, __LINE__, err.text);
  }
}

/* A frame whose every value tells its number, so that a mix-up of buffers shows. */
static void fill(tfm_frame *frame, int64_t B, int64_t T, int64_t width, int number)
{
  uint32_t *lengths = tfm_frame_lengths(frame->bytes);
  size_t payload = 0;
  bool fits = tfm_frame_activation_bytes(B, T, width, false, &payload);
  TFM_ASSERT(fits);
  for (int64_t b = 0; b < B; ++b) {
    lengths[b] = 1;
  }
  lengths[B - 1] += (uint32_t)(T - B);
  float *x = tfm_frame_values(frame->bytes, B);
  for (int64_t i = 0; i < T * width; ++i) {
    x[i] = (float)number;
  }
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = (uint64_t)number,
                                 .B = B,
                                 .T = T,
                                 .width = width,
                                 .payload_bytes = payload};
}

enum { RING_FRAMES = 60, RING_B = 5, RING_T = 700, RING_WIDTH = 32 };

/* Sizes on both sides of every transport's eager limit, from 1 to RING_T tokens: a small frame
 * behind a large one completes first inside MPI and must still arrive after it. */
static int64_t ring_tokens(int number)
{
  static const int64_t tokens[] = {RING_T, 5, 33, RING_T, 12, 300, 5};
  return tokens[number % 7];
}

static void check_ring_frame(tfm_world *world, const tfm_frame *frame, int number)
{
  const tfm_frame_head *head = &frame->head;
  CHECK(world, head->type == TFM_FRAME_ACTIVATIONS && head->batch == (uint64_t)number);
  CHECK(world, head->T == ring_tokens(number) && head->B == RING_B);
  const float *x = tfm_frame_values(frame->bytes, head->B);
  float want = (float)(number + tfm_world_size(world) - 1);
  for (int64_t i = 0; i < head->T * head->width; ++i) {
    CHECK(world, x[i] >= want && x[i] <= want);
  }
}

/* Rank 0 of the ring: fills frames as fast as they come free and takes back what returns. */
static void ring_source(tfm_world *world, tfm_link *in, tfm_link *out)
{
  int sent = 0;
  int got = 0;
  while (got < RING_FRAMES) {
    tfm_frame *frame = sent < RING_FRAMES ? tfm_link_frame(out) : NULL;
    if (frame) {
      fill(frame, RING_B, ring_tokens(sent), RING_WIDTH, sent);
      send_frame(world, out, frame);
      ++sent;
      continue;
    }
    frame = await(world, in);
    check_ring_frame(world, frame, got);
    tfm_link_release(frame);
    ++got;
  }
  tfm_frame *end = free_frame(world, out);
  end->head = (tfm_frame_head){.type = TFM_FRAME_END};
  send_frame(world, out, end);
  end = await(world, in);
  CHECK(world, end->head.type == TFM_FRAME_END);
  tfm_link_release(end);
}

/* Frames keep their order and their bytes through every rank, each computes in place and sends
 * on the very buffer it received. Far more frames pass than there are buffers, so every frame
 * must have come home after it was sent on. */
static void play_ring(tfm_world *world)
{
  tfm_link *in = NULL;
  tfm_link *out = NULL;
  tfm_frame_limits limits = scenario_limits(RING_B, RING_T, RING_WIDTH);
  bool source = tfm_world_rank(world) == 0;
  open_pair(world, &in, &out, &limits, source ? TFM_LINK_BUFFERS : 0);
  if (source) {
    ring_source(world, in, out);
    leave(world);
    return;
  }
  for (bool ended = false; !ended;) {
    tfm_frame *frame = await(world, in);
    ended = frame->head.type == TFM_FRAME_END;
    float *x = ended ? NULL : tfm_frame_values(frame->bytes, frame->head.B);
    for (int64_t i = 0; x && i < frame->head.T * frame->head.width; ++i) {
      x[i] += 1.0F;
    }
    send_frame(world, out, frame);
  }
  CHECK(world, !tfm_link_frame(out)); /* it was opened with no frames of its own */
  leave(world);
}

enum { STAR_ROUNDS = 40 };

static void say(tfm_world *world, int peer, uint64_t number)
{
  tfm_buf payload = {0};
  tfm_err err = {0};
  bool sent = false;
  tfm_msg_heartbeat msg = {.computing = 1, .batch = number, .since_s = 0.5};
  CHECK(world, tfm_msg_heartbeat_encode(&msg, &payload) == TFM_OK);
  for (double until = tfm_now_s() + PATIENCE_S; !sent;) {
    CHECK(world, tfm_now_s() < until);
    tfm_link *out = tfm_world_control_out(world, peer);
    CHECK(world, tfm_msg_send(out, TFM_FRAME_HEARTBEAT, &payload, &sent, &err) == TFM_OK);
    poll_world(world);
  }
  tfm_buf_fini(&payload);
}

static void hear(tfm_world *world, int peer, uint64_t number)
{
  tfm_msg_heartbeat msg;
  tfm_err err = {0};
  tfm_frame *frame = await(world, tfm_world_control_in(world, peer));
  CHECK(world, frame->head.type == TFM_FRAME_HEARTBEAT && frame->head.source == peer);
  CHECK(world, tfm_msg_heartbeat_decode(&msg, frame->bytes + TFM_FRAME_HEADER,
                                        (size_t)frame->head.payload_bytes, &err) == TFM_OK);
  CHECK(world, msg.batch == number);
  tfm_link_release(frame);
}

/* Control messages between rank 0 and every worker, both ways at once, keep their order and
 * never mix between peers; more are sent than there are control frames. */
static void play_star(tfm_world *world)
{
  int rank = tfm_world_rank(world);
  for (uint64_t round = 0; round < STAR_ROUNDS; ++round) {
    if (rank > 0) {
      say(world, 0, 1000 * (uint64_t)rank + round);
      say(world, 0, 2000 * (uint64_t)rank + round);
      hear(world, 0, 7 * (uint64_t)rank + round);
      continue;
    }
    for (int peer = 1; peer < tfm_world_size(world); ++peer) {
      say(world, peer, 7 * (uint64_t)peer + round);
    }
    for (int peer = tfm_world_size(world) - 1; peer > 0; --peer) {
      hear(world, peer, 1000 * (uint64_t)peer + round);
      hear(world, peer, 2000 * (uint64_t)peer + round);
    }
  }
  leave(world);
}

enum { LARGE_T = 2000, LARGE_WIDTH = 128 }; /* 1 MB: never eager */

/* What is under way is bounded by the buffers of both ends: a receiver that takes nothing stops
 * its sender after 2 x TFM_LINK_BUFFERS frames, and taking one lets exactly one more go. */
static void play_backpressure(tfm_world *world)
{
  int rank = tfm_world_rank(world);
  tfm_link *link = NULL;
  tfm_err err = {0};
  tfm_frame_limits limits = scenario_limits(1, LARGE_T, LARGE_WIDTH);
  if (rank == 0) {
    CHECK(world,
          tfm_world_open_out(world, &link, 1, &limits, TFM_LINK_BUFFERS, &err) == TFM_OK);
    int sent = 0;
    for (double until = tfm_now_s() + 0.3; tfm_now_s() < until;) {
      tfm_frame *frame = tfm_link_frame(link);
      if (frame) {
        fill(frame, 1, LARGE_T, LARGE_WIDTH, sent);
        send_frame(world, link, frame);
        ++sent;
      }
      poll_world(world);
      tfm_world_idle(world);
    }
    CHECK(world, sent == 2 * TFM_LINK_BUFFERS);
    CHECK(world, tfm_link_sending(link));
    say(world, 1, 1);
    hear(world, 1, 2);
    poll_for(world, 0.05);
    CHECK(world, tfm_link_frame(link) != NULL);
    CHECK(world, tfm_link_frame(link) == NULL);
    say(world, 1, 3);
  } else if (rank == 1) {
    CHECK(world, tfm_world_open_in(world, &link, 0, &limits, TFM_LINK_BUFFERS, &err) == TFM_OK);
    hear(world, 0, 1);
    tfm_link_release(await(world, link));
    say(world, 0, 2);
    hear(world, 0, 3);
  }
  leave(world);
}

/* Leaving must not depend on anybody taking its mail: large frames are on their way to a rank
 * that holds all its buffers, to one that never opened the link, and control messages to ranks
 * that read none. */
static void play_leave_unread(tfm_world *world)
{
  int rank = tfm_world_rank(world);
  int next = (rank + 1) % tfm_world_size(world);
  tfm_link *in = NULL;
  tfm_link *out = NULL;
  tfm_err err = {0};
  tfm_frame_limits limits = scenario_limits(1, LARGE_T, LARGE_WIDTH);
  if (rank != 0) { /* rank 0 never opens its incoming link */
    CHECK(world,
          tfm_world_open_in(world, &in, rank - 1, &limits, TFM_LINK_BUFFERS, &err) == TFM_OK);
  }
  CHECK(world,
        tfm_world_open_out(world, &out, next, &limits, 2 * TFM_LINK_BUFFERS, &err) == TFM_OK);
  for (int i = 0; i < 2 * TFM_LINK_BUFFERS; ++i) {
    tfm_frame *frame = tfm_link_frame(out);
    CHECK(world, frame != NULL);
    fill(frame, 1, LARGE_T, LARGE_WIDTH, i);
    send_frame(world, out, frame);
  }
  if (rank != 0) {
    say(world, 0, 1);
    say(world, 0, 2);
  }
  for (int i = 0; rank == 1 && i < TFM_LINK_BUFFERS; ++i) {
    (void)await(world, in); /* held, never released */
  }
  double start = tfm_now_s();
  leave(world);
  CHECK(world, tfm_now_s() - start < 20);
}

/* Send a frame past tfm_link_send(), as a broken or hostile peer would. */
static void send_raw(tfm_world *world, tfm_link *out, tfm_frame *frame, size_t n)
{
  tfm_err err = {0};
  tfm__slot *slot = (tfm__slot *)(void *)frame;
  frame->n = n;
  CHECK(world, world->ops->send(out, slot, &err) == TFM_OK);
  slot->state = TFM__SLOT_SENDING;
  slot->via = out;
  ++out->nsending;
  ++world->nsending;
}

typedef struct {
  const char *reason;
  size_t flip; /* byte to change after sealing; 0: none (the magic has its own case) */
  int source;
  uint64_t sequence;
  int64_t extra; /* bytes more than the frame has */
} bad_frame;

static const bad_frame bad_frames[] = {
    {"magic", 1, 0, 0, 0},
    {"wire version", 4, 0, 0, 0},
    {"header checksum", 17, 0, 0, 0},
    {"payload checksum", 64 + 64 + 9, 0, 0, 0},
    {"source: want 0, got 5", 0, 5, 0, 0},
    {"sequence: want 0, got 1", 0, 0, 1, 0},
    {"sequence: want 0, got 18446744073709551615", 0, 0, UINT64_MAX, 0},
    {"payload bytes", 0, 0, 0, -1},
    {"payload bytes", 0, 0, 0, 1},
    {"want at least 64 bytes, got 63", 0, 0, 0, -(64 + 40 * 8 * 4 + 1)},
    {"got more", 0, 0, 0, 100 * 8 * 4},
};

/* Nothing of a bad frame reaches the user, and the link names what is wrong; a good frame with
 * the number that is due passes afterwards. */
static void play_bad(tfm_world *world)
{
  enum {
    T = 40,
    SMALL_T = 50,
    LARGE_ROOM_T = 200,
    WIDTH = 8,
    NBAD = sizeof bad_frames / sizeof bad_frames[0]
  };
  int rank = tfm_world_rank(world);
  tfm_link *link = NULL;
  tfm_err err = {0};
  tfm_frame_limits small = scenario_limits(1, SMALL_T, WIDTH);
  tfm_frame_limits large = scenario_limits(1, LARGE_ROOM_T, WIDTH);
  if (rank == 0) {
    CHECK(world, tfm_world_open_out(world, &link, 1, &large, 1, &err) == TFM_OK);
    for (int i = 0; i < NBAD; ++i) {
      const bad_frame *bad = &bad_frames[i];
      tfm_frame *frame = free_frame(world, link);
      fill(frame, 1, T, WIDTH, i);
      frame->head.source = bad->source;
      frame->head.sequence = bad->sequence;
      tfm_frame_seal(frame->bytes, &frame->head);
      if (bad->flip) {
        frame->bytes[bad->flip] ^= 0x20;
      }
      size_t n = TFM_FRAME_HEADER + (size_t)frame->head.payload_bytes;
      send_raw(world, link, frame, (size_t)((int64_t)n + bad->extra));
    }
    tfm_frame *good = free_frame(world, link);
    fill(good, 1, T, WIDTH, 77);
    send_frame(world, link, good);
  } else if (rank == 1) {
    CHECK(world, tfm_world_open_in(world, &link, 0, &small, TFM_LINK_BUFFERS, &err) == TFM_OK);
    for (int i = 0; i < NBAD; ++i) {
      await_refusal(world, link, bad_frames[i].reason);
    }
    tfm_frame *good = await(world, link);
    CHECK(world, good->head.batch == 77);
    tfm_link_release(good);
  }
  leave(world);
}

/* What cannot work is refused where it is asked for, with nothing sent and nothing leaked. */
static void play_refusals(tfm_world *world)
{
  int rank = tfm_world_rank(world);
  int n = tfm_world_size(world);
  int peer = (rank + 1) % n;
  tfm_link *link = NULL;
  tfm_link *twice = NULL;
  tfm_err err = {0};
  tfm_frame_limits limits = scenario_limits(2, 16, 4);
  CHECK(world, tfm_world_open_out(world, &link, rank, &limits, 1, &err) == TFM_E_INTERNAL);
  CHECK(world, tfm_world_open_out(world, &link, n, &limits, 1, &err) == TFM_E_INTERNAL);
  CHECK(world, tfm_world_open_in(world, &link, peer, &limits, 0, &err) == TFM_E_INTERNAL);
  CHECK(world, link == NULL);
  CHECK(world, tfm_world_open_out(world, &link, peer, &limits, 1, &err) == TFM_OK);
  CHECK(world, tfm_world_open_out(world, &twice, peer, &limits, 1, &err) == TFM_OK);
  CHECK(world, twice == link); /* jobs one after the other have one link */
  CHECK(world, tfm_world_open_out(world, &twice, peer, &limits, 2, &err) == TFM_E_INTERNAL);
  limits.max_T += 1;
  CHECK(world, tfm_world_open_out(world, &twice, peer, &limits, 1, &err) == TFM_E_INTERNAL);
  CHECK(world, twice == NULL && strstr(err.text, "open already") != NULL);
  limits.max_T -= 1;
  tfm_frame *frame = tfm_link_frame(link);
  frame->head = (tfm_frame_head){.type = TFM_FRAME_HELLO};
  CHECK(world, tfm_link_send(link, frame, &err) == TFM_E_INTERNAL);
  CHECK(world, strstr(err.text, "type") != NULL);
  frame = tfm_link_frame(link); /* it went home although sending failed */
  CHECK(world, frame != NULL);
  fill(frame, 2, 16, 4, 1);
  frame->head.T = 17;
  CHECK(world, tfm_link_send(link, frame, &err) == TFM_E_INTERNAL);
  CHECK(world, strstr(err.text, "tokens") != NULL);
  CHECK(world, !tfm_link_sending(link));
  if (tfm_world_is_mpi(world)) {
    tfm_frame_limits huge = scenario_limits(1, 1 << 20, 512); /* 2 GiB and a little */
    CHECK(world, tfm_world_open_in(world, &twice, peer, &huge, 1, &err) == TFM_E_CONFIG);
    CHECK(world, strstr(err.text, "2147483647") && strstr(err.text, "--max-batch-tokens"));
  }
  leave(world);
}

static void check_samples(tfm_world *world, const tfm_comm_sample *samples)
{
  for (int i = 0; i < TFM_COMM_SAMPLES; ++i) {
    CHECK(world, samples[i].bytes == (INT64_C(4) << (2 * i)));
    CHECK(world, samples[i].latency_s > 0 && samples[i].waiting_s > 0);
    CHECK(world, samples[i].bytes_per_s > 0);
  }
}

/* Every size is measured, between rank 0 and a worker and between two workers at once, and the
 * links are at rest afterwards: they serve a second time. How fast they are is the machine's
 * affair. */
static void play_comm(tfm_world *world)
{
  enum { PASSES = 1 };
  const int rank = tfm_world_rank(world);
  const int pair = rank / 2;
  const int peer = rank % 2 ? rank - 1 : rank + 1;
  tfm_comm_sample samples[TFM_COMM_SAMPLES];
  tfm_err err = {0};
  if (peer >= tfm_world_size(world) || pair > 1) {
    leave(world);
    return;
  }
  for (int turn = 0; turn < 2; ++turn) {
    if (rank % 2) {
      CHECK(world, tfm_comm_answer(world, peer, &err) == TFM_OK);
    } else {
      CHECK(world, tfm_comm_measure(world, peer, PASSES, samples, &err) == TFM_OK);
      check_samples(world, samples);
    }
  }
  leave(world);
}

const scenario scenarios[] = {{"ring", play_ring, 2},
                              {"star", play_star, 2},
                              {"backpressure", play_backpressure, 2},
                              {"leave_unread", play_leave_unread, 2},
                              {"bad", play_bad, 2},
                              {"refusals", play_refusals, 2},
                              {"comm", play_comm, 2}};
const int nscenario = sizeof scenarios / sizeof scenarios[0];
