/* What ranks are said to take, of a job that is never run, and hosts that cannot hold theirs. */
#include "coordinator/memory.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

#include <stdio.h>

enum { NRANK = 4, MB = 1000000 };

typedef struct {
  tfm_options options;
  tfm_world *world; /* local: ranks are threads, whatever the test says they are */
  tfm_job job;
} fixture;

#define TINY      TFM_FIXTURES "/model/tiny"
#define SENTIMENT TFM_SOURCE_DIR "/deploy/models/tfm-sentiment" /* units of 1 and 2 MB */

/* Three workers. */
static fixture *open_fixture_of(const char *folder, int64_t stages, int64_t replicas,
                                int64_t max_tokens)
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
  job->window = 16;
  job->max_length = 50;
  job->max_tokens = job->budget = max_tokens;
  job->max_sequences = job->max_rows = max_tokens;
  CHECK_OK(tfm_model_open(&job->model, folder, &err), &err);
  job->context.shape = tfm_model_shape(&job->model);
  CHECK_OK(tfm_job_plan_for(job, NRANK - 1, &err), &err);
  return f;
}

/* Three workers, of which the last is spare. */
static fixture *open_fixture(int64_t max_tokens)
{
  return open_fixture_of(TINY, 2, 0, max_tokens);
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

static const tfm_memory_rank idle[NRANK] = {
    {40 * MB, 1}, {20 * MB, 1}, {21 * MB, 1}, {22 * MB, 1}};

static void predict(fixture *f, const tfm_memory_rank *ranks, bool processes)
{
  tfm_err err = {0};
  CHECK_OK(tfm_memory_predict(&f->job, ranks, processes, &err), &err);
}

static int64_t said_of(const fixture *f, int rank)
{
  return f->job.plan.ranks[rank].memory_bytes;
}

static void a_rank_has_what_it_had_and_what_it_loads(void **state)
{
  (void)state;
  fixture *f = open_fixture(64);
  predict(f, idle, true);
  for (int r = 1; r <= 2; ++r) {
    assert_true(said_of(f, r) > idle[r].idle + f->job.plan.ranks[r].weight_bytes);
    assert_true(said_of(f, r) < idle[r].idle + 5 * MB); /* a tiny model */
  }
  assert_int_equal(said_of(f, 3), idle[3].idle); /* spare */
  assert_true(said_of(f, 0) > idle[0].idle);
  assert_int_equal(tfm_memory_total(&f->job.plan),
                   said_of(f, 0) + said_of(f, 1) + said_of(f, 2) + said_of(f, 3));
  close_fixture(f);
}

static void what_is_idle_counts_once_in_one_process(void **state)
{
  (void)state;
  fixture *f = open_fixture(64);
  predict(f, idle, false);
  assert_true(said_of(f, 0) > 40 * MB);
  assert_true(said_of(f, 1) > 0 && said_of(f, 1) < 5 * MB);
  assert_int_equal(said_of(f, 3), 0);
  close_fixture(f);
}

/* Three frames of T tokens arrive, three of results leave; scratch is for as many rows in both. */
static void larger_batches_take_what_their_frames_take(void **state)
{
  (void)state;
  enum { LESS = 4096, MORE = 16384 };
  fixture *less = open_fixture(LESS);
  fixture *more = open_fixture(MORE);
  predict(less, idle, false);
  predict(more, idle, false);
  const int64_t H = less->job.model.config.H;
  const int64_t frames = 3 * 4 * (MORE - LESS) * H;
  const int64_t grown = said_of(more, 1) - said_of(less, 1);
  assert_true(grown > frames && grown < frames + 136 * (MORE - LESS)); /* and tables */
  close_fixture(less);
  close_fixture(more);
}

/* Three frames of halves, and x beside them in float32: on stages, and once on rank 0. */
static void narrow_frames_take_less(void **state)
{
  (void)state;
  enum { T = 16384 };
  fixture *f = open_fixture(T);
  predict(f, idle, false);
  const int64_t stage = said_of(f, 1);
  const int64_t rank_0 = said_of(f, 0);
  f->job.engine.wire = TFM_BFLOAT16;
  predict(f, idle, false);
  const int64_t each = T * f->job.model.config.H;
  assert_int_equal(stage - said_of(f, 1), 3 * 2 * each - 4 * each);
  assert_int_equal(rank_0 - said_of(f, 0), 3 * 2 * each - 4 * each);
  close_fixture(f);
}

static void threads_take_scratch_of_their_own(void **state)
{
  (void)state;
  fixture *f = open_fixture(512);
  tfm_memory_rank ranks[NRANK];
  memcpy(ranks, idle, sizeof ranks);
  predict(f, ranks, true);
  const int64_t one = said_of(f, 1);
  ranks[1].threads = 5;
  predict(f, ranks, true);
  assert_true(said_of(f, 1) - one >= 4 * 500000);
  close_fixture(f);
}

static void set_host(fixture *f, int rank, const char *host, int64_t left)
{
  tfm_msg_hello *hello = &f->job.crew.ranks[rank].hello;
  (void)snprintf(hello->host, sizeof hello->host, "%s", host);
  hello->resident_bytes = idle[rank].idle;
  hello->available_bytes = left;
  f->job.crew.ranks[rank].assign.threads = 1;
  f->job.crew.ranks[rank].assign.stage = -1;
}

static void make_crew(fixture *f)
{
  tfm_err err = {0};
  CHECK_OK(tfm_crew_init(&f->job.crew, f->world, &err), &err);
  tfm_free(f->job.crew.ranks); /* of a world of one; the test wants more */
  f->job.crew.nrank = NRANK;
  f->job.crew.ranks = tfm_calloc(NRANK, sizeof *f->job.crew.ranks);
  assert_non_null(f->job.crew.ranks);
}

static void a_host_that_cannot_hold_its_ranks_is_refused(void **state)
{
  (void)state;
  fixture *f = open_fixture(64);
  tfm_err err = {0};
  make_crew(f);
  set_host(f, 0, "one", 100 * MB);
  set_host(f, 1, "one", 90 * MB);
  set_host(f, 2, "two", -1);
  set_host(f, 3, "two", -1);
  CHECK_OK(tfm_memory_predict_crew(&f->job, 1, &err), &err);
  CHECK_OK(tfm_memory_check(&f->job, &err), &err);
  set_host(f, 3, "two", 1000);
  assert_int_equal(tfm_memory_check(&f->job, &err), TFM_E_NOMEM);
  assert_int_equal(tfm_status_exit(TFM_E_NOMEM), 71);
  assert_non_null(strstr(err.text, "host two: 2 ranks will take "));
  assert_non_null(strstr(err.text, " and 0 MB are available"));
  close_fixture(f);
}

/* What a host with so many of three replicas is refused for, in MB; the others are elsewhere. */
static int64_t refused_for(int together, tfm_backend backend)
{
  fixture *f = open_fixture_of(SENTIMENT, 1, 3, 64);
  tfm_err err = {0};
  long long mb = 0;
  f->job.engine.backend = backend;
  make_crew(f);
  for (int r = 0; r < NRANK; ++r) {
    const bool here = r > 0 && r <= together;
    set_host(f, r, here ? "one" : "two", here ? 1000 : -1);
    f->job.crew.ranks[r].assign.stage = r == 0 ? -1 : 0;
    f->job.crew.ranks[r].assign.units = f->job.plan.ranks[r].units;
    f->job.crew.ranks[r].assign.head = r > 0;
  }
  CHECK_OK(tfm_memory_predict_crew(&f->job, 1, &err), &err);
  assert_int_equal(tfm_memory_check(&f->job, &err), TFM_E_NOMEM);
  const char *number = strstr(err.text, "will take ");
  assert_non_null(number);
  assert_int_equal(sscanf(number, "will take %lld MB", &mb), 1);
  close_fixture(f);
  return mb;
}

/* Seven layers of 3.1 MB: three replicas of a host have them once, where a backend can share. */
static void weights_of_a_host_count_once(void **state)
{
  (void)state;
  const int64_t shared = 7 * 12 * 256 * 256 * 4 / MB;
  const int64_t saved =
      3 * refused_for(1, TFM_BACKEND_NATIVE) - refused_for(3, TFM_BACKEND_NATIVE);
  assert_in_range(saved, 2 * shared - 3, 2 * shared + 3);
  const int64_t none = 3 * refused_for(1, TFM_BACKEND_REF) - refused_for(3, TFM_BACKEND_REF);
  assert_in_range(none + 3, 0, 6);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rank_has_what_it_had_and_what_it_loads),
      cmocka_unit_test(what_is_idle_counts_once_in_one_process),
      cmocka_unit_test(larger_batches_take_what_their_frames_take),
      cmocka_unit_test(narrow_frames_take_less),
      cmocka_unit_test(threads_take_scratch_of_their_own),
      cmocka_unit_test(a_host_that_cannot_hold_its_ranks_is_refused),
      cmocka_unit_test(weights_of_a_host_count_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
