#include "worker/place.h"

#include "core/base/clock.h"

#include <time.h>

/* A turn, at least: who goes on with the next micro-batch has its weights near. */
static const double turn_s = 40e-3;

/* Who was woken has sat down by then. */
static const struct timespec nap = {.tv_nsec = 50000};

void tfm__place_open(tfm_place *place, tfm_world *world, const tfm_msg_assign *assign,
                     const tfm_machine *machine, const tfm_share *share)
{
  *place = (tfm_place){.machine = machine, .share = share, .binds = assign->threads == 1};
  if (share->shared) {
    const int n = assign->threads > 0 ? share->ncore / assign->threads : 0;
    tfm_seats_join(&place->seats, world, assign->keeper, n > 0 ? n : 1);
  }
}

bool tfm__place_sit(tfm_place *place, double seconds)
{
  tfm_seats *seats = &place->seats;
  if (!seats->shared || seats->sits) {
    return true;
  }
  const int here = place->binds ? tfm_share_core_here(place->machine, place->share) : -1;
  if (!tfm_seats_take(seats, here, seconds)) {
    return false;
  }
  place->since_s = tfm_now_s();
  tfm_err err = {0};
  place->binds = place->binds &&
                 tfm_bind_thread(place->machine, place->share, seats->seat, &err) == TFM_OK;
  return true;
}

void tfm__place_rise(tfm_place *place)
{
  tfm_err err = {0};
  if (place->seats.sits && place->binds) {
    place->binds = tfm_bind_thread(place->machine, place->share, -1, &err) == TFM_OK;
  }
  tfm_seats_give(&place->seats);
}

void tfm__place_pass(tfm_place *place)
{
  if (tfm_seats_wanted(&place->seats) && tfm_now_s() - place->since_s >= turn_s) {
    tfm__place_rise(place);
    (void)nanosleep(&nap, NULL);
  }
}
