/* Where ranks land on machines that are not here: the rules a job uses, on described hosts. */
#include "coordinator/simulate/crowd.h"

#include "tests/support/check.h"

#include <stdio.h>

typedef struct {
  tfm_hosts hosts;
  tfm_host_kind kind;
  tfm_crew crew;
  tfm_crowd crowd;
} stage;

/* n ranks, rank 0 among them, on one host of that form. */
static void set_stage(stage *s, const char *topology, const char *cpus, int n, int threads)
{
  tfm_err err = {0};
  *s = (stage){.hosts = {.nkind = 1}};
  s->hosts.kinds = &s->kind;
  s->kind = (tfm_host_kind){.name = "host", .count = 1, .ranks = n, .speed = 1};
  CHECK_OK(tfm_machine_open_synthetic(&s->kind.machine, topology, cpus, &err), &err);
  CHECK_OK(tfm_crowd_gather(&s->crowd, &s->crew, &s->hosts, n, &err), &err);
  for (int rank = 1; rank < n; ++rank) {
    tfm_msg_assign *a = &s->crew.ranks[rank].assign;
    tfm_crew_share(&s->crew, rank, &a->share_index, &a->share_count);
    a->threads = threads;
  }
  tfm_crowd_place(&s->crowd, &s->crew, &s->hosts);
}

static void close_stage(stage *s)
{
  tfm_crowd_fini(&s->crowd);
  tfm_crew_fini(&s->crew);
  tfm_machine_fini(&s->kind.machine);
}

static int units_in_both(const tfm_cpuset *a, const tfm_cpuset *b)
{
  tfm_cpuset both = *a;
  tfm_cpuset_and(&both, b);
  return tfm_cpuset_count(&both);
}

/* Distinct cores, none outside what was given, none split between ranks, all of them used. */
static void check_distinct(const stage *s, const char *what)
{
  int cores = 0;
  for (int a = 1; a < s->crew.nrank; ++a) {
    const tfm_share *share = &s->crowd.shares[a];
    cores += share->ncore;
    if (!tfm_cpuset_inside(&share->set, &s->kind.machine.allowed) || share->ncore < 1) {
      fail_msg("%s: rank %d runs outside of what was given, or on nothing", what, a);
    }
    for (int b = a + 1; b < s->crew.nrank; ++b) {
      if (units_in_both(&share->set, &s->crowd.shares[b].set) != 0) {
        fail_msg("%s: ranks %d and %d have cores in common", what, a, b);
      }
    }
  }
  assert_int_equal(cores, s->kind.machine.ncore);
}

/* One node each, in the machine's order: a line crosses from node to node as seldom as it can. */
static void check_near(const stage *s, const char *what)
{
  int crossings = 0;
  for (int rank = 1; rank < s->crew.nrank; ++rank) {
    if (s->crowd.shares[rank].node < 0) {
      fail_msg("%s: rank %d lies on several NUMA nodes", what, rank);
    }
    crossings += rank > 1 && s->crowd.shares[rank].node != s->crowd.shares[rank - 1].node;
  }
  assert_int_equal(crossings, s->kind.machine.nnode - 1);
}

/* 1, 2, 4 and 8 packages, whole and cut into two and four NUMA nodes, with one and two hardware
 * threads a core; one, two and four ranks a node, which have all cores of the host in common. */
static void every_rank_has_cores_of_one_node(void **state)
{
  (void)state;
  for (int i = 0; i < 4 * 3 * 2 * 3; ++i) {
    const int packages = 1 << i % 4;
    const int snc = 1 << i / 4 % 3;
    const int smt = 1 + i / 12 % 2;
    const int a_node = 1 << i / 24;
    char topology[64];
    char what[96];
    stage s;
    (void)snprintf(topology, sizeof topology, "pack:%d numa:%d core:6 pu:%d", packages, snc,
                   smt);
    (void)snprintf(what, sizeof what, "%s, %d ranks a node", topology, a_node);
    set_stage(&s, topology, NULL, 1 + packages * snc * a_node, 1);
    check_distinct(&s, what);
    check_near(&s, what);
    close_stage(&s);
  }
}

/* mpirun has bound ranks to NUMA nodes, to packages, or to cores before: each divides its own set
 * with those that were given the same, and stays inside it. */
static void what_was_bound_before_is_kept(void **state)
{
  (void)state;
  static const struct {
    const char *sets[5]; /* of ranks 0.. */
    const char *want[5];
  } cases[] = {
      {{"0-7", "0-7", "0-7", "8-15", "8-15"}, {"", "0-3", "4-7", "8-11", "12-15"}},
      {{"0-1", "2-3", "4-5", "6-7", "8-9"}, {"", "2-3", "4-5", "6-7", "8-9"}},
      {{"0-15", "0-15", "0-15", "0-15", "0-15"}, {"", "0-3", "4-7", "8-11", "12-15"}},
      {{"0-3", "0-3", "4-7", "8-11", "12-15"}, {"", "0-3", "4-7", "8-11", "12-15"}},
  };
  for (size_t c = 0; c < COUNT_OF(cases); ++c) {
    tfm_crew crew = {.nrank = 5, .ranks = NULL};
    tfm_crew_rank ranks[5] = {0};
    crew.ranks = ranks;
    for (int rank = 0; rank < 5; ++rank) {
      (void)snprintf(ranks[rank].hello.host, TFM_MSG_TEXT, "host");
      (void)snprintf(ranks[rank].hello.cpuset, TFM_MSG_CPUSET, "%s", cases[c].sets[rank]);
    }
    for (int rank = 1; rank < 5; ++rank) {
      tfm_machine m = {0};
      tfm_share share = {0};
      tfm_err err = {0};
      tfm_buf got = {0};
      int index = 0;
      int count = 0;
      CHECK_OK(tfm_machine_open_synthetic(&m, "pack:2 numa:1 core:4 pu:2", cases[c].sets[rank],
                                          &err),
               &err);
      tfm_crew_share(&crew, rank, &index, &count);
      tfm_share_of(&m, index, count, &share);
      CHECK_OK(tfm_cpuset_print(&share.set, &got), &err);
      assert_string_equal(tfm_buf_cstr(&got), cases[c].want[rank]);
      assert_int_equal(share.node, rank < 3 || c == 1 ? (rank == 4) : 1);
      tfm_buf_fini(&got);
      tfm_machine_fini(&m);
    }
  }
}

/* A container that may use some cores only, also such that lie unevenly on the nodes. */
static void containers_are_not_left(void **state)
{
  (void)state;
  static const struct {
    const char *cpus;
    int n;
    bool near;
  } cases[] = {{"0-3,8-11", 5, true}, {"2-5", 5, true},     {"4-11", 9, true},
               {"0,5,9,14", 5, true}, {"0-5,8-9", 5, true}, {"1-3,8-12", 3, false}};
  for (size_t c = 0; c < COUNT_OF(cases); ++c) {
    stage s;
    set_stage(&s, "pack:2 numa:1 core:8 pu:1", cases[c].cpus, cases[c].n, 1);
    check_distinct(&s, cases[c].cpus);
    if (cases[c].near) {
      check_near(&s, cases[c].cpus);
    }
    close_stage(&s);
  }
}

/* Fewer cores than ranks: nobody is pinned, all share everything they were given. */
static void too_few_cores_are_shared(void **state)
{
  (void)state;
  stage s;
  set_stage(&s, "pack:2 numa:1 core:8 pu:2", "4-7", 9, 1);
  for (int rank = 1; rank < 9; ++rank) {
    assert_true(s.crowd.shares[rank].shared);
    assert_string_equal(s.crew.ranks[rank].ready.cpuset, "4-7");
    assert_int_equal(s.crowd.ranks[rank].pool, 0);
  }
  assert_true(s.crowd.cores[0] > 1.99 && s.crowd.cores[0] < 2.01); /* of two threads each */
  close_stage(&s);
}

/* More threads than the cores of a share cannot run at once. */
static void threads_beyond_a_share_do_not_count(void **state)
{
  (void)state;
  stage s;
  set_stage(&s, "pack:2 numa:1 core:4 pu:1", NULL, 3, 6);
  assert_int_equal(s.crowd.ranks[1].threads, 4);
  assert_int_equal(s.crowd.facts[1].threads, 6);
  assert_int_equal(s.crowd.facts[2].node, 1);
  close_stage(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rank_has_cores_of_one_node),
      cmocka_unit_test(what_was_bound_before_is_kept),
      cmocka_unit_test(containers_are_not_left),
      cmocka_unit_test(too_few_cores_are_shared),
      cmocka_unit_test(threads_beyond_a_share_do_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
