/** Clocks of other hosts: each rank's is read by asking, and the answer is as good as it was quick.
 *  Pure. */
#ifndef TFM_COORDINATOR_SCHEDULE_CLOCKS_H
#define TFM_COORDINATOR_SCHEDULE_CLOCKS_H

#include <stdbool.h>

/** How far a rank's tfm_now_s() is before rank 0's. Zero-initialised: not known, and taken for the
 * same. */
typedef struct {
  bool known;
  double offset_s; /* 0 where the answer does not rule it out: clocks of one host are one */
  double error_s;  /* it is no further off than this, when it was taken */
  double taken_s;  /* by rank 0's clock */
} tfm_clock;

/** An answer: rank 0 asked at asked_s, the rank said said_s, which came back at back_s. It is kept
 * unless the one before was better and is not old: clocks drift by up to 50 microseconds a second.
 */
void tfm_clock_take(tfm_clock *clock, double asked_s, double said_s, double back_s);

#endif
