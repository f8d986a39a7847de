#include "coordinator/schedule/crew.h"

#include "coordinator/schedule/watch.h"
#include "coordinator/stop.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"

#include <string.h>

/* Leaving ranks get this long to take LEAVE off a busy link. */
static const double dismiss_limit_s = 10.0;

tfm_status tfm_crew_init(tfm_crew *crew, tfm_world *world, tfm_err *err)
{
  *crew = (tfm_crew){.world = world, .nrank = tfm_world_size(world)};
  crew->ranks = tfm_calloc((size_t)crew->nrank, sizeof *crew->ranks);
  if (!crew->ranks) {
    return tfm_fail(err, TFM_E_NOMEM, "state of %d ranks", crew->nrank);
  }
  return TFM_OK;
}

void tfm_crew_fini(tfm_crew *crew)
{
  tfm_free(crew->ranks);
  *crew = (tfm_crew){0};
}

typedef struct {
  tfm_frame_type type;
  int missing;
} collection;

static tfm_status listen_for(tfm_crew *crew, collection *wanted, bool *news, tfm_err *err);

/* One turn of waiting: move data, take what came, rest when nothing did. */
static tfm_status turn(tfm_crew *crew, collection *wanted, tfm_err *err)
{
  bool news = false;
  tfm_status st = tfm_world_poll(crew->world, err);
  if (st == TFM_OK) {
    st = listen_for(crew, wanted, &news, err);
  }
  if (st == TFM_OK) {
    if (news) {
      tfm_world_busy(crew->world);
    } else {
      tfm_world_idle(crew->world);
    }
  }
  return st;
}

/* Send one control message to one rank, waiting for a free frame. */
static tfm_status tell(tfm_crew *crew, int rank, tfm_frame_type type, const tfm_buf *payload,
                       tfm_err *err)
{
  tfm_status st = payload->failed
                      ? tfm_fail(err, TFM_E_NOMEM, "message %s", tfm_frame_type_name((int)type))
                      : TFM_OK;
  bool sent = false;
  while (st == TFM_OK && !sent) {
    st = tfm_msg_send(tfm_world_control_out(crew->world, rank), type, payload, &sent, err);
    if (st == TFM_OK && !sent) {
      st = turn(crew, NULL, err);
    }
  }
  return st;
}

static tfm_status take_clock(tfm_crew_rank *r, const unsigned char *payload, size_t n,
                             tfm_err *err)
{
  tfm_msg_clock clock;
  const tfm_status st = tfm_msg_clock_decode(&clock, payload, n, err);
  if (st == TFM_OK) {
    tfm_clock_take(&r->clock, clock.asked_s, clock.now_s, tfm_now_s());
  }
  return st;
}

static tfm_status take_trace(const tfm_crew *crew, int rank, const unsigned char *payload,
                             size_t n, tfm_err *err)
{
  const tfm_crew_listener *to = &crew->listener;
  tfm_msg_trace trace;
  const tfm_status st = tfm_msg_trace_decode(&trace, payload, n, err);
  if (st != TFM_OK || !to->span) {
    return st;
  }
  if (trace.lost) {
    to->lost(to->arg, rank, trace.lost);
  }
  for (int32_t i = 0; i < trace.n; ++i) {
    to->span(to->arg, rank, &trace.v[i]);
  }
  return TFM_OK;
}

static tfm_status take_attention(const tfm_crew *crew, int rank, const unsigned char *payload,
                                 size_t n, tfm_err *err)
{
  const tfm_crew_listener *to = &crew->listener;
  tfm_msg_attention msg;
  const tfm_status st = tfm_msg_attention_decode(&msg, payload, n, err);
  return st == TFM_OK && to->attention ? to->attention(to->arg, rank, &msg, err) : st;
}

double tfm_crew_note(const tfm_crew *crew, tfm_span_kind kind, uint64_t batch, int64_t tokens,
                     double begin_s)
{
  const double end_s = tfm_now_s();
  if (crew->listener.span) {
    const tfm_msg_span span = {.kind = (int32_t)kind,
                               .batch = batch,
                               .tokens = tokens,
                               .begin_s = begin_s,
                               .end_s = end_s};
    crew->listener.span(crew->listener.arg, 0, &span);
  }
  return end_s - begin_s;
}

/* The others come at any time. */
static bool is_step(int type)
{
  return type != TFM_FRAME_HEARTBEAT && type != TFM_FRAME_CLOCK && type != TFM_FRAME_TRACE &&
         type != TFM_FRAME_ATTENTION;
}

/* What one arrived frame means. */
static tfm_status take_frame(tfm_crew *crew, int rank, const tfm_frame *frame, tfm_err *err)
{
  tfm_crew_rank *r = &crew->ranks[rank];
  const unsigned char *payload = frame->bytes + TFM_FRAME_HEADER;
  size_t n = (size_t)frame->head.payload_bytes;
  tfm_msg_failed failed = {0};
  const tfm_msg_heartbeat before = r->beat;
  tfm_status st = TFM_OK;
  r->heard_s = crew->now_s;
  r->last = is_step(frame->head.type) ? frame->head.type : r->last;
  switch (frame->head.type) {
  case TFM_FRAME_HELLO:
    return tfm_msg_hello_decode(&r->hello, payload, n, err);
  case TFM_FRAME_READY:
    return tfm_msg_ready_decode(&r->ready, payload, n, err);
  case TFM_FRAME_SPEED:
    return tfm_msg_speed_decode(&r->speed, payload, n, err);
  case TFM_FRAME_HEARTBEAT:
    st = tfm_msg_heartbeat_decode(&r->beat, payload, n, err);
    if (r->beat.batch != before.batch || r->beat.computing != before.computing) {
      r->moved_s = crew->now_s;
    }
    return st;
  case TFM_FRAME_CLOCK:
    return take_clock(r, payload, n, err);
  case TFM_FRAME_TRACE:
    return take_trace(crew, rank, payload, n, err);
  case TFM_FRAME_ATTENTION:
    return take_attention(crew, rank, payload, n, err);
  case TFM_FRAME_STATS:
    r->have_stats = true;
    return tfm_msg_stats_decode(&r->stats, payload, n, err);
  case TFM_FRAME_FAILED:
    st = tfm_msg_failed_decode(&failed, payload, n, err);
    if (st == TFM_OK) {
      *err = failed.err;
      st = failed.err.status;
    }
    return st == TFM_OK ? tfm_fail(err, TFM_E_PEER, "rank %d failed without a reason", rank)
                        : st;
  default:
    return tfm_fail(err, TFM_E_FORMAT, "rank %d sent %s on its control link", rank,
                    tfm_frame_type_name(frame->head.type));
  }
}

/* One pass over all control links; counts frames of one type. */
static tfm_status listen_for(tfm_crew *crew, collection *wanted, bool *news, tfm_err *err)
{
  for (int rank = 1; rank < crew->nrank; ++rank) {
    tfm_frame *frame = NULL;
    tfm_status st = tfm_link_receive(tfm_world_control_in(crew->world, rank), &frame, err);
    if (st != TFM_OK) {
      return st;
    }
    if (!frame) {
      continue;
    }
    *news = true;
    st = take_frame(crew, rank, frame, err);
    if (wanted && frame->head.type == (int)wanted->type) {
      --wanted->missing;
    }
    tfm_link_release(frame);
    if (st != TFM_OK) {
      return st;
    }
  }
  return TFM_OK;
}

tfm_status tfm_crew_listen(tfm_crew *crew, bool *news, tfm_err *err)
{
  bool ignored = false;
  return listen_for(crew, NULL, news ? news : &ignored, err);
}

/* The first rank that a message of this type is still due from. */
static int late_rank(const tfm_crew *crew, tfm_frame_type type)
{
  for (int rank = 1; rank < crew->nrank; ++rank) {
    const bool spare = type == TFM_FRAME_SPEED && crew->ranks[rank].assign.stage < 0;
    if (crew->ranks[rank].last != (int)type && !spare) {
      return rank;
    }
  }
  return 0;
}

static tfm_status collect(tfm_crew *crew, collection wanted, tfm_err *err)
{
  tfm_status st = TFM_OK;
  while (wanted.missing > 0) {
    bool looked = false;
    TFM_TRY(turn(crew, &wanted, err));
    TFM_TRY(tfm_watch_look(crew, &looked, err));
    TFM_TRY(looked ? tfm_watch_ranks(crew, err) : TFM_OK);
  }

fail:
  return st;
}

/* Before the first row there is nothing to lose by stopping, and ranks that load say nothing. */
static tfm_status collect_early(tfm_crew *crew, collection wanted, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool looked = false;
  TFM_TRY(tfm_watch_look(crew, &looked, err));
  const double since_s = crew->now_s;
  const char *name = tfm_frame_type_name((int)wanted.type);
  while (wanted.missing > 0) {
    TFM_TRY(tfm_stop_asked() != TFM_STOP_NONE ? tfm_stop_fail(err) : turn(crew, &wanted, err));
    TFM_TRY(tfm_watch_look(crew, &looked, err));
    if (looked && wanted.missing > 0) {
      TFM_TRY(tfm_watch_loading(crew, late_rank(crew, wanted.type), name, since_s, err));
    }
  }

fail:
  return st;
}

tfm_status tfm_crew_start(tfm_crew *crew, const tfm_msg_start *start, const tfm_msg_hello *own,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf payload = {0};
  crew->ranks[0].hello = *own;
  (void)tfm_msg_start_encode(start, &payload);
  for (int rank = 1; rank < crew->nrank; ++rank) {
    TFM_TRY(tell(crew, rank, TFM_FRAME_START, &payload, err));
  }

fail:
  tfm_buf_fini(&payload);
  return st;
}

tfm_status tfm_crew_await_hello(tfm_crew *crew, tfm_err *err)
{
  const tfm_status st =
      collect_early(crew, (collection){TFM_FRAME_HELLO, crew->nrank - 1}, err);
  return st == TFM_OK ? tfm_crew_compare(crew, err) : st;
}

/* The part of its host a rank will be on, as far as it can be told before it is there: a NUMA node,
 * or an even share of ranks that have the same cores. The borrower looks again. */
static int part_of_host(const tfm_crew_rank *r)
{
  if (r->hello.nnode < 2 || r->hello.node >= 0 || r->assign.share_count < 1) {
    return r->hello.node;
  }
  return r->hello.nnode * r->assign.share_index / r->assign.share_count;
}

static bool can_share(const tfm_crew_rank *a, const tfm_crew_rank *b)
{
  return a->assign.stage >= 0 && b->assign.stage >= 0 && a->assign.head == b->assign.head &&
         a->assign.units.first == b->assign.units.first &&
         a->assign.units.last == b->assign.units.last &&
         strcmp(a->hello.host, b->hello.host) == 0 && part_of_host(a) == part_of_host(b);
}

void tfm_crew_find_lenders(tfm_crew *crew)
{
  for (int rank = 1; rank < crew->nrank; ++rank) {
    crew->ranks[rank].lender = 0;
    for (int other = 1; other < rank; ++other) {
      if (can_share(&crew->ranks[other], &crew->ranks[rank])) {
        crew->ranks[rank].lender = other;
        break;
      }
    }
  }
}

/* Those that lend, or need nobody; or the others. */
static tfm_status assign_some(tfm_crew *crew, bool borrowers, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf payload = {0};
  for (int rank = 1; rank < crew->nrank; ++rank) {
    tfm_crew_rank *r = &crew->ranks[rank];
    if ((r->lender > 0) != borrowers) {
      continue;
    }
    r->assign.lent = -1;
    if (r->lender > 0) {
      r->assign.lender = crew->ranks[r->lender].hello.pid;
      r->assign.lent = crew->ranks[r->lender].ready.lent;
    }
    tfm_buf_clear(&payload);
    (void)tfm_msg_assign_encode(&r->assign, &payload);
    TFM_TRY(tell(crew, rank, TFM_FRAME_ASSIGN, &payload, err));
  }

fail:
  tfm_buf_fini(&payload);
  return st;
}

/* Counts who is not ready: some may have said so while others were told their parts. */
static tfm_status await_some(tfm_crew *crew, bool borrowers, tfm_err *err)
{
  int missing = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    const tfm_crew_rank *r = &crew->ranks[rank];
    missing += (r->lender > 0) == borrowers && r->last != TFM_FRAME_READY;
  }
  return collect_early(crew, (collection){TFM_FRAME_READY, missing}, err);
}

tfm_status tfm_crew_assign(tfm_crew *crew, tfm_err *err)
{
  tfm_crew_find_lenders(crew);
  for (int rank = 1; rank < crew->nrank; ++rank) {
    crew->ranks[rank].assign.trace = crew->listener.span != NULL;
  }
  return assign_some(crew, false, err);
}

tfm_status tfm_crew_await_ready(tfm_crew *crew, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(await_some(crew, false, err));
  TFM_TRY(assign_some(crew, true, err));
  TFM_TRY(await_some(crew, true, err));

fail:
  return st;
}

bool tfm_crew_same_cores(const tfm_crew *crew, int a, int b)
{
  const tfm_msg_hello *x = &crew->ranks[a].hello;
  const tfm_msg_hello *y = &crew->ranks[b].hello;
  return strcmp(x->host, y->host) == 0 && strcmp(x->cpuset, y->cpuset) == 0;
}

bool tfm_crew_measures(const tfm_crew *crew, int rank)
{
  int behind = 0;
  for (int other = rank + 1; other < crew->nrank; ++other) {
    behind += crew->ranks[other].assign.stage >= 0 && tfm_crew_same_cores(crew, rank, other);
  }
  const int ncore = crew->ranks[rank].hello.ncore;
  return crew->ranks[rank].assign.stage >= 0 && behind < (ncore > 1 ? ncore : 1);
}

static tfm_status tell_measure(tfm_crew *crew, int rank, int64_t tokens, tfm_err *err)
{
  const tfm_msg_measure measure = {.tokens = tfm_crew_measures(crew, rank) ? tokens : 0};
  tfm_buf payload = {0};
  (void)tfm_msg_measure_encode(&measure, &payload);
  const tfm_status st = tell(crew, rank, TFM_FRAME_MEASURE, &payload, err);
  tfm_buf_fini(&payload);
  return st;
}

tfm_status tfm_crew_measure(tfm_crew *crew, int64_t tokens, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int missing = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    if (crew->ranks[rank].assign.stage >= 0) {
      TFM_TRY(tell_measure(crew, rank, tokens, err));
    }
  }
  for (int rank = 1; rank < crew->nrank; ++rank) { /* the first may have answered already */
    const tfm_crew_rank *r = &crew->ranks[rank];
    missing += r->assign.stage >= 0 && r->last != TFM_FRAME_SPEED;
  }
  TFM_TRY(collect_early(crew, (collection){TFM_FRAME_SPEED, missing}, err));

fail:
  return st;
}

tfm_status tfm_crew_await_stats(tfm_crew *crew, tfm_err *err)
{
  int missing = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    missing += crew->ranks[rank].assign.stage >= 0 && !crew->ranks[rank].have_stats;
  }
  return collect(crew, (collection){TFM_FRAME_STATS, missing}, err);
}

void tfm_crew_dismiss(tfm_crew *crew, int code)
{
  /* LEAVE by hand (FORMAT.md): the way out needs no memory. */
  char bytes[4];
  for (int i = 0; i < (int)sizeof bytes; ++i) {
    bytes[i] = (char)(unsigned char)((uint32_t)code >> (8 * i));
  }
  const tfm_buf payload = {.data = bytes, .n = sizeof bytes};
  double until = tfm_now_s() + dismiss_limit_s;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    bool sent = false;
    while (!sent && tfm_now_s() < until) {
      tfm_err ignored = {0}; /* what workers still say no longer changes the code */
      tfm_link *out = tfm_world_control_out(crew->world, rank);
      (void)!tfm_msg_send(out, TFM_FRAME_LEAVE, &payload, &sent, &ignored);
      if (!sent) {
        if (crew->ranks) {
          (void)!tfm_crew_listen(crew, NULL, &ignored);
        }
        (void)!tfm_world_poll(crew->world, &ignored);
        tfm_world_idle(crew->world);
      }
    }
  }
}

const char *tfm_crew_common_isa(const tfm_crew *crew)
{
  tfm_isa common = tfm_isa_best();
  for (int rank = 1; rank < crew->nrank; ++rank) {
    tfm_isa isa = TFM_ISA_PORTABLE;
    if (!tfm_isa_parse(crew->ranks[rank].hello.isa, &isa) || isa < common) {
      common = isa;
    }
  }
  return tfm_isa_name(common);
}

void tfm_crew_share(const tfm_crew *crew, int rank, int *index, int *count)
{
  *index = 0;
  *count = 0;
  for (int other = 1; other < crew->nrank; ++other) {
    if (tfm_crew_same_cores(crew, rank, other)) {
      *index += other < rank;
      ++*count;
    }
  }
}

int tfm_crew_keeper(const tfm_crew *crew, int rank)
{
  int keeper = 1;
  while (keeper < rank && !tfm_crew_same_cores(crew, rank, keeper)) {
    ++keeper;
  }
  return keeper;
}
