/** Where a rank computes that has no cores of its own: on a seat (proto/seats.h) for as long as it
 * has something to do, so that ranks that share cores do not take them from each other in the
 * middle of a micro-batch. A rank with cores of its own sits always.
 *
 *  A seat is as many cores as a rank has threads. With one thread it is a core, which the rank
 * stays on while it sits; at rest it may run on any it shares, so that the system wakes it where
 * nobody else is, other jobs included, and that core is the seat it asks for first.
 */
#ifndef TFM_WORKER_PLACE_H
#define TFM_WORKER_PLACE_H

#include "core/topo/bind.h"
#include "proto/messages.h"
#include "proto/seats.h"

/** Zero-initialised: cores of its own. Plain data. */
typedef struct {
  tfm_seats seats;
  const tfm_machine *machine;
  const tfm_share *share;
  bool binds;     /* a seat is a core, and threads can be pinned here */
  double since_s; /* it sits */
} tfm_place;

/** Join those who share this rank's cores, if any do. Called by the thread that will sit. borrows:
 * machine, share. */
void tfm__place_open(tfm_place *place, tfm_world *world, const tfm_msg_assign *assign,
                     const tfm_machine *machine, const tfm_share *share);

/** Sit down; false: no seat was free for that many seconds (below 1). */
bool tfm__place_sit(tfm_place *place, double seconds);

/** Between two micro-batches: let another sit that waits, if this rank has sat for some time. */
void tfm__place_pass(tfm_place *place);

/** Get up, if it sits. */
void tfm__place_rise(tfm_place *place);

#endif
