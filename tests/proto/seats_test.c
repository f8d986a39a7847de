#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "proto/seats.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { RANKS = 6, SEATS = 2, TURNS = 300 };

static void open_worlds(tfm_world **worlds, int n)
{
  tfm_err err = {0};
  assert_int_equal(tfm_world_open_local(worlds, n, &err), TFM_OK);
}

static void close_worlds(tfm_world **worlds, int n)
{
  for (int i = 0; i < n; ++i) {
    tfm_world_close(worlds[i]);
  }
}

/* Whoever joined none sits at once, as often as it likes. */
static void none_to_wait_for(void **state)
{
  (void)state;
  tfm_world *worlds[2];
  open_worlds(worlds, 2);
  const struct {
    int keeper, n;
  } bad[] = {{0, 0}, {0, -1}, {0, TFM_SEATS_MOST + 1}, {-1, 2}, {2, 2}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    tfm_seats seats;
    tfm_seats_join(&seats, worlds[0], bad[i].keeper, bad[i].n);
    assert_null(seats.shared);
    assert_true(tfm_seats_take(&seats, 0, 0));
    assert_true(tfm_seats_take(&seats, -1, 0));
    tfm_seats_give(&seats);
  }
  close_worlds(worlds, 2);
}

/* The wanted one when it is free, else another, else nothing; the same again without a wish. */
static void which_one(void **state)
{
  (void)state;
  tfm_world *worlds[3];
  tfm_seats a, b, c;
  open_worlds(worlds, 3);
  tfm_seats_join(&a, worlds[0], 0, SEATS);
  tfm_seats_join(&b, worlds[1], 0, SEATS);
  tfm_seats_join(&c, worlds[2], 0, SEATS);
  assert_true(tfm_seats_take(&a, 1, 0));
  assert_int_equal(a.seat, 1);
  assert_true(tfm_seats_take(&a, 0, 0)); /* it sits already, and stays */
  assert_int_equal(a.seat, 1);
  assert_true(tfm_seats_take(&b, 1, 0));
  assert_int_equal(b.seat, 0);
  assert_false(tfm_seats_wanted(&a));
  assert_false(tfm_seats_take(&c, -1, 0));
  assert_false(tfm_seats_take(&c, 7, 0.01));
  tfm_seats_give(&a);
  tfm_seats_give(&a);
  assert_true(tfm_seats_take(&c, 0, 0.5));
  assert_int_equal(c.seat, 1);
  tfm_seats_give(&b);
  tfm_seats_give(&c);
  assert_true(tfm_seats_take(&a, -1, 0));
  assert_int_equal(a.seat, 1);
  tfm_seats_give(&a);
  close_worlds(worlds, 3);
}

typedef struct {
  tfm_world *world;
  tfm_seats seats;
  int turns;
  bool wanted; /* when somebody waited */
} player;

static _Atomic int sitting, worst, on[SEATS];

static void note_most(int now)
{
  int seen = atomic_load(&worst);
  while (now > seen && !atomic_compare_exchange_weak(&worst, &seen, now)) {
  }
}

static void *play(void *arg)
{
  player *p = arg;
  tfm_seats_join(&p->seats, p->world, 1, SEATS);
  while (p->turns < TURNS) {
    if (!tfm_seats_take(&p->seats, p->turns % 3 - 1, 0.05)) {
      continue;
    }
    note_most(atomic_fetch_add(&sitting, 1) + 1);
    note_most(SEATS * atomic_fetch_add(&on[p->seats.seat], 1) + 1); /* alone: 1 */
    (void)sched_yield();
    (void)atomic_fetch_sub(&on[p->seats.seat], 1);
    (void)atomic_fetch_sub(&sitting, 1);
    ++p->turns;
    tfm_seats_give(&p->seats);
  }
  return NULL;
}

/* Never more than there are seats, never two on one, and everybody comes to sit. */
static void many_on_few(void **state)
{
  (void)state;
  tfm_world *worlds[RANKS];
  player players[RANKS] = {{0}};
  pthread_t threads[RANKS];
  open_worlds(worlds, RANKS);
  for (int i = 0; i < RANKS; ++i) {
    players[i].world = worlds[i];
    assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
  }
  for (int i = 0; i < RANKS; ++i) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(players[i].turns, TURNS);
    assert_false(players[i].seats.sits);
  }
  assert_in_range(atomic_load(&worst), 1, SEATS);
  close_worlds(worlds, RANKS);
}

static void *get_up(void *arg)
{
  player *p = arg;
  const tfm__seating *shared = p->seats.shared;
  while (atomic_load(&shared->waiting) == 0) {
    (void)sched_yield();
  }
  p->wanted = tfm_seats_wanted(&p->seats);
  tfm_seats_give(&p->seats);
  return NULL;
}

/* Who waits is woken by who gets up, and not by the end of its patience. */
static void getting_up_wakes(void **state)
{
  (void)state;
  tfm_world *worlds[2];
  player first = {0};
  tfm_seats second;
  pthread_t thread;
  open_worlds(worlds, 2);
  double fastest_s = 1;
  for (int i = 0; i < 20; ++i) {
    tfm_seats_join(&first.seats, worlds[0], 0, 1);
    tfm_seats_join(&second, worlds[1], 0, 1);
    assert_true(tfm_seats_take(&first.seats, -1, 0));
    assert_int_equal(pthread_create(&thread, NULL, get_up, &first), 0);
    const double start_s = tfm_now_s();
    assert_true(tfm_seats_take(&second, -1, 0.9));
    const double took_s = tfm_now_s() - start_s;
    fastest_s = took_s < fastest_s ? took_s : fastest_s;
    tfm_seats_give(&second);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(first.wanted);
    assert_false(tfm_seats_wanted(&first.seats));
  }
  assert_true(fastest_s < 0.9);
  close_worlds(worlds, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none_to_wait_for),
      cmocka_unit_test(which_one),
      cmocka_unit_test(many_on_few),
      cmocka_unit_test(getting_up_wakes),
  };
  return cmocka_run_group_tests_name("proto.seats", tests, NULL, NULL);
}
