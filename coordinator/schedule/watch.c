#include "coordinator/schedule/watch.h"

/* A look this often; what nobody looked at counts for so much at most. */
static const double look_every_s = 0.25;
static const double look_most_s = 1.0;

/* The workers hear from rank 0 this often, and four times within the limit. */
static const double beat_every_s = 5.0;

static double beat_period(const tfm_crew *crew)
{
  const double quarter = crew->stall_s / 4;
  return crew->stall_s > 0 && quarter < beat_every_s ? quarter : beat_every_s;
}

/* Where spans are wanted the ranks' clocks are compared this often. */
static const double clocks_every_s = 1.0;

/* Best effort: a worker that is busy reads the ones it has first. */
static tfm_status beat(tfm_crew *crew, tfm_err *err)
{
  tfm_buf payload = {0};
  const tfm_msg_heartbeat here = {0};
  tfm_status st = TFM_OK;
  (void)tfm_msg_heartbeat_encode(&here, &payload); /* sending says when it failed */
  for (int rank = 1; rank < crew->nrank && st == TFM_OK; ++rank) {
    tfm_link *out = tfm_world_control_out(crew->world, rank);
    st = tfm_msg_send(out, TFM_FRAME_HEARTBEAT, &payload, NULL, err);
  }
  tfm_buf_fini(&payload);
  return st;
}

/* Likewise. */
static tfm_status ask_clocks(tfm_crew *crew, tfm_err *err)
{
  tfm_buf payload = {0};
  tfm_status st = TFM_OK;
  crew->clocks_s = crew->now_s;
  const bool asks = crew->works && crew->listener.span;
  for (int rank = 1; asks && rank < crew->nrank && st == TFM_OK; ++rank) {
    if (crew->ranks[rank].assign.stage >= 0) {
      tfm_link *out = tfm_world_control_out(crew->world, rank);
      const tfm_msg_clock ask = {.asked_s = tfm_now_s()};
      tfm_buf_clear(&payload);
      (void)tfm_msg_clock_encode(&ask, &payload);
      st = tfm_msg_send(out, TFM_FRAME_CLOCK, &payload, NULL, err);
    }
  }
  tfm_buf_fini(&payload);
  return st;
}

static tfm_status send_beat(tfm_crew *crew, tfm_err *err)
{
  crew->beat_s = crew->now_s;
  return beat(crew, err);
}

tfm_status tfm_watch_begin(tfm_crew *crew, tfm_err *err)
{
  const tfm_status st = send_beat(crew, err);
  crew->works = true;
  return st == TFM_OK ? ask_clocks(crew, err) : st;
}

tfm_status tfm_watch_look(tfm_crew *crew, bool *looked, tfm_err *err)
{
  const double now_s = tfm_now_s();
  *looked = now_s - crew->clock.last_s >= look_every_s;
  if (!*looked) {
    return TFM_OK;
  }
  crew->now_s = tfm_awake_look(&crew->clock, now_s, look_most_s);
  tfm_status st = TFM_OK;
  if (crew->now_s - crew->beat_s >= beat_period(crew)) {
    st = send_beat(crew, err);
  }
  if (st == TFM_OK && crew->now_s - crew->clocks_s >= clocks_every_s) {
    st = ask_clocks(crew, err);
  }
  return st;
}

static bool is_over(const tfm_crew *crew, double since_s)
{
  return crew->stall_s > 0 && crew->now_s - since_s > crew->stall_s;
}

static tfm_status blame(const tfm_crew *crew, int rank, tfm_err *err)
{
  const tfm_crew_rank *r = &crew->ranks[rank];
  const unsigned long long batch = r->beat.batch;
  if (is_over(crew, r->heard_s)) {
    return tfm_fail(
        err, TFM_E_PEER,
        "rank %d on %.64s (stage %d) has been silent for %.0f s, last seen %s "
        "micro-batch %llu: it is stopped or out of reach; look at that node, then run the "
        "same command again",
        rank, r->hello.host, r->assign.stage, crew->now_s - r->heard_s,
        r->beat.computing ? "computing" : "waiting after", batch);
  }
  return tfm_fail(
      err, TFM_E_PEER,
      "rank %d on %.64s (stage %d) has been computing micro-batch %llu for %.0f s: look "
      "at that node, or give a larger --stall-limit; then run the same command again",
      rank, r->hello.host, r->assign.stage, batch, crew->now_s - r->moved_s);
}

tfm_status tfm_watch_ranks(const tfm_crew *crew, tfm_err *err)
{
  int worst = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    const tfm_crew_rank *r = &crew->ranks[rank];
    const bool silent = is_over(crew, r->heard_s);
    const bool stuck = r->beat.computing && is_over(crew, r->moved_s);
    if (r->assign.stage < 0 || r->have_stats || !(silent || stuck)) {
      continue;
    }
    if (!worst || r->heard_s < crew->ranks[worst].heard_s) {
      worst = rank;
    }
  }
  return worst ? blame(crew, worst, err) : TFM_OK;
}

tfm_status tfm_watch_line(const tfm_crew *crew, int first, uint64_t batch, double since_s,
                          tfm_err *err)
{
  const int last = first + crew->ranks[first].assign.stages - 1;
  int due = last;
  for (int rank = last; rank >= first; --rank) {
    const tfm_crew_rank *r = &crew->ranks[rank];
    since_s = r->moved_s > since_s ? r->moved_s : since_s;
    due = r->beat.batch < batch ? rank : due;
  }
  if (!is_over(crew, since_s)) {
    return TFM_OK;
  }
  return tfm_fail(
      err, TFM_E_PEER,
      "micro-batch %llu has been on its way for %.0f s without moving; rank %d on %.64s "
      "(stage %d) should have it: look at the network between the nodes, then run the "
      "same command again",
      (unsigned long long)batch, crew->now_s - since_s, due, crew->ranks[due].hello.host,
      crew->ranks[due].assign.stage);
}

tfm_status tfm_watch_loading(const tfm_crew *crew, int rank, const char *what, double since_s,
                             tfm_err *err)
{
  const double gone_s = crew->now_s - since_s;
  if (!(crew->load_s > 0 && gone_s > crew->load_s)) {
    return TFM_OK;
  }
  const char *host = crew->ranks[rank].hello.host;
  return tfm_fail(
      err, TFM_E_PEER,
      "rank %d%s%.64s: no %s after %.0f s: it is stopped, or its file system is; look "
      "at that node, or give a larger --load-limit; then run the same command again",
      rank, host[0] ? " on " : "", host, what, gone_s);
}
