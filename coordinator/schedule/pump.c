#include "coordinator/schedule/pump.h"

#include "coordinator/batch/batcher.h"
#include "coordinator/schedule/watch.h"
#include "coordinator/stop.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/kernels/bfloat16.h"
#include "proto/credit.h"

#include <string.h>

/* Rows between reading and delivery: enough for the window, the batches in flight and a window
 * more waiting for an earlier row. */
enum { ROWS_PER_WINDOW = 8, ROWS_LEAST = 8192 };

enum { SPOILT_SAID = 5 /* rows that are not finite, until they are only counted */ };

static const int64_t held_bytes_limit = 256 << 20;
/* A drain goes on sending what it has for the first time, and waits for results until the second.
 */
static const double drain_send_s = 30.0;
static const double drain_limit_s = 60.0;

/* One line of stages. */
typedef struct {
  tfm_link *out, *in;
  tfm_credit credit;
  tfm_pack *
      *flight; /* [credit.limit] packs on their way, oldest first: a line keeps their order */
  int first;   /* ring index of the oldest */
  bool ended;  /* END came back */
  int rank;    /* of its first stage */
  double moved_s; /* when something last went in or came out, by the crew's clock */
} line;

struct tfm_pump {
  tfm_pump_options options;
  tfm_batcher *batcher;
  tfm_turns *turns; /* instead of the batcher, for texts that grow */
  line *lines;
  int nline;
  tfm_item **rows; /* ring [nrows]: rows delivered .. admitted, by order of admission */
  int64_t nrows, admitted, delivered;
  int64_t held_bytes;
  tfm_item *feeding; /* admitted, with sequences [fed, nseq) not in the batcher yet; or NULL */
  int64_t fed;
  tfm_pack *ready; /* cut, waiting for a line */
  bool feed_ended, end_sent;
  bool draining;  /* no more rows are taken, although there may be some */
  bool closing;   /* nor is anything sent any more */
  double drain_s; /* since when */
  uint64_t batch;
  int32_t *ids, *type_ids, *cu_len, *cu_source, *marks,
      *start; /* one micro-batch before embedding */
  float *x;   /* [max_tokens,hidden] it, embedded, where it is to be narrowed; else NULL */
  int64_t *lengths; /* [max_tokens + 1] sequences sent */
  int64_t in_flight;
  int64_t spoilt; /* sequences that were not finite any more */
  tfm_pump_counts counts;
};

static tfm_status open_line(tfm_pump *pump, line *l, int replica, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_pump_options *o = &pump->options;
  int first = 1 + replica * o->plan->stages;
  int last = first + o->plan->stages - 1;
  tfm_frame_limits out = {.max_B = o->max_sequences,
                          .max_T = o->max_tokens,
                          .width = o->hidden,
                          .bfloat16 = o->bfloat16};
  tfm_frame_limits in = {
      .max_B = o->max_sequences, .max_T = o->max_rows, .width = o->shape.width};
  if (!tfm_frame_activation_bytes(tfm_frame_table_most(out.max_B, out.max_T), out.max_T,
                                  out.width, out.bfloat16, &out.max_payload) ||
      !tfm_frame_result_bytes(in.max_B, in.max_T, in.width, &in.max_payload)) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "frames of %lld tokens; lower --max-batch-tokens",
                     (long long)o->max_tokens));
  }
  l->credit = tfm_credit_for(o->plan->stages);
  l->rank = first;
  l->flight = tfm_calloc((size_t)l->credit.limit, sizeof(tfm_pack *));
  if (!l->flight) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a line of %d stages", o->plan->stages));
  }
  TFM_TRY(tfm_world_open_out(o->crew->world, &l->out, first, &out, TFM_LINK_BUFFERS, err));
  TFM_TRY(tfm_world_open_in(o->crew->world, &l->in, last, &in, TFM_LINK_BUFFERS, err));

fail:
  return st;
}

static tfm_status make_memory(tfm_pump *pump, tfm_err *err)
{
  const tfm_pump_options *o = &pump->options;
  pump->nrows = ROWS_PER_WINDOW * o->window;
  if (pump->nrows < ROWS_LEAST) {
    pump->nrows = ROWS_LEAST;
  }
  pump->nline = o->plan->replicas;
  pump->rows = tfm_calloc((size_t)pump->nrows, sizeof(tfm_item *));
  pump->lines = tfm_calloc((size_t)pump->nline, sizeof *pump->lines);
  pump->ids = tfm_calloc((size_t)o->max_tokens, sizeof *pump->ids);
  pump->type_ids = tfm_calloc((size_t)o->max_tokens, sizeof *pump->type_ids);
  pump->cu_len = tfm_calloc((size_t)o->max_sequences + 1, sizeof *pump->cu_len);
  pump->marks = tfm_calloc((size_t)o->max_tokens, sizeof *pump->marks);
  pump->cu_source = tfm_calloc((size_t)o->max_sequences + 1, sizeof *pump->cu_source);
  pump->start = tfm_calloc((size_t)o->max_sequences, sizeof *pump->start);
  pump->lengths = tfm_calloc((size_t)o->max_tokens + 1, sizeof *pump->lengths);
  if (o->bfloat16) {
    pump->x = tfm_alloc_aligned((size_t)o->max_tokens * (size_t)o->hidden, sizeof *pump->x);
  }
  if ((o->bfloat16 && !pump->x) || !pump->lengths || !pump->rows || !pump->lines ||
      !pump->ids || !pump->type_ids || !pump->cu_len || !pump->marks || !pump->cu_source ||
      !pump->start) {
    return tfm_fail(err, TFM_E_NOMEM,
                    "micro-batches of %lld tokens; lower --max-batch-tokens or --sort-window",
                    (long long)o->max_tokens);
  }
  return TFM_OK;
}

tfm_status tfm_pump_open(tfm_pump **out, const tfm_pump_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_batcher_options batching = {.max_tokens = options->budget,
                                  .max_sequences = options->max_sequences,
                                  .max_rows = options->max_rows,
                                  .window = options->window};
  *out = NULL;
  tfm_pump *pump = tfm_calloc(1, sizeof *pump);
  if (!pump) {
    return tfm_fail(err, TFM_E_NOMEM, "the scheduler");
  }
  pump->options = *options;
  TFM_TRY(make_memory(pump, err));
  if (options->turns) {
    TFM_TRY(tfm_turns_open(&pump->turns, options->turns, err));
  } else {
    TFM_TRY(tfm_batcher_open(&pump->batcher, &batching, err));
  }
  for (int r = 0; r < pump->nline; ++r) {
    TFM_TRY(open_line(pump, &pump->lines[r], r, err));
  }
  *out = pump;
  return TFM_OK;

fail:
  tfm_pump_close(pump);
  return st;
}

/* ---- rows in
 * ---------------------------------------------------------------------------------- */

/* As many rows are under way as the bounds allow. */
static bool is_bounded(const tfm_pump *pump)
{
  return pump->admitted - pump->delivered == pump->nrows ||
         (pump->held_bytes >= held_bytes_limit && pump->admitted > pump->delivered);
}

static void admit(tfm_pump *pump, tfm_item *item)
{
  pump->rows[pump->admitted % pump->nrows] = item;
  ++pump->admitted;
  item->width = pump->options.shape.width;
  item->bytes = tfm_item_bytes(item, item->width);
  pump->held_bytes += item->bytes;
  if (!tfm_item_done(item)) {
    pump->feeding = item;
    pump->fed = 0;
  }
}

static bool has_room(const tfm_pump *pump)
{
  return pump->turns ? tfm_turns_room(pump->turns) : tfm_batcher_room(pump->batcher);
}

/* Sequences of the row that was admitted last, as long as the window has room. */
static void feed_sequences(tfm_pump *pump)
{
  while (pump->feeding && has_room(pump)) {
    tfm_item *item = pump->feeding;
    if (pump->fed == item->nseq) {
      pump->feeding = NULL;
    } else if (pump->turns) {
      tfm_turns_add(pump->turns, &item->seqs[pump->fed++]);
    } else {
      tfm_batcher_add(pump->batcher, &item->seqs[pump->fed++]);
    }
  }
}

/* Take rows while there is room; *flush says that what is here should go now. */
static tfm_status take_rows(tfm_pump *pump, bool *news, bool *flush, tfm_err *err)
{
  tfm_feed_state state = TFM_FEED_MORE;
  feed_sequences(pump);
  while (!pump->draining && !pump->feeding && !is_bounded(pump) && has_room(pump)) {
    tfm_item *item = tfm_feed_take(pump->options.feed, &state);
    if (!item) {
      break;
    }
    admit(pump, item);
    feed_sequences(pump);
    *news = true;
  }
  if (state == TFM_FEED_FAILED && tfm_stop_asked() == TFM_STOP_NONE) {
    *err = *tfm_feed_error(pump->options.feed);
    return err->status;
  }
  pump->feed_ended = pump->feed_ended || state == TFM_FEED_END;
  /* A full house with nothing under way must move too: the rows outside wait for those inside.
   */
  *flush = pump->feed_ended || pump->draining || state == TFM_FEED_WAITING ||
           (is_bounded(pump) && pump->in_flight == 0);
  return TFM_OK;
}

/* ---- batches out
 * ------------------------------------------------------------------------------ */

/* The line with the most credit left that can take a frame now. */
static line *freest_line(tfm_pump *pump, tfm_frame **frame)
{
  line *best = NULL;
  for (int r = 0; r < pump->nline; ++r) {
    line *l = &pump->lines[r];
    if (tfm_credit_freer(&l->credit, best ? &best->credit : NULL)) {
      best = l;
    }
  }
  *frame = best ? tfm_link_frame(best->out) : NULL;
  return *frame ? best : NULL;
}

/* What an encoder reads of the pack's sequences comes before all else; returns how many ids. */
static int64_t gather_sources(tfm_pump *pump, const tfm_pack *pack)
{
  int32_t at = 0;
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    pump->cu_source[b] = at;
    if (s->nsource > 0) {
      memcpy(pump->ids + at, s->source, (size_t)s->nsource * sizeof *s->source);
      at += (int32_t)s->nsource;
    }
  }
  pump->cu_source[pack->B] = at;
  return at;
}

static tfm_ids gather_ids(tfm_pump *pump, const tfm_pack *pack)
{
  int32_t at = 0;
  int64_t nmark = 0;
  int32_t *ids = pump->ids + gather_sources(pump, pack);
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    size_t bytes = (size_t)s->n * sizeof *s->ids;
    memcpy(ids + at, s->ids, bytes);
    memcpy(pump->type_ids + at, s->type_ids, bytes);
    for (int64_t m = 0; m < s->nmark; ++m) {
      pump->marks[nmark++] = at + s->marks[m];
    }
    pump->cu_len[b] = at;
    pump->start[b] = s->start;
    ++pump->lengths[s->n];
    at += (int32_t)s->n;
  }
  pump->cu_len[pack->B] = at;
  return (tfm_ids){.B = pack->B,
                   .T = pack->T - pack->sources,
                   .cu_len = pump->cu_len,
                   .ids = ids,
                   .type_ids = pump->type_ids,
                   .nmark = nmark,
                   .marks = pump->marks,
                   .start = pump->start,
                   .cu_source = pack->sources > 0 ? pump->cu_source : NULL,
                   .source = pump->ids};
}

static void fill_tables(const tfm_pack *pack, const tfm_ids *ids, tfm_frame_tables tables)
{
  for (int64_t b = 0; b < pack->B; ++b) {
    tables.lengths[b] = (uint32_t)pack->seqs[b]->n;
    if (tables.sources) {
      tables.sources[b] = (uint32_t)pack->seqs[b]->nsource;
    }
    if (tables.slots) {
      tables.slots[b] = (uint32_t)pack->seqs[b]->slot;
      tables.starts[b] = (uint32_t)pack->seqs[b]->start;
      tables.rows[b] = (uint32_t)pack->seqs[b]->item->row->number;
      tables.parents[b] = (uint32_t)pack->seqs[b]->parent;
    }
  }
  if (pack->nfreed) {
    memcpy(tables.freed, pack->freed, (size_t)pack->nfreed * sizeof *pack->freed);
  }
  memcpy(tables.marks, ids->marks, (size_t)ids->nmark * sizeof *ids->marks);
  if (tables.ids) {
    memcpy(tables.ids, ids->source, (size_t)pack->T * sizeof *ids->ids); /* the others follow */
  }
}

/* The hidden states of what was gathered, into the frame. */
static void embed(const tfm_pump *pump, const tfm_ids *ids, const tfm_frame *frame)
{
  const int64_t table = tfm_frame_table(&frame->head);
  float *x = pump->x ? pump->x : tfm_frame_values(frame->bytes, table);
  tfm_embed_run(pump->options.embed, ids, x, NULL);
  if (pump->x) {
    const int64_t values = frame->head.T * pump->options.hidden;
    tfm_bfloat16_narrow(x, values, tfm_frame_halves(frame->bytes, table), NULL);
  }
}

static tfm_status send_pack(tfm_pump *pump, line *l, tfm_frame *frame, tfm_err *err)
{
  const double begin_s = tfm_now_s();
  tfm_pack *pack = pump->ready;
  tfm_ids ids = gather_ids(pump, pack);
  size_t payload = 0;
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = ++pump->batch,
                                 .B = pack->B,
                                 .T = pack->T,
                                 .width = pump->options.hidden,
                                 .M = ids.nmark,
                                 .ids = pump->options.ids,
                                 .placed = pump->turns != NULL,
                                 .sourced = pack->sources > 0,
                                 .bfloat16 = pump->options.bfloat16,
                                 .F = pack->nfreed};
  const int64_t table = tfm_frame_table(&frame->head);
  if (!tfm_frame_activation_bytes(table, pack->T, pump->options.hidden, pump->options.bfloat16,
                                  &payload)) {
    return tfm_fail(err, TFM_E_INTERNAL, "a micro-batch of %lld tokens", (long long)pack->T);
  }
  frame->head.payload_bytes = payload;
  fill_tables(pack, &ids, tfm_frame_tables_of(frame->bytes, &frame->head));
  embed(pump, &ids, frame);
  l->flight[(l->first + l->credit.taken) % l->credit.limit] = pack;
  (void)tfm_credit_take(&l->credit);
  l->moved_s = pump->options.crew->now_s;
  pack->batch = pump->batch;
  pump->ready = NULL;
  ++pump->in_flight;
  if (pump->in_flight > pump->counts.in_flight_peak) {
    pump->counts.in_flight_peak = pump->in_flight;
  }
  ++pump->counts.batches;
  pump->counts.sequences += pack->B;
  pump->counts.tokens += pack->T;
  pump->counts.bytes += TFM_FRAME_HEADER + (int64_t)payload;
  const tfm_status st = tfm_link_send(l->out, frame, err);
  pump->counts.embed_s +=
      tfm_crew_note(pump->options.crew, TFM_SPAN_EMBED, pump->batch, pack->T, begin_s);
  return st;
}

/* Texts that grow: each line has packs of its own. */
static tfm_status send_turns(tfm_pump *pump, bool *news, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int r = 0; r < pump->nline && !pump->closing; ++r) {
    line *l = &pump->lines[r];
    tfm_frame *frame = NULL;
    while (l->credit.taken < l->credit.limit && (frame || (frame = tfm_link_frame(l->out)))) {
      TFM_TRY(tfm_turns_next(pump->turns, r, l->credit.taken, &pump->ready, err));
      if (!pump->ready) {
        break;
      }
      TFM_TRY(send_pack(pump, l, frame, err));
      frame = NULL;
      *news = true;
    }
    if (frame) {
      tfm_link_release(frame);
    }
  }

fail:
  return st;
}

static tfm_status send_packs(tfm_pump *pump, bool flush, bool *news, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (pump->turns) {
    return send_turns(pump, news, err);
  }
  while (!pump->closing) {
    if (!pump->ready) {
      TFM_TRY(tfm_batcher_next(pump->batcher, flush, &pump->ready, err));
    }
    tfm_frame *frame = NULL;
    line *l = pump->ready ? freest_line(pump, &frame) : NULL;
    if (!l) {
      return TFM_OK;
    }
    TFM_TRY(send_pack(pump, l, frame, err));
    *news = true;
  }

fail:
  return st;
}

/* After the last row: END down every line that has a free frame for it. */
static tfm_status send_ends(tfm_pump *pump, tfm_err *err)
{
  bool no_more = pump->feed_ended || pump->draining;
  bool nothing_left =
      no_more && !pump->feeding && !pump->ready &&
      (pump->turns ? tfm_turns_held(pump->turns) : tfm_batcher_held(pump->batcher)) == 0;
  if (!(nothing_left || pump->closing) || pump->end_sent || pump->in_flight > 0) {
    return TFM_OK;
  }
  for (int r = 0; r < pump->nline; ++r) {
    tfm_frame *frame = tfm_link_frame(pump->lines[r].out);
    TFM_ASSERT(frame); /* nothing is in flight, so every frame is home */
    frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
    tfm_status st = tfm_link_send(pump->lines[r].out, frame, err);
    if (st != TFM_OK) {
      return st;
    }
  }
  pump->end_sent = true;
  return TFM_OK;
}

/* ---- results back
 * ----------------------------------------------------------------------------- */

static tfm_status keep_result(tfm_pump *pump, tfm_sequence *seq, tfm_status status,
                              const float *values, tfm_err *err)
{
  size_t floats = (size_t)(seq->rows * pump->options.shape.width);
  --seq->item->waiting;
  if (status != TFM_OK) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_INTERNAL,
                   "the model's result for this row is not finite (NaN or Infinity)");
    tfm_item_fail(seq->item, &bad);
    return TFM_OK;
  }
  if (floats == 0) {
    return TFM_OK;
  }
  seq->values = tfm_calloc(floats, sizeof *seq->values);
  if (!seq->values) {
    return tfm_fail(err, TFM_E_NOMEM, "the result of row %lld",
                    (long long)seq->item->row->number);
  }
  memcpy(seq->values, values, floats * sizeof *values);
  return TFM_OK;
}

/* Where a row was lost depends on how the model is cut, so the log tells it, not the row. */
static void say_spoilt(tfm_pump *pump, const line *l, const tfm_sequence *seq, uint32_t fate)
{
  const int stage = tfm_frame_fate_stage(fate);
  if (stage < 0 || pump->spoilt++ >= SPOILT_SAID) {
    return;
  }
  const int rank = l->rank + stage;
  tfm_log(TFM_LOG_WARN,
          "row %lld: its values are not finite after stage %d (rank %d on %.64s)%s",
          (long long)seq->item->row->number, stage, rank,
          rank < pump->options.crew->nrank ? pump->options.crew->ranks[rank].hello.host : "",
          pump->spoilt == SPOILT_SAID ? "; further ones are only counted" : "");
}

static tfm_status take_result(tfm_pump *pump, line *l, const tfm_frame *frame, tfm_err *err)
{
  tfm_pack *pack = l->credit.taken > 0 ? l->flight[l->first] : NULL;
  if (!pack || pack->B != frame->head.B || pack->rows != frame->head.T) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "rank %d: a result of %lld sequences and %lld rows, want %lld and %lld",
                    frame->head.source, (long long)frame->head.B, (long long)frame->head.T,
                    (long long)(pack ? pack->B : 0), (long long)(pack ? pack->rows : 0));
  }
  tfm_status st = TFM_OK;
  const uint32_t *status = tfm_frame_lengths(frame->bytes);
  const float *values = tfm_frame_values(frame->bytes, pack->B);
  for (int64_t b = 0; b < pack->B && st == TFM_OK; ++b) {
    const int64_t floats = pack->seqs[b]->rows * pump->options.shape.width;
    const tfm_status fared = tfm_frame_fate_status(status[b]);
    pack->seqs[b]->line = (int32_t)(l - pump->lines);
    pack->seqs[b]->batch = pack->batch;
    if (fared != TFM_OK) {
      say_spoilt(pump, l, pack->seqs[b], status[b]);
    }
    st = pump->turns ? tfm_turns_take(pump->turns, pack->seqs[b], fared, values, err)
                     : keep_result(pump, pack->seqs[b], fared, values, err);
    values += floats;
  }
  l->first = (l->first + 1) % l->credit.limit;
  l->moved_s = pump->options.crew->now_s;
  tfm_credit_give(&l->credit);
  --pump->in_flight;
  tfm_pack_close(pack);
  return st;
}

static tfm_status take_results(tfm_pump *pump, bool *news, tfm_err *err)
{
  for (int r = 0; r < pump->nline; ++r) {
    line *l = &pump->lines[r];
    for (;;) {
      tfm_frame *frame = NULL;
      tfm_status st = tfm_link_receive(l->in, &frame, err);
      if (st != TFM_OK) {
        return st;
      }
      if (!frame) {
        break;
      }
      *news = true;
      if (frame->head.type == TFM_FRAME_END) {
        l->ended = true;
      } else if (frame->head.type == TFM_FRAME_RESULT) {
        st = take_result(pump, l, frame, err);
      } else {
        st = tfm_fail(err, TFM_E_FORMAT, "rank %d: want result or end, got %s",
                      frame->head.source, tfm_frame_type_name(frame->head.type));
      }
      tfm_link_release(frame);
      if (st != TFM_OK) {
        return st;
      }
    }
  }
  return TFM_OK;
}

static tfm_status deliver_rows(tfm_pump *pump, bool *news, tfm_err *err)
{
  const int64_t before = pump->delivered;
  const double begin_s = tfm_now_s();
  while (pump->delivered < pump->admitted) {
    tfm_item *item = pump->rows[pump->delivered % pump->nrows];
    if (!tfm_item_done(item)) {
      break;
    }
    tfm_status st = pump->options.deliver(pump->options.arg, item, err);
    if (st != TFM_OK) {
      return st;
    }
    pump->held_bytes -= item->bytes;
    ++pump->delivered;
    ++pump->counts.rows;
    tfm_item_close(item);
    *news = true;
  }
  if (pump->delivered > before) {
    pump->counts.write_s += tfm_crew_note(pump->options.crew, TFM_SPAN_WRITE, 0, 0, begin_s);
  }
  return TFM_OK;
}

/* ---- the loop
 * --------------------------------------------------------------------------------- */

bool tfm_pump_ended(const tfm_pump *pump)
{
  if (!pump->end_sent || (pump->delivered < pump->admitted && !pump->closing)) {
    return false;
  }
  for (int r = 0; r < pump->nline; ++r) {
    if (!pump->lines[r].ended) {
      return false;
    }
  }
  return true;
}

static tfm_status watch(tfm_pump *pump, tfm_err *err)
{
  tfm_crew *crew = pump->options.crew;
  tfm_status st = TFM_OK;
  bool looked = false;
  TFM_TRY(tfm_watch_look(crew, &looked, err));
  if (!looked) {
    return TFM_OK;
  }
  TFM_TRY(tfm_watch_ranks(crew, err));
  for (int r = 0; r < pump->nline; ++r) {
    const line *l = &pump->lines[r];
    if (l->credit.taken > 0) {
      TFM_TRY(tfm_watch_line(crew, l->rank, l->flight[l->first]->batch, l->moved_s, err));
    }
  }

fail:
  return st;
}

/* What a signal asked for. */
static tfm_status heed(tfm_pump *pump, tfm_err *err)
{
  tfm_stop stop = tfm_stop_asked();
  if (stop == TFM_STOP_DRAIN && pump->drain_s <= 0) {
    pump->draining = !pump->feed_ended;
    pump->drain_s = tfm_now_s();
  }
  double past = pump->drain_s > 0 ? tfm_now_s() - pump->drain_s : 0;
  pump->closing = pump->closing || past > drain_send_s;
  return stop == TFM_STOP_NOW || past > drain_limit_s ? tfm_stop_fail(err) : TFM_OK;
}

tfm_status tfm_pump_run(tfm_pump *pump, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_world *world = pump->options.crew->world;
  TFM_TRY(tfm_watch_begin(pump->options.crew, err));
  while (!tfm_pump_ended(pump)) {
    bool news = false;
    bool flush = false;
    TFM_TRY(heed(pump, err));
    TFM_TRY(tfm_world_poll(world, err));
    TFM_TRY(tfm_crew_listen(pump->options.crew, NULL, err));
    TFM_TRY(take_results(pump, &news, err));
    TFM_TRY(take_rows(pump, &news, &flush, err));
    TFM_TRY(send_packs(pump, flush, &news, err));
    TFM_TRY(deliver_rows(pump, &news, err));
    TFM_TRY(send_ends(pump, err));
    TFM_TRY(watch(pump, err));
    TFM_TRY(pump->options.rest(pump->options.arg, !news, err));
    if (news) {
      tfm_world_busy(world);
    } else {
      tfm_world_idle(world);
    }
  }
  bool all = !pump->draining && pump->delivered == pump->admitted;
  TFM_TRY(all ? TFM_OK : tfm_stop_fail(err));

fail:
  return st;
}

tfm_pump_counts tfm_pump_counted(const tfm_pump *pump)
{
  tfm_pump_counts counts = pump->counts;
  counts.shared = pump->turns ? tfm_turns_shared(pump->turns) : 0;
  return counts;
}

const int64_t *tfm_pump_lengths(const tfm_pump *pump)
{
  return pump->turns ? NULL : pump->lengths;
}

static void close_line(line *l)
{
  while (l->flight && l->credit.taken > 0) {
    tfm_pack_close(l->flight[l->first]);
    l->first = (l->first + 1) % l->credit.limit;
    tfm_credit_give(&l->credit);
  }
  tfm_free(l->flight);
}

void tfm_pump_close(tfm_pump *pump)
{
  if (!pump) {
    return;
  }
  for (int r = 0; pump->lines && r < pump->nline; ++r) {
    close_line(&pump->lines[r]);
  }
  while (pump->delivered < pump->admitted) {
    tfm_item_close(pump->rows[pump->delivered % pump->nrows]);
    ++pump->delivered;
  }
  tfm_pack_close(pump->ready);
  tfm_batcher_close(pump->batcher);
  tfm_turns_close(pump->turns);
  tfm_free(pump->lines);
  tfm_free(pump->rows);
  tfm_free(pump->ids);
  tfm_free(pump->type_ids);
  tfm_free(pump->cu_len);
  tfm_free(pump->marks);
  tfm_free(pump->cu_source);
  tfm_free(pump->start);
  tfm_free(pump->x);
  tfm_free(pump->lengths);
  tfm_free(pump);
}
