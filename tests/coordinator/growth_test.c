/* How texts that grow share what the ranks have: micro-batches of a line, pages of keys and values.
 */
#include "coordinator/growth.h"

#include "core/base/mem.h"
#include "core/model/cost.h"
#include "tests/support/check.h"

static const char *const folder = TFM_FIXTURES "/model/families/llama-lm";

static const tfm_branching *one_branch(const tfm_task_context *context)
{
  (void)context;
  static const tfm_branching one = {.width = 1};
  return &one;
}

static const tfm_task_ops growing = {.grows = one_branch};

typedef struct {
  tfm_options options;
  tfm_job job;
} fixture;

static fixture *open_fixture(int64_t stages, int64_t replicas)
{
  tfm_err err = {0};
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  tfm_job *job = &f->job;
  f->options.stages = stages;
  f->options.replicas = replicas;
  job->options = &f->options;
  job->task = &growing;
  job->window = 16;
  job->max_length = 50;
  job->max_tokens = job->budget = job->max_sequences = job->max_rows = 64;
  CHECK_OK(tfm_model_open(&job->model, folder, &err), &err);
  CHECK_OK(tfm_job_plan_for(job, (int)(stages * replicas), &err), &err);
  assert_int_equal(job->plan.stages, stages);
  assert_int_equal(job->plan.replicas, replicas);
  return f;
}

static void close_fixture(fixture *f)
{
  tfm_job_fini(&f->job);
  tfm_free(f);
}

/* Stages, replicas, ranks that can run at once (0: not known yet), and micro-batches of a line. */
static void check_groups(int64_t stages, int64_t replicas, double parallel, int groups)
{
  tfm_err err = {0};
  fixture *f = open_fixture(stages, replicas);
  f->job.request.parallel = parallel;
  CHECK_OK(tfm_growth_plan(&f->job, &err), &err);
  assert_int_equal(f->job.turns.groups, groups);
  close_fixture(f);
}

static void a_line_has_what_its_cores_can_run_at_once(void **state)
{
  (void)state;
  check_groups(4, 1, 0, 4);
  check_groups(4, 1, 4, 4);
  check_groups(4, 1, 2, 2);
  check_groups(4, 1, 2.5, 3);
  check_groups(4, 1, 0.25, 1);
  check_groups(2, 2, 2, 1);
  check_groups(2, 2, 3, 2);
}

static void a_budget_is_kept_by_the_rank_that_keeps_most(void **state)
{
  (void)state;
  tfm_err err = {0};
  enum { PAGES = 7 };
  fixture *f = open_fixture(2, 1);
  int64_t most = 0;
  for (int rank = 1; rank < f->job.plan.nrank; ++rank) {
    const tfm_plan_rank *r = &f->job.plan.ranks[rank];
    const int64_t page = tfm_cost_page_bytes(&f->job.model.config, f->job.engine.kv,
                                             r->units.first, r->units.last);
    most = page > most ? page : most;
  }
  f->options.kv_budget = PAGES * most + most - 1;
  CHECK_OK(tfm_growth_plan(&f->job, &err), &err);
  assert_int_equal(f->job.turns.pages, PAGES);
  assert_int_equal(tfm_growth_bytes(&f->job), PAGES * most);
  close_fixture(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_has_what_its_cores_can_run_at_once),
      cmocka_unit_test(a_budget_is_kept_by_the_rank_that_keeps_most),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
