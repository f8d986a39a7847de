/* Times that can be told without a simulation. */
#include "coordinator/simulate/events.h"

#include "core/base/mem.h"
#include "proto/credit.h"
#include "tests/support/check.h"

#include <math.h>

enum { RANKS = 9, BATCHES = 40 };

typedef struct {
  tfm_sim sim;
  tfm_sim_rank ranks[RANKS];
  double cores[RANKS];
  tfm_sim_batch batches[BATCHES];
  double compute_s[BATCHES * RANKS];
  tfm_sim_outcome outcome;
} scene;

/* Lines of stages that take a second a micro-batch, each on a core of a host of its own; rank 0
 * and all links take no time. */
static scene set_scene(int stages, int replicas, int64_t nbatch)
{
  scene s = {.sim = {.stages = stages,
                     .replicas = replicas,
                     .npool = 1 + stages * replicas,
                     .nhost = 1 + stages * replicas,
                     .nbatch = nbatch}};
  for (int rank = 0; rank < RANKS; ++rank) {
    s.ranks[rank] = (tfm_sim_rank){.pool = rank, .host = rank, .threads = 1, .speed = 1};
    s.cores[rank] = 1;
  }
  for (int i = 0; i < BATCHES * RANKS; ++i) {
    s.compute_s[i] = 1;
  }
  return s;
}

static double run(scene *s)
{
  tfm_err err = {0};
  s->sim.ranks = s->ranks;
  s->sim.cores = s->cores;
  s->sim.batches = s->batches;
  s->sim.compute_s = s->compute_s;
  tfm_sim_outcome_fini(&s->outcome);
  CHECK_OK(tfm_sim_run(&s->sim, &s->outcome, &err), &err);
  return s->outcome.seconds;
}

static void check_near(double got, double want)
{
  if (!(fabs(got - want) <= 1e-9 * want)) {
    fail_msg("want %.12g, got %.12g", want, got);
  }
}

static void close_scene(scene *s)
{
  tfm_sim_outcome_fini(&s->outcome);
}

/* The first micro-batch passes all stages, then one ends a second. */
static void a_line_is_filled_once(void **state)
{
  (void)state;
  scene s = set_scene(4, 1, 20);
  check_near(run(&s), 20 + 3);
  for (int rank = 1; rank <= 4; ++rank) {
    check_near(s.outcome.busy_s[rank], 20);
    check_near(s.outcome.cpu_s[rank], 20);
  }
  close_scene(&s);
}

static void lines_share_the_rows(void **state)
{
  (void)state;
  scene s = set_scene(1, 4, 20);
  check_near(run(&s), 5);
  /* A slow line has its three credits from the start and a fourth after two seconds, of two
   * seconds each; the others wait for it at the end. */
  s.ranks[2].speed = 0.5;
  check_near(run(&s), 8);
  close_scene(&s);
}

/* Two stages on one core take turns: all of the work one after the other. */
static void ranks_share_a_core(void **state)
{
  (void)state;
  scene s = set_scene(2, 1, 10);
  s.ranks[2].pool = 1;
  check_near(run(&s), 20);
  check_near(s.outcome.cpu_s[1] + s.outcome.cpu_s[2], 20);
  s.cores[1] = 2; /* as good as a core each */
  check_near(run(&s), 11);
  close_scene(&s);
}

/* All threads compute, one handles frames; with fewer cores than threads they share those. */
static void threads_compute_and_one_passes_frames(void **state)
{
  (void)state;
  scene s = set_scene(1, 1, 8);
  s.ranks[1].threads = 4;
  s.cores[1] = 4;
  check_near(run(&s), 2);
  for (int i = 0; i < 8; ++i) {
    s.batches[i].pass_s = 0.5;
  }
  check_near(run(&s), 2 + 4);
  s.cores[1] = 2;
  check_near(run(&s), 4 + 4);
  close_scene(&s);
}

/* A link that takes two seconds for each frame is what the line waits for; one inside a host too,
 * and its latency is there once. */
static void a_slow_link_decides(void **state)
{
  (void)state;
  scene s = set_scene(2, 1, 10);
  for (int i = 0; i < 10; ++i) {
    s.batches[i].bytes = 1000;
  }
  s.sim.between = (tfm_sim_wire){.latency_s = 0.25, .byte_s = 2e-3};
  const double between = run(&s);
  /* In and out of the first stage's host are two ports: both links work at once. */
  check_near(between, 2.25 + 1 + 10 * 2 + 0.25 + 1 + 0.25);
  for (int rank = 0; rank <= 2; ++rank) {
    s.ranks[rank].host = 0;
  }
  s.sim.inside = s.sim.between;
  check_near(run(&s), between);
  check_near(s.outcome.wire_s + 1, 1);
  close_scene(&s);
}

/* Two lines out of one port share it: the last two frames arrive together, and are computed when
 * nothing moves any more; a third line, inside rank 0's host, waits for nobody. */
static void hosts_have_one_port(void **state)
{
  (void)state;
  scene s = set_scene(1, 2, 10);
  for (int i = 0; i < 10; ++i) {
    s.batches[i].bytes = 1000;
  }
  s.sim.between.byte_s = 2e-3;
  check_near(run(&s), 10 * 2 + 1);
  check_near(s.outcome.wire_s, 20);
  s.batches[9].bytes = 3000; /* alone on the wire for its last 2000: as fast as that goes */
  check_near(run(&s), 9 * 2 + 3 * 2 + 1);
  close_scene(&s);
  s = set_scene(1, 3, 9);
  s.ranks[1].host = 0;
  for (int i = 0; i < 9; ++i) {
    s.batches[i].bytes = 1000;
  }
  s.sim.between.byte_s = 2e-3; /* three credits each: six of nine go over the network */
  check_near(run(&s), 6 * 2 + 1);
  close_scene(&s);
}

/* What is in flight has a bound, whatever is slow; and a slow last stage keeps the others from
 * working ahead further than buffers reach. */
static void credits_and_buffers_bound_what_is_in_flight(void **state)
{
  (void)state;
  scene s = set_scene(3, 1, 30);
  for (int i = 0; i < 30; ++i) {
    s.compute_s[i * 3 + 2] = 5;
  }
  check_near(run(&s), 2 + 30 * 5);
  assert_int_equal(s.outcome.in_flight_peak, tfm_credit_for(3).limit);
  close_scene(&s);
}

/* Rank 0 that needs longer for each micro-batch than the stages do. */
static void rank_0_may_be_the_slowest(void **state)
{
  (void)state;
  scene s = set_scene(2, 1, 10);
  for (int i = 0; i < 10; ++i) {
    s.batches[i].send_s = 3;
    s.batches[i].take_s = 0.5;
  }
  const double seconds = run(&s);
  /* All of its own work, and the last micro-batch's way through both stages. */
  assert_true(seconds > 10 * 3.5 && seconds <= 10 * 3.5 + 2 + 1e-9);
  close_scene(&s);
}

/* Times twice as long give a result twice as long, whatever they are. */
static void time_has_no_unit(void **state)
{
  (void)state;
  uint64_t random = 3;
  scene s = set_scene(4, 2, 30);
  for (int once = 0; once < 2; ++once) {
    for (int i = 0; once == 0 && i < BATCHES * RANKS; ++i) {
      s.compute_s[i] = (double)(check_random(&random) % 1000 + 1);
    }
    s.ranks[3].pool = s.ranks[5].pool = 2;
    const double before = run(&s);
    for (int i = 0; i < BATCHES * RANKS; ++i) {
      s.compute_s[i] *= 2;
    }
    check_near(run(&s), 2 * before);
  }
  close_scene(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_is_filled_once),
      cmocka_unit_test(lines_share_the_rows),
      cmocka_unit_test(ranks_share_a_core),
      cmocka_unit_test(threads_compute_and_one_passes_frames),
      cmocka_unit_test(a_slow_link_decides),
      cmocka_unit_test(hosts_have_one_port),
      cmocka_unit_test(credits_and_buffers_bound_what_is_in_flight),
      cmocka_unit_test(rank_0_may_be_the_slowest),
      cmocka_unit_test(time_has_no_unit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
