#include "core/topo/memory.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MB = 1 << 20 };

static char root[64];

static int make_root(void **state)
{
  (void)state;
  (void)snprintf(root, sizeof root, "/tmp/tfm-memory-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
  (void)state;
  char command[128];
  (void)snprintf(command, sizeof command, "rm -r '%s'", root);
  return system(command);
}

/* Write a file below the root, with the folders on the way. */
static void put(const char *path, const char *text)
{
  char full[256];
  (void)snprintf(full, sizeof full, "%s%s", root, path);
  for (char *p = full + 1; *p; ++p) {
    if (*p == '/') {
      *p = '\0';
      (void)mkdir(full, 0700);
      *p = '/';
    }
  }
  FILE *f = fopen(full, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static void this_process_has_memory_and_a_peak(void **state)
{
  (void)state;
  const tfm_memory_use before = tfm_memory_of_process();
  const size_t n = 64 * (size_t)MB;
  /* mapped, not allocated: sanitizers keep for a while what is freed */
  void *block = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(block != MAP_FAILED);
  memset(block, 1, n);
  const tfm_memory_use during = tfm_memory_of_process();
  assert_int_equal(munmap(block, n), 0);
  const tfm_memory_use after = tfm_memory_of_process();
  assert_true(before.now > 0 && before.peak >= before.now);
  assert_true(during.now - before.now >= (int64_t)n - MB);
  assert_true(after.peak >= during.now - MB); /* the system counts in batches */
  assert_true(after.now < during.now);
  assert_true(tfm_memory_available("") > 0);
}

static void without_groups_the_system_decides(void **state)
{
  (void)state;
  assert_int_equal(tfm_memory_available(root), -1);
  put("/proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    4096 kB\n");
  assert_int_equal(tfm_memory_available(root), 4 * MB);
}

static void a_group_of_version_2_limits_and_caches_do_not_count(void **state)
{
  (void)state;
  put("/proc/meminfo", "MemAvailable: 40960 kB\n");
  put("/proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  put("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
  put("/sys/fs/cgroup/slurm/job_7/step_0/memory.current", "3145728\n");
  put("/sys/fs/cgroup/slurm/job_7/memory.max", "16777216\n");
  put("/sys/fs/cgroup/slurm/job_7/memory.current", "6291456\n");
  put("/sys/fs/cgroup/slurm/job_7/memory.stat", "anon 1\ninactive_file 4194304\nfile 9\n");
  assert_int_equal(tfm_memory_available(root), 14 * MB);
  put("/sys/fs/cgroup/slurm/job_7/memory.current", "99999999\n");
  assert_int_equal(tfm_memory_available(root), 0); /* above its limit: nothing is left */
}

static void version_1_has_other_names_and_a_number_for_no_limit(void **state)
{
  (void)state;
  put("/proc/meminfo", "MemAvailable: 40960 kB\n");
  put("/proc/self/cgroup", "8:pids:/x\n4:cpu,memory:/docker/ab\n0::/\n");
  put("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/docker/ab/memory.usage_in_bytes", "1\n");
  assert_int_equal(tfm_memory_available(root), 40 * MB);
  put("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "8388608\n");
  put("/sys/fs/cgroup/memory/docker/ab/memory.usage_in_bytes", "2097152\n");
  put("/sys/fs/cgroup/memory/docker/ab/memory.stat",
      "inactive_file 5\ntotal_inactive_file 1048576\n");
  assert_int_equal(tfm_memory_available(root), 7 * MB);
}

/* A container may see only the top: its own path is not there, the limit is. */
static void a_group_that_cannot_be_seen_is_passed_over(void **state)
{
  (void)state;
  put("/proc/meminfo", "MemAvailable: 40960 kB\n");
  put("/proc/self/cgroup", "0::/kubepods/pod1\n");
  put("/sys/fs/cgroup/memory.max", "5242880\n");
  put("/sys/fs/cgroup/memory.current", "1048576\n");
  assert_int_equal(tfm_memory_available(root), 4 * MB);
}

int main(void)
{
#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(this_process_has_memory_and_a_peak),
      IN_ROOT(without_groups_the_system_decides),
      IN_ROOT(a_group_of_version_2_limits_and_caches_do_not_count),
      IN_ROOT(version_1_has_other_names_and_a_number_for_no_limit),
      IN_ROOT(a_group_that_cannot_be_seen_is_passed_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
