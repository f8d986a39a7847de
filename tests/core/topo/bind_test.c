#include "core/topo/bind.h"

#include "tests/support/check.h"

#include <sched.h>

static tfm_machine synthetic(const char *description, const char *allowed)
{
  tfm_machine machine = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open_synthetic(&machine, description, allowed, &err), &err);
  return machine;
}

/* The shares of `count` ranks, written as "0-1 2-3 ...". */
static void check_shares(const char *description, const char *allowed, int count,
                         const char *want)
{
  tfm_machine m = synthetic(description, allowed);
  tfm_buf got = {0};
  tfm_err err = {0};
  for (int i = 0; i < count; ++i) {
    tfm_share share = {0};
    tfm_share_of(&m, i, count, &share);
    CHECK_OK(tfm_buf_str(&got, i ? " " : ""), &err);
    CHECK_OK(tfm_cpuset_print(&share.set, &got), &err);
  }
  if (strcmp(tfm_buf_cstr(&got), want) != 0) {
    fail_msg("%s among %d: want %s, got %s", description, count, want, tfm_buf_cstr(&got));
  }
  tfm_buf_fini(&got);
  tfm_machine_fini(&m);
}

static const char two_by_four[] = "pack:2 numa:1 core:4 pu:1";
static const char four_by_six[] = "pack:4 numa:1 core:6 pu:1";

static void shares_are_runs_that_keep_to_nodes(void **state)
{
  (void)state;
  check_shares(two_by_four, NULL, 1, "0-7");
  check_shares(two_by_four, NULL, 2, "0-3 4-7");
  check_shares(two_by_four, NULL, 4, "0-1 2-3 4-5 6-7");
  check_shares(two_by_four, NULL, 8, "0 1 2 3 4 5 6 7");
  /* Uneven counts: the larger shares go where no share then crosses a node. */
  check_shares(two_by_four, NULL, 7, "0 1 2 3 4-5 6 7");
  check_shares(two_by_four, NULL, 5, "0-1 2 3 4-5 6-7");
  check_shares("pack:2 numa:1 core:5 pu:1", NULL, 4, "0-2 3-4 5-7 8-9");
  check_shares(four_by_six, NULL, 4, "0-5 6-11 12-17 18-23");
  check_shares(four_by_six, NULL, 2, "0-11 12-23");
  check_shares(four_by_six, NULL, 10, "0-1 2-3 4-5 6-7 8-9 10-11 12-14 15-17 18-20 21-23");
  /* Three on two nodes cannot keep to them with sizes that differ by one at most. */
  check_shares(two_by_four, NULL, 3, "0-2 3-5 6-7");
}

static void only_what_is_allowed_is_shared(void **state)
{
  (void)state;
  check_shares(two_by_four, "1-2,6-7", 2, "1-2 6-7");
  check_shares(two_by_four, "3-5", 3, "3 4 5");
  check_shares(two_by_four, "2-4", 2, "2-3 4"); /* three and one core: nodes are kept */
  check_shares("pack:2 numa:1 core:4 pu:2", "0,2,4,6", 2, "0,2 4,6");
}

/* Second hardware threads numbered behind all first ones, cores dealt to the packages in turn:
 * a share has whole cores of one package. */
static void hardware_threads_stay_together(void **state)
{
  (void)state;
  check_shares("pack:2 numa:1 core:4 pu:2", NULL, 4, "0-3 4-7 8-11 12-15");
  static const char dealt[] =
      "pack:2 numa:1 core:4 pu:2(indexes=0,8,2,10,4,12,6,14,1,9,3,11,5,13,7,15)";
  check_shares(dealt, NULL, 2, "0,2,4,6,8,10,12,14 1,3,5,7,9,11,13,15");
  check_shares(dealt, NULL, 4, "0,2,8,10 4,6,12,14 1,3,9,11 5,7,13,15");
  tfm_machine m = synthetic(dealt, NULL);
  for (int i = 0; i < 8; ++i) {
    tfm_share share = {0};
    tfm_share_of(&m, i, 8, &share);
    assert_int_equal(share.ncore, 1);
    assert_int_equal(tfm_cpuset_count(&share.set), 2);
    assert_true(tfm_cpuset_has(&share.set, m.cores[i].pu_first));
    assert_true(tfm_cpuset_has(&share.set, m.cores[i].pu_first + 8));
    assert_int_equal(share.node, i / 4);
  }
  tfm_machine_fini(&m);
}

static void more_ranks_than_cores_share_all_of_it(void **state)
{
  (void)state;
  tfm_machine m = synthetic(two_by_four, "0-2");
  for (int i = 0; i < 5; ++i) {
    tfm_share share = {0};
    tfm_share_of(&m, i, 5, &share);
    assert_true(share.shared);
    assert_int_equal(share.ncore, 3);
    assert_int_equal(share.node, 0);
    assert_true(tfm_cpuset_equal(&share.set, &m.allowed));
  }
  tfm_machine_fini(&m);
}

static bool one_node(const tfm_machine *m, const tfm_share *share)
{
  int node = -1;
  for (int c = 0; c < m->ncore; ++c) {
    if (!tfm_cpuset_has(&share->set, m->cores[c].pu_first)) {
      continue;
    }
    if (node >= 0 && m->cores[c].node != node) {
      return false;
    }
    node = m->cores[c].node;
  }
  return true;
}

/* The contract itself, for every count on machines of many shapes and random holes: the shares
 * are disjoint runs of cores in order, cover everything, differ by one core at most, and say
 * the truth about their node. */
static void every_division_obeys_the_contract(void **state)
{
  (void)state;
  static const char *const shapes[] = {"pack:2 numa:1 core:4 pu:1", "pack:4 numa:1 core:6 pu:2",
                                       "pack:2 numa:3 core:5 pu:1", "numa:1 core:7 pu:2",
                                       "numa:1 core:1 pu:1"};
  uint64_t random = 7;
  for (int round = 0; round < 60; ++round) {
    tfm_machine whole = synthetic(shapes[round % 5], NULL);
    tfm_buf list = {0};
    tfm_err err = {0};
    tfm_cpuset some = {{0}};
    tfm_cpuset_add(&some, 0);
    for (int pu = 0; pu < tfm_cpuset_count(&whole.allowed); ++pu) {
      if (check_random(&random) % 4) {
        tfm_cpuset_add(&some, pu);
      }
    }
    CHECK_OK(tfm_cpuset_print(&some, &list), &err);
    tfm_machine m = synthetic(shapes[round % 5], tfm_buf_cstr(&list));
    for (int count = 1; count <= m.ncore; ++count) {
      int covered = 0;
      int core = 0;
      for (int i = 0; i < count; ++i) {
        tfm_share share = {0};
        tfm_share_of(&m, i, count, &share);
        assert_false(share.shared);
        assert_true(share.ncore == m.ncore / count ||
                    (share.ncore == m.ncore / count + 1 && m.ncore % count));
        assert_int_equal(share.node >= 0, one_node(&m, &share));
        assert_int_equal(share.nnode, m.nnode);
        for (int end = core + share.ncore; core < end; ++core) { /* the next run of cores */
          assert_true(tfm_cpuset_has(&share.set, m.cores[core].pu_first));
        }
        covered += tfm_cpuset_count(&share.set);
        assert_true(tfm_cpuset_inside(&share.set, &m.allowed));
      }
      assert_int_equal(core, m.ncore);
      assert_int_equal(covered, tfm_cpuset_count(&m.allowed));
    }
    tfm_machine_fini(&m);
    tfm_machine_fini(&whole);
    tfm_buf_fini(&list);
  }
}

static void check_running_on(const tfm_cpuset *want)
{
  cpu_set_t masks[4];
  memset(masks, 0, sizeof masks);
  assert_int_equal(sched_getaffinity(0, sizeof masks, masks), 0);
  for (int pu = 0; pu < TFM_MACHINE_MAX_PU; ++pu) {
    assert_int_equal(CPU_ISSET_S((size_t)pu, sizeof masks, masks) != 0,
                     tfm_cpuset_has(want, pu));
  }
}

/* On this machine, checked with the system's own answer: each index gets one core of the share,
 * past the end it begins again, a negative one gets the whole share. */
static void this_thread_is_pinned_inside_its_share(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_share share = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open(&m, &err), &err);
  if (!m.here) {
    tfm_machine_fini(&m);
    skip();
  }
  tfm_share_of(&m, 0, 1, &share);
  for (int i = 0; i < 2 * m.ncore; ++i) {
    tfm_share one = {0};
    tfm_share_of(&m, i % m.ncore, m.ncore, &one);
    tfm_cpuset seen;
    CHECK_OK(tfm_bind_thread(&m, &share, i, &err), &err);
    check_running_on(&one.set);
    assert_int_equal(tfm_share_core_here(&m, &share), i % m.ncore);
    assert_int_equal(tfm_share_core_here(&m, &one), 0);
    assert_true(tfm_bind_seen(&seen) && tfm_cpuset_equal(&seen, &one.set));
  }
  const tfm_share nowhere = {.ncore = 1};
  assert_int_equal(tfm_share_core_here(&m, &nowhere), -1);
  CHECK_OK(tfm_bind_thread(&m, &share, -1, &err), &err);
  check_running_on(&m.allowed);
  tfm_machine_fini(&m);
}

/* Letter by letter what Open MPI 4.1 prints for these machines. */
static void bindings_are_told_as_mpirun_does(void **state)
{
  (void)state;
  static const char whole[] = "is not bound (or bound to all available processors)";
  static const struct {
    const char *machine, *allowed, *set, *want;
  } cases[] = {
      {two_by_four, NULL, "0", "bound to socket 0[core 0[hwt 0]]: [B/././.][./././.]"},
      {two_by_four, "0", "5-6",
       "bound to socket 1[core 5[hwt 0]], socket 1[core 6[hwt 0]]: [./././.][./B/B/.]"},
      {two_by_four, NULL, "0-7", whole},
      {"numa:1 core:4 pu:2", NULL, "2-4",
       "bound to socket 0[core 1[hwt 0-1]], socket 0[core 2[hwt 0]]: [../BB/B./..]"},
      {"pack:2 numa:1 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)", NULL, "1,5",
       "bound to socket 1[core 2[hwt 0-1]]: [../..][BB/..]"},
      {"pack:1 numa:1 core:2 pu:4", NULL, "0,2-3",
       "bound to socket 0[core 0[hwt 0,2-3]]: [B.BB/....]"},
      {"pack:1 numa:1 core:1 pu:1", NULL, "0", whole},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_machine m = synthetic(cases[i].machine, cases[i].allowed);
    tfm_cpuset set;
    tfm_buf got = {0};
    tfm_err err = {0};
    CHECK_OK(tfm_cpuset_parse(&set, cases[i].set, &err), &err);
    CHECK_OK(tfm_binding_print(&m, &set, &got), &err);
    assert_string_equal(tfm_buf_cstr(&got), cases[i].want);
    tfm_buf_fini(&got);
    tfm_machine_fini(&m);
  }
}

/* A share made wider by mistake must not widen what the launcher gave. */
static void pinning_never_leaves_what_is_allowed(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_share share = {.ncore = 1};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open(&m, &err), &err);
  if (!m.here || tfm_cpuset_has(&m.allowed, 4000)) {
    tfm_machine_fini(&m);
    skip();
  }
  tfm_cpuset_add(&share.set, 4000);
  CHECK_FAILS(tfm_bind_thread(&m, &share, -1, &err), TFM_E_IO, &err, "cpus 4000");
  share.set = m.allowed;
  tfm_cpuset_add(&share.set, 4000);
  CHECK_OK(tfm_bind_thread(&m, &share, -1, &err), &err);
  check_running_on(&m.allowed);
  tfm_machine_fini(&m);
}

static void a_described_machine_cannot_be_pinned_to(void **state)
{
  (void)state;
  tfm_machine m = synthetic(two_by_four, NULL);
  tfm_share share = {0};
  tfm_err err = {0};
  tfm_share_of(&m, 1, 2, &share);
  CHECK_FAILS(tfm_bind_thread(&m, &share, 0, &err), TFM_E_IO, &err, "description");
  tfm_machine_fini(&m);
}

/* One node or several need nothing; a node this machine does not have is refused by the system,
 * unless it forbids the question, which is no error. */
static void memory_is_preferred_where_there_is_a_choice(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_share share = {.ncore = 1, .node = 0, .nnode = 1};
  CHECK_OK(tfm_bind_memory(&share, &err), &err);
  share = (tfm_share){.ncore = 1, .node = -1, .nnode = 2};
  CHECK_OK(tfm_bind_memory(&share, &err), &err);
  share = (tfm_share){.ncore = 1, .node = 0, .nnode = 2};
  CHECK_OK(tfm_bind_memory(&share, &err), &err); /* every machine has a node 0 */
  share.node = TFM_MACHINE_MAX_NODE - 1;
  tfm_status st = tfm_bind_memory(&share, &err);
  assert_true(st == TFM_OK || (st == TFM_E_IO && strstr(err.text, "NUMA node 255")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shares_are_runs_that_keep_to_nodes),
      cmocka_unit_test(only_what_is_allowed_is_shared),
      cmocka_unit_test(hardware_threads_stay_together),
      cmocka_unit_test(more_ranks_than_cores_share_all_of_it),
      cmocka_unit_test(every_division_obeys_the_contract),
      cmocka_unit_test(bindings_are_told_as_mpirun_does),
      cmocka_unit_test(this_thread_is_pinned_inside_its_share),
      cmocka_unit_test(pinning_never_leaves_what_is_allowed),
      cmocka_unit_test(a_described_machine_cannot_be_pinned_to),
      cmocka_unit_test(memory_is_preferred_where_there_is_a_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
