#include "proto/world.h"

#include "core/base/mem.h"
#include "proto/link_local.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void free_hub(tfm__hub *hub)
{
  tfm__local_free_channels(hub);
  for (int rank = 0; hub->events && rank < hub->nrank; ++rank) {
    if (hub->events[rank] >= 0) {
      (void)close(hub->events[rank]);
    }
  }
  tfm_free(hub->events);
  (void)pthread_mutex_destroy(&hub->lock);
  tfm_free(hub);
}

static tfm_status leave(tfm_world *world, tfm_err *err)
{
  (void)err;
  tfm__hub *hub = world->transport;
  (void)pthread_mutex_lock(&hub->lock);
  bool last = ++hub->nleft == hub->nrank;
  (void)pthread_mutex_unlock(&hub->lock);
  for (int rank = 0; last && rank < hub->nrank; ++rank) {
    tfm__event_signal(hub->events[rank]);
  }
  return TFM_OK;
}

static tfm_status all_left(tfm_world *world, bool *all, tfm_err *err)
{
  (void)err;
  tfm__hub *hub = world->transport;
  (void)pthread_mutex_lock(&hub->lock);
  *all = hub->nleft == hub->nrank;
  (void)pthread_mutex_unlock(&hub->lock);
  return TFM_OK;
}

static void close_local(tfm_world *world)
{
  tfm__hub *hub = world->transport;
  tfm__local_recall(world);
  (void)pthread_mutex_lock(&hub->lock);
  bool last = --hub->nopen == 0;
  (void)pthread_mutex_unlock(&hub->lock);
  if (last) {
    free_hub(hub);
  }
}

static tfm__seating *seating(tfm_world *world, int keeper)
{
  (void)keeper;
  tfm__hub *hub = world->transport;
  return &hub->seating;
}

static const tfm__transport transport = {.is_mpi = false,
                                         .frame_max = SIZE_MAX,
                                         .open = tfm__local_link_open,
                                         .send = tfm__local_send,
                                         .poll = tfm__local_poll,
                                         .leave = leave,
                                         .all_left = all_left,
                                         .seating = seating,
                                         .close = close_local};

static tfm_status make_hub(tfm__hub **out, int nrank, tfm_err *err)
{
  *out = NULL;
  tfm__hub *hub = tfm_calloc(1, sizeof *hub);
  if (!hub) {
    return tfm_fail(err, TFM_E_NOMEM, "a local world");
  }
  hub->nrank = nrank;
  hub->events = tfm_calloc((size_t)nrank, sizeof *hub->events);
  if (!hub->events || pthread_mutex_init(&hub->lock, NULL) != 0) {
    tfm_free(hub->events);
    tfm_free(hub);
    return tfm_fail(err, TFM_E_NOMEM, "a local world of %d ranks", nrank);
  }
  bool made = true;
  for (int rank = 0; rank < nrank; ++rank) {
    hub->events[rank] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    made = made && hub->events[rank] >= 0;
  }
  if (!made) {
    free_hub(hub);
    return tfm_fail(err, TFM_E_NOMEM, "event descriptors of %d ranks", nrank);
  }
  *out = hub;
  return TFM_OK;
}

static void stop(void)
{
  tfm_world_abort(tfm_status_exit(TFM_E_INTERNAL), NULL);
}

tfm_status tfm_world_open_local(tfm_world **worlds, int nrank, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__hub *hub = NULL;
  int made = 0;
  TFM_ASSERT(nrank >= 1);
  TFM_TRY(make_hub(&hub, nrank, err));
  for (; made < nrank; ++made) {
    tfm_world world = {.ops = &transport,
                       .transport = hub,
                       .rank = made,
                       .nrank = nrank,
                       .event = hub->events[made],
                       .all_ring = true}; /* whatever moves a frame signals its other end */
    TFM_TRY(tfm__world_open(&worlds[made], &world, err));
    ++hub->nopen;
  }
  tfm_assert_set_hook(stop);
  return TFM_OK;

fail:
  for (int rank = 0; rank < nrank; ++rank) {
    if (rank < made) {
      tfm__world_free(worlds[rank]);
    }
    worlds[rank] = NULL;
  }
  if (hub) {
    free_hub(hub);
  }
  return st;
}
