/** Seats: cores that several ranks of one host share. A rank that has work sits down, one that
 * waits gets up, so that no more ranks compute at once than there is room for, each undisturbed.
 *
 *  They lie in the memory of one of the ranks, its keeper, and are known by number; what a number
 * stands for is the users' agreement. Nobody owns a rank's seat but itself: a rank that dies ends
 * the job. Whoever gets up wakes one that waits, in the order they came.
 */
#ifndef TFM_PROTO_SEATS_H
#define TFM_PROTO_SEATS_H

#include "proto/world.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TFM_SEATS_MOST = 256 };

/** What the keeper keeps. All zeros are free seats. Numbers in it are not believed: whatever
 * another process writes here, at worst ranks take turns badly. */
typedef struct {
  _Atomic uint32_t bell;    /* counts seats that became free; a futex */
  _Atomic uint32_t waiting; /* ranks that want one; may be too many for a moment */
  _Atomic uint32_t taken[TFM_SEATS_MOST];
} tfm__seating;

/** A rank's view. Zero-initialised: there are none, and nobody waits for any. Plain data, for the
 * communicating thread alone. */
typedef struct {
  tfm__seating *shared; /* the world's; NULL: none */
  int n;
  bool sits;
  int seat; /* where it sits, or sat last */
} tfm_seats;

/** Join the n seats that rank `keeper` of this host keeps; all who share them say the same. None
 * when n is not 1 to TFM_SEATS_MOST, or when the keeper's memory cannot be reached (another host,
 * or links by MPI alone): then everybody computes when it likes. borrows: world. */
void tfm_seats_join(tfm_seats *seats, tfm_world *world, int keeper, int n);

/** Sit down, on seat `wanted` if it is free (-1: any); returns at once where the rank sits already
 * or there are no seats. False: there was none to be had for that many seconds, below 1. */
bool tfm_seats_take(tfm_seats *seats, int wanted, double seconds);

/** Whether it sits while others wait. */
bool tfm_seats_wanted(const tfm_seats *seats);

/** Get up, if it sits. */
void tfm_seats_give(tfm_seats *seats);

#endif
