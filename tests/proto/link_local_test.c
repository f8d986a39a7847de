#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/proto/scenarios.h"

#include <pthread.h>
#include <stdio.h>

enum { NRANK_MAX = 8 };

typedef struct {
  tfm_world *world;
  void (*play)(tfm_world *world);
} part;

static void *play_part(void *arg)
{
  part *p = arg;
  p->play(p->world);
  tfm_world_close(p->world);
  return NULL;
}

/* One thread a rank, as the program does it without mpirun. */
static void play(void (*scenario_play)(tfm_world *world), int nrank)
{
  tfm_world *worlds[NRANK_MAX] = {0};
  part parts[NRANK_MAX];
  pthread_t threads[NRANK_MAX];
  tfm_err err = {0};
  assert_int_equal(tfm_world_open_local(worlds, nrank, &err), TFM_OK);
  for (int rank = 0; rank < nrank; ++rank) {
    assert_int_equal(tfm_world_rank(worlds[rank]), rank);
    assert_int_equal(tfm_world_size(worlds[rank]), nrank);
    assert_false(tfm_world_is_mpi(worlds[rank]));
    parts[rank] = (part){worlds[rank], scenario_play};
    assert_int_equal(pthread_create(&threads[rank], NULL, play_part, &parts[rank]), 0);
  }
  for (int rank = 0; rank < nrank; ++rank) {
    assert_int_equal(pthread_join(threads[rank], NULL), 0);
  }
}

/* The same scenarios real processes play under mpirun: users of links cannot tell transports
 * apart. A broken claim ends this process with code 99. */
static void scenarios_hold_between_threads(void **state)
{
  (void)state;
  for (int i = 0; i < nscenario; ++i) {
    for (int nrank = scenarios[i].nrank_min; nrank <= NRANK_MAX; nrank += 3) {
      play(scenarios[i].play, nrank);
    }
  }
}

/* A rank whose thread was never started is closed by the maker, and nothing stays behind. */
static void maker_closes_what_never_ran(void **state)
{
  (void)state;
  tfm_world *worlds[3] = {0};
  tfm_err err = {0};
  tfm_link *link = NULL;
  tfm_frame_limits limits = scenario_limits(1, 4, 4);
  assert_int_equal(tfm_world_open_local(worlds, 3, &err), TFM_OK);
  assert_int_equal(tfm_world_open_out(worlds[0], &link, 1, &limits, 1, &err), TFM_OK);
  tfm_frame *frame = tfm_link_frame(link);
  frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
  assert_int_equal(tfm_link_send(link, frame, &err), TFM_OK);
  for (int rank = 0; rank < 3; ++rank) {
    tfm_world_close(worlds[rank]);
  }
  tfm_world_close(NULL);
}

/* A frame that was sent before the other end existed is waiting there when it opens. */
static void opening_order_does_not_matter(void **state)
{
  (void)state;
  tfm_world *worlds[2] = {0};
  tfm_err err = {0};
  tfm_link *out = NULL;
  tfm_link *in = NULL;
  tfm_frame *got = NULL;
  tfm_frame_limits limits = scenario_limits(1, 4, 4);
  assert_int_equal(tfm_world_open_local(worlds, 2, &err), TFM_OK);
  assert_int_equal(tfm_world_open_out(worlds[0], &out, 1, &limits, 1, &err), TFM_OK);
  tfm_frame *frame = tfm_link_frame(out);
  frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
  assert_int_equal(tfm_link_send(out, frame, &err), TFM_OK);
  assert_true(tfm_link_sending(out));
  assert_int_equal(tfm_world_open_in(worlds[1], &in, 0, &limits, 1, &err), TFM_OK);
  assert_int_equal(tfm_world_poll(worlds[1], &err), TFM_OK);
  assert_int_equal(tfm_link_receive(in, &got, &err), TFM_OK);
  assert_non_null(got);
  assert_int_equal(got->head.type, TFM_FRAME_END);
  tfm_link_release(got);
  assert_int_equal(tfm_world_poll(worlds[0], &err), TFM_OK);
  assert_false(tfm_link_sending(out));
  tfm_world_close(worlds[1]);
  tfm_world_close(worlds[0]);
}

/* A rank that never comes to leave(): the other gives up after its limit. */
static void leaving_alone_ends_at_the_limit(void **state)
{
  (void)state;
  tfm_world *worlds[2] = {0};
  tfm_err err = {0};
  assert_int_equal(tfm_world_open_local(worlds, 2, &err), TFM_OK);
  double start = tfm_now_s();
  assert_int_equal(tfm_world_leave(worlds[0], 0.1, &err), TFM_E_PEER);
  assert_in_range((uintmax_t)((tfm_now_s() - start) * 1e3), 90, 2000);
  tfm_world_close(worlds[0]);
  tfm_world_close(worlds[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scenarios_hold_between_threads),
      cmocka_unit_test(maker_closes_what_never_ran),
      cmocka_unit_test(opening_order_does_not_matter),
      cmocka_unit_test(leaving_alone_ends_at_the_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
