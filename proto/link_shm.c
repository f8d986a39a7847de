#include "proto/link_shm.h"

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RING = 16, PAGE = 4096, REGIONS = 64 };

/* A filled buffer. */
typedef struct {
  uint32_t slot, cut;
  uint64_t n;
} filled;

/* The beginning of a link's part of the file; buffers follow, from the next page on. Counters only
 * grow; what they count lies at their value modulo RING. */
typedef struct {
  _Atomic uint32_t nfree;   /* written by the receiver */
  _Atomic uint32_t nfilled; /* written by the sender */
  _Atomic uint32_t attached;
  uint32_t nslot;
  uint64_t stride;
  uint32_t free[RING];
  filled filled[RING];
} ring;

/* Where a sender's link lies; 0 bytes: not open; REFUSED: it is, and MPI has to carry it. */
enum { REFUSED = 1 };
typedef struct {
  _Atomic uint64_t bytes;
  uint64_t offset;
} cell;

/* The beginning of a rank's file. */
typedef struct {
  _Atomic uint32_t bell;
  _Atomic uint32_t left; /* what is sent now is thrown away */
  uint64_t token;
  tfm__seating seating;
  cell cells[]; /* [nrank] by sender */
} home;

typedef struct {
  void *p;
  size_t bytes;
} region;

struct tfm__shm {
  int rank, nrank, fd;
  home *own;
  size_t home_bytes, file_bytes;
  tfm__shm_card *cards; /* [nrank] */
  home **homes;         /* [nrank] of others, mapped when they are first needed */
  bool *unreachable;    /* [nrank] */
  region *regions;      /* [nregion] of rings, own and others' */
  int nregion;
};

/* A link's own side of a ring. */
typedef struct {
  ring *ring; /* NULL: the receiver has not opened its end yet */
  unsigned char *buffers;
  uint64_t stride;
  uint32_t nslot;
  bool refused;              /* outgoing: the receiver does without */
  uint32_t taken;            /* of what the other side writes, so many are used */
  bool offered[RING];        /* incoming: buffers in the ring of free ones */
  tfm__slot *waiting, *last; /* outgoing: no buffer is free for them yet */
  tfm__slot *done;           /* outgoing: copied, to be told at the next poll */
} channel;

/* ---- bells ---- */

void tfm__bell_ring(_Atomic uint32_t *bell)
{
  const int saved = errno;
  (void)atomic_fetch_add(bell, 1);
  (void)syscall(SYS_futex, bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
  errno = saved;
}

void tfm__bell_wait(_Atomic uint32_t *bell, uint32_t seen, double seconds)
{
  const struct timespec limit = {.tv_nsec = (long)(seconds * 1e9)}; /* always below a second */
  (void)syscall(SYS_futex, bell, FUTEX_WAIT, seen, &limit, NULL, 0);
}

/* ---- files ---- */

static size_t pages(size_t bytes)
{
  return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Processes with the same kernel and the same view of process numbers. */
static uint64_t host_of(void)
{
  char boot[64] = {0};
  struct stat st = {0};
  uint64_t hash = 0xcbf29ce484222325U;
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? -1 : read(fd, boot, sizeof boot - 1);
  if (fd >= 0) {
    (void)close(fd);
  }
  if (n <= 0 || stat("/proc/self/ns/pid", &st) != 0) {
    return 0;
  }
  for (const char *p = boot; *p; ++p) {
    hash = (hash ^ (unsigned char)*p) * 0x100000001b3U;
  }
  return (hash ^ (uint64_t)st.st_ino) | 1;
}

/* Make the file with room for the cells; false where there cannot be one. */
static bool make_file(tfm__shm *shm)
{
  const char *asked = getenv("TFM_LINK");
  if (asked && strcmp(asked, "mpi") == 0) {
    return false;
  }
  shm->home_bytes = pages(sizeof(home) + (size_t)shm->nrank * sizeof(cell));
  shm->fd = memfd_create("tfm-cluster", MFD_CLOEXEC);
  if (shm->fd < 0 || ftruncate(shm->fd, (off_t)shm->home_bytes) != 0) {
    return false;
  }
  shm->file_bytes = shm->home_bytes;
  void *p = mmap(NULL, shm->home_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shm->fd, 0);
  if (p == MAP_FAILED) {
    return false;
  }
  shm->own = p;
  return true;
}

tfm_status tfm__shm_open(tfm__shm **out, int rank, int nrank, tfm__shm_card *card, tfm_err *err)
{
  *card = (tfm__shm_card){.fd = -1};
  tfm__shm *shm = tfm_calloc(1, sizeof *shm);
  *out = shm;
  if (!shm) {
    return tfm_fail(err, TFM_E_NOMEM, "the state of shared links");
  }
  shm->rank = rank;
  shm->nrank = nrank;
  shm->fd = -1;
  shm->cards = tfm_calloc((size_t)nrank, sizeof *shm->cards);
  shm->homes = tfm_calloc((size_t)nrank, sizeof(home *));
  shm->unreachable = tfm_calloc((size_t)nrank, sizeof *shm->unreachable);
  shm->regions = tfm_calloc(REGIONS, sizeof *shm->regions);
  if (!shm->cards || !shm->homes || !shm->unreachable || !shm->regions) {
    tfm__shm_close(shm);
    *out = NULL;
    return tfm_fail(err, TFM_E_NOMEM, "shared links of %d ranks", nrank);
  }
  if (make_file(shm)) {
    shm->own->token = (uint64_t)(tfm_now_s() * 1e9) ^ ((uint64_t)getpid() << 32);
    *card = (tfm__shm_card){
        .host = host_of(), .token = shm->own->token, .pid = getpid(), .fd = shm->fd};
  }
  return TFM_OK;
}

void tfm__shm_meet(tfm__shm *shm, const tfm__shm_card *cards)
{
  memcpy(shm->cards, cards, (size_t)shm->nrank * sizeof *cards);
}

static bool is_near(const tfm__shm *shm, int peer)
{
  const tfm__shm_card *mine = &shm->cards[shm->rank];
  const tfm__shm_card *theirs = &shm->cards[peer];
  return peer != shm->rank && mine->fd >= 0 && theirs->fd >= 0 && mine->host != 0 &&
         mine->host == theirs->host && !shm->unreachable[peer];
}

/* Map a part of a peer's file; NULL when that is not allowed here. */
static void *map_peer(const tfm__shm *shm, int peer, uint64_t offset, size_t bytes)
{
  char path[64];
  struct stat st = {0};
  (void)snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)shm->cards[peer].pid,
                 (long long)shm->cards[peer].fd);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return NULL;
  }
  void *p = MAP_FAILED;
  if (fstat(fd, &st) == 0 && st.st_size >= 0 && bytes <= (uint64_t)st.st_size &&
      offset <= (uint64_t)st.st_size - bytes) {
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
  }
  (void)close(fd);
  return p == MAP_FAILED ? NULL : p;
}

static home *home_of(tfm__shm *shm, int peer)
{
  if (shm->homes[peer] || !is_near(shm, peer)) {
    return shm->homes[peer];
  }
  home *h = map_peer(shm, peer, 0, shm->home_bytes);
  if (h && h->token != shm->cards[peer].token) {
    (void)munmap(h, shm->home_bytes);
    h = NULL;
  }
  shm->homes[peer] = h;
  shm->unreachable[peer] = !h;
  return h;
}

void tfm__shm_ring(tfm__shm *shm, int peer)
{
  home *h = home_of(shm, peer);
  if (h) {
    tfm__bell_ring(&h->bell);
  }
}

tfm__seating *tfm__shm_seating(tfm__shm *shm, int keeper)
{
  home *h = keeper == shm->rank ? shm->own : home_of(shm, keeper);
  return h ? &h->seating : NULL;
}

void tfm__shm_hang_bell(const tfm__shm *shm, tfm_world *world)
{
  bool all = shm->own != NULL;
  for (int peer = 0; peer < shm->nrank; ++peer) {
    all = all && (peer == shm->rank || is_near(shm, peer));
  }
  world->bell = shm->own ? &shm->own->bell : NULL;
  world->all_ring = all;
}

static bool keep_region(tfm__shm *shm, void *p, size_t bytes)
{
  if (shm->nregion % REGIONS == 0 && shm->nregion > 0) {
    region *more =
        tfm_realloc(shm->regions, (size_t)shm->nregion + REGIONS, sizeof *shm->regions);
    if (!more) {
      (void)munmap(p, bytes);
      return false;
    }
    shm->regions = more;
  }
  shm->regions[shm->nregion++] = (region){p, bytes};
  return true;
}

void tfm__shm_close(tfm__shm *shm)
{
  if (!shm) {
    return;
  }
  for (int i = 0; i < shm->nregion; ++i) {
    (void)munmap(shm->regions[i].p, shm->regions[i].bytes);
  }
  for (int peer = 0; shm->homes && peer < shm->nrank; ++peer) {
    if (shm->homes[peer]) {
      (void)munmap(shm->homes[peer], shm->home_bytes);
    }
  }
  if (shm->own) {
    (void)munmap(shm->own, shm->home_bytes);
  }
  if (shm->fd >= 0) {
    (void)close(shm->fd);
  }
  tfm_free(shm->cards);
  tfm_free(shm->homes);
  tfm_free(shm->unreachable);
  tfm_free(shm->regions);
  tfm_free(shm);
}

/* ---- links ---- */

/* A part of this rank's file for one link; NULL where there is none to be had. */
static ring *make_ring(tfm__shm *shm, size_t bytes, size_t *offset)
{
  *offset = shm->file_bytes;
  if (ftruncate(shm->fd, (off_t)(*offset + bytes)) != 0) {
    return NULL;
  }
  shm->file_bytes += bytes;
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shm->fd, (off_t)*offset);
  if (p == MAP_FAILED || !keep_region(shm, p, bytes)) {
    return NULL;
  }
  return p;
}

/* A link of this world has to do without bells: then it looks for itself more often. */
static bool do_without(const tfm_link *link)
{
  if (link->world) {
    link->world->all_ring = false;
  }
  return false;
}

static bool open_incoming(tfm__shm *shm, tfm_link *link, int nslot, size_t stride, cell *at)
{
  size_t bytes = 0;
  size_t offset = 0;
  if (!home_of(shm, link->peer) || nslot > RING ||
      !tfm_mul_size(stride, (size_t)nslot, &bytes) || bytes > SIZE_MAX / 4) {
    return do_without(link);
  }
  const size_t head = pages(sizeof(ring));
  bytes = head + pages(bytes);
  channel *c = tfm_calloc(1, sizeof *c);
  ring *r = c ? make_ring(shm, bytes, &offset) : NULL;
  if (!r) {
    tfm_free(c);
    return do_without(link);
  }
  *c = (channel){.ring = r,
                 .buffers = (unsigned char *)r + head,
                 .stride = stride,
                 .nslot = (uint32_t)nslot};
  r->nslot = c->nslot;
  r->stride = stride;
  link->channel = c;
  at->offset = offset;
  atomic_store_explicit(&at->bytes, bytes, memory_order_release);
  return true;
}

unsigned char *tfm__shm_buffers(tfm__shm *shm, tfm_link *link, int nslot, size_t stride)
{
  if (!is_near(shm, link->peer)) {
    return NULL;
  }
  cell *at = &shm->own->cells[link->peer];
  if (!open_incoming(shm, link, nslot, stride, at)) {
    atomic_store_explicit(&at->bytes, REFUSED, memory_order_release);
    tfm__shm_ring(shm, link->peer);
    return NULL;
  }
  const channel *c = link->channel;
  return c->buffers;
}

bool tfm__shm_reach(tfm__shm *shm, tfm_link *out)
{
  if (!home_of(shm, out->peer)) {
    return do_without(out);
  }
  out->channel = tfm_calloc(1, sizeof(channel));
  return out->channel != NULL;
}

/* The receiver's end may open later than ours. */
static void attach(tfm__shm *shm, tfm_link *out, channel *c)
{
  const cell *at = &shm->homes[out->peer]->cells[shm->rank];
  const uint64_t bytes = atomic_load_explicit(&at->bytes, memory_order_acquire);
  const size_t head = pages(sizeof(ring));
  c->refused = bytes == REFUSED;
  if (bytes <= head) {
    return;
  }
  ring *r = map_peer(shm, out->peer, at->offset, bytes);
  if (!r || r->nslot > RING || r->stride > (bytes - head) / (r->nslot ? r->nslot : 1)) {
    return; /* its process is gone: the job is about to end */
  }
  if (keep_region(shm, r, bytes)) {
    c->buffers = (unsigned char *)r + head;
    c->stride = r->stride;
    c->nslot = r->nslot;
    c->ring = r;
    atomic_store_explicit(&r->attached, 1, memory_order_release);
    tfm__shm_ring(shm, out->peer);
  }
}

/* Copy a frame into the next free buffer; false while there is none. */
static bool pass(channel *c, const tfm_frame *frame)
{
  ring *r = c->ring;
  if (!r || atomic_load_explicit(&r->nfree, memory_order_acquire) == c->taken) {
    return false;
  }
  const uint32_t slot = r->free[c->taken % RING];
  const uint32_t at = atomic_load_explicit(&r->nfilled, memory_order_relaxed);
  const bool fits = slot < c->nslot && frame->n <= c->stride;
  if (fits) {
    memcpy(c->buffers + slot * c->stride, frame->bytes, frame->n);
  }
  r->filled[at % RING] = (filled){.slot = slot, .cut = !fits, .n = frame->n};
  ++c->taken;
  atomic_store_explicit(&r->nfilled, at + 1, memory_order_release);
  return true;
}

void tfm__shm_send(tfm__shm *shm, tfm_link *out, tfm__slot *slot)
{
  channel *c = out->channel;
  slot->next = NULL;
  if (!c->ring) {
    attach(shm, out, c);
  }
  if (!c->waiting && pass(c, &slot->frame)) {
    slot->next = c->done;
    c->done = slot;
    tfm__shm_ring(shm, out->peer);
    return;
  }
  if (c->waiting) {
    c->last->next = slot;
  } else {
    c->waiting = slot;
  }
  c->last = slot;
}

/* Tell what was copied, and copy what waited. A rank that leaves takes everything. */
static void flush(tfm__shm *shm, tfm_link *out, channel *c)
{
  bool moved = false;
  const bool gone = atomic_load(&shm->homes[out->peer]->left) != 0;
  while (c->done) {
    tfm__slot *slot = c->done;
    c->done = slot->next;
    tfm__link_sent(slot);
  }
  if (c->waiting && !c->ring) {
    attach(shm, out, c);
  }
  while (c->waiting && (gone || pass(c, &c->waiting->frame))) {
    tfm__slot *slot = c->waiting;
    c->waiting = slot->next;
    tfm__link_sent(slot);
    moved = true;
  }
  if (moved && !gone) {
    tfm__shm_ring(shm, out->peer);
  }
}

tfm__slot *tfm__shm_returned(tfm_link *out)
{
  channel *c = out->channel;
  if (!c || !c->refused) {
    return NULL;
  }
  tfm__slot *slot = c->waiting;
  if (slot) {
    c->waiting = slot->next;
  } else {
    out->channel = NULL;
    tfm_free(c);
  }
  return slot;
}

static void take(tfm_link *in, channel *c)
{
  ring *r = c->ring;
  while (atomic_load_explicit(&r->nfilled, memory_order_acquire) != c->taken) {
    const filled f = r->filled[c->taken % RING];
    ++c->taken;
    if (f.slot < c->nslot &&
        c->offered[f.slot]) { /* else nobody's: its number is not believed */
      const bool cut = f.cut != 0 || f.n > in->slots[f.slot].frame.cap;
      c->offered[f.slot] = false;
      tfm__link_arrived(&in->slots[f.slot], cut ? in->slots[f.slot].frame.cap : f.n, cut);
    }
  }
}

/* Name the buffers that are free, oldest first. */
static void offer(tfm__shm *shm, tfm_link *in, channel *c)
{
  ring *r = c->ring;
  uint32_t n = atomic_load_explicit(&r->nfree, memory_order_relaxed);
  const uint32_t before = n;
  for (int i = 0; i < in->count; ++i) {
    const tfm__slot *slot = in->order[(in->first + i) % in->nslot];
    const uint32_t number = (uint32_t)(slot - in->slots);
    if (slot->state == TFM__SLOT_READY && !c->offered[number]) {
      c->offered[number] = true;
      r->free[n % RING] = number;
      ++n;
    }
  }
  if (n != before) {
    atomic_store_explicit(&r->nfree, n, memory_order_release);
    tfm__shm_ring(shm, in->peer);
  }
}

bool tfm__shm_attached(const tfm_link *in)
{
  const channel *c = in->channel;
  return c && atomic_load_explicit(&c->ring->attached, memory_order_acquire) != 0;
}

void tfm__shm_poll(tfm__shm *shm, tfm_world *world)
{
  if (world->leaving && shm->own && !atomic_exchange(&shm->own->left, 1)) {
    for (int peer = 0; peer < shm->nrank; ++peer) {
      if (shm->homes[peer]) {
        tfm__bell_ring(&shm->homes[peer]->bell);
      }
    }
  }
  for (tfm_link *link = world->links; link && !link->control; link = link->next) {
    channel *c = link->channel;
    if (!c) {
      continue;
    }
    if (!link->incoming) {
      flush(shm, link, c);
    } else if (!world->leaving && tfm__shm_attached(link)) {
      take(link, c);
      offer(shm, link, c);
    }
  }
}
