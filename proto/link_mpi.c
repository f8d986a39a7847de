#include "proto/link_mpi.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <mpi.h>

#include <limits.h>

/* How long to sleep between tests of the duplication, the one wait before idle() exists. */
static const double test_s = 100e-6;

/* What is under way in MPI. A message is matched first, its size is known then, and only one
 * that fits is received into a slot: a receive posted ahead would let Open MPI write a longer
 * message past the end of the buffer (DECISIONS.md, "Matched probes"). */
typedef struct {
  tfm__slot *slot;      /* NULL: a message nobody wants */
  unsigned char *scrap; /* received here instead of the slot's buffer; owned, or NULL */
} errand;

struct tfm__mpi {
  MPI_Comm comm;
  int nslot; /* of all links: no more errands than this and one stray */
  MPI_Request *requests;
  errand *errands;      /* [n], of the request with the same index */
  int *indices;         /* scratch of MPI_Testsome */
  MPI_Status *statuses; /* scratch of MPI_Testsome */
  int n;
  MPI_Request barrier; /* of leaving */
  tfm__shm *shm;
};

static tfm__mpi *mpi_of(const tfm_link *link)
{
  return link->world->transport;
}

tfm_status tfm__mpi_check(int code, const char *call, tfm_err *err)
{
  if (code == MPI_SUCCESS) {
    return TFM_OK;
  }
  char text[MPI_MAX_ERROR_STRING + 1] = "unknown error";
  int n = 0;
  (void)MPI_Error_string(code, text, &n);
  return tfm_fail(err, TFM_E_PEER, "%s: %s", call, text);
}

static tfm_status await(MPI_Request *request, tfm_err *err)
{
  int done = 0;
  tfm_status st = TFM_OK;
  while (st == TFM_OK && !done) {
    st = tfm__mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), "MPI_Test", err);
    if (!done) {
      tfm_sleep_s(test_s);
    }
  }
  return st;
}

static tfm_status duplicate(tfm__mpi *mpi, tfm_err *err)
{
  tfm_status st = TFM_OK;
  MPI_Request request = MPI_REQUEST_NULL;
  TFM_TRY(tfm__mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                         "MPI_Comm_set_errhandler", err));
  TFM_TRY(tfm__mpi_check(MPI_Comm_idup(MPI_COMM_WORLD, &mpi->comm, &request), "MPI_Comm_idup",
                         err));
  TFM_TRY(await(&request, err));
  TFM_TRY(tfm__mpi_check(MPI_Comm_set_errhandler(mpi->comm, MPI_ERRORS_RETURN),
                         "MPI_Comm_set_errhandler", err));

fail:
  return st;
}

/* Tell all ranks where this one's shared memory is. */
static tfm_status exchange_cards(tfm__mpi *mpi, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int rank = 0;
  int nrank = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  tfm__shm_card mine = {0};
  tfm__shm_card *all = NULL;
  TFM_TRY(tfm__mpi_check(MPI_Comm_rank(mpi->comm, &rank), "MPI_Comm_rank", err));
  TFM_TRY(tfm__mpi_check(MPI_Comm_size(mpi->comm, &nrank), "MPI_Comm_size", err));
  TFM_TRY(tfm__shm_open(&mpi->shm, rank, nrank, &mine, err));
  all = tfm_calloc((size_t)nrank, sizeof *all);
  if (!all) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "addresses of %d ranks", nrank));
  }
  TFM_TRY(tfm__mpi_check(MPI_Iallgather(&mine, (int)sizeof mine, MPI_BYTE, all,
                                        (int)sizeof mine, MPI_BYTE, mpi->comm, &request),
                         "MPI_Iallgather", err));
  TFM_TRY(await(&request, err));
  tfm__shm_meet(mpi->shm, all);

fail:
  tfm_free(all);
  return st;
}

tfm__shm *tfm__mpi_shm(tfm__mpi *mpi)
{
  return mpi->shm;
}

tfm__seating *tfm__mpi_seating(tfm_world *world, int keeper)
{
  return tfm__shm_seating(tfm__mpi_shm(world->transport), keeper);
}

unsigned char *tfm__mpi_buffers(tfm_link *link, int nslot, size_t stride)
{
  return tfm__shm_buffers(mpi_of(link)->shm, link, nslot, stride);
}

/* Room for nslot slots in all, and one stray message. */
static tfm_status make_room(tfm__mpi *mpi, int nslot, tfm_err *err)
{
  size_t n = (size_t)nslot + 1;
  MPI_Request *requests = tfm_realloc(mpi->requests, n, sizeof(MPI_Request));
  mpi->requests = requests ? requests : mpi->requests;
  errand *errands = tfm_realloc(mpi->errands, n, sizeof *errands);
  mpi->errands = errands ? errands : mpi->errands;
  int *indices = tfm_realloc(mpi->indices, n, sizeof *indices);
  mpi->indices = indices ? indices : mpi->indices;
  MPI_Status *statuses = tfm_realloc(mpi->statuses, n, sizeof *statuses);
  mpi->statuses = statuses ? statuses : mpi->statuses;
  if (!requests || !errands || !indices || !statuses) {
    return tfm_fail(err, TFM_E_NOMEM, "%zu requests", n);
  }
  mpi->nslot = nslot;
  return TFM_OK;
}

tfm_status tfm__mpi_open(tfm__mpi **out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm__mpi *mpi = tfm_calloc(1, sizeof *mpi);
  if (!mpi) {
    return tfm_fail(err, TFM_E_NOMEM, "the state of MPI links");
  }
  mpi->comm = MPI_COMM_NULL;
  mpi->barrier = MPI_REQUEST_NULL;
  TFM_TRY(make_room(mpi, 0, err));
  TFM_TRY(duplicate(mpi, err));
  TFM_TRY(exchange_cards(mpi, err));
  *out = mpi;
  return TFM_OK;

fail:
  tfm__mpi_close(mpi);
  return st;
}

void tfm__mpi_close(tfm__mpi *mpi)
{
  if (!mpi) {
    return;
  }
  if (mpi->comm != MPI_COMM_NULL) {
    (void)MPI_Comm_free(&mpi->comm); /* MPI ends next, whatever it says */
  }
  tfm__shm_close(mpi->shm);
  tfm_free(mpi->requests);
  tfm_free(mpi->errands);
  tfm_free(mpi->indices);
  tfm_free(mpi->statuses);
  tfm_free(mpi);
}

tfm_status tfm__mpi_link_open(tfm_link *link, tfm_err *err)
{
  tfm__mpi *mpi = mpi_of(link);
  if (link->nslot > INT_MAX - 1 - mpi->nslot) {
    return tfm_fail(err, TFM_E_NOMEM, "%d more requests", link->nslot);
  }
  if (!link->control && !link->incoming) {
    (void)tfm__shm_reach(mpi->shm, link);
  }
  return make_room(mpi, mpi->nslot + link->nslot, err);
}

static int tag_of(const tfm_link *link)
{
  return link->control ? TFM_TAG_CONTROL : TFM_TAG_DATA;
}

static tfm_status isend(tfm_link *out, tfm__slot *slot, tfm_err *err)
{
  tfm__mpi *mpi = mpi_of(out);
  TFM_ASSERT(mpi->n <= mpi->nslot);
  tfm_status st =
      tfm__mpi_check(MPI_Isend(slot->frame.bytes, (int)slot->frame.n, MPI_BYTE, out->peer,
                               tag_of(out), mpi->comm, &mpi->requests[mpi->n]),
                     "MPI_Isend", err);
  if (st == TFM_OK) {
    mpi->errands[mpi->n++] = (errand){.slot = slot};
    out->world->nerrand = mpi->n;
    tfm__shm_ring(mpi->shm, out->peer);
  }
  return st;
}

tfm_status tfm__mpi_send(tfm_link *out, tfm__slot *slot, tfm_err *err)
{
  if (out->channel) {
    tfm__shm_send(mpi_of(out)->shm, out, slot);
    return TFM_OK;
  }
  return isend(out, slot, err);
}

/* Data links of one host; what their receivers do not take there goes by MPI. */
static tfm_status poll_shm(tfm_world *world, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__shm_poll(tfm__mpi_shm(world->transport), world);
  for (tfm_link *link = world->links; link && !link->control; link = link->next) {
    tfm__slot *slot = link->incoming ? NULL : tfm__shm_returned(link);
    for (; slot; slot = tfm__shm_returned(link)) {
      TFM_TRY(isend(link, slot, err));
    }
  }

fail:
  return st;
}

/* Receive a matched message of n bytes, into a slot where it fits, else into scrap. */
static tfm_status receive(tfm__mpi *mpi, MPI_Message *message, int n, tfm__slot *slot,
                          tfm_err *err)
{
  errand e = {.slot = slot};
  bool fits = slot && (size_t)n <= slot->frame.cap;
  TFM_ASSERT(mpi->n <= mpi->nslot);
  if (!fits) {
    e.scrap = tfm_alloc_aligned((size_t)n, 1);
    if (!e.scrap) {
      return tfm_fail(err, TFM_E_NOMEM, "an unwanted message of %d bytes", n);
    }
  }
  void *to = fits ? slot->frame.bytes : e.scrap;
  tfm_status st = tfm__mpi_check(MPI_Imrecv(to, n, MPI_BYTE, message, &mpi->requests[mpi->n]),
                                 "MPI_Imrecv", err);
  if (st != TFM_OK) {
    tfm_free(e.scrap);
    return st;
  }
  mpi->errands[mpi->n++] = e;
  if (slot) {
    tfm__link_filling(slot);
    slot->frame.n = (size_t)n;
    slot->cut = !fits;
  }
  return TFM_OK;
}

/* Match the next message of a peer (or of any) without waiting; *n is its size, -1: none. */
static tfm_status match(tfm__mpi *mpi, int peer, int tag, MPI_Message *message, int *n,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  MPI_Status status;
  int flag = 0;
  *n = -1;
  TFM_TRY(tfm__mpi_check(MPI_Improbe(peer, tag, mpi->comm, &flag, message, &status),
                         "MPI_Improbe", err));
  if (!flag) {
    return TFM_OK;
  }
  TFM_TRY(tfm__mpi_check(MPI_Get_count(&status, MPI_BYTE, n), "MPI_Get_count", err));
  if (*n < 0) { /* MPI_UNDEFINED is negative in some libraries and huge in none */
    TFM_TRY(tfm_fail(err, TFM_E_PEER, "MPI_Get_count: no count of bytes"));
  }

fail:
  return st;
}

/* Fill the ready slots of one link; *any tells whether there was something. */
static tfm_status fill_link(tfm__mpi *mpi, tfm_link *in, bool *any, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (tfm__slot *slot = tfm__link_ready(in); slot; slot = tfm__link_ready(in)) {
    MPI_Message message = MPI_MESSAGE_NULL;
    int n = -1;
    TFM_TRY(match(mpi, in->peer, tag_of(in), &message, &n, err));
    if (n < 0) {
      return TFM_OK;
    }
    TFM_TRY(receive(mpi, &message, n, slot, err));
    *any = true;
  }

fail:
  return st;
}

/* Control messages: one probe answers for all peers, since rank 0 of a large job has thousands.
 * Only when the first in the queue is for a link that has no ready slot are the others asked one
 * by one. */
static tfm_status fill_control(tfm_world *world, bool *any, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__mpi *mpi = world->transport;
  for (bool more = true; more;) {
    MPI_Status status;
    int flag = 0;
    more = false;
    TFM_TRY(
        tfm__mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, TFM_TAG_CONTROL, mpi->comm, &flag, &status),
                       "MPI_Iprobe", err));
    if (!flag) {
      return TFM_OK;
    }
    tfm_link *in = world->control_in[status.MPI_SOURCE];
    if (!in) {
      return tfm_fail(err, TFM_E_PEER, "rank %d: a control message from rank %d", world->rank,
                      status.MPI_SOURCE);
    }
    if (tfm__link_ready(in)) {
      TFM_TRY(fill_link(mpi, in, &more, err));
      *any = *any || more;
      continue;
    }
    for (int peer = 0; peer < world->nrank; ++peer) {
      if (world->control_in[peer]) {
        TFM_TRY(fill_link(mpi, world->control_in[peer], any, err));
      }
    }
  }

fail:
  return st;
}

/* While leaving: match and forget whatever comes. One at a time, which bounds the scrap. */
static tfm_status drop_stray(tfm__mpi *mpi, tfm_err *err)
{
  for (int i = 0; i < mpi->n; ++i) {
    if (!mpi->errands[i].slot) {
      return TFM_OK;
    }
  }
  MPI_Message message = MPI_MESSAGE_NULL;
  int n = -1;
  tfm_status st = match(mpi, MPI_ANY_SOURCE, MPI_ANY_TAG, &message, &n, err);
  return st == TFM_OK && n >= 0 ? receive(mpi, &message, n, NULL, err) : st;
}

static tfm_status complete(errand *e, int code, tfm_err *err)
{
  tfm__slot *slot = e->slot;
  tfm_free(e->scrap);
  e->scrap = NULL;
  if (code != MPI_SUCCESS) {
    bool out = slot && slot->state == TFM__SLOT_SENDING;
    tfm_status st = tfm__mpi_check(code, out ? "MPI_Isend" : "MPI_Imrecv", err);
    if (err && slot) {
      (void)tfm_err_prefix(err, "rank %d", out ? slot->via->peer : slot->frame.home->peer);
    }
    return st;
  }
  if (slot && slot->state == TFM__SLOT_SENDING) {
    tfm__link_sent(slot);
  } else if (slot) {
    tfm__link_arrived(slot, slot->frame.n, slot->cut);
  }
  return TFM_OK;
}

/* Forget completed requests; the rest keep their order. */
static void pack(tfm__mpi *mpi)
{
  int kept = 0;
  for (int i = 0; i < mpi->n; ++i) {
    if (mpi->requests[i] != MPI_REQUEST_NULL) {
      mpi->requests[kept] = mpi->requests[i];
      mpi->errands[kept] = mpi->errands[i];
      ++kept;
    }
  }
  mpi->n = kept;
}

static tfm_status finish_errands(tfm__mpi *mpi, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int ndone = 0;
  bool each = false; /* whether statuses carry a code each */
  if (mpi->n == 0) {
    return TFM_OK;
  }
  int code = MPI_Testsome(mpi->n, mpi->requests, &ndone, mpi->indices, mpi->statuses);
  if (code != MPI_SUCCESS) {
    int class = MPI_SUCCESS;
    (void)MPI_Error_class(code, &class);
    each = class == MPI_ERR_IN_STATUS;
    if (!each) {
      return tfm__mpi_check(code, "MPI_Testsome", err);
    }
  }
  for (int i = 0; i < ndone; ++i) {
    TFM_TRY(complete(&mpi->errands[mpi->indices[i]],
                     each ? mpi->statuses[i].MPI_ERROR : MPI_SUCCESS, err));
  }
  if (ndone > 0) {
    pack(mpi);
  }

fail:
  return st;
}

/* Start receiving what has come for links with ready slots. */
static tfm_status fill_links(tfm_world *world, bool *any, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (tfm_link *link = world->links; link && !link->control; link = link->next) {
    if (link->incoming && !tfm__shm_attached(link)) {
      TFM_TRY(fill_link(world->transport, link, any, err));
    }
  }
  TFM_TRY(fill_control(world, any, err));

fail:
  return st;
}

tfm_status tfm__mpi_poll(tfm_world *world, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__mpi *mpi = world->transport;
  bool any = false;
  TFM_TRY(poll_shm(world, err));
  TFM_TRY(finish_errands(mpi, err));
  if (world->leaving) {
    TFM_TRY(drop_stray(mpi, err));
    return TFM_OK;
  }
  /* A probe looks first and lets MPI work after it: what that work brought in is seen by the
   * second turn, and not after a nap. */
  for (int turn = 0; turn < 2 && !any; ++turn) {
    TFM_TRY(fill_links(world, &any, err));
  }
  if (any) { /* most are complete already: the caller need not come again for them */
    TFM_TRY(finish_errands(mpi, err));
  }

fail:
  world->nerrand = mpi->n;
  return st;
}

tfm_status tfm__mpi_leave(tfm_world *world, tfm_err *err)
{
  tfm__mpi *mpi = world->transport;
  return tfm__mpi_check(MPI_Ibarrier(mpi->comm, &mpi->barrier), "MPI_Ibarrier", err);
}

tfm_status tfm__mpi_all_left(tfm_world *world, bool *all, tfm_err *err)
{
  tfm__mpi *mpi = world->transport;
  int done = 0;
  tfm_status st =
      tfm__mpi_check(MPI_Test(&mpi->barrier, &done, MPI_STATUS_IGNORE), "MPI_Test", err);
  *all = done && mpi->n == 0;
  return st;
}
