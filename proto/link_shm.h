/** Data links between ranks of one host: the sender copies a frame straight into the receiver's
 * buffer, once, and rings it awake. Part of the MPI transport, which carries what this cannot
 * (other hosts, control messages).
 *
 *  Each rank has one memory file without a name (memfd): its bell, whether it has left, the seats
 * it keeps, and for each incoming link a ring and the buffers. Others of the host open it through
 * /proc/PID/fd, so nothing is left anywhere when a process dies, however it does. A rank that
 * cannot open it uses MPI; the receiver takes both.
 *
 *  Order: a ring names free buffers in the order they are to be filled, another the filled ones.
 * One writer and one reader each; numbers out of it are checked before use.
 */
#ifndef TFM_PROTO_LINK_SHM_H
#define TFM_PROTO_LINK_SHM_H

#include "proto/link_ops.h"

typedef struct tfm__shm tfm__shm;

/** What a rank tells all others once: where its memory file is to be found. */
typedef struct {
  uint64_t host;  /* equal for processes that see each other's /proc */
  uint64_t token; /* of the file: what is opened must hold the same */
  int64_t pid;
  int64_t fd; /* -1: it has none */
} tfm__shm_card;

/** Make this rank's file. card out; where files cannot be made, or TFM_LINK=mpi is set, it says so
 * and every link uses MPI. gives: *out. Errors: TFM_E_NOMEM. */
tfm_status tfm__shm_open(tfm__shm **out, int rank, int nrank, tfm__shm_card *card,
                         tfm_err *err);

/** The cards of all ranks [nrank]; copied. */
void tfm__shm_meet(tfm__shm *shm, const tfm__shm_card *cards);

/** Let idle() and wake() of this world use the bell, if there are others to ring it. */
void tfm__shm_hang_bell(const tfm__shm *shm, tfm_world *world);

/** Unmap and close everything. NULL is allowed. */
void tfm__shm_close(tfm__shm *shm);

/** The seats in a rank's file; NULL: this rank has no file, or cannot map that one. */
tfm__seating *tfm__shm_seating(tfm__shm *shm, int keeper);

/** Buffers of an incoming data link, in the file; NULL: this link has to use the heap. */
unsigned char *tfm__shm_buffers(tfm__shm *shm, tfm_link *link, int nslot, size_t stride);

/** Whether an outgoing data link goes through the peer's file from now on. */
bool tfm__shm_reach(tfm__shm *shm, tfm_link *out);

/** As tfm__transport's: out's channel is one of these. */
void tfm__shm_send(tfm__shm *shm, tfm_link *out, tfm__slot *slot);

/** The next frame, in order, of an outgoing link whose receiver does without a ring: MPI's to send.
 * NULL: none; then the link is MPI's too. Asked after each poll. */
tfm__slot *tfm__shm_returned(tfm_link *out);

/** Whether the peer of an incoming link has taken to the ring: MPI need not be asked. */
bool tfm__shm_attached(const tfm_link *in);

/** Take what has come, offer what is free, send on what waited, on all data links. */
void tfm__shm_poll(tfm__shm *shm, tfm_world *world);

/** Ring the bell of a rank of this host; of others nothing happens. */
void tfm__shm_ring(tfm__shm *shm, int peer);

/** Wait until the bell has rung since `seen` or the time is over. */
void tfm__bell_wait(_Atomic uint32_t *bell, uint32_t seen, double seconds);

/** Ring a bell. Callable from any thread and from a signal handler. */
void tfm__bell_ring(_Atomic uint32_t *bell);

#endif
