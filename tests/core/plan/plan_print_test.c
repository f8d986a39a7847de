#include "core/plan/plan_print.h"
#include "tests/support/check.h"

static const double cost[14] = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2};
static const int64_t bytes[14] = {1056768, 2107392, 1056768, 2107392, 1056768,
                                  2107392, 1056768, 2107392, 1056768, 2107392,
                                  1056768, 2107392, 1056768, 2107392};

static tfm_plan_request request_of(int nworker)
{
  return (tfm_plan_request){.nunit = 14,
                            .cost = cost,
                            .bytes = bytes,
                            .head_bytes = 265224,
                            .nworker = nworker,
                            .typed = true};
}

static void check_print(const tfm_plan_request *request, tfm_plan_facts *facts,
                        const char *want)
{
  tfm_plan plan = {0};
  tfm_buf out = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_plan_make(&plan, request, &err), &err);
  CHECK_OK(tfm_plan_print(&plan, facts, &out, &err), &err);
  assert_string_equal(tfm_buf_cstr(&out), want);
  tfm_buf_fini(&out);
  tfm_plan_fini(&plan);
}

/* One exact table a kind: what a reader sees is the contract here. */
static void a_running_job_shows_where_everything_is(void **state)
{
  (void)state;
  static const tfm_plan_fact ranks[] = {
      {"node17", "0-7", -1, 0, false, 0, false},    {"node17", "0-1", 0, 2, true, 1, false},
      {"node17", "2-3", 0, 2, true, 0.9712, false}, {"node17", "4-5", 1, 2, false, 0, false},
      {"node17", "6-7", 1, 2, true, 0, false},
  };
  tfm_plan_request request = request_of(4);
  tfm_plan_facts facts = {
      .ranks = ranks, .numeric_id = "v1-native-f32-k192", .rows_per_s = 195.06, .length = 128};
  request.stages = 3;
  check_print(
      &request, &facts,
      "rank  role         host    node  cpus  threads  slice  weights    cost    local\n"
      "   0  coordinator  node17     -  0-7         -  -            -       -        -\n"
      "   1  stage 1/3    node17     0  0-1         2  0-1     6.3 MB  28.6 %    100 %\n"
      "   2  stage 2/3    node17     0  2-3         2  2-4a    7.4 MB  33.3 %   97.1 %\n"
      "   3  stage 3/3    node17     1  4-5         2  4f-6    8.7 MB  38.1 %  unknown\n"
      "   4  spare        node17     1  6-7         2  -            -       -        -\n"
      "layout: 3 stages x 1 replica on 4 workers\n"
      "spare ranks: 4 (idle)\n"
      "balance: 87.5 % (mean cost of a stage / cost of the slowest)\n"
      "predicted: 195.1 rows/s of 128 tokens\n"
      "numeric_id: v1-native-f32-k192\n");
}

static void a_plan_without_ranks_leaves_their_columns_out(void **state)
{
  (void)state;
  tfm_plan_request request = request_of(5);
  tfm_plan_facts facts = {.request = &request};
  request.stages = 2;
  request.replicas = 2;
  check_print(&request, &facts,
              "rank  role                 slice  weights    cost\n"
              "   0  coordinator          -            -       -\n"
              "   1  replica 1 stage 1/2  0-3a   10.5 MB  47.6 %\n"
              "   2  replica 1 stage 2/2  3f-6   11.9 MB  52.4 %\n"
              "   3  replica 2 stage 1/2  0-3a   10.5 MB  47.6 %\n"
              "   4  replica 2 stage 2/2  3f-6   11.9 MB  52.4 %\n"
              "   5  spare                -            -       -\n"
              "layout: 2 stages x 2 replicas on 5 workers\n"
              "spare ranks: 5 (idle)\n"
              "balance: 95.5 % (mean cost of a stage / cost of the slowest)\n"
              "hint: --replicas 5 --stages 1 is predicted to be 1.31 times as fast; it keeps 5 "
              "copies of the model\n");
}

static void memory_is_a_column_where_somebody_knows_it(void **state)
{
  (void)state;
  const tfm_plan_request request = request_of(2);
  const tfm_plan_facts facts = {0};
  tfm_plan plan = {0};
  tfm_buf out = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  plan.ranks[0].memory_bytes = 91400000;
  plan.ranks[2].memory_bytes = 1234567890;
  CHECK_OK(tfm_plan_print(&plan, &facts, &out, &err), &err);
  assert_string_equal(tfm_buf_cstr(&out),
                      "rank  role         slice  weights   memory    cost\n"
                      "   0  coordinator  -            -  91.4 MB       -\n"
                      "   1  stage 1/2    0-3a   10.5 MB        -  47.6 %\n"
                      "   2  stage 2/2    3f-6   11.9 MB   1.2 GB  52.4 %\n"
                      "layout: 2 stages x 1 replica on 2 workers\n"
                      "balance: 95.5 % (mean cost of a stage / cost of the slowest)\n");
  tfm_buf_fini(&out);
  tfm_plan_fini(&plan);
}

/* Hosts and cpu lists of real clusters are long; a line must still fit 100 columns. */
static void long_names_are_shortened_to_a_terminal(void **state)
{
  (void)state;
  static const char *host = "compute-0123-rack-17.cluster.long-institute-name.example.org";
  static const char *cpus = "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42";
  tfm_plan_fact ranks[8];
  for (int i = 0; i < 8; ++i) {
    ranks[i] = (tfm_plan_fact){host, cpus, i % 2, 22, true, 0.5, false};
  }
  tfm_plan_request request = request_of(7);
  tfm_plan_facts facts = {.ranks = ranks};
  tfm_plan plan = {0};
  tfm_buf out = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_plan_make(&plan, &request, &err), &err);
  CHECK_OK(tfm_plan_print(&plan, &facts, &out, &err), &err);
  const char *text = tfm_buf_cstr(&out);
  int lines = 0;
  for (const char *line = text; *line; line += strcspn(line, "\n") + 1, ++lines) {
    assert_true(strcspn(line, "\n") <= 100);
  }
  assert_int_equal(lines, 1 + 8 + 2);
  assert_non_null(strstr(text, "compute-0123"));
  assert_non_null(strstr(text, "..")); /* a cut is shown as one */
  tfm_buf_fini(&out);
  tfm_plan_fini(&plan);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_running_job_shows_where_everything_is),
      cmocka_unit_test(a_plan_without_ranks_leaves_their_columns_out),
      cmocka_unit_test(memory_is_a_column_where_somebody_knows_it),
      cmocka_unit_test(long_names_are_shortened_to_a_terminal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
