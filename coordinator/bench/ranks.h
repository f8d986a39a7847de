/** What benches that ranks play say to them and hear from them, before any job. Room-private. */
#ifndef TFM_COORDINATOR_BENCH_RANKS_H
#define TFM_COORDINATOR_BENCH_RANKS_H

#include "proto/messages.h"
#include "proto/world.h"

/** Send a rank a message, waiting for a free frame. takes: what payload holds. Errors: of link.h
 *  and world.h, TFM_E_NOMEM. */
tfm_status tfm__bench_tell(tfm_world *world, int rank, tfm_frame_type type, tfm_buf *payload,
                           tfm_err *err) TFM_MUST_USE;

/** Wait for the next message of one of two ranks (twice the same, or 0: of one), which is to be of
 *  this type. gives: *frame, release with tfm_link_release(). Errors: what a rank says in place of
 *  it (FAILED), TFM_E_FORMAT, of link.h and world.h. */
tfm_status tfm__bench_hear(tfm_world *world, int a, int b, tfm_frame_type type,
                           tfm_frame **frame, tfm_err *err) TFM_MUST_USE;

#endif
