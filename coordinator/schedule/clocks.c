#include "coordinator/schedule/clocks.h"

#include <math.h>

static const double drift = 50e-6;

void tfm_clock_take(tfm_clock *clock, double asked_s, double said_s, double back_s)
{
  const double error_s = (back_s - asked_s) / 2;
  const double offset_s = said_s - (asked_s + back_s) / 2;
  const double before_s = clock->error_s + drift * (back_s - clock->taken_s);
  if (error_s >= 0 && (!clock->known || error_s <= before_s)) {
    *clock = (tfm_clock){.known = true,
                         .offset_s = fabs(offset_s) <= error_s ? 0 : offset_s,
                         .error_s = error_s,
                         .taken_s = back_s};
  }
}
