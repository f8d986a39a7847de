/* What a job is said to take, of speeds that the test makes up: no clock is looked at. */
#include "coordinator/pace.h"

#include "core/base/mem.h"
#include "core/model/cost.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdio.h>

enum { NRANK = 5, LENGTH = 10, ROWS = 1000 };

typedef struct {
  tfm_options options;
  tfm_world *world;
  tfm_job job;
  int64_t count[LENGTH + 1];
  tfm_pace_rows rows;
} fixture;

/* Four workers on hosts of their own, a second a flop each. */
static fixture *open_fixture(int64_t stages, int64_t replicas)
{
  tfm_err err = {0};
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  tfm_job *job = &f->job;
  CHECK_OK(tfm_world_open_local(&f->world, 1, &err), &err);
  f->options.stages = stages;
  f->options.replicas = replicas;
  job->options = &f->options;
  job->world = f->world;
  job->task = tfm_task_find("text-classification");
  job->max_length = 50;
  CHECK_OK(tfm_model_open(&job->model, TFM_FIXTURES "/model/tiny", &err), &err);
  CHECK_OK(tfm_job_plan_for(job, NRANK - 1, &err), &err);
  job->crew.nrank = NRANK; /* more than the world has; nobody is spoken to */
  job->crew.ranks = tfm_calloc(NRANK, sizeof *job->crew.ranks);
  assert_non_null(job->crew.ranks);
  for (int rank = 0; rank < NRANK; ++rank) {
    tfm_crew_rank *r = &job->crew.ranks[rank];
    (void)snprintf(r->hello.host, sizeof r->hello.host, "host%d", rank);
    r->hello.ncore = 8;
    r->assign.threads = 1;
    r->speed = (tfm_msg_speed){1, 1, 1, 1};
  }
  f->count[LENGTH] = ROWS;
  f->rows = (tfm_pace_rows){.count = f->count, .longest = LENGTH};
  return f;
}

static void close_fixture(fixture *f)
{
  tfm_world *world = f->world;
  tfm_err err = {0};
  tfm_job_fini(&f->job);
  CHECK_OK(tfm_world_leave(world, 1, &err), &err);
  tfm_world_close(world);
  tfm_free(f);
}

/* Seconds of a rank for all rows: flops, at a second each. */
static double alone(const fixture *f, int rank)
{
  const tfm_config *config = &f->job.model.config;
  const tfm_range units = f->job.plan.ranks[rank].units;
  double sum = units.last == 2 * config->L ? tfm_cost_head(config, TFM_FLOAT32, LENGTH) : 0;
  for (int64_t u = units.first; u < units.last; ++u) {
    sum += tfm_cost_unit(config, TFM_FLOAT32, u, LENGTH);
  }
  return sum * ROWS;
}

static double slowest(const fixture *f)
{
  double most = 0;
  for (int rank = 1; rank <= f->job.plan.stages; ++rank) {
    most = fmax(most, alone(f, rank));
  }
  return most;
}

static double line(const fixture *f)
{
  double sum = 0;
  for (int rank = 1; rank <= f->job.plan.stages; ++rank) {
    sum += alone(f, rank);
  }
  return sum;
}

static void check_seconds(const fixture *f, double want)
{
  const double got = tfm_pace_predict(&f->job, &f->rows);
  if (!(fabs(got - want) <= 1e-9 * want)) {
    fail_msg("want %.17g s, got %.17g", want, got);
  }
}

static void the_slowest_stage_decides(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  check_seconds(f, slowest(f));
  f->job.crew.ranks[1].speed.attention_s = 50; /* a slow node */
  f->job.crew.ranks[1].speed.scores_s = 50;
  f->job.crew.ranks[1].speed.ffn_s = 50;
  check_seconds(f, 50 * alone(f, 1));
  close_fixture(f);
}

/* A frame of bfloat16 has half the bytes, and values that are turned. */
static void what_travels_is_paid_for(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  const double values = (double)(LENGTH * f->job.model.config.H);
  f->job.pace.byte_s = 1e6;
  check_seconds(f, slowest(f) + ROWS * 4e6 * values);
  f->job.engine.wire = TFM_BFLOAT16;
  check_seconds(f, slowest(f) + ROWS * 2e6 * values);
  f->job.pace.turn_s = 1e5;
  check_seconds(f, slowest(f) + ROWS * 2.1e6 * values);
  close_fixture(f);
}

static void lines_share_the_rows_and_threads_a_stage(void **state)
{
  (void)state;
  fixture *f = open_fixture(2, 2);
  check_seconds(f, slowest(f) / 2);
  for (int rank = 1; rank < NRANK; ++rank) {
    f->job.crew.ranks[rank].assign.threads = 4;
  }
  check_seconds(f, slowest(f) / 8);
  close_fixture(f);
}

/* Four stages on the same three cores: no faster than three cores compute all of it. */
static void cores_that_are_shared_decide(void **state)
{
  (void)state;
  fixture *f = open_fixture(4, 1);
  for (int rank = 0; rank < NRANK; ++rank) {
    (void)snprintf(f->job.crew.ranks[rank].hello.host, TFM_MSG_TEXT, "one");
    f->job.crew.ranks[rank].hello.ncore = 3;
  }
  check_seconds(f, fmax(slowest(f), line(f) / 3));
  assert_true(fabs(tfm_pace_parallel(&f->job.crew, 1) - 3) < 1e-9);
  assert_true(fabs(tfm_pace_parallel(&f->job.crew, 3) - 1) < 1e-9);
  for (int rank = 0; rank < NRANK; ++rank) {
    f->job.crew.ranks[rank].hello.ncore = 2;
  }
  check_seconds(f, line(f) / 2);
  f->rows.batches = 10; /* the last of them leaves the second core idle */
  check_seconds(f, line(f) / 2 + line(f) / 10 / 2);
  close_fixture(f);
}

/* Ten micro-batches: the first has to come through the other stages before the slowest ends. */
static void the_first_batch_passes_every_stage(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  f->rows.batches = 10;
  check_seconds(f, slowest(f) + (line(f) - slowest(f)) / 10);
  close_fixture(f);
}

static void hops_count_in_every_stage(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  f->job.pace.byte_s = 1000;
  const double hop = 1000.0 * 4 * (double)f->job.model.config.H * LENGTH * ROWS;
  check_seconds(f, slowest(f) + hop);
  close_fixture(f);
}

/* What a stage did not measure is taken from rank 0; with nothing there is no prediction. */
static void nothing_is_made_up(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  f->job.crew.ranks[2].speed = (tfm_msg_speed){0};
  assert_true(tfm_pace_predict(&f->job, &f->rows) <= 0);
  assert_true(tfm_pace_rate(&f->job) <= 0);
  assert_true(tfm_pace_rate_alone(&f->job) <= 0);
  f->job.pace.speed = (tfm_speed){1, 1, 1, 1};
  check_seconds(f, slowest(f));
  assert_true(tfm_pace_rate(&f->job) > 0);
  assert_true(tfm_pace_rate_alone(&f->job) > 0);
  close_fixture(f);
}

/* A stage that shares its cores and has not measured itself is as fast as one that has, not as rank
 * 0 was alone. */
static void a_stage_is_as_fast_as_another_on_its_cores(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  f->job.pace.speed = (tfm_speed){1, 1, 1, 1};
  for (int rank = 1; rank < NRANK; ++rank) {
    tfm_crew_rank *r = &f->job.crew.ranks[rank];
    (void)snprintf(r->hello.host, sizeof r->hello.host, "one");
    r->speed = rank == 3 ? (tfm_msg_speed){7, 7, 7, 7} : (tfm_msg_speed){0};
  }
  check_seconds(f, 7 * slowest(f));
  f->job.crew.ranks[3].speed.ffn_s = 0; /* what nobody there has measured, rank 0 has */
  f->job.pace.speed.ffn = 7;
  check_seconds(f, 7 * slowest(f));
  close_fixture(f);
}

/* Measured speeds move the cuts: where attention is far slower than an ffn, stages
 * hold like numbers of attentions. */
static void measured_speeds_decide_the_cuts(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  tfm_err err = {0};
  f->job.pace.speed = (tfm_speed){1000, 1000, 1, 1};
  CHECK_OK(tfm_job_plan_again(&f->job, &err), &err);
  for (int s = 0; s < 3; ++s) { /* three layers, three stages, one attention each */
    const tfm_range units = f->job.plan.cuts[s];
    assert_int_equal((units.last + 1) / 2 - (units.first + 1) / 2, 1);
  }
  close_fixture(f);
}

static void flops_are_those_of_the_slice(void **state)
{
  (void)state;
  fixture *f = open_fixture(3, 1);
  for (int rank = 1; rank <= 3; ++rank) {
    const double got = tfm_pace_flops(&f->job, rank, &f->rows);
    assert_true(fabs(got - alone(f, rank)) <= 1e-9 * got);
  }
  close_fixture(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_slowest_stage_decides),
      cmocka_unit_test(what_travels_is_paid_for),
      cmocka_unit_test(lines_share_the_rows_and_threads_a_stage),
      cmocka_unit_test(cores_that_are_shared_decide),
      cmocka_unit_test(the_first_batch_passes_every_stage),
      cmocka_unit_test(hops_count_in_every_stage),
      cmocka_unit_test(nothing_is_made_up),
      cmocka_unit_test(a_stage_is_as_fast_as_another_on_its_cores),
      cmocka_unit_test(measured_speeds_decide_the_cuts),
      cmocka_unit_test(flops_are_those_of_the_slice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
