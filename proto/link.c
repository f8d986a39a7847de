#include "proto/link.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "proto/link_ops.h"

#include <inttypes.h>
#include <string.h>

static tfm__slot *slot_of(tfm_frame *frame)
{
  return (tfm__slot *)(void *)frame; /* its first member */
}

/* Where a frame goes that nobody uses: free for the next send, or back into the ring. */
static void go_home(tfm__slot *slot)
{
  tfm_link *home = slot->frame.home;
  slot->state = TFM__SLOT_HOME;
  if (home->incoming) {
    slot->state = TFM__SLOT_READY;
    home->order[(home->first + home->count) % home->nslot] = slot;
    ++home->count;
  }
}

tfm_frame *tfm_link_frame(tfm_link *out)
{
  TFM_ASSERT(!out->incoming);
  for (int i = 0; i < out->nslot; ++i) {
    if (out->slots[i].state == TFM__SLOT_HOME) {
      out->slots[i].state = TFM__SLOT_HELD;
      return &out->slots[i].frame;
    }
  }
  return NULL;
}

tfm_status tfm_link_send(tfm_link *out, tfm_frame *frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__slot *slot = slot_of(frame);
  TFM_ASSERT(!out->incoming && slot->state == TFM__SLOT_HELD);
  frame->head.source = out->world->rank;
  frame->head.sequence = out->sequence;
  TFM_TRY(tfm_frame_agrees(&frame->head, &out->limits, err));
  if (frame->head.payload_bytes > frame->cap - TFM_FRAME_HEADER) {
    TFM_TRY(tfm_fail(err, TFM_E_INTERNAL, "payload bytes: want at most %zu, got %" PRIu64,
                     frame->cap - TFM_FRAME_HEADER, frame->head.payload_bytes));
  }
  tfm_frame_seal(frame->bytes, &frame->head);
  frame->n = TFM_FRAME_HEADER + (size_t)frame->head.payload_bytes;
  TFM_TRY(out->world->ops->send(out, slot, err));
  slot->state = TFM__SLOT_SENDING;
  slot->via = out;
  ++out->sequence;
  ++out->nsending;
  ++out->world->nsending;
  return TFM_OK;

fail:
  if (err && st == TFM_E_FORMAT) {
    err->status = TFM_E_INTERNAL; /* our own frame is wrong, not a peer's */
    st = TFM_E_INTERNAL;
  }
  if (err) {
    (void)tfm_err_prefix(err, "sending frame %" PRIu64 " to rank %d", out->sequence, out->peer);
  }
  go_home(slot);
  return st;
}

/* Everything a receiver holds a frame to. */
static tfm_status check_arrived(tfm_link *in, tfm__slot *slot, tfm_err *err)
{
  tfm_frame *frame = &slot->frame;
  if (slot->cut) {
    return tfm_fail(err, TFM_E_FORMAT, "want at most %zu bytes, got more", frame->cap);
  }
  tfm_status st = tfm_frame_open(frame->bytes, frame->n, &in->limits, &frame->head, err);
  if (st != TFM_OK) {
    return st;
  }
  if (frame->head.source != in->peer) {
    return tfm_fail(err, TFM_E_FORMAT, "source: want %d, got %d", in->peer, frame->head.source);
  }
  if (frame->head.sequence != in->sequence) {
    return tfm_fail(err, TFM_E_FORMAT, "sequence: want %" PRIu64 ", got %" PRIu64, in->sequence,
                    frame->head.sequence);
  }
  return TFM_OK;
}

bool tfm_link_has(const tfm_link *in)
{
  return in->count > 0 && in->order[in->first]->state == TFM__SLOT_ARRIVED;
}

/* Take the oldest slot off the ring when it has arrived. */
static tfm__slot *pop_arrived(tfm_link *in)
{
  if (!tfm_link_has(in)) {
    return NULL;
  }
  tfm__slot *slot = in->order[in->first];
  in->first = (in->first + 1) % in->nslot;
  --in->count;
  slot->state = TFM__SLOT_HELD;
  return slot;
}

tfm_status tfm_link_receive(tfm_link *in, tfm_frame **frame, tfm_err *err)
{
  TFM_ASSERT(in->incoming);
  *frame = NULL;
  tfm__slot *slot = pop_arrived(in);
  if (!slot) {
    return TFM_OK;
  }
  tfm_status st = check_arrived(in, slot, err);
  if (st != TFM_OK) {
    st = st == TFM_E_CONFIG ? st : TFM_E_PEER; /* nobody's file is malformed */
    if (err) {
      err->status = st;
      (void)tfm_err_prefix(err, "frame %" PRIu64 " from rank %d", in->sequence, in->peer);
    }
    go_home(slot);
    return st;
  }
  ++in->sequence;
  *frame = &slot->frame;
  return TFM_OK;
}

void tfm_link_release(tfm_frame *frame)
{
  tfm__slot *slot = slot_of(frame);
  TFM_ASSERT(slot->state == TFM__SLOT_HELD);
  go_home(slot);
}

bool tfm_link_sending(const tfm_link *out)
{
  return out->nsending > 0;
}

bool tfm_link_shares(const tfm_link *out)
{
  return out->world->ops->is_mpi && out->channel;
}

bool tfm__link_drain(tfm_link *in)
{
  bool any = false;
  for (tfm__slot *slot = pop_arrived(in); slot; slot = pop_arrived(in)) {
    go_home(slot);
    any = true;
  }
  return any;
}

void tfm__link_sent(tfm__slot *slot)
{
  TFM_ASSERT(slot->state == TFM__SLOT_SENDING);
  --slot->via->nsending;
  --slot->via->world->nsending;
  tfm_world_busy(slot->via->world);
  slot->via = NULL;
  go_home(slot);
}

void tfm__link_filling(tfm__slot *slot)
{
  TFM_ASSERT(slot->state == TFM__SLOT_READY);
  slot->state = TFM__SLOT_FILLING;
  ++slot->frame.home->world->nfilling;
  tfm_world_busy(slot->frame.home->world);
}

void tfm__link_arrived(tfm__slot *slot, size_t n, bool cut)
{
  TFM_ASSERT(slot->state == TFM__SLOT_READY || slot->state == TFM__SLOT_FILLING);
  slot->frame.home->world->nfilling -= slot->state == TFM__SLOT_FILLING;
  slot->state = TFM__SLOT_ARRIVED;
  slot->frame.n = n;
  slot->cut = cut;
  tfm_world_busy(slot->frame.home->world);
}

tfm__slot *tfm__link_ready(const tfm_link *in)
{
  for (int i = 0; i < in->count; ++i) {
    tfm__slot *slot = in->order[(in->first + i) % in->nslot];
    if (slot->state == TFM__SLOT_READY) {
      return slot;
    }
  }
  return NULL;
}

/* Buffers for all slots. */
static tfm_status make_slots(tfm_link *link, int nslot, tfm_err *err)
{
  size_t cap = TFM_FRAME_HEADER;
  size_t most = link->world->ops->frame_max;
  if (!tfm_add_size(cap, link->limits.max_payload, &cap) || cap > most) {
    return tfm_fail(
        err, TFM_E_CONFIG,
        "frames with %zu bytes of payload: want at most %zu bytes in all, as far as "
        "the transport counts; lower --max-batch-tokens",
        link->limits.max_payload, most);
  }
  link->slots = tfm_calloc((size_t)nslot, sizeof *link->slots);
  link->order = tfm_calloc((size_t)nslot, sizeof(tfm__slot *));
  if (!link->slots || !link->order) {
    return tfm_fail(err, TFM_E_NOMEM, "%d frames", nslot);
  }
  link->nslot = nslot;
  const size_t stride = (cap + TFM_FRAME_ALIGN - 1) / TFM_FRAME_ALIGN * TFM_FRAME_ALIGN;
  unsigned char *lent = NULL;
  if (link->incoming && !link->control && link->world->ops->buffers) {
    lent = link->world->ops->buffers(link, nslot, stride);
  }
  link->lent = lent != NULL;
  for (int i = 0; i < nslot; ++i) {
    tfm__slot *slot = &link->slots[i];
    unsigned char *bytes = lent ? lent + (size_t)i * stride : tfm_alloc_aligned(cap, 1);
    slot->frame = (tfm_frame){.bytes = bytes, .cap = cap, .n = 0, .home = link};
    if (!slot->frame.bytes) {
      return tfm_fail(err, TFM_E_NOMEM, "%d frames of %zu bytes", nslot, cap);
    }
    if (!link->control && link->world->places) {
      memset(slot->frame.bytes, 0, cap);
    }
  }
  return TFM_OK;
}

tfm_status tfm__link_open(tfm_link **out, tfm_world *world, const tfm_link *made, int nslot,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_link *link = tfm_calloc(1, sizeof *link);
  if (!link) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "its state"));
  }
  *link = *made;
  link->world = world;
  TFM_TRY(make_slots(link, nslot, err));
  TFM_TRY(world->ops->open(link, err));
  for (int i = 0; i < nslot; ++i) {
    go_home(&link->slots[i]);
  }
  link->next = world->links;
  world->links = link;
  *out = link;
  return TFM_OK;

fail:
  tfm__link_free(link);
  if (err) {
    (void)tfm_err_prefix(err, "%s link %s rank %d", made->control ? "control" : "data",
                         made->incoming ? "from" : "to", made->peer);
  }
  return st;
}

void tfm__link_free(tfm_link *link)
{
  if (!link) {
    return;
  }
  for (int i = 0; link->slots && !link->lent && i < link->nslot; ++i) {
    tfm_free(link->slots[i].frame.bytes);
  }
  tfm_free(link->slots);
  tfm_free(link->order);
  tfm_free(link);
}
