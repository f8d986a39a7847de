#include "core/topo/machine.h"

#include "tests/support/check.h"

#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static tfm_machine synthetic(const char *description, const char *allowed)
{
  tfm_machine machine = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open_synthetic(&machine, description, allowed, &err), &err);
  return machine;
}

static void check_set(const tfm_cpuset *set, const char *want)
{
  tfm_buf text = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_cpuset_print(set, &text), &err);
  assert_string_equal(tfm_buf_cstr(&text), want);
  tfm_buf_fini(&text);
}

static void cpu_lists_are_written_and_read(void **state)
{
  (void)state;
  static const char *const lists[] = {"0",      "0-3,8", "1,3,5", "62-65",
                                      "0-4095", "4095",  "7-8,10"};
  for (size_t i = 0; i < COUNT_OF(lists); ++i) {
    tfm_cpuset set = {{0}};
    tfm_err err = {0};
    CHECK_OK(tfm_cpuset_parse(&set, lists[i], &err), &err);
    check_set(&set, lists[i]);
  }
  tfm_cpuset set = {{0}};
  tfm_err err = {0};
  check_set(&set, "");
  CHECK_OK(tfm_cpuset_parse(&set, "3,1-2,2-4", &err), &err); /* any order, overlaps */
  check_set(&set, "1-4");
  assert_int_equal(tfm_cpuset_count(&set), 4);
  assert_true(tfm_cpuset_has(&set, 4));
  assert_false(tfm_cpuset_has(&set, 5));
  assert_false(tfm_cpuset_has(&set, -1));
  assert_false(tfm_cpuset_has(&set, TFM_MACHINE_MAX_PU));
}

static void wrong_cpu_lists_are_refused(void **state)
{
  (void)state;
  static const char *const lists[] = {"",     ",",     "1,",   ",1",     "a",
                                      "1-",   "-1",    "3-1",  "1--2",   " 1",
                                      "1 ",   "0-6:2", "4096", "0-4096", "99999999999999999999",
                                      "1,,2", "0x1"};
  for (size_t i = 0; i < COUNT_OF(lists); ++i) {
    tfm_cpuset set = {{7}};
    tfm_err err = {0};
    CHECK_FAILS(tfm_cpuset_parse(&set, lists[i], &err), TFM_E_FORMAT, &err, "cpu list");
    assert_int_equal(tfm_cpuset_count(&set), 0);
  }
}

static void sets_compare(void **state)
{
  (void)state;
  tfm_cpuset a = {{0}};
  tfm_cpuset b = {{0}};
  tfm_err err = {0};
  CHECK_OK(tfm_cpuset_parse(&a, "1-3,100", &err), &err);
  CHECK_OK(tfm_cpuset_parse(&b, "0-99", &err), &err);
  assert_false(tfm_cpuset_inside(&a, &b));
  assert_false(tfm_cpuset_equal(&a, &b));
  tfm_cpuset both = a;
  tfm_cpuset_and(&both, &b);
  check_set(&both, "1-3");
  assert_true(tfm_cpuset_inside(&both, &a));
  assert_true(tfm_cpuset_inside(&both, &b));
  assert_true(tfm_cpuset_equal(&a, &a));
}

static void two_packages_are_read(void **state)
{
  (void)state;
  tfm_machine m = synthetic("pack:2 numa:1 core:4 pu:1", NULL);
  assert_int_equal(m.npackage, 2);
  assert_int_equal(m.nnode, 2);
  assert_int_equal(m.ncore, 8);
  assert_int_equal(m.ncore_machine, 8);
  assert_int_equal(m.ncore_granted, 8);
  assert_false(m.here);
  check_set(&m.allowed, "0-7");
  for (int c = 0; c < 8; ++c) {
    assert_int_equal(m.cores[c].pu_first, c);
    assert_int_equal(m.cores[c].npu, 1);
    assert_int_equal(m.cores[c].node, c / 4);
    assert_int_equal(m.cores[c].package, c / 4);
  }
  tfm_machine_fini(&m);
  assert_null(m.cores); /* and twice is allowed */
  tfm_machine_fini(&m);
}

/* Only cores with an allowed unit are listed, with their allowed units only; the counts are of
 * what may be used, ncore_machine and nnode_machine are not. */
static void the_allowed_part_is_what_is_listed(void **state)
{
  (void)state;
  tfm_machine m = synthetic("pack:2 numa:2 core:2 pu:2", "5-7,12");
  assert_int_equal(m.ncore_machine, 8);
  assert_int_equal(m.nnode_machine, 4);
  assert_int_equal(m.ncore, 3);
  assert_int_equal(m.npackage, 2);
  assert_int_equal(m.nnode, 2);
  check_set(&m.allowed, "5-7,12");
  assert_int_equal(m.cores[0].pu_first, 5);
  assert_int_equal(m.cores[0].npu, 1);
  assert_int_equal(m.cores[0].node, 1);
  assert_int_equal(m.cores[1].pu_first, 6);
  assert_int_equal(m.cores[1].npu, 2);
  assert_int_equal(m.pus[m.cores[1].pu_at + 1], 7);
  assert_int_equal(m.cores[2].pu_first, 12);
  assert_int_equal(m.cores[2].node, 3);
  assert_int_equal(m.cores[2].package, 1);
  tfm_machine_fini(&m);
}

/* A file of lstopo's is the machine it was written on; a part of one is refused. */
static void xml_is_read(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open_xml(&m, TFM_FIXTURES "/topo/snc.xml", "4-11,30", &err), &err);
  assert_int_equal(m.ncore_machine, 16);
  assert_int_equal(m.ncore_granted, 16);
  assert_int_equal(m.ncore, 5);
  assert_int_equal(m.nnode, 3);
  assert_string_equal(m.host, "snc.xml");
  assert_false(m.here);
  tfm_machine_fini(&m);
  CHECK_FAILS(tfm_machine_open_xml(&m, TFM_FIXTURES "/topo/nowhere.xml", NULL, &err),
              TFM_E_MISSING, &err, "nowhere.xml");
  CHECK_FAILS(tfm_machine_open_xml(&m, TFM_FIXTURES "/topo/README.md", NULL, &err),
              TFM_E_FORMAT, &err, "lstopo");
  CHECK_FAILS(tfm_machine_open_xml(&m, TFM_FIXTURES "/topo/snc.xml", "99", &err), TFM_E_FORMAT,
              &err, "does not have");
  assert_null(m.cores);
}

/* A machine of units 0 and 1 whose file tells of so many cores, each with those units (a mask). */
static const char *write_cores(int n, unsigned units)
{
  static char path[64];
  (void)snprintf(path, sizeof path, "/tmp/tfm-machine-%ld.xml", (long)getpid());
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">");
  fprintf(f, "<object type=\"Machine\" os_index=\"0\" gp_index=\"1\" cpuset=\"0x3\" "
             "complete_cpuset=\"0x3\" allowed_cpuset=\"0x3\" nodeset=\"0x1\" "
             "complete_nodeset=\"0x1\" allowed_nodeset=\"0x1\">");
  fprintf(f, "<object type=\"NUMANode\" os_index=\"0\" gp_index=\"2\" cpuset=\"0x3\" "
             "complete_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\"/>");
  for (int i = 0; i < n; ++i) {
    fprintf(f,
            "<object type=\"Core\" os_index=\"%d\" gp_index=\"%d\" cpuset=\"0x%x\" "
            "complete_cpuset=\"0x%x\" nodeset=\"0x1\" complete_nodeset=\"0x1\">",
            i, 100 + 3 * i, units, units);
    for (int u = 0; u < 2; ++u) {
      fprintf(f,
              "<object type=\"PU\" os_index=\"%d\" gp_index=\"%d\" cpuset=\"0x%x\" "
              "complete_cpuset=\"0x%x\" nodeset=\"0x1\" complete_nodeset=\"0x1\"/>",
              u, 101 + 3 * i + u, 1u << u, 1u << u);
    }
    fprintf(f, "</object>");
  }
  fprintf(f, "</object></topology>\n");
  assert_int_equal(fclose(f), 0);
  return path;
}

/* hwloc takes what a file tells; more units in cores than there are would not fit our arrays. */
static void xml_that_contradicts_itself_is_refused(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_open_xml(&m, write_cores(1, 3), NULL, &err), &err);
  assert_int_equal(m.ncore, 1);
  assert_int_equal(m.cores[0].npu, 2);
  tfm_machine_fini(&m);
  CHECK_FAILS(tfm_machine_open_xml(&m, write_cores(40, 3), NULL, &err), TFM_E_FORMAT, &err,
              "contradicts itself");
  CHECK_FAILS(tfm_machine_open_xml(&m, write_cores(0, 3), NULL, &err), TFM_E_FORMAT, &err,
              "xml: the description of the machine contradicts itself");
  const char *path = write_cores(0, 3);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
  CHECK_FAILS(tfm_machine_open_xml(&m, path, NULL, &err), TFM_E_FORMAT, &err, "regular file");
  assert_int_equal(unlink(path), 0);
}

/* Many servers number the second hardware threads after all first ones, and deal cores to
 * packages in turn: the order of cores must follow the hardware, not the numbers. */
static void interleaved_numbers_keep_the_order_of_the_hardware(void **state)
{
  (void)state;
  tfm_machine m = synthetic("pack:2 numa:1 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)", NULL);
  assert_int_equal(m.ncore, 4);
  for (int c = 0; c < 4; ++c) {
    assert_int_equal(m.cores[c].package, c / 2);
    assert_int_equal(m.cores[c].npu, 2);
    int first = m.pus[m.cores[c].pu_at];
    int second = m.pus[m.cores[c].pu_at + 1];
    assert_int_equal(m.cores[c].pu_first, first);
    assert_int_equal(second - first, 4);
  }
  assert_int_equal(m.cores[0].pu_first, 0);
  assert_int_equal(m.cores[1].pu_first, 2);
  assert_int_equal(m.cores[2].pu_first, 1);
  tfm_machine_fini(&m);
}

static void descriptions_that_cannot_be_are_refused(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_err err = {0};
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "pack:2 nonsense", NULL, &err), TFM_E_FORMAT, &err,
              "nonsense");
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "", NULL, &err), TFM_E_FORMAT, &err,
              "description");
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "numa:1 core:4 pu:1", "3-4", &err), TFM_E_FORMAT,
              &err, "does not have");
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "numa:1 core:4 pu:1", "x", &err), TFM_E_FORMAT,
              &err, "cpu list");
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "pack:2 numa:1 core:1100 pu:2", NULL, &err),
              TFM_E_UNSUPPORTED, &err, "4399");
  CHECK_FAILS(tfm_machine_open_synthetic(&m, "numa:300 core:1 pu:1", NULL, &err),
              TFM_E_UNSUPPORTED, &err, "NUMA node number 299");
  assert_null(m.cores);
  assert_int_equal(m.ncore, 0);
}

static void the_largest_machine_is_read(void **state)
{
  (void)state;
  tfm_machine m = synthetic("pack:8 numa:2 core:128 pu:2", NULL);
  assert_int_equal(m.ncore, 2048);
  assert_int_equal(tfm_cpuset_count(&m.allowed), 4096);
  assert_int_equal(m.nnode, 16);
  tfm_machine_fini(&m);
}

static void check_tree(const char *description, const char *allowed, const char *want)
{
  tfm_machine m = synthetic(description, allowed);
  tfm_buf out = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_machine_print(&m, &out, &err), &err);
  assert_string_equal(tfm_buf_cstr(&out), want);
  tfm_buf_fini(&out);
  tfm_machine_fini(&m);
}

/* Letter by letter: the tree is what a person compares with lstopo. */
static void the_tree_is_printed(void **state)
{
  (void)state;
  check_tree("pack:2 numa:1(memory=64GiB) l3:2(size=32MiB) core:2 pu:2", "0-3,5",
             "machine synthetic: 8 cores, 128 GiB\n"
             "  package 0\n"
             "    NUMA node 0: 64 GiB\n"
             "      L3 32 MiB\n"
             "        cores 0-1: cpus 0-3\n"
             "      L3 32 MiB\n"
             "        cores 2-3: cpus 4-7  [allowed: cpus 5]\n"
             "  package 1  [not allowed]\n"
             "    NUMA node 1: 64 GiB  [not allowed]\n"
             "      L3 32 MiB  [not allowed]\n"
             "        cores 4-5: cpus 8-11  [not allowed]\n"
             "      L3 32 MiB  [not allowed]\n"
             "        cores 6-7: cpus 12-15  [not allowed]\n"
             "this process may use 3 of 8 cores (cpus 0-3,5) on 1 NUMA node of 1 package\n");
  check_tree("numa:1 core:2 pu:1", NULL,
             "machine synthetic: 2 cores, 1 GiB\n"
             "  NUMA node 0: 1 GiB\n"
             "    cores 0-1: cpus 0-1\n"
             "this process may use 2 of 2 cores (cpus 0-1) on 1 NUMA node of 1 package\n");
}

/* Against the system's own answer, whatever machine runs the test: the binding of this thread
 * and the number of online units. */
static void this_machine_is_what_the_system_says(void **state)
{
  (void)state;
  tfm_machine m = {0};
  tfm_err err = {0};
  cpu_set_t masks[4];
  memset(masks, 0, sizeof masks);
  assert_int_equal(sched_getaffinity(0, sizeof masks, masks), 0);
  CHECK_OK(tfm_machine_open(&m, &err), &err);
  if (!m.here) {
    tfm_machine_fini(&m);
    skip(); /* HWLOC_SYNTHETIC or HWLOC_XMLFILE is set */
  }
  for (int pu = 0; pu < TFM_MACHINE_MAX_PU; ++pu) {
    bool bound = CPU_ISSET_S((size_t)pu, sizeof masks, masks);
    assert_true(bound || !tfm_cpuset_has(&m.allowed, pu)); /* never wider */
  }
  assert_in_range(m.ncore, 1, m.ncore_granted);
  assert_in_range(m.ncore_granted, 1, m.ncore_machine);
  assert_in_range(m.ncore_machine, 1, sysconf(_SC_NPROCESSORS_ONLN));
  assert_in_range(m.nnode_machine, m.nnode, TFM_MACHINE_MAX_NODE);
  assert_true(m.host[0] != '\0');
  assert_true(m.memory_bytes > 0);
  int npu = 0;
  for (int c = 0; c < m.ncore; ++c) {
    npu += m.cores[c].npu;
  }
  assert_int_equal(npu, tfm_cpuset_count(&m.allowed));
  tfm_machine_fini(&m);
}

/* What mpirun does to a rank, done to this thread: the machine must shrink to it. */
static void a_bound_process_sees_its_part(void **state)
{
  (void)state;
  tfm_machine all = {0};
  tfm_machine part = {0};
  tfm_err err = {0};
  cpu_set_t before[4];
  cpu_set_t one[4];
  memset(one, 0, sizeof one);
  assert_int_equal(sched_getaffinity(0, sizeof before, before), 0);
  CHECK_OK(tfm_machine_open(&all, &err), &err);
  if (!all.here) {
    tfm_machine_fini(&all);
    skip();
  }
  int pu = all.cores[all.ncore - 1].pu_first;
  CPU_SET_S((size_t)pu, sizeof one, one);
  assert_int_equal(sched_setaffinity(0, sizeof one, one), 0);
  tfm_status st = tfm_machine_open(&part, &err);
  assert_int_equal(sched_setaffinity(0, sizeof before, before), 0);
  CHECK_OK(st, &err);
  assert_int_equal(part.ncore, 1);
  assert_int_equal(part.cores[0].pu_first, pu);
  assert_int_equal(part.ncore_machine, all.ncore_machine);
  assert_int_equal(part.nnode_machine, all.nnode_machine);
  assert_int_equal(part.ncore_granted, all.ncore_granted);
  tfm_machine_fini(&part);
  tfm_machine_fini(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cpu_lists_are_written_and_read),
      cmocka_unit_test(wrong_cpu_lists_are_refused),
      cmocka_unit_test(sets_compare),
      cmocka_unit_test(two_packages_are_read),
      cmocka_unit_test(the_allowed_part_is_what_is_listed),
      cmocka_unit_test(xml_is_read),
      cmocka_unit_test(xml_that_contradicts_itself_is_refused),
      cmocka_unit_test(interleaved_numbers_keep_the_order_of_the_hardware),
      cmocka_unit_test(descriptions_that_cannot_be_are_refused),
      cmocka_unit_test(the_largest_machine_is_read),
      cmocka_unit_test(the_tree_is_printed),
      cmocka_unit_test(this_machine_is_what_the_system_says),
      cmocka_unit_test(a_bound_process_sees_its_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
