#include "coordinator/simulate/events.h"

#include "core/base/mem.h"
#include "proto/credit.h"
#include "proto/link.h"

#include <math.h>

/* What a rank has in hand. A stage first handles a frame, by one thread, then computes, by all. */
typedef enum { IDLE, SENDING, TAKING, PASSING, COMPUTING } work;

/* Micro-batches in order; never more than a link has buffers. */
typedef struct {
  int64_t batch[TFM_LINK_BUFFERS];
  int n;
} queue;

typedef struct {
  work work;
  int64_t batch;  /* in hand */
  int line;       /* rank 0: where it goes, or came from */
  double left_s;  /* CPU seconds */
  double rate;    /* of them a second, at present */
  queue ready;    /* frames the rank before has for it */
  queue here;     /* frames that have come */
  int held;       /* its buffers: frames arriving, here, in hand, and ready for the next rank */
  bool wire_busy; /* a frame for it is on its wire: the next one waits */
} actor;

typedef struct {
  int from, to; /* to 0: a result */
  int64_t batch;
  bool moving;       /* its bytes go through; then there is latency left */
  double left, rate; /* bytes, and bytes a second at present */
  double arrives_s;
} transfer;

typedef struct {
  tfm_credit credit;
  int out; /* frames of rank 0's that have not gone through */
} line;

typedef struct {
  const tfm_sim *sim;
  int nrank;
  double now_s;
  actor *actors;        /* [nrank] */
  line *lines;          /* [replicas] */
  double *width;        /* [npool] threads that want to run */
  double *out_n, *in_n; /* [nhost] transfers that share a port, to the network and from it */
  double *out_s, *in_s; /* [nhost] how long it was in use */
  transfer *transfers;  /* [room] on their way, in no order */
  int ntransfer;
  transfer *results; /* [room] a ring, at rank 0 */
  int nresult, first_result, room;
  int64_t sent, taken, flying;
  tfm_sim_outcome *outcome;
} state;

static int line_of(const state *s, int rank)
{
  return (rank - 1) / s->sim->stages;
}

static int stage_of(const state *s, int rank)
{
  return (rank - 1) % s->sim->stages;
}

static int first_of(const state *s, int to_line)
{
  return 1 + to_line * s->sim->stages;
}

static double later(double a, double b)
{
  return a > b ? a : b;
}

static void push(queue *q, int64_t batch)
{
  TFM_ASSERT(q->n < TFM_LINK_BUFFERS);
  q->batch[q->n++] = batch;
}

static int64_t pop(queue *q)
{
  const int64_t batch = q->batch[0];
  --q->n;
  for (int i = 0; i < q->n; ++i) {
    q->batch[i] = q->batch[i + 1];
  }
  return batch;
}

/* ---- frames on their way ---- */

static bool is_near(const state *s, const transfer *t)
{
  return s->sim->ranks[t->from].host == s->sim->ranks[t->to].host;
}

static const tfm_sim_wire *wire_of(const state *s, const transfer *t)
{
  return is_near(s, t) ? &s->sim->inside : &s->sim->between;
}

static void start_transfer(state *s, int from, int to, int64_t batch, double bytes)
{
  transfer *t = &s->transfers[s->ntransfer++];
  *t = (transfer){.from = from, .to = to, .batch = batch, .left = bytes};
  t->moving = bytes > 0 && wire_of(s, t)->byte_s > 0;
  t->arrives_s = s->now_s + wire_of(s, t)->latency_s;
  s->actors[to].wire_busy = to > 0 && t->moving;
}

/* A frame that is ready goes as soon as there is a buffer for it. */
static bool pull(state *s, int rank)
{
  actor *a = &s->actors[rank];
  if (a->ready.n == 0 || a->held == TFM_LINK_BUFFERS || a->wire_busy) {
    return false;
  }
  const int64_t batch = pop(&a->ready);
  ++a->held;
  start_transfer(s, stage_of(s, rank) ? rank - 1 : 0, rank, batch,
                 s->sim->batches[batch].bytes);
  return true;
}

static void arrive(state *s, const transfer *t)
{
  if (t->to == 0) {
    s->results[(s->first_result + s->nresult++) % s->room] = *t;
    return;
  }
  push(&s->actors[t->to].here, t->batch);
  if (t->from) {
    --s->actors[t->from].held;
  } else {
    --s->lines[line_of(s, t->to)].out;
  }
}

/* ---- work ---- */

static bool begin_stage(state *s, int rank)
{
  actor *a = &s->actors[rank];
  if (a->work != IDLE || a->here.n == 0) {
    return false;
  }
  a->work = PASSING;
  a->batch = pop(&a->here);
  a->left_s = s->sim->batches[a->batch].pass_s;
  return true;
}

static int freest_line(const state *s)
{
  int best = -1;
  for (int r = 0; r < s->sim->replicas; ++r) {
    if (tfm_credit_freer(&s->lines[r].credit, best < 0 ? NULL : &s->lines[best].credit)) {
      best = r;
    }
  }
  return best >= 0 && s->lines[best].out < TFM_LINK_BUFFERS ? best : -1;
}

static void begin_taking(state *s, actor *a)
{
  const transfer *result = &s->results[s->first_result];
  a->work = TAKING;
  a->batch = result->batch;
  a->line = line_of(s, result->from);
  a->left_s = s->sim->batches[a->batch].take_s;
  s->first_result = (s->first_result + 1) % s->room;
  --s->nresult;
}

static void begin_sending(state *s, actor *a, int to)
{
  a->work = SENDING;
  a->line = to;
  a->batch = s->sent++;
  a->left_s = s->sim->batches[a->batch].send_s;
  (void)tfm_credit_take(&s->lines[to].credit);
  ++s->lines[to].out;
  ++s->flying;
  if (s->flying > s->outcome->in_flight_peak) {
    s->outcome->in_flight_peak = s->flying;
  }
}

/* Results before new micro-batches, as coordinator/schedule/pump.c has it. */
static bool begin_coordinator(state *s)
{
  actor *a = &s->actors[0];
  if (a->work != IDLE) {
    return false;
  }
  if (s->nresult > 0) {
    begin_taking(s, a);
    return true;
  }
  const int to = s->sent < s->sim->nbatch ? freest_line(s) : -1;
  if (to >= 0) {
    begin_sending(s, a, to);
  }
  return to >= 0;
}

static void end_computing(state *s, int rank)
{
  actor *a = &s->actors[rank];
  if (stage_of(s, rank) < s->sim->stages - 1) {
    push(&s->actors[rank + 1].ready, a->batch);
    return; /* the buffer is its frame's until it has gone */
  }
  --a->held;
  start_transfer(s, rank, 0, a->batch, s->sim->batches[a->batch].result_bytes);
}

static void end_work(state *s, int rank)
{
  actor *a = &s->actors[rank];
  const work ended = a->work;
  a->work = IDLE;
  switch (ended) {
  case SENDING:
    push(&s->actors[first_of(s, a->line)].ready, a->batch);
    break;
  case TAKING:
    tfm_credit_give(&s->lines[a->line].credit);
    --s->flying;
    ++s->taken;
    break;
  case PASSING:
    a->work = COMPUTING;
    a->left_s = s->sim->compute_s[a->batch * s->sim->stages + stage_of(s, rank)];
    break;
  case COMPUTING:
    end_computing(s, rank);
    break;
  case IDLE:
    break;
  }
}

/* ---- time ---- */

/* Everything that can begin now does. */
static void settle(state *s)
{
  bool any = true;
  while (any) {
    any = begin_coordinator(s);
    for (int rank = 1; rank < s->nrank; ++rank) {
      const bool pulled = pull(s, rank);
      const bool begun = begin_stage(s, rank);
      any = any || pulled || begun;
    }
  }
}

static double threads_of(const state *s, int rank)
{
  return s->actors[rank].work == COMPUTING ? s->sim->ranks[rank].threads : 1;
}

/* Threads of a pool get equal parts of its cores, and none more than one. */
static void set_rates(state *s)
{
  for (int p = 0; p < s->sim->npool; ++p) {
    s->width[p] = 0;
  }
  for (int rank = 0; rank < s->nrank; ++rank) {
    if (s->actors[rank].work != IDLE) {
      s->width[s->sim->ranks[rank].pool] += threads_of(s, rank);
    }
  }
  for (int rank = 0; rank < s->nrank; ++rank) {
    const tfm_sim_rank *r = &s->sim->ranks[rank];
    const double part = fmin(1, s->sim->cores[r->pool] / fmax(1, s->width[r->pool]));
    s->actors[rank].rate = part * threads_of(s, rank) * r->speed;
  }
}

/* Transfers between hosts share their ports, as connections do, by the fuller one of both. */
static void set_wire_rates(state *s)
{
  for (int h = 0; h < s->sim->nhost; ++h) {
    s->out_n[h] = 0;
    s->in_n[h] = 0;
  }
  for (int i = 0; i < s->ntransfer; ++i) {
    const transfer *t = &s->transfers[i];
    if (t->moving && !is_near(s, t)) {
      ++s->out_n[s->sim->ranks[t->from].host];
      ++s->in_n[s->sim->ranks[t->to].host];
    }
  }
  for (int i = 0; i < s->ntransfer; ++i) {
    transfer *t = &s->transfers[i];
    const double out = s->out_n[s->sim->ranks[t->from].host];
    const double in = s->in_n[s->sim->ranks[t->to].host];
    const double byte_s = wire_of(s, t)->byte_s;
    if (t->moving) {
      t->rate = 1 / (is_near(s, t) ? byte_s : byte_s * later(out, in));
    }
  }
}

/* Seconds until something ends; negative: nothing will. */
static double next_event(const state *s)
{
  double least = -1;
  for (int rank = 0; rank < s->nrank; ++rank) {
    const actor *a = &s->actors[rank];
    const double dt = a->left_s / a->rate;
    if (a->work != IDLE && (least < 0 || dt < least)) {
      least = dt;
    }
  }
  for (int i = 0; i < s->ntransfer; ++i) {
    const transfer *t = &s->transfers[i];
    const double dt = t->moving ? t->left / t->rate : later(0, t->arrives_s - s->now_s);
    if (least < 0 || dt < least) {
      least = dt;
    }
  }
  return least;
}

/* Some of a transfer's bytes go through in dt. */
static void move_on(state *s, transfer *t, double dt, double close_s)
{
  const bool ends = t->left / t->rate <= dt + close_s;
  if (!is_near(s, t)) {
    const double share = t->rate * s->sim->between.byte_s;
    s->out_s[s->sim->ranks[t->from].host] += dt * share;
    s->in_s[s->sim->ranks[t->to].host] += dt * share;
  }
  t->left -= t->rate * dt;
  if (ends) {
    t->moving = false;
    t->arrives_s = s->now_s + wire_of(s, t)->latency_s;
    s->actors[t->to].wire_busy = false;
  }
}

static void work_on(state *s, int rank, double dt, double close_s)
{
  actor *a = &s->actors[rank];
  if (a->work == IDLE) {
    return;
  }
  const bool ends = a->left_s / a->rate <= dt + close_s;
  s->outcome->busy_s[rank] += dt;
  s->outcome->cpu_s[rank] += a->rate * dt;
  a->left_s -= a->rate * dt;
  if (ends) {
    end_work(s, rank);
  }
}

/* What ends together ends at once, whatever the last bit says. */
static void advance(state *s, double dt)
{
  const double close_s = 1e-12 + 1e-12 * s->now_s;
  const int moving = s->ntransfer; /* what work puts on the wire now has not moved yet */
  s->now_s += dt;
  for (int rank = 0; rank < s->nrank; ++rank) {
    work_on(s, rank, dt, close_s);
  }
  for (int i = 0; i < moving; ++i) {
    if (s->transfers[i].moving) {
      move_on(s, &s->transfers[i], dt, close_s);
    }
  }
  for (int i = 0; i < s->ntransfer;) {
    const transfer *t = &s->transfers[i];
    if (!t->moving && t->arrives_s <= s->now_s + close_s) {
      arrive(s, t);
      s->transfers[i] = s->transfers[--s->ntransfer];
    } else {
      ++i;
    }
  }
}

/* ---- the whole ---- */

static void *zeros(size_t n, size_t bytes, bool *made)
{
  void *p = tfm_calloc(n, bytes);
  *made = *made && p;
  return p;
}

static bool make(state *s, const tfm_sim *sim, tfm_sim_outcome *outcome)
{
  bool made = true;
  const size_t nrank = 1 + (size_t)sim->replicas * (size_t)sim->stages;
  const size_t credits = (size_t)tfm_credit_for(sim->stages).limit;
  *s = (state){.sim = sim, .nrank = (int)nrank, .outcome = outcome};
  s->room = (int)((size_t)sim->replicas * credits);
  s->actors = zeros(nrank, sizeof *s->actors, &made);
  s->lines = zeros((size_t)sim->replicas, sizeof *s->lines, &made);
  s->width = zeros((size_t)sim->npool, sizeof *s->width, &made);
  s->out_n = zeros((size_t)sim->nhost, sizeof(double), &made);
  s->in_n = zeros((size_t)sim->nhost, sizeof(double), &made);
  s->out_s = zeros((size_t)sim->nhost, sizeof(double), &made);
  s->in_s = zeros((size_t)sim->nhost, sizeof(double), &made);
  s->transfers = zeros((size_t)s->room, sizeof *s->transfers, &made);
  s->results = zeros((size_t)s->room, sizeof *s->results, &made);
  outcome->busy_s = zeros(nrank, sizeof(double), &made);
  outcome->cpu_s = zeros(nrank, sizeof(double), &made);
  for (int r = 0; made && r < sim->replicas; ++r) {
    s->lines[r].credit = tfm_credit_for(sim->stages);
  }
  return made;
}

static void fini(state *s)
{
  tfm_free(s->actors);
  tfm_free(s->lines);
  tfm_free(s->width);
  tfm_free(s->out_n);
  tfm_free(s->in_n);
  tfm_free(s->out_s);
  tfm_free(s->in_s);
  tfm_free(s->transfers);
  tfm_free(s->results);
}

tfm_status tfm_sim_run(const tfm_sim *sim, tfm_sim_outcome *outcome, tfm_err *err)
{
  tfm_status st = TFM_OK;
  state s;
  TFM_ASSERT(sim->nbatch > 0 && sim->stages > 0 && sim->replicas > 0);
  *outcome = (tfm_sim_outcome){0};
  if (!make(&s, sim, outcome)) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a simulation of %d ranks", s.nrank));
  }
  while (s.taken < sim->nbatch) {
    settle(&s);
    set_rates(&s);
    set_wire_rates(&s);
    const double dt = next_event(&s);
    TFM_ASSERT(dt >= 0); /* who holds a buffer or a credit gives it back some time */
    advance(&s, dt);
  }
  outcome->seconds = s.now_s;
  for (int h = 0; h < sim->nhost; ++h) {
    outcome->wire_s = later(outcome->wire_s, later(s.out_s[h], s.in_s[h]));
  }

fail:
  fini(&s);
  if (st != TFM_OK) {
    tfm_sim_outcome_fini(outcome);
  }
  return st;
}

void tfm_sim_outcome_fini(tfm_sim_outcome *outcome)
{
  tfm_free(outcome->busy_s);
  tfm_free(outcome->cpu_s);
  *outcome = (tfm_sim_outcome){0};
}
