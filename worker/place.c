#include "worker/place.h"

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
