#include "proto/seats.h"

#include "core/base/clock.h"
#include "proto/link_ops.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void tfm_seats_join(tfm_seats *seats, tfm_world *world, int keeper, int n)
{
  const bool some = n >= 1 && n <= TFM_SEATS_MOST && keeper >= 0 && keeper < world->nrank;
  *seats = (tfm_seats){.shared = some ? world->ops->seating(world, keeper) : NULL, .n = n};
}

static bool sit(tfm_seats *seats, int seat)
{
  uint32_t free = 0;
  seats->sits = atomic_compare_exchange_strong(&seats->shared->taken[seat], &free, 1);
  seats->seat = seats->sits ? seat : seats->seat;
  return seats->sits;
}

static bool sit_anywhere(tfm_seats *seats, int wanted)
{
  const int first = wanted >= 0 && wanted < seats->n ? wanted : seats->seat;
  for (int i = 0; i < seats->n; ++i) {
    if (sit(seats, (first + i) % seats->n)) {
      return true;
    }
  }
  return false;
}

bool tfm_seats_take(tfm_seats *seats, int wanted, double seconds)
{
  tfm__seating *shared = seats->shared;
  if (!shared || seats->sits) {
    return true;
  }
  const double until_s = tfm_now_s() + seconds;
  for (;;) {
    const uint32_t seen = atomic_load(&shared->bell); /* before looking: no ring is missed */
    if (sit_anywhere(seats, wanted)) {
      return true;
    }
    const double left_s = until_s - tfm_now_s();
    if (left_s <= 0) {
      return false;
    }
    const struct timespec limit = {.tv_nsec = (long)(left_s * 1e9)};
    (void)atomic_fetch_add(&shared->waiting, 1);
    (void)syscall(SYS_futex, &shared->bell, FUTEX_WAIT, seen, &limit, NULL, 0);
    (void)atomic_fetch_sub(&shared->waiting, 1);
  }
}

bool tfm_seats_wanted(const tfm_seats *seats)
{
  return seats->sits && atomic_load(&seats->shared->waiting) > 0;
}

void tfm_seats_give(tfm_seats *seats)
{
  tfm__seating *shared = seats->shared;
  if (!seats->sits) {
    return;
  }
  seats->sits = false;
  atomic_store(&shared->taken[seats->seat], 0);
  (void)atomic_fetch_add(&shared->bell, 1);
  if (atomic_load(&shared->waiting) > 0) {
    const int saved = errno;
    (void)syscall(SYS_futex, &shared->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    errno = saved;
  }
}
