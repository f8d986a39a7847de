#include "worker/stage.h"

#include "core/base/clock.h"
#include "worker/finite.h"
#include "worker/look.h"
#include "worker/states.h"
#include "worker/trace.h"

#include <string.h>

static const double heartbeat_s = 1.0;

/* How long a rank that wants a core leaves its links alone. */
static const double seat_look_s = 0.02;

/* A micro-batch that does not end is rank 0's to tell; when it does not either, this much later. */
static const double computing_more_s = 15.0;

/* Heartbeats are best effort: with no free control frame the next one will do. */
static void send_heartbeat(tfm_stage *stage, double now)
{
  stage->beat_s = now;
  stage->now.since_s = now - stage->state_s;
  stage->now.frames = stage->stats.frames;
  stage->now.tokens = stage->stats.tokens;
  stage->now.busy_s = stage->stats.busy_s + (stage->now.computing ? stage->now.since_s : 0);
  stage->now.wait_s = stage->stats.wait_s + (stage->now.computing ? 0 : stage->now.since_s);
  stage->now.send_s = stage->stats.send_s;
  tfm_buf payload = {0};
  if (tfm_msg_heartbeat_encode(&stage->now, &payload) == TFM_OK) {
    tfm_link *out = tfm_world_control_out(stage->world, 0);
    tfm_status st = tfm_msg_send(out, TFM_FRAME_HEARTBEAT, &payload, NULL, &stage->poll_error);
    (void)st; /* kept in poll_error */
  }
  tfm_buf_fini(&payload);
}

void tfm__stage_poll(void *arg)
{
  tfm_stage *stage = arg;
  if (stage->poll_error.status != TFM_OK) {
    return;
  }
  if (tfm_world_poll(stage->world, &stage->poll_error) != TFM_OK) {
    return;
  }
  double now = tfm_now_s();
  const bool due = now - stage->beat_s >= heartbeat_s;
  if (due) {
    send_heartbeat(stage, now);
  }
  if (stage->trace && (due || tfm_trace_pressing(stage->trace))) {
    tfm_link *out = tfm_world_control_out(stage->world, 0);
    const tfm_status st = tfm_trace_send(stage->trace, out, &stage->poll_error);
    (void)st; /* kept in poll_error */
  }
}

/* What was done from begin_s until now, which is returned. */
static double note_span(tfm_stage *stage, tfm_span_kind kind, const tfm_frame *frame,
                        double begin_s)
{
  const double end_s = tfm_now_s();
  tfm_msg_span span = {.kind = kind, .begin_s = begin_s, .end_s = end_s};
  if (frame) {
    span.batch = frame->head.batch;
    span.tokens = frame->head.type == TFM_FRAME_ACTIVATIONS ? frame->head.T : 0;
  }
  tfm_trace_note(stage->trace, &span);
  return end_s;
}

/* Something came: rank 0 is there. */
static void note_word(tfm_stage *stage)
{
  tfm_vigil_note(stage->vigil, TFM_VIGIL_LISTENING, stage->patience_s, stage->now.batch);
}

tfm_status tfm__stage_tell_time(tfm_stage *stage, const tfm_frame *frame, tfm_err *err)
{
  tfm_msg_clock clock = {0};
  tfm_buf payload = {0};
  tfm_status st = tfm_msg_clock_decode(&clock, frame->bytes + TFM_FRAME_HEADER,
                                       (size_t)frame->head.payload_bytes, err);
  if (st == TFM_OK) {
    clock.now_s = tfm_now_s();
    (void)tfm_msg_clock_encode(&clock, &payload);
    st = tfm_msg_send(tfm_world_control_out(stage->world, 0), TFM_FRAME_CLOCK, &payload, NULL,
                      err);
  }
  tfm_buf_fini(&payload);
  return st;
}

tfm_status tfm__stage_control(tfm_stage *stage, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *frame = NULL;
  TFM_TRY(tfm_link_receive(tfm_world_control_in(stage->world, 0), &frame, err));
  if (!frame) {
    return TFM_OK;
  }
  if (frame->head.type == TFM_FRAME_HEARTBEAT) {
    stage->patience_s = stage->stall_s;
    note_word(stage);
    goto fail;
  }
  if (frame->head.type == TFM_FRAME_CLOCK) {
    TFM_TRY(tfm__stage_tell_time(stage, frame, err));
    goto fail;
  }
  if (frame->head.type == TFM_FRAME_START && stage->over && !stage->again) {
    stage->again = frame;
    return TFM_OK;
  }
  if (frame->head.type != TFM_FRAME_LEAVE) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "rank %d: want leave from rank 0, got %s",
                     tfm_world_rank(stage->world), tfm_frame_type_name(frame->head.type)));
  }
  tfm_msg_leave leave;
  TFM_TRY(tfm_msg_leave_decode(&leave, frame->bytes + TFM_FRAME_HEADER,
                               (size_t)frame->head.payload_bytes, err));
  stage->left = true;
  stage->code = leave.code;

fail:
  if (frame) {
    tfm_link_release(frame);
  }
  return st;
}

static void set_state(tfm_stage *stage, bool computing, uint64_t batch)
{
  stage->now.computing = computing;
  stage->now.batch = batch;
  stage->state_s = tfm_now_s();
  if (computing) {
    const double limit_s = stage->stall_s > 0 ? stage->stall_s + computing_more_s : 0;
    tfm_vigil_note(stage->vigil, TFM_VIGIL_COMPUTING, limit_s, batch);
  } else {
    note_word(stage); /* what was said meanwhile is still to be heard */
  }
}

/* Move data, look for LEAVE. */
static tfm_status look(tfm_stage *stage, tfm_err *err)
{
  tfm__stage_poll(stage);
  if (stage->poll_error.status != TFM_OK) {
    *err = stage->poll_error;
    return err->status;
  }
  return tfm__stage_control(stage, err);
}

static void rest(tfm_stage *stage)
{
  tfm__place_rise(&stage->place);
  tfm_world_idle(stage->world);
}

tfm_status tfm__stage_wait(tfm_stage *stage, tfm_err *err)
{
  const tfm_status st = look(stage, err);
  if (st == TFM_OK && !stage->left) {
    rest(stage);
  }
  return st;
}

/* Something is to be done: wait until there is a core for it, or rank 0 says LEAVE. */
static tfm_status sit(tfm_stage *stage, tfm_err *err)
{
  tfm_status st = TFM_OK;
  while (st == TFM_OK && !stage->left && !tfm__place_sit(&stage->place, seat_look_s)) {
    st = look(stage, err);
  }
  return st;
}

/* The next frame of the line, or NULL when rank 0 said LEAVE. Checking it is part of sending. */
static tfm_status next_frame(tfm_stage *stage, tfm_frame **frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  double start = tfm_now_s();
  double looked = start;
  *frame = NULL;
  set_state(stage, false, stage->now.batch);
  tfm__place_pass(&stage->place);
  while (!stage->left && !tfm_link_has(stage->in)) {
    TFM_TRY(look(stage, err));
    if (!stage->left && !tfm_link_has(stage->in)) {
      rest(stage);
    }
  }
  tfm_world_busy(stage->world);
  TFM_TRY(sit(stage, err));
  looked = tfm_now_s();
  if (!stage->left) {
    TFM_TRY(tfm_link_receive(stage->in, frame, err));
  }

fail:
  stage->stats.wait_s += (*frame ? looked : tfm_now_s()) - start;
  if (*frame) {
    tfm_trace_note(stage->trace, &(tfm_msg_span){.kind = TFM_SPAN_WAIT,
                                                 .batch = (*frame)->head.batch,
                                                 .begin_s = start,
                                                 .end_s = looked});
    stage->stats.send_s += note_span(stage, TFM_SPAN_SEND, *frame, looked) - looked;
  }
  return st;
}

static tfm_status send_on(tfm_stage *stage, tfm_frame *frame, tfm_err *err)
{
  const double start = tfm_now_s();
  const tfm_frame sent = *frame; /* it goes home when it has left */
  const tfm_status st = tfm_link_send(stage->out, frame, err);
  stage->stats.send_s += note_span(stage, TFM_SPAN_SEND, &sent, start) - start;
  return st;
}

/* A free frame of the outgoing link for what came in, and a core to fill it on; NULL when rank 0
 * said LEAVE. */
static tfm_status free_frame(tfm_stage *stage, const tfm_frame *in, tfm_frame **frame,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  double start = tfm_now_s();
  while ((*frame = tfm_link_frame(stage->out)) == NULL && !stage->left) {
    TFM_TRY(tfm__stage_wait(stage, err));
  }
  TFM_TRY(sit(stage, err));

fail:
  if (*frame && (stage->left || st != TFM_OK)) {
    tfm_link_release(*frame);
    *frame = NULL;
  }
  stage->stats.send_s += note_span(stage, TFM_SPAN_SEND, *frame ? in : NULL, start) - start;
  return st;
}

/* A language model's head looks tokens up by their ids. */
static tfm_status check_ids(const tfm_stage *stage, const tfm_frame *frame, const uint32_t *ids,
                            tfm_err *err)
{
  if (!ids && stage->assign.head && stage->lm != TFM_LM_NONE) {
    return tfm_fail(err, TFM_E_FORMAT, "frame %llu: want the tokens' ids",
                    (unsigned long long)frame->head.sequence);
  }
  for (int64_t t = 0; ids && t < frame->head.T; ++t) {
    if (ids[t] >= stage->vocabulary) {
      return tfm_fail(err, TFM_E_FORMAT, "frame %llu: want ids below %lld, got %u",
                      (unsigned long long)frame->head.sequence, (long long)stage->vocabulary,
                      ids[t]);
    }
  }
  return TFM_OK;
}

/* Sequences that grow travel with their places, whole ones without; a slice is made for one. */
static tfm_status check_places(const tfm_stage *stage, const tfm_frame *frame, tfm_err *err)
{
  const bool grow = stage->assign.slots > 0;
  if (frame->head.placed != grow) {
    return tfm_fail(err, TFM_E_FORMAT, "frame %llu: want sequences %s places",
                    (unsigned long long)frame->head.sequence, grow ? "with" : "without");
  }
  return TFM_OK;
}

/* An encoder reads something of every sequence that comes whole; of those that grow the slice knows
 * when. */
static tfm_status check_sources(const tfm_stage *stage, const tfm_frame *frame,
                                const uint32_t *sources, tfm_err *err)
{
  bool all = sources != NULL;
  for (int64_t b = 0; all && b < frame->head.B; ++b) {
    all = sources[b] > 0;
  }
  const bool wanted = stage->reads && !frame->head.placed;
  if ((sources && !stage->reads) || (wanted && !all)) {
    return tfm_fail(err, TFM_E_FORMAT, "frame %llu: want sequences %s an encoder's tokens",
                    (unsigned long long)frame->head.sequence,
                    stage->reads ? "with" : "without");
  }
  return TFM_OK;
}

/* View a frame as a batch. tfm_frame_open() proved that the lengths are >= 1 and sum to T; that
 * none is longer than the model can take is known only here. */
static tfm_status batch_of(tfm_stage *stage, tfm_frame *frame, tfm_batch *batch, tfm_err *err)
{
  const tfm_frame_head *head = &frame->head;
  const tfm_frame_tables tables = tfm_frame_tables_of(frame->bytes, head);
  const uint32_t *lengths = tables.lengths;
  int32_t at = 0;
  int32_t sources = 0;
  for (int64_t b = 0; b < head->B; ++b) {
    const uint32_t source = tables.sources ? tables.sources[b] : 0;
    if (lengths[b] > stage->max_length || source > stage->max_length) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "frame %llu: want sequences of at most %lld tokens, got %u",
                      (unsigned long long)head->sequence, (long long)stage->max_length,
                      lengths[b] > source ? lengths[b] : source);
    }
    stage->cu_len[b] = at;
    stage->cu_source[b] = sources;
    at += (int32_t)lengths[b];
    sources += (int32_t)source;
  }
  stage->cu_len[head->B] = at;
  stage->cu_source[head->B] = sources;
  if (check_ids(stage, frame, tables.ids, err) != TFM_OK ||
      check_places(stage, frame, err) != TFM_OK ||
      check_sources(stage, frame, tables.sources, err) != TFM_OK) {
    return err->status;
  }
  float *x = tfm__states_of(stage, frame);
  /* Marks are below T and ids below V, which fit an int32_t: the bits are the same. */
  *batch = (tfm_batch){.B = head->B,
                       .T = at,
                       .cu_len = stage->cu_len,
                       .x = x + sources * head->width,
                       .cu_source = tables.sources ? stage->cu_source : NULL,
                       .source = x,
                       .nmark = head->M,
                       .marks = (const int32_t *)(const void *)tables.marks,
                       .ids = tables.ids ? (const int32_t *)(const void *)tables.ids + sources
                                         : NULL,
                       .slot = (const int32_t *)(const void *)tables.slots,
                       .start = (const int32_t *)(const void *)tables.starts,
                       .row = tables.rows,
                       .parent = (const int32_t *)(const void *)tables.parents,
                       .nfreed = head->F,
                       .freed = (const int32_t *)(const void *)tables.freed};
  return TFM_OK;
}

/* Rows of values each sequence has, one sequence after the other. */
typedef struct {
  const tfm_batch *batch;
  tfm_rows rows;
  int64_t mark; /* of the sequence that comes next */
} row_walk;

static int64_t next_rows(row_walk *walk, int64_t b)
{
  const tfm_batch *batch = walk->batch;
  int64_t nmark = 0;
  while (walk->mark < batch->nmark && batch->marks[walk->mark] < batch->cu_len[b + 1]) {
    ++walk->mark;
    ++nmark;
  }
  return tfm_head_rows(walk->rows, batch->cu_len[b + 1] - batch->cu_len[b], nmark);
}

static int64_t rows_of(const tfm_batch *batch, tfm_rows rows)
{
  return rows == TFM_ROWS_SEQUENCE ? batch->B : tfm_head_rows(rows, batch->T, batch->nmark);
}

static void judge_rows(const tfm_stage *stage, const tfm_batch *batch, const float *values,
                       uint32_t *status)
{
  row_walk walk = {.batch = batch, .rows = stage->rows};
  for (int64_t b = 0; b < batch->B; ++b) {
    int64_t floats = next_rows(&walk, b) * stage->assign.result_width;
    status[b] = TFM_OK;
    if (stage->bad[b]) {
      status[b] = tfm_frame_fate(TFM_E_INTERNAL, (int)stage->bad[b] - 1);
    } else if (!tfm_finite(values, floats)) {
      status[b] = tfm_frame_fate(TFM_E_INTERNAL, stage->assign.stage);
    }
    values += floats;
  }
}

/* When a piece of computing began. */
typedef struct {
  double now_s, cpu_s;
} spell;

static spell begin_computing(const tfm_stage *stage)
{
  return (spell){.now_s = tfm_now_s(), .cpu_s = tfm_team_cpu_s(stage->team)};
}

static void end_computing(tfm_stage *stage, tfm_span_kind kind, const tfm_frame *frame,
                          spell begun)
{
  stage->stats.busy_s += note_span(stage, kind, frame, begun.now_s) - begun.now_s;
  stage->stats.compute_cpu_s += tfm_team_cpu_s(stage->team) - begun.cpu_s;
}

/* The last stage: the head, and a result frame to rank 0. */
static tfm_status send_result(tfm_stage *stage, tfm_frame *frame, const tfm_batch *batch,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *result = NULL;
  TFM_TRY(free_frame(stage, frame, &result, err));
  if (!result) {
    goto fail; /* leaving */
  }
  int64_t width = stage->assign.result_width;
  uint32_t *status = tfm_frame_lengths(result->bytes);
  float *values = tfm_frame_values(result->bytes, batch->B);
  int64_t rows = rows_of(batch, stage->rows);
  size_t payload = 0;
  if (rows > stage->assign.max_rows ||
      !tfm_frame_result_bytes(batch->B, rows, width, &payload)) {
    tfm_link_release(result);
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "frame %llu: want at most %lld rows of results, got %lld",
                     (unsigned long long)frame->head.sequence,
                     (long long)stage->assign.max_rows, (long long)rows));
  }
  const spell computing = begin_computing(stage);
  tfm_slice_head(stage->slice, batch, values, tfm_team_par(stage->team));
  end_computing(stage, TFM_SPAN_HEAD, frame, computing);
  judge_rows(stage, batch, values, status);
  result->head = (tfm_frame_head){.type = TFM_FRAME_RESULT,
                                  .batch = frame->head.batch,
                                  .B = batch->B,
                                  .T = rows,
                                  .width = width,
                                  .payload_bytes = payload};
  TFM_TRY(send_on(stage, result, err));

fail:
  tfm_link_release(frame);
  return st;
}

static tfm_status compute(tfm_stage *stage, tfm_frame *frame, tfm_err *err)
{
  tfm_batch batch;
  tfm__stage_look look = {0};
  tfm_status st = TFM_OK;
  if (batch_of(stage, frame, &batch, err) != TFM_OK ||
      (batch.slot && tfm_slice_take(stage->slice, &batch, err) != TFM_OK) ||
      tfm__stage_look_begin(stage, &batch, &look, err) != TFM_OK) {
    tfm__stage_look_end(stage, &look);
    tfm_link_release(frame);
    return err->status;
  }
  set_state(stage, true, frame->head.batch);
  const spell computing = begin_computing(stage);
  tfm__states_enter(stage, frame, &batch);
  tfm_slice_run(stage->slice, &batch, tfm_team_par(stage->team));
  tfm__states_leave(stage, frame, &batch);
  end_computing(stage, TFM_SPAN_COMPUTE, frame, computing);
  if (stage->assign.look) {
    st = tfm__stage_look_tell(stage, &look, err);
    tfm__stage_look_end(stage, &look);
  }
  stage->stats.frames += 1;
  stage->stats.tokens += (uint64_t)frame->head.T;
  if (st != TFM_OK || stage->poll_error.status != TFM_OK) {
    tfm_link_release(frame);
    *err = st == TFM_OK ? stage->poll_error : *err;
    return err->status;
  }
  if (stage->assign.head) {
    return send_result(stage, frame, &batch, err);
  }
  return send_on(stage, frame, err); /* it goes home by itself */
}

static tfm_status run(tfm_stage *stage, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *frame = NULL;
  for (;;) {
    TFM_TRY(next_frame(stage, &frame, err));
    if (!frame) {
      return TFM_OK;
    }
    if (frame->head.type == TFM_FRAME_END) {
      return tfm_link_send(stage->out, frame, err);
    }
    if (frame->head.type != TFM_FRAME_ACTIVATIONS) {
      int type = frame->head.type;
      tfm_link_release(frame);
      TFM_TRY(tfm_fail(
          err, TFM_E_FORMAT, "rank %d: want activations or end from rank %d, got %s",
          tfm_world_rank(stage->world), stage->assign.previous, tfm_frame_type_name(type)));
    }
    TFM_TRY(compute(stage, frame, err));
  }

fail:
  return st;
}

tfm_status tfm__stage_run(tfm_stage *stage, tfm_err *err)
{
  const tfm_status st = run(stage, err);
  tfm__place_rise(&stage->place);
  return st;
}
