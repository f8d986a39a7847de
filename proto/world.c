#include "proto/world.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "proto/link_mpi.h"
#include "proto/link_ops.h"
#include "proto/link_shm.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Control frames of each direction of each pair: the next can be written while one leaves. */
enum { CONTROL_BUFFERS = 2 };

/* idle(): first return at once for a while, then sleep, longer each time. From the first sleep
 * to the longest it takes about 5 ms. */
static const double spin_s = 20e-6;
static const double nap_first_s = 20e-6;
static const double nap_last_s = 1e-3;
static const double nap_growth = 1.25;
/* Where everybody rings, what is under way in MPI is left to look for (the last turns of leaving
 * too), and where nothing is, nothing: a wake-up is news, and a nap ends now and then all the same.
 */
static const double nap_ringing_s = 5e-3;
static const double nap_rung_s = 50e-3;
static const double nap_rung_growth = 4;
/* While a large message moves, naps stay short: it moves only when both ends look after it. Its
 * receiver knows how long that is; its sender waits for a receiver that may be computing, so it
 * gives up looking after a while without news. */
static const double nap_moving_s = 100e-6;
static const double send_news_s = 3e-3;

bool tfm_world_launched_by_mpi(void)
{
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (getenv(names[i])) {
      return true;
    }
  }
  return false;
}

int tfm_world_rank(const tfm_world *world)
{
  return world->rank;
}

int tfm_world_size(const tfm_world *world)
{
  return world->nrank;
}

bool tfm_world_is_mpi(const tfm_world *world)
{
  return world->ops->is_mpi;
}

static tfm_link *control_link(tfm_world *world, tfm_link **links, int peer)
{
  TFM_ASSERT(peer >= 0 && peer < world->nrank && links[peer]);
  return links[peer];
}

tfm_link *tfm_world_control_out(tfm_world *world, int peer)
{
  return control_link(world, world->control_out, peer);
}

tfm_link *tfm_world_control_in(tfm_world *world, int peer)
{
  return control_link(world, world->control_in, peer);
}

static tfm_status open_control(tfm_world *world, int peer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_link made = {.peer = peer, .control = true, .limits = {.max_payload = TFM_CONTROL_BYTES}};
  TFM_TRY(tfm__link_open(&world->control_out[peer], world, &made, CONTROL_BUFFERS, err));
  made.incoming = true;
  TFM_TRY(tfm__link_open(&world->control_in[peer], world, &made, CONTROL_BUFFERS, err));

fail:
  return st;
}

tfm_status tfm__world_open(tfm_world **out, const tfm_world *made, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_world *world = tfm_calloc(1, sizeof *world);
  if (!world) {
    return tfm_fail(err, TFM_E_NOMEM, "the state of a rank");
  }
  *world = *made;
  tfm_world_busy(world);
  size_t n = (size_t)world->nrank;
  world->control_out = tfm_calloc(n, sizeof(tfm_link *));
  world->control_in = tfm_calloc(n, sizeof(tfm_link *));
  if (!world->control_out || !world->control_in) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "control links of %d ranks", world->nrank));
  }
  if (world->rank == 0) {
    for (int peer = 1; peer < world->nrank; ++peer) {
      TFM_TRY(open_control(world, peer, err));
    }
  } else {
    TFM_TRY(open_control(world, 0, err));
  }
  *out = world;
  return TFM_OK;

fail:
  tfm__world_free(world);
  return st;
}

void tfm__world_free(tfm_world *world)
{
  if (!world) {
    return;
  }
  while (world->links) {
    tfm_link *link = world->links;
    world->links = link->next;
    tfm__link_free(link);
  }
  tfm_free(world->control_out);
  tfm_free(world->control_in);
  tfm_free(world);
}

/* What must hold of a data link before any memory is asked for it. */
static tfm_status check_data_link(const tfm_world *world, const tfm_link *made, int nbuffer,
                                  tfm_err *err)
{
  const tfm_frame_limits *l = &made->limits;
  if (made->peer < 0 || made->peer >= world->nrank || made->peer == world->rank) {
    return tfm_fail(err, TFM_E_INTERNAL, "rank %d: data link with rank %d of %d", world->rank,
                    made->peer, world->nrank);
  }
  if (nbuffer < (made->incoming ? 1 : 0) || l->width < 1 || l->max_B < 1 || l->max_T < 1 ||
      l->width > TFM_FRAME_COUNT_MAX || l->max_B > TFM_FRAME_COUNT_MAX ||
      l->max_T > TFM_FRAME_COUNT_MAX) {
    return tfm_fail(err, TFM_E_INTERNAL,
                    "data link with rank %d: %d frames of %lld sequences, %lld tokens x %lld",
                    made->peer, nbuffer, (long long)l->max_B, (long long)l->max_T,
                    (long long)l->width);
  }
  return TFM_OK;
}

/* The data link of this peer and way, or NULL. */
static tfm_link *find_data(const tfm_world *world, const tfm_link *made)
{
  for (tfm_link *link = world->links; link; link = link->next) {
    if (!link->control && link->peer == made->peer && link->incoming == made->incoming) {
      return link;
    }
  }
  return NULL;
}

static bool same_limits(const tfm_frame_limits *a, const tfm_frame_limits *b)
{
  return a->max_B == b->max_B && a->max_T == b->max_T && a->width == b->width &&
         a->bfloat16 == b->bfloat16 && a->max_payload == b->max_payload;
}

void tfm_world_place_buffers(tfm_world *world, bool place)
{
  world->places = place;
}

static tfm_status open_data(tfm_world *world, tfm_link **link, const tfm_link *made,
                            int nbuffer, tfm_err *err)
{
  *link = NULL;
  const tfm_status st = check_data_link(world, made, nbuffer, err);
  tfm_link *there = find_data(world, made);
  if (st != TFM_OK || !there) {
    return st == TFM_OK ? tfm__link_open(link, world, made, nbuffer, err) : st;
  }
  if (there->nslot != nbuffer || !same_limits(&there->limits, &made->limits)) {
    return tfm_fail(err, TFM_E_INTERNAL, "data link with rank %d is open already, for others",
                    made->peer);
  }
  *link = there;
  return TFM_OK;
}

tfm_status tfm_world_open_out(tfm_world *world, tfm_link **link, int to,
                              const tfm_frame_limits *limits, int nbuffer, tfm_err *err)
{
  tfm_link made = {.peer = to, .limits = *limits};
  return open_data(world, link, &made, nbuffer, err);
}

tfm_status tfm_world_open_in(tfm_world *world, tfm_link **link, int from,
                             const tfm_frame_limits *limits, int nbuffer, tfm_err *err)
{
  tfm_link made = {.peer = from, .incoming = true, .limits = *limits};
  return open_data(world, link, &made, nbuffer, err);
}

tfm_status tfm_world_poll(tfm_world *world, tfm_err *err)
{
  if (world
          ->bell) { /* before looking: what comes meanwhile has changed it when idle() compares */
    world->bell_seen = atomic_load(world->bell);
  }
  return world->ops->poll(world, err);
}

/* Sleep until the eventfd is written or the time is over, and take what was written; where there
 * is a bell, until it rings. */
static void nap(const tfm_world *world, double seconds)
{
  if (world->bell) {
    tfm__bell_wait(world->bell, world->bell_seen, seconds);
    return;
  }
  struct pollfd event = {.fd = world->event, .events = POLLIN};
  struct timespec limit = {.tv_nsec = (long)(seconds * 1e9)}; /* always below a second */
  if (ppoll(&event, 1, &limit, NULL) > 0) {
    uint64_t count = 0;
    ssize_t got = read(world->event, &count, sizeof count);
    (void)got; /* non-blocking: nothing to read is fine too */
  }
}

static double least(double a, double b)
{
  return a < b ? a : b;
}

void tfm_world_idle(tfm_world *world)
{
  double now = tfm_now_s();
  if (world->quiet_s <= 0) {
    world->quiet_s = now;
  }
  double quiet = now - world->quiet_s;
  if (quiet < spin_s) {
    return;
  }
  bool moving = world->nfilling > 0 || (world->nsending > 0 && quiet < send_news_s);
  bool look = moving && !world->all_ring; /* else somebody rings when it has moved */
  bool rung = world->all_ring && !world->leaving && world->nerrand == 0;
  const double last_s = rung ? nap_rung_s : world->all_ring ? nap_ringing_s : nap_last_s;
  world->nap_s = least(world->nap_s, last_s);
  nap(world, look ? least(world->nap_s, nap_moving_s) : world->nap_s);
  world->nap_s *= rung ? nap_rung_growth : nap_growth;
}

void tfm_world_busy(tfm_world *world)
{
  world->nap_s = nap_first_s;
  world->quiet_s = 0;
}

void tfm__event_signal(int event)
{
  int saved = errno;
  const uint64_t one = 1;
  ssize_t put = write(event, &one, sizeof one);
  (void)put; /* a full counter wakes as well */
  errno = saved;
}

void tfm_world_wake(tfm_world *world)
{
  if (world->bell) {
    tfm__bell_ring(world->bell);
    return;
  }
  tfm__event_signal(world->event);
}

/* One turn of leaving: move, throw away, rest; an error once the time is over. */
static tfm_status leave_turn(tfm_world *world, double until_s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool any = false;
  TFM_TRY(tfm_world_poll(world, err));
  for (tfm_link *link = world->links; link; link = link->next) {
    any = (link->incoming && tfm__link_drain(link)) || any;
  }
  if (tfm_now_s() > until_s) {
    TFM_TRY(tfm_fail(err, TFM_E_PEER,
                     "rank %d: the other ranks did not leave in time (%d frames of this rank "
                     "on their way out)",
                     world->rank, world->nsending));
  }
  if (!any) {
    tfm_world_idle(world);
  }

fail:
  return st;
}

tfm_status tfm_world_leave(tfm_world *world, double limit_s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  double until_s = tfm_now_s() + limit_s;
  bool all = false;
  world->leaving = true;
  tfm_world_busy(world);
  while (world->nsending > 0) {
    TFM_TRY(leave_turn(world, until_s, err));
  }
  TFM_TRY(world->ops->leave(world, err));
  TFM_TRY(world->ops->all_left(world, &all, err));
  while (!all) {
    TFM_TRY(leave_turn(world, until_s, err));
    TFM_TRY(world->ops->all_left(world, &all, err));
  }
  world->left = true;

fail:
  return st;
}

void tfm_world_close(tfm_world *world)
{
  if (!world) {
    return;
  }
  world->ops->close(world);
  tfm__world_free(world);
}

int tfm__abort_code(int code)
{
  if (code < 1) {
    return 1;
  }
  return code > 125 ? 125 : code;
}

void tfm_world_abort(int code, const char *line)
{
  if (line) {
    /* One write, so that lines of several ranks do not mix; stdio may be half-way elsewhere. */
    struct iovec parts[3] = {{.iov_base = (char[]){"tfm-cluster: "}, .iov_len = 13},
                             {.iov_base = NULL, .iov_len = strlen(line)},
                             {.iov_base = (char[]){"\n"}, .iov_len = 1}};
    memcpy(&parts[1].iov_base, &line, sizeof line); /* writev only reads it */
    ssize_t put = writev(STDERR_FILENO, parts, 3);
    (void)put; /* nowhere left to say it */
  }
  tfm__mpi_abort(tfm__abort_code(code));
  _exit(tfm__abort_code(code));
}
