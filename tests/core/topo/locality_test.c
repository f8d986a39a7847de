#include "core/topo/bind.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

static tfm_locality read_fixture(const char *name, int node)
{
  tfm_buf path = {0};
  tfm_buf text = {0};
  tfm_err err = {0};
  tfm_locality got = {0};
  CHECK_OK(tfm_buf_printf(&path, "%s/topo/%s", TFM_FIXTURES, name), &err);
  CHECK_OK(tfm_file_read_all(tfm_buf_cstr(&path), 1 << 20, &text, &err), &err);
  CHECK_OK(tfm_locality_of_numa_maps(&got, text.data, text.n, node, &err), &err);
  tfm_buf_fini(&path);
  tfm_buf_fini(&text);
  return got;
}

/* The counts beside the fixtures were added up by hand from their lines, so this checks which
 * lines count, which page size each has, and that both nodes see the same total. */
static void files_of_two_nodes_are_added_up(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    int64_t on[2];
  } files[] = {
      {"two_nodes.numa_maps", {40, 16520}},
      {"hugetlb.numa_maps", {4100, 12480}},
      {"one_node.numa_maps", {1203, 0}},
      {"nothing_resident.numa_maps", {0, 0}},
  };
  for (size_t i = 0; i < COUNT_OF(files); ++i) {
    for (int node = 0; node < 2; ++node) {
      tfm_locality got = read_fixture(files[i].name, node);
      int64_t total = files[i].on[0] + files[i].on[1];
      assert_int_equal(got.pages, total);
      assert_int_equal(got.local_pages, files[i].on[node]);
      assert_int_equal(got.known, total > 0);
    }
    assert_int_equal(read_fixture(files[i].name, 7).local_pages, 0);
  }
}

/* A number that is half there or no number must not become a share. */
static void malformed_lines_are_refused_by_number(void **state)
{
  (void)state;
  static const struct {
    const char *text, *says;
  } cases[] = {
      {"7f1c0000 default anon=1 N0=1 kernelpagesize_kB=4", "line 1: the text ends inside it"},
      {"7f1c0000 default N0=1\n7f1c1000 default N0=16", "line 2: the text ends"},
      {"7f1c0000 default N0=x\n", "line 1: a count"},
      {"7f1c0000 default N0=\n", "line 1: a count"},
      {"7f1c0000 default N0\n", "line 1: a count"},
      {"7f1c0000 default N0=-4\n", "line 1: a count"},
      {"7f1c0000 default N0x=4\n", "line 1: a count"},
      {"7f1c0000 default N0=99999999999999999999\n", "line 1: a count"},
      {"7f1c0000 default N0=9223372036854775800 N1=9\n", "line 1: a count"},
      {"7f1c0000 default N0=9223372036854775000 kernelpagesize_kB=8\n",
       "line 1: the pages add"},
      {"7f1c0000 default N0=1 kernelpagesize_kB=\n", "line 1: kernelpagesize"},
      {"7f1c0000 default N0=1 kernelpagesize_kB=0\n", "line 1: kernelpagesize"},
      {"7f1c0000 default N0=1 kernelpagesize_kB=6\n", "line 1: kernelpagesize"},
      {"7f1c0000\n", "line 1: wanted a policy"},
      {"default N0=1\n", "line 1: wanted an address"},
      {"12345678901234567 default\n", "line 1: wanted an address"},
      {"\n \n", "line 2: wanted an address"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_locality out = {.known = true, .pages = 5};
    tfm_err err = {0};
    CHECK_FAILS(tfm_locality_of_numa_maps(&out, cases[i].text, strlen(cases[i].text), 0, &err),
                TFM_E_FORMAT, &err, cases[i].says);
    assert_false(out.known);
    assert_int_equal(out.pages, 0);
  }
}

static void what_a_newer_kernel_adds_is_skipped(void **state)
{
  (void)state;
  static const char text[] =
      "7f1c0000 weighted:0-1 New=5 NUMA_x=3 anon=2 N1=2 tier=1 kernelpa\n"
      "7f1c4000 default N 4 N0=1 \n";
  tfm_locality out = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_locality_of_numa_maps(&out, text, sizeof text - 1, 1, &err), &err);
  assert_int_equal(out.pages, 3);
  assert_int_equal(out.local_pages, 2);
}

/* A cut at every byte either reads whole lines or is refused: it never crashes, never counts a
 * cut line (run under the sanitizers too). */
static void a_file_cut_anywhere_is_safe(void **state)
{
  (void)state;
  static const char text[] = "7f1c0000 prefer (many):0-1 heap anon=12 N0=5 N1=7 "
                             "kernelpagesize_kB=4\n7f1c4000 default huge N1=1 "
                             "kernelpagesize_kB=2048\n";
  for (size_t n = 0; n < sizeof text; ++n) {
    char *cut = tfm_strndup(text, n); /* its own block: reading past the end is seen */
    tfm_locality out = {0};
    tfm_err err = {0};
    tfm_status st = tfm_locality_of_numa_maps(&out, cut, n, 1, &err);
    bool whole = n == 0 || text[n - 1] == '\n';
    assert_int_equal(st, whole ? TFM_OK : TFM_E_FORMAT);
    assert_true(out.pages == 0 || out.pages == 12 || out.pages == 524);
    tfm_free(cut);
  }
}

/* Real memory on this machine: touched pages are on some node of it, so the counts over all its
 * nodes add up to the pages touched; pages never touched count nowhere. Where the system forbids
 * the question, the answer must be "unknown". */
static void this_machine_tells_or_says_unknown(void **state)
{
  (void)state;
  enum { BYTES = 5 << 20 };
  tfm_machine machine = {0};
  tfm_err err = {0};
  char *block = tfm_alloc_aligned(BYTES, 1);
  assert_non_null(block);
  CHECK_OK(tfm_machine_open(&machine, &err), &err);
  memset(block, 1, BYTES);
  int64_t local = 0;
  tfm_locality any = {0};
  for (int node = 0; node < TFM_MACHINE_MAX_NODE; ++node) {
    tfm_locality sum = {0};
    tfm_locality_add(&sum, block, BYTES, node);
    any = sum;
    local += sum.local_pages;
  }
  if (any.known) {
    /* The block may begin and end inside a page. */
    assert_in_range(any.pages, BYTES / 4096, BYTES / 4096 + 32);
    assert_int_equal(local, any.pages);
  } else {
    assert_true(any.refused);
    assert_int_equal(any.pages, 0);
  }
  tfm_machine_fini(&machine);
  tfm_free(block);
}

static void no_memory_and_no_node_ask_nothing(void **state)
{
  (void)state;
  tfm_locality sum = {0};
  char byte = 1;
  tfm_locality_add(&sum, &byte, 1, -1);
  tfm_locality_add(&sum, &byte, 0, 0);
  assert_false(sum.known);
  assert_false(sum.refused);
  assert_int_equal(sum.pages, 0);
}

/* Once refused, a later success must not make a part of the memory speak for all of it. */
static void a_refusal_lasts(void **state)
{
  (void)state;
  tfm_locality sum = {.refused = true};
  char byte = 1;
  tfm_locality_add(&sum, &byte, 1, 0);
  assert_false(sum.known);
  assert_int_equal(sum.pages, 0);
}

static void the_fallback_reads_this_process(void **state)
{
  (void)state;
  tfm_locality all = tfm_locality_of_process(0);
  assert_true(all.known ? all.pages > 0 && all.local_pages <= all.pages : all.refused);
  if (access("/proc/self/numa_maps", R_OK) == 0) {
    assert_true(all.known);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_of_two_nodes_are_added_up),
      cmocka_unit_test(malformed_lines_are_refused_by_number),
      cmocka_unit_test(what_a_newer_kernel_adds_is_skipped),
      cmocka_unit_test(a_file_cut_anywhere_is_safe),
      cmocka_unit_test(this_machine_tells_or_says_unknown),
      cmocka_unit_test(no_memory_and_no_node_ask_nothing),
      cmocka_unit_test(a_refusal_lasts),
      cmocka_unit_test(the_fallback_reads_this_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
