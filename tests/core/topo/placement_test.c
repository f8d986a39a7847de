#include "core/topo/placement.h"

#include "tests/support/check.h"

enum { MAX_RANKS = 16 };

/* A host: for each rank its cpu list, the cores in it and its threads (0 for the coordinator). */
typedef struct {
  const char *cpus;
  int ncore, threads;
} given;

static void check_host(const given *ranks, int n, int ncore_host, tfm_placement want,
                       const char *text)
{
  tfm_placed placed[MAX_RANKS];
  tfm_placement fault = TFM_PLACEMENT_NARROW;
  tfm_buf out = {0};
  tfm_err err = {0};
  for (int i = 0; i < n; ++i) {
    placed[i] = (tfm_placed){.rank = i, .ncore = ranks[i].ncore, .threads = ranks[i].threads};
    CHECK_OK(tfm_cpuset_parse(&placed[i].allowed, ranks[i].cpus, &err), &err);
  }
  CHECK_OK(tfm_placement_check(placed, n, "n1", ncore_host, &fault, &out), &err);
  assert_string_equal(tfm_buf_cstr(&out), text);
  assert_int_equal(fault, want);
  tfm_buf_fini(&out);
}

static void good_placements_are_left_alone(void **state)
{
  (void)state;
  /* not bound at all */
  check_host((given[]){{"0-7", 8, 0}, {"0-7", 8, 1}, {"0-7", 8, 1}}, 3, 8, TFM_PLACEMENT_FINE,
             "");
  /* a core each, the coordinator on the first worker's */
  check_host((given[]){{"0", 1, 0}, {"0", 1, 1}, {"1", 1, 1}}, 3, 8, TFM_PLACEMENT_FINE, "");
  /* a package each */
  check_host((given[]){{"0-3", 4, 0}, {"4-7", 4, 4}, {"0-3", 4, 4}}, 3, 8, TFM_PLACEMENT_FINE,
             "");
  /* seven workers on a laptop's two cores: no flag makes more cores */
  check_host((given[]){{"0-1", 2, 0}, {"0-1", 2, 1}, {"0-1", 2, 1}, {"0-1", 2, 1}}, 4, 2,
             TFM_PLACEMENT_FINE, "");
  /* two by two on both cores: crowded, but nothing is left over */
  check_host((given[]){{"0", 1, 1}, {"0", 1, 1}, {"1", 1, 1}, {"1", 1, 1}}, 4, 2,
             TFM_PLACEMENT_FINE, "");
  /* more threads than the whole host has: asked for, not a matter of placement */
  check_host((given[]){{"0-1", 2, 0}, {"0-1", 2, 8}}, 2, 2, TFM_PLACEMENT_FINE, "");
}

static void ranks_on_one_core_are_told(void **state)
{
  (void)state;
  check_host((given[]){{"0", 1, 0}, {"0", 1, 1}, {"0", 1, 1}, {"0", 1, 1}}, 4, 8,
             TFM_PLACEMENT_CROWDED,
             "host n1: ranks 1, 2, 3 are all bound to the same 1 core (cpus 0) of 8 and take "
             "turns on it: start with mpirun --bind-to none: the ranks then divide the cores "
             "among themselves");
}

/* With threads asked for and cores for all of them, the flag names both counts; the coordinator
 * is a process mpirun counts too. */
static void crowded_ranks_with_threads_get_cores_by_the_slot(void **state)
{
  (void)state;
  check_host(
      (given[]){{"0-1", 2, 0}, {"0-1", 2, 4}, {"0-1", 2, 4}, {"0-1", 2, 4}}, 4, 16,
      TFM_PLACEMENT_CROWDED,
      "host n1: ranks 1, 2, 3 are all bound to the same 2 cores (cpus 0-1) of 16 and take "
      "turns on it: start with mpirun --map-by ppr:4:node:PE=4 --bind-to core, or with "
      "--bind-to none");
  check_host(
      (given[]){{"0-1", 2, 0}, {"0-1", 2, 4}, {"0-1", 2, 4}, {"0-1", 2, 4}}, 4, 15,
      TFM_PLACEMENT_CROWDED,
      "host n1: ranks 1, 2, 3 are all bound to the same 2 cores (cpus 0-1) of 15 and take "
      "turns on it: start with mpirun --bind-to none: the ranks then divide the cores "
      "among themselves");
}

static void the_largest_crowd_is_named_and_long_lists_are_cut(void **state)
{
  (void)state;
  given ranks[14] = {{"0", 1, 1}, {"0", 1, 1}, {"2", 1, 1}};
  for (int i = 3; i < 14; ++i) {
    ranks[i] = (given){"1", 1, 1};
  }
  check_host(
      ranks, 14, 32, TFM_PLACEMENT_CROWDED,
      "host n1: ranks 3, 4, 5, 6, 7, 8, 9, 10 and 3 more are all bound to the same 1 core "
      "(cpus 1) of 32 and take turns on it: start with mpirun --bind-to none: the ranks "
      "then divide the cores among themselves");
}

static void a_rank_narrower_than_its_threads_is_told(void **state)
{
  (void)state;
  check_host((given[]){{"0", 1, 0}, {"1", 1, 4}, {"2", 1, 4}}, 3, 16, TFM_PLACEMENT_NARROW,
             "host n1: rank 1 has 4 threads but is bound to 1 core (cpus 1) of 16: start with "
             "mpirun --map-by slot:PE=4 --bind-to core");
  /* mpirun refuses PE=4 for three processes on eight cores: say what does fit */
  check_host((given[]){{"0", 1, 0}, {"1", 1, 4}, {"2", 1, 4}}, 3, 8, TFM_PLACEMENT_NARROW,
             "host n1: rank 1 has 4 threads but is bound to 1 core (cpus 1) of 8: start with "
             "mpirun --bind-to none and --threads 2, or with fewer ranks on this host");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_placements_are_left_alone),
      cmocka_unit_test(ranks_on_one_core_are_told),
      cmocka_unit_test(crowded_ranks_with_threads_get_cores_by_the_slot),
      cmocka_unit_test(the_largest_crowd_is_named_and_long_lists_are_cut),
      cmocka_unit_test(a_rank_narrower_than_its_threads_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
