#include "proto/link_local.h"

#include "core/base/mem.h"

#include <string.h>

/* Slots in a row, linked through slot->next. */
typedef struct {
  tfm__slot *first, *last;
} chain;

/* One direction between two ranks. A sent slot waits in `sent` until the receiver has a ready
 * slot to copy it into, then in `done` until its owner takes it home: what is under way is
 * bounded by the frames of the sender, and a frame is copied once. */
struct tfm__channel {
  tfm__channel *next;
  int from, to;
  bool control;
  pthread_mutex_t lock; /* of both chains; held while a frame is copied */
  chain sent, done;
};

static void push(chain *c, tfm__slot *slot)
{
  slot->next = NULL;
  if (c->last) {
    c->last->next = slot;
  } else {
    c->first = slot;
  }
  c->last = slot;
}

static tfm__slot *pop(chain *c)
{
  tfm__slot *slot = c->first;
  if (slot) {
    c->first = slot->next;
    if (!c->first) {
      c->last = NULL;
    }
  }
  return slot;
}

/* Find or make a channel; the hub is locked. */
static tfm__channel *channel_between(tfm__hub *hub, int from, int to, bool control)
{
  for (tfm__channel *c = hub->channels; c; c = c->next) {
    if (c->from == from && c->to == to && c->control == control) {
      return c;
    }
  }
  tfm__channel *c = tfm_calloc(1, sizeof *c);
  if (!c) {
    return NULL;
  }
  c->from = from;
  c->to = to;
  c->control = control;
  if (pthread_mutex_init(&c->lock, NULL) != 0) {
    tfm_free(c);
    return NULL;
  }
  c->next = hub->channels;
  hub->channels = c;
  return c;
}

tfm_status tfm__local_link_open(tfm_link *link, tfm_err *err)
{
  tfm__hub *hub = link->world->transport;
  int rank = link->world->rank;
  int from = link->incoming ? link->peer : rank;
  int to = link->incoming ? rank : link->peer;
  (void)pthread_mutex_lock(&hub->lock);
  link->channel = channel_between(hub, from, to, link->control);
  (void)pthread_mutex_unlock(&hub->lock);
  return link->channel ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "a channel");
}

tfm_status tfm__local_send(tfm_link *out, tfm__slot *slot, tfm_err *err)
{
  (void)err;
  const tfm__hub *hub = out->world->transport;
  tfm__channel *c = out->channel;
  (void)pthread_mutex_lock(&c->lock);
  push(&c->sent, slot);
  (void)pthread_mutex_unlock(&c->lock);
  tfm__event_signal(hub->events[out->peer]);
  return TFM_OK;
}

/* Copy what was sent into what is ready. */
static void pull(tfm_link *in)
{
  const tfm__hub *hub = in->world->transport;
  tfm__channel *c = in->channel;
  tfm__slot *to = tfm__link_ready(in);
  bool moved = false;
  (void)pthread_mutex_lock(&c->lock);
  while (to && c->sent.first) {
    tfm__slot *from = pop(&c->sent);
    bool cut = from->frame.n > to->frame.cap;
    size_t n = cut ? to->frame.cap : from->frame.n;
    memcpy(to->frame.bytes, from->frame.bytes, n);
    push(&c->done, from);
    tfm__link_arrived(to, n, cut);
    to = tfm__link_ready(in);
    moved = true;
  }
  (void)pthread_mutex_unlock(&c->lock);
  if (moved) {
    tfm__event_signal(hub->events[in->peer]);
  }
}

/* Take home what the receiver has copied. */
static void reap(tfm_link *out)
{
  tfm__channel *c = out->channel;
  (void)pthread_mutex_lock(&c->lock);
  chain done = c->done;
  c->done = (chain){0};
  (void)pthread_mutex_unlock(&c->lock);
  for (tfm__slot *slot = pop(&done); slot; slot = pop(&done)) {
    tfm__link_sent(slot);
  }
}

/* While leaving: everything sent to this rank counts as taken, also what came for links it never
 * opened or has no free slot for. */
static void drop_all(const tfm_world *world)
{
  tfm__hub *hub = world->transport;
  (void)pthread_mutex_lock(&hub->lock);
  for (tfm__channel *c = hub->channels; c; c = c->next) {
    bool moved = false;
    if (c->to != world->rank) {
      continue;
    }
    (void)pthread_mutex_lock(&c->lock);
    for (tfm__slot *slot = pop(&c->sent); slot; slot = pop(&c->sent)) {
      push(&c->done, slot);
      moved = true;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (moved) {
      tfm__event_signal(hub->events[c->from]);
    }
  }
  (void)pthread_mutex_unlock(&hub->lock);
}

tfm_status tfm__local_poll(tfm_world *world, tfm_err *err)
{
  (void)err;
  for (tfm_link *link = world->links; link; link = link->next) {
    if (!link->incoming && link->nsending > 0) {
      reap(link);
    } else if (link->incoming && !world->leaving) {
      pull(link);
    }
  }
  if (world->leaving) {
    drop_all(world);
  }
  return TFM_OK;
}

void tfm__local_recall(tfm_world *world)
{
  for (tfm_link *link = world->links; link; link = link->next) {
    tfm__channel *c = link->channel;
    if (!c || link->incoming) {
      continue;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->sent = (chain){0};
    c->done = (chain){0};
    (void)pthread_mutex_unlock(&c->lock);
  }
}

void tfm__local_free_channels(tfm__hub *hub)
{
  while (hub->channels) {
    tfm__channel *c = hub->channels;
    hub->channels = c->next;
    (void)pthread_mutex_destroy(&c->lock);
    tfm_free(c);
  }
}
