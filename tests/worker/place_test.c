#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "worker/place.h"

#include <pthread.h>
#include <sched.h>

/* Two ranks of one core, the second of which waits for the first's seat in a thread of its own. */
typedef struct {
  tfm_machine machine;
  tfm_share share;
  tfm_world *worlds[2];
  tfm_place first, second;
  bool sat;
} pair;

static void open_pair(pair *p)
{
  tfm_err err = {0};
  const tfm_msg_assign assign = {.threads = 1, .share_count = 2};
  *p = (pair){.sat = false};
  assert_int_equal(tfm_machine_open(&p->machine, &err), TFM_OK);
  tfm_share_of(&p->machine, 0, 1, &p->share);
  p->share.ncore = 1;
  p->share.shared = true;
  assert_int_equal(tfm_world_open_local(p->worlds, 2, &err), TFM_OK);
  tfm__place_open(&p->first, p->worlds[0], &assign, &p->machine, &p->share);
  tfm__place_open(&p->second, p->worlds[1], &assign, &p->machine, &p->share);
}

static void close_pair(pair *p)
{
  tfm__place_rise(&p->first);
  for (int i = 0; i < 2; ++i) {
    tfm_world_close(p->worlds[i]);
  }
  tfm_machine_fini(&p->machine);
}

static void *sit_second(void *arg)
{
  pair *p = arg;
  while (!tfm__place_sit(&p->second, 0.1)) {
  }
  p->sat = true;
  tfm__place_rise(&p->second);
  return NULL;
}

/* Between micro-batches a rank stays where nobody waits, and where its turn is not over; then it
 * gets up. */
static void a_turn_has_an_end(void **state)
{
  (void)state;
  pair p;
  pthread_t thread;
  open_pair(&p);
  assert_true(tfm__place_sit(&p.first, 0));
  p.first.since_s = tfm_now_s() - 1; /* for a long time, but nobody waits */
  tfm__place_pass(&p.first);
  assert_true(p.first.seats.sits);
  assert_int_equal(pthread_create(&thread, NULL, sit_second, &p), 0);
  while (!tfm_seats_wanted(&p.first.seats)) {
    (void)sched_yield();
  }
  p.first.since_s = tfm_now_s() + 3600; /* it has not even begun */
  tfm__place_pass(&p.first);
  assert_true(p.first.seats.sits);
  while (p.first.seats.sits) { /* a waiter looks around now and then: not wanted for a moment */
    p.first.since_s = tfm_now_s() - 1;
    tfm__place_pass(&p.first);
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_true(p.sat);
  assert_true(tfm__place_sit(&p.first, 0));
  close_pair(&p);
}

/* A rank with cores of its own has nothing to wait for. */
static void own_cores_need_no_seat(void **state)
{
  (void)state;
  tfm_place own = {.binds = false};
  assert_true(tfm__place_sit(&own, 0));
  tfm__place_pass(&own);
  tfm__place_rise(&own);
  assert_false(own.seats.sits);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_turn_has_an_end),
      cmocka_unit_test(own_cores_need_no_seat),
  };
  return cmocka_run_group_tests_name("worker.place", tests, NULL, NULL);
}
