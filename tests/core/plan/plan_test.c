#include "core/plan/plan.h"
#include "tests/support/check.h"

enum { MAX_UNIT = 24 };

static const double even_cost[MAX_UNIT] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int64_t ten_bytes[MAX_UNIT] = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
                                            10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10};

static tfm_plan_request request_of(int layers, int nworker)
{
  return (tfm_plan_request){.nunit = 2 * layers,
                            .cost = even_cost,
                            .bytes = ten_bytes,
                            .head_bytes = 3,
                            .nworker = nworker,
                            .typed = true};
}

/* What must hold of every plan: stages tile the units in order, each replica is the whole model
 * once, ranks count up through replicas and stages, and the rest is spare. */
static void check_whole(const tfm_plan *plan, const tfm_plan_request *request)
{
  assert_int_equal(plan->nrank, request->nworker + 1);
  assert_int_equal(plan->replicas * plan->stages + plan->spare, request->nworker);
  assert_true(plan->balance > 0 && plan->balance <= 1);
  assert_int_equal(plan->ranks[0].stage, -1);
  assert_int_equal(plan->ranks[0].replica, -1);
  int rank = 1;
  for (int r = 0; r < plan->replicas; ++r) {
    int64_t at = 0;
    int64_t bytes = 0;
    double share = 0;
    for (int s = 0; s < plan->stages; ++s, ++rank) {
      const tfm_plan_rank *it = &plan->ranks[rank];
      assert_int_equal(it->rank, rank);
      assert_int_equal(it->replica, r);
      assert_int_equal(it->stage, s);
      assert_int_equal(it->units.first, at);
      assert_true(it->units.last > at);
      assert_int_equal(it->units.last, plan->cuts[s].last);
      at = it->units.last;
      bytes += it->weight_bytes;
      share += it->cost_share;
    }
    assert_int_equal(at, request->nunit);
    assert_int_equal(bytes, 10 * request->nunit + 3);
    assert_true(share > 0.999999 && share < 1.000001);
  }
  for (; rank < plan->nrank; ++rank) {
    assert_int_equal(plan->ranks[rank].rank, rank);
    assert_int_equal(plan->ranks[rank].stage, -1);
    assert_int_equal(plan->ranks[rank].weight_bytes, 0);
  }
}

static void check_layout(const tfm_plan_request *request, int replicas, int stages)
{
  tfm_plan plan = {0};
  tfm_err err = {0};
  if (tfm_plan_make(&plan, request, &err) != TFM_OK) {
    fail_msg("%d workers, %d stages, %d replicas: %s", request->nworker, request->stages,
             request->replicas, err.text);
  }
  if (plan.replicas != replicas || plan.stages != stages) {
    fail_msg("%d workers, %d units, --stages %d --replicas %d: want %d x %d, got %d x %d",
             request->nworker, (int)request->nunit, request->stages, request->replicas,
             replicas, stages, plan.replicas, plan.stages);
  }
  check_whole(&plan, request);
  tfm_plan_fini(&plan);
}

/* INTERFACE.md: replicas are max(1, workers / layers), so np 8 on 7 or more layers is one line;
 * up to two stages share a layer. */
static void nothing_asked_for_follows_the_rule(void **state)
{
  (void)state;
  static const struct {
    int layers, workers, replicas, stages;
  } cases[] = {
      {7, 1, 1, 1},    {7, 2, 1, 2},  {7, 7, 1, 7},  {7, 8, 1, 8},  {7, 13, 1, 13},
      {7, 14, 2, 7},   {7, 15, 2, 7}, {7, 16, 2, 8}, {7, 29, 4, 7}, {12, 7, 1, 7},
      {12, 11, 1, 11}, {1, 1, 1, 1},  {1, 2, 2, 1},  {1, 9, 9, 1},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_plan_request request = request_of(cases[i].layers, cases[i].workers);
    check_layout(&request, cases[i].replicas, cases[i].stages);
  }
}

static void what_is_asked_for_is_given(void **state)
{
  (void)state;
  static const struct {
    int workers, ask_stages, ask_replicas, replicas, stages;
  } cases[] = {
      {7, 3, 0, 1, 3},    /* the rule for replicas goes on: 7 / 7 */
      {14, 14, 0, 1, 14}, /* 14 / 7 would be 2, but only one line of 14 fits */
      {14, 2, 0, 2, 2},   {21, 7, 0, 3, 7},
      {7, 0, 3, 3, 2},    {7, 0, 7, 7, 1},
      {7, 0, 1, 1, 7},    {40, 0, 1, 1, 14}, /* no more stages than half layers */
      {7, 2, 3, 3, 2},    {7, 3, TFM_PLAN_AUTO, 2, 3},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_plan_request request = request_of(7, cases[i].workers);
    request.stages = cases[i].ask_stages;
    request.replicas = cases[i].ask_replicas;
    check_layout(&request, cases[i].replicas, cases[i].stages);
  }
}

static void layers_decide_the_cuts(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(7, 7);
  tfm_plan plan = {0};
  tfm_err err = {0};
  request.layers = "0-2a,2f-4,5-6";
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  assert_int_equal(plan.stages, 3);
  assert_int_equal(plan.replicas, 1);
  assert_int_equal(plan.spare, 4);
  assert_int_equal(plan.cuts[1].first, 5);
  assert_int_equal(plan.cuts[1].last, 10);
  /* 14 units, the slowest stage has 5: mean 14 / 3 against 5. */
  assert_true(plan.balance > 0.9333 && plan.balance < 0.9334);
  check_whole(&plan, &request);
  tfm_plan_fini(&plan);
  request.replicas = 2;
  check_layout(&request, 2, 3);
  request.stages = 3; /* says the same twice */
  check_layout(&request, 2, 3);
}

/* The default model on np 8: one layer a worker, nobody idle. */
static void seven_layers_on_eight_ranks_are_one_each(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(7, 7);
  tfm_plan plan = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  for (int s = 0; s < 7; ++s) {
    assert_int_equal(plan.cuts[s].first, 2 * s);
    assert_int_equal(plan.cuts[s].last, 2 * s + 2);
  }
  assert_int_equal(plan.ranks[7].weight_bytes, 23); /* the head is with the last */
  tfm_plan_fini(&plan);
}

/* The class of a refusal depends on where the wish came from (INTERFACE.md section 2), its text
 * names the number, the bound and the way out. */
static void impossible_wishes_are_refused(void **state)
{
  (void)state;
  static const struct {
    int workers, stages, replicas;
    const char *layers, *says, *also;
  } cases[] = {
      {3, 4, 0, NULL, "--stages 4", "-np 5"},
      {40, 15, 0, NULL, "--stages 15", "14 half layers"},
      {7, 4, 2, NULL, "--replicas 2", "8 workers, and there are 7"},
      {7, 0, 8, NULL, "--replicas 8", "-np 9"},
      {7, -3, 0, NULL, "--stages -3", "wanted a number from 1"},
      {7, 0, -3, NULL, "--replicas -3", "wanted a number from 1"},
      {7, 2, 0, "0-2a,2f-4,5-6", "names 3 parts", "--stages says 2"},
      {2, 0, 0, "0-2a,2f-4,5-6", "--stages 3", "2 workers"},
      {7, 0, 3, "0-2a,2f-4,5-6", "--replicas 3", "9 workers"},
      {7, 0, 0, "5-1", "--layers", "part 1"},
      {7, INT32_MAX, INT32_MAX, NULL, "--stages 2147483647", "half layers"},
      {7, 7, INT32_MAX, NULL, "--replicas 2147483647", "15032385529 workers"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    for (int typed = 0; typed < 2; ++typed) {
      tfm_plan_request request = request_of(7, cases[i].workers);
      request.stages = cases[i].stages;
      request.replicas = cases[i].replicas;
      request.layers = cases[i].layers;
      request.typed = typed;
      tfm_plan plan = {.nrank = 99};
      tfm_err err = {0};
      tfm_status st = tfm_plan_make(&plan, &request, &err);
      assert_int_equal(st, typed ? TFM_E_USAGE : TFM_E_CONFIG);
      assert_int_equal(err.status, st);
      assert_int_equal(plan.nrank, 0);
      assert_null(plan.ranks);
      if (!strstr(err.text, cases[i].says) || !strstr(err.text, cases[i].also)) {
        fail_msg("case %zu: wanted \"%s\" and \"%s\" in: %s", i, cases[i].says, cases[i].also,
                 err.text);
      }
    }
  }
}

/* Every count of workers, stages and replicas either makes a whole plan or is refused. */
static void every_small_request_ends_well(void **state)
{
  (void)state;
  int made = 0;
  int refused = 0;
  for (int workers = 1; workers <= 20; ++workers) {
    for (int stages = 0; stages <= 12; ++stages) {
      for (int replicas = TFM_PLAN_AUTO; replicas <= 12; ++replicas) {
        tfm_plan_request request = request_of(5, workers);
        request.stages = stages;
        request.replicas = replicas;
        tfm_plan plan = {0};
        tfm_err err = {0};
        tfm_status st = tfm_plan_make(&plan, &request, &err);
        bool possible = stages <= 10 && stages <= workers && replicas <= workers &&
                        (stages == 0 || replicas < 1 || stages * replicas <= workers);
        assert_int_equal(st, possible ? TFM_OK : TFM_E_USAGE);
        if (st == TFM_OK) {
          ++made;
          check_whole(&plan, &request);
          tfm_plan_fini(&plan);
        } else {
          ++refused;
        }
      }
    }
  }
  assert_true(made > 500 && refused > 500);
}

/* Five equal layers on four workers: one line reaches 10 / 4 / 3, two lines of two stages divide
 * evenly, and so do four of one, which keep more copies for nothing. */
static void advice_balances_with_the_fewest_copies(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(5, 4);
  tfm_plan plan = {0};
  tfm_plan_advice advice = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  assert_int_equal(plan.stages, 4);
  CHECK_OK(tfm_plan_advise(&advice, &request, &plan, &err), &err);
  assert_int_equal(advice.replicas, 2);
  assert_int_equal(advice.stages, 2);
  assert_true(advice.gain > 1.1999 && advice.gain < 1.2001); /* (2 / 5) / (1 / 3) */
  tfm_plan_fini(&plan);
  request.replicas = TFM_PLAN_AUTO;
  check_layout(&request, 2, 2);
}

/* Rows a second of `replicas` lines of `stages`, cut as the plan would. */
static double rate_of(const tfm_plan_request *request, int stages, int replicas)
{
  tfm_range cuts[MAX_UNIT];
  tfm_err err = {0};
  CHECK_OK(tfm_partition(request->cost, request->nunit, stages, cuts, &err), &err);
  return tfm_plan_rate(request, cuts, stages, replicas);
}

static bool is_about(double got, double want)
{
  return got > 0.999999 * want && got < 1.000001 * want;
}

/* Ten units of a second each: a line is as fast as its slowest stage, which pays a hop too; lines
 * add up, until the cores are all busy with units and hops. */
static void rates_follow_stages_hops_and_cores(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(5, 8);
  assert_true(is_about(rate_of(&request, 1, 1), 1.0 / 10));
  assert_true(is_about(rate_of(&request, 3, 1), 1.0 / 4));
  assert_true(is_about(rate_of(&request, 3, 2), 2.0 / 4));
  request.hop = 0.5;
  assert_true(is_about(rate_of(&request, 3, 2), 2.0 / 4.5));
  request.parallel = 6; /* as many as there are stages */
  assert_true(is_about(rate_of(&request, 3, 2), 2.0 / 4.5));
  request.parallel = 2; /* 10 units and 3 hops a row on two cores */
  assert_true(is_about(rate_of(&request, 3, 2), 2.0 / 11.5));
}

/* Hops make a long line dear: with free hops one line of four is as good as two of two, and needs
 * one copy less; with dear ones it is not. Where two cores are all there is, no copies help. */
static void hops_and_cores_decide_between_lines_and_copies(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(4, 4);
  request.replicas = TFM_PLAN_AUTO;
  check_layout(&request, 1, 4);
  request.hop = 1; /* 1/3 a line of four, 2/5 two of two, 4/9 four of one */
  check_layout(&request, 4, 1);
  request.hop = 0;
  request = request_of(5, 4);
  request.replicas = TFM_PLAN_AUTO;
  request.parallel = 2; /* 3/10 would be more than 2/10 */
  check_layout(&request, 1, 4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_asked_for_follows_the_rule),
      cmocka_unit_test(what_is_asked_for_is_given),
      cmocka_unit_test(layers_decide_the_cuts),
      cmocka_unit_test(seven_layers_on_eight_ranks_are_one_each),
      cmocka_unit_test(impossible_wishes_are_refused),
      cmocka_unit_test(every_small_request_ends_well),
      cmocka_unit_test(advice_balances_with_the_fewest_copies),
      cmocka_unit_test(rates_follow_stages_hops_and_cores),
      cmocka_unit_test(hops_and_cores_decide_between_lines_and_copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
