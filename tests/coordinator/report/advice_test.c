/* When the line of advice comes and what it says, for jobs that are made up. */
#include "coordinator/report/advice.h"
#include "tests/support/check.h"

enum { LAYERS_MOST = 24 };

static const double one[2 * LAYERS_MOST] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int64_t none[2 * LAYERS_MOST];

static tfm_plan_request request_of(int layers, int nworker)
{
  return (tfm_plan_request){
      .nunit = 2 * layers, .cost = one, .bytes = none, .nworker = nworker};
}

/* What is said of a job whose plan was asked for like this; facts: the rest. */
static void check_said(tfm_plan_request request, tfm_advice_facts facts, const char *want)
{
  tfm_err err = {0};
  tfm_plan plan = {0};
  tfm_buf out = {0};
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  facts.request = &request;
  facts.plan = &plan;
  CHECK_OK(tfm_advice_give(&facts, &out, &err), &err);
  if (want[0] ? !strstr(tfm_buf_cstr(&out), want) : out.n > 0) {
    fail_msg("want \"%s\", got \"%s\"", want, tfm_buf_cstr(&out));
  }
  tfm_buf_fini(&out);
  tfm_plan_fini(&plan);
}

static void few_layers_want_replicas(void **state)
{
  (void)state;
  const tfm_advice_facts facts = {.run_s = 10, .busy = 0.9};
  tfm_plan_request one_layer = request_of(1, 7);
  one_layer.replicas = 1;
  check_said(
      one_layer, facts,
      "--replicas 7 --stages 1 is predicted to be 3.5 times as fast: 1 layer is few for 7 "
      "workers; it holds the model 7 times");
  tfm_plan_request uneven = request_of(6, 7);
  uneven.replicas = 1;
  check_said(uneven, facts, "6 layers are few for 7 workers");
}

static void nothing_is_said_where_nothing_helps(void **state)
{
  (void)state;
  tfm_advice_facts facts = {.run_s = 10, .busy = 0.9};
  check_said(request_of(6, 6), facts, "");  /* even stages */
  check_said(request_of(1, 1), facts, "");  /* no choice */
  check_said(request_of(12, 8), facts, ""); /* halves of layers: 3 units a stage */
  tfm_plan_request cores = request_of(2, 8);
  cores.replicas = 1;
  cores.parallel = 2; /* ranks share two cores: another layout has no more of them */
  check_said(cores, facts, "");
  tfm_plan_request few = request_of(1, 7);
  few.replicas = 1;
  facts.run_s = 0.5; /* too short to tell */
  check_said(few, facts, "");
}

static void rank_0_is_blamed_when_stages_wait(void **state)
{
  (void)state;
  const tfm_advice_facts waiting = {.run_s = 10, .busy = 0.3, .feed = {.threads = 2}};
  tfm_advice_facts f = waiting;
  f.feed.encode_s = 18;
  check_said(request_of(6, 6), f, "tokenizing on 2 threads kept the stages waiting");
  f.busy = 0.9; /* they did not wait */
  check_said(request_of(6, 6), f, "");
  f = waiting;
  f.feed.encode_s = 9; /* of two threads: half */
  check_said(request_of(6, 6), f, "");
  f.write_s = 9;
  check_said(request_of(6, 6), f, "writing results");
  f = waiting;
  f.embed_s = 9;
  check_said(request_of(6, 6), f, "a core of its own");
  f = waiting;
  f.feed.read_s = 9.5;
  check_said(request_of(6, 6), f, "reading the input");
}

static void a_layout_is_not_compared_without_costs(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf out = {0};
  const tfm_advice_facts facts = {.run_s = 10, .busy = 0.9};
  CHECK_OK(tfm_advice_give(&facts, &out, &err), &err);
  assert_int_equal(out.n, 0);
  tfm_buf_fini(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_layers_want_replicas),
      cmocka_unit_test(nothing_is_said_where_nothing_helps),
      cmocka_unit_test(rank_0_is_blamed_when_stages_wait),
      cmocka_unit_test(a_layout_is_not_compared_without_costs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
