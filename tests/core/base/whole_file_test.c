/* Files that take their name when they are whole: what was there stays until then, and links and
 * pipes stay what they are. */
#include "core/base/whole_file.h"

#include "core/base/file.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/tfm_whole_test_XXXXXX";

/* A path inside the test's own folder; valid for three calls more. */
static const char *at(const char *name)
{
  static char paths[4][256];
  static int turn;
  char *path = paths[++turn % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  static const char *const names[] = {"a", "link", "fifo"};
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    (void)unlink(at(names[i]));
  }
  return rmdir(folder); /* fails when anything was left behind */
}

static void check_holds(const char *name, const char *want)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  CHECK_OK(tfm_file_read_all(at(name), 1 << 10, &text, &err), &err);
  assert_string_equal(tfm_buf_cstr(&text), want);
  tfm_buf_fini(&text);
}

static void put(const char *name, const char *text)
{
  tfm_err err = {0};
  CHECK_OK(tfm_whole_file_write(at(name), tfm_span_of(text), &err), &err);
}

static void what_was_there_stays_until_it_is_whole(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_whole_file file = {0};
  put("a", "old");
  CHECK_OK(tfm_whole_file_begin(&file, at("a"), &err), &err);
  assert_true(fputs("new", file.stream) >= 0);
  assert_int_equal(fflush(file.stream), 0);
  check_holds("a", "old");
  CHECK_OK(tfm_whole_file_end(&file, &err), &err);
  check_holds("a", "new");
  assert_int_equal(tfm_path_look(at("a.part")), TFM_PATH_NOTHING);
  CHECK_OK(tfm_whole_file_end(&file, &err), &err); /* closed already */
}

static void a_link_is_followed(void **state)
{
  (void)state;
  struct stat about;
  put("a", "old");
  assert_int_equal(symlink("a", at("link")), 0);
  put("link", "new");
  check_holds("a", "new");
  assert_int_equal(lstat(at("link"), &about), 0);
  assert_true(S_ISLNK(about.st_mode));
}

static void a_pipe_is_written_and_stays_one(void **state)
{
  (void)state;
  tfm_err err = {0};
  char got[8] = "";
  assert_int_equal(mkfifo(at("fifo"), 0600), 0);
  assert_int_equal(tfm_whole_file_write(at("fifo"), tfm_span_of("x"), &err), TFM_E_IO);
  assert_non_null(strstr(err.text, "fifo")); /* nobody reads, and nobody waits */
  const int fd = open(at("fifo"), O_RDONLY | O_NONBLOCK);
  assert_true(fd >= 0);
  put("fifo", "text");
  assert_int_equal(read(fd, got, sizeof got), 4);
  assert_memory_equal(got, "text", 4);
  assert_int_equal(close(fd), 0);
  assert_int_equal(tfm_path_look(at("fifo")), TFM_PATH_OTHER);
}

static void a_failure_is_told_and_leaves_nothing(void **state)
{
  (void)state;
  tfm_err err = {0};
  assert_int_equal(tfm_whole_file_write("/dev/full", tfm_span_of("x"), &err), TFM_E_IO);
  assert_non_null(strstr(err.text, "/dev/full cannot be written: No space left on device"));
  assert_int_equal(tfm_whole_file_write(at("no/such"), tfm_span_of("x"), &err), TFM_E_IO);
  assert_non_null(strstr(err.text, "no/such"));
  put("a", "old");
  assert_int_equal(tfm_whole_file_write(folder, tfm_span_of("x"), &err), TFM_E_IO);
  check_holds("a", "old");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_there_stays_until_it_is_whole),
      cmocka_unit_test(a_link_is_followed),
      cmocka_unit_test(a_pipe_is_written_and_stays_one),
      cmocka_unit_test(a_failure_is_told_and_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
