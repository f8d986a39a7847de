/** How fast the links between two ranks are, through the calls a job makes: frames are sealed,
 *  sent, checked and released. One end measures, the other answers; both open a data link each way
 *  with this peer, which may be open from measuring before, but for nothing else. */
#ifndef TFM_PROTO_COMM_H
#define TFM_PROTO_COMM_H

#include "proto/world.h"

/** What was measured of frames of one size. */
typedef struct {
  int64_t bytes; /* of values: a power of 4, from 4 on */
  double
      latency_s; /* one way: half of there and back, median; both ends poll without a pause */
  double waiting_s;   /* the same while both ends wait between polls as ranks of a job do */
  bool shared;        /* through memory that both ranks see, not MPI */
  double bytes_per_s; /* of values, frames sent one behind the other while buffers are free */
} tfm_comm_sample;

enum { TFM_COMM_SAMPLES = 11 }; /* 4 bytes to 4 MiB */

/** Measure; passes: how often each figure is taken, more often where frames are small. Blocks until
 *  the peer has answered all. Collective: both ends, the peer in tfm_comm_answer(). samples
 *  [TFM_COMM_SAMPLES] out. Errors: of link.h and world.h, TFM_E_NOMEM. */
tfm_status tfm_comm_measure(tfm_world *world, int peer, int64_t passes,
                            tfm_comm_sample *samples, tfm_err *err) TFM_MUST_USE;

/** Answer until the peer has measured all. Errors as above. */
tfm_status tfm_comm_answer(tfm_world *world, int peer, tfm_err *err) TFM_MUST_USE;

#endif
