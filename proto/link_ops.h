/** Inside of links and worlds: what link.c and world.c keep, and what a transport supplies.
 *
 *  A new transport is one link_x.c with a table of these functions, one world_x.c that makes its
 * worlds, and nothing else. Transports move bytes between slots; order, checks, homes of frames,
 * waiting and leaving are done here, once.
 */
#ifndef TFM_PROTO_LINK_OPS_H
#define TFM_PROTO_LINK_OPS_H

#include "proto/link.h"
#include "proto/seats.h"
#include "proto/world.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Where a frame is in its life. Outgoing: HOME -> HELD -> SENDING -> HOME. Incoming: READY ->
 * FILLING -> ARRIVED -> HELD (-> SENDING) -> READY. */
typedef enum {
  TFM__SLOT_HOME,
  TFM__SLOT_HELD,    /* the user's */
  TFM__SLOT_SENDING, /* the transport's, until tfm__link_sent() */
  TFM__SLOT_READY,   /* in the link's ring, for the transport to fill */
  TFM__SLOT_FILLING, /* the transport's, from tfm__link_filling() until tfm__link_arrived() */
  TFM__SLOT_ARRIVED
} tfm__slot_state;

typedef struct tfm__slot tfm__slot;
struct tfm__slot {
  tfm_frame frame; /* first member: the user's pointer is the slot's */
  tfm__slot_state state;
  tfm_link *via;   /* SENDING: the link it leaves through */
  bool cut;        /* ARRIVED: there was more than the buffer takes */
  tfm__slot *next; /* the transport's own */
};

struct tfm_link {
  tfm_world *world;
  tfm_link *next; /* in the world's list */
  int peer;
  bool incoming, control;
  bool lent; /* the buffers are the transport's */
  tfm_frame_limits limits;
  uint64_t sequence; /* of the next frame */
  tfm__slot *slots;  /* [nslot] */
  int nslot;
  tfm__slot *
      *order; /* incoming: ring [nslot] of ready, filling and arrived slots, oldest first:
                        a transport fills them in this order, whatever completes first */
  int first, count;
  int nsending;  /* frames on their way out through this link, also those of other homes */
  void *channel; /* the transport's own */
};

/** What a transport does. All are called by the rank's communicating thread, and none blocks.
 * Errors: TFM_E_PEER with the transport's own text unless said otherwise. */
typedef struct {
  bool is_mpi;
  size_t frame_max; /* largest frame it can count, bytes; links with larger ones are refused */

  /* Buffers for an incoming data link's slots, one behind the other, stride bytes each; NULL, or a
   * NULL of its result: they come from the heap. */
  unsigned char *(*buffers)(tfm_link *link, int nslot, size_t stride);

  /* Prepare link; its slots have their buffers. Called once a link. Errors: TFM_E_NOMEM. */
  tfm_status (*open)(tfm_link *link, tfm_err *err);

  /* Start sending the first frame.n bytes of a slot, whoever's home it is. Ends with
   * tfm__link_sent(). */
  tfm_status (*send)(tfm_link *out, tfm__slot *slot, tfm_err *err);

  /* Complete what has completed, and fill ready slots (tfm__link_ready()) with what has come.
   * Never more bytes than the slot takes: a longer message is consumed and marked as cut. While
   * world->leaving no slot is filled: all that comes is thrown away, so that its sender can
   * leave, whatever link it is for. */
  tfm_status (*poll)(tfm_world *world, tfm_err *err);

  /* Tell the others that this rank sends nothing more. */
  tfm_status (*leave)(tfm_world *world, tfm_err *err);

  /* Whether all ranks have told so and nothing of this rank is under way. */
  tfm_status (*all_left)(tfm_world *world, bool *all, tfm_err *err);

  /* The seats that a rank of this host keeps, until the world is closed; NULL: out of reach. */
  tfm__seating *(*seating)(tfm_world *world, int keeper);

  /* Release what open() and the maker of the world made; buffers are freed after it. */
  void (*close)(tfm_world *world);
} tfm__transport;

struct tfm_world {
  const tfm__transport *ops;
  void *transport; /* its own state */
  int rank, nrank;
  int event;       /* eventfd that wake() writes; the transport's to close */
  tfm_link *links; /* data links first, control links after them */
  tfm_link **control_out, **control_in; /* [nrank], NULL where there is none */
  int nsending, nfilling;               /* slots in these states */
  int nerrand;            /* messages that move only while this rank looks after them */
  bool places;            /* buffers are written once when they are made */
  bool leaving;           /* leave() has begun */
  bool left;              /* leave() is over */
  _Atomic uint32_t *bell; /* others ring it for news; NULL: only `event` wakes this rank */
  uint32_t bell_seen;     /* its value when poll() last began */
  bool all_ring;          /* every other rank does, or writes the event */
  double nap_s;           /* the next sleep of idle() */
  double quiet_s;         /* when idle() was first called since the last news; 0: not yet */
};

/** Make the generic part of a world with its control links, for a transport whose `transport`
 * and `event` are set in *made. gives: *out. On failure nothing is left of it.
 *  Errors: TFM_E_NOMEM, of ops->open. */
tfm_status tfm__world_open(tfm_world **out, const tfm_world *made, tfm_err *err) TFM_MUST_USE;

/** Free the generic part: links, slots, buffers, and the world itself. NULL is allowed. */
void tfm__world_free(tfm_world *world);

/** Make a link with nslot frames. peer, incoming, control and limits are taken from *made. gives:
 * *out, freed with the world. Errors: TFM_E_CONFIG (frames larger than the transport counts),
 * TFM_E_NOMEM; nothing is left of it then. */
tfm_status tfm__link_open(tfm_link **out, tfm_world *world, const tfm_link *made, int nslot,
                          tfm_err *err) TFM_MUST_USE;

/** Free a link and its buffers; nothing of it may be with the transport any more. NULL is
 * allowed. */
void tfm__link_free(tfm_link *link);

/** Throw away what has arrived; false when nothing had. */
bool tfm__link_drain(tfm_link *in);

/** A transport's reports. sent: the frame goes home. filling: a ready slot is being filled.
 * arrived: n bytes are in the slot, which was READY or FILLING; cut: the message was longer, and
 * the n bytes are worth nothing. */
void tfm__link_sent(tfm__slot *slot);
void tfm__link_filling(tfm__slot *slot);
void tfm__link_arrived(tfm__slot *slot, size_t n, bool cut);

/** The oldest slot that is ready to be filled, or NULL. */
tfm__slot *tfm__link_ready(const tfm_link *in);

/** Write an eventfd. Callable from any thread and from a signal handler. */
void tfm__event_signal(int event);

/** An exit code that mpirun and shells report as a failure: 1..125. */
int tfm__abort_code(int code);

#endif
