#include "core/base/file.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/tfm_file_test_XXXXXX";
static char path[256];

/* A path inside the test's own folder; valid until the next call. */
static const char *at(const char *name)
{
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
  FILE *f = fopen(at(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  static const char *const names[] = {"a",     "fifo", "loop",   "link",
                                      "empty", "big",  "shrink", "secret"};
  for (size_t i = 0; i < COUNT_OF(names); ++i) {
    (void)unlink(at(names[i]));
  }
  return rmdir(folder);
}

static void a_file_is_read_whole_and_in_pieces(void **state)
{
  (void)state;
  tfm_err err = {0};
  write_file("a", "hello\0world", 11);
  tfm_buf all = {0};
  (void)tfm_buf_str(&all, "<");
  CHECK_OK(tfm_file_read_all(at("a"), 11, &all, &err), &err);
  CHECK_SPAN(tfm_buf_view(&all), SPAN("<hello\0world"));
  tfm_buf_fini(&all);

  tfm_file file;
  CHECK_OK(tfm_file_open(&file, at("a"), &err), &err);
  assert_int_equal(file.bytes, 11);
  char piece[5];
  CHECK_OK(tfm_file_read_at(&file, 6, piece, 5, &err), &err);
  assert_memory_equal(piece, "world", 5);
  CHECK_OK(tfm_file_read_at(&file, 0, piece, 5, &err), &err); /* any order */
  assert_memory_equal(piece, "hello", 5);
  CHECK_OK(tfm_file_read_at(&file, 11, piece, 0, &err), &err);
  tfm_file_fini(&file);
  assert_int_equal(file.fd, -1);
  tfm_file_fini(&file);
}

static void a_file_that_ends_early_is_named_with_its_offset(void **state)
{
  (void)state;
  tfm_err err = {0};
  write_file("shrink", "0123456789", 10);
  tfm_file file;
  CHECK_OK(tfm_file_open(&file, at("shrink"), &err), &err);
  assert_int_equal(truncate(at("shrink"), 4), 0);
  char piece[8];
  CHECK_FAILS(tfm_file_read_at(&file, 2, piece, 8, &err), TFM_E_FORMAT, &err,
              "ends at byte 4, want bytes up to 10");
  CHECK_FAILS(tfm_file_read_at(&file, 100, piece, 1, &err), TFM_E_FORMAT, &err, "shrink: ends");
  CHECK_FAILS(tfm_file_read_at(&file, UINT64_MAX - 2, piece, 8, &err), TFM_E_FORMAT, &err,
              "no file reaches");
  CHECK_FAILS(tfm_file_read_at(&file, INT64_MAX, piece, 8, &err), TFM_E_FORMAT, &err,
              "no file reaches");
  tfm_file_fini(&file);
}

static void too_large_a_file_is_refused_and_nothing_is_appended(void **state)
{
  (void)state;
  tfm_err err = {0};
  write_file("big", "0123456789", 10);
  tfm_buf all = {0};
  (void)tfm_buf_str(&all, "kept");
  CHECK_FAILS(tfm_file_read_all(at("big"), 9, &all, &err), TFM_E_FORMAT, &err,
              "has 10 bytes, want at most 9");
  CHECK_SPAN(tfm_buf_view(&all), SPAN("kept"));
  tfm_buf_fini(&all);
}

static void an_empty_file_is_a_file(void **state)
{
  (void)state;
  tfm_err err = {0};
  write_file("empty", "", 0);
  tfm_buf all = {0};
  CHECK_OK(tfm_file_read_all(at("empty"), 0, &all, &err), &err);
  assert_int_equal(all.n, 0);
  tfm_buf_fini(&all);
}

/* Files of the kernel say 0 bytes and still have some; the limit holds for them too. */
static void a_file_without_a_size_is_read_to_its_end(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf all = {0};
  CHECK_OK(tfm_file_read_all("/proc/self/status", 1 << 20, &all, &err), &err);
  assert_non_null(strstr(tfm_buf_cstr(&all), "VmRSS"));
  tfm_buf_clear(&all);
  CHECK_FAILS(tfm_file_read_all("/proc/self/status", 10, &all, &err), TFM_E_FORMAT, &err,
              "larger than");
  assert_int_equal(all.n, 0);
  tfm_buf_fini(&all);
}

static void check_refused(const char *name, tfm_status st, const char *part)
{
  tfm_err err = {0};
  tfm_file file;
  alarm(20); /* a FIFO opened the wrong way blocks for ever */
  CHECK_FAILS(tfm_file_open(&file, name, &err), st, &err, part);
  alarm(0);
  assert_int_equal(file.fd, -1);
  assert_null(file.path);
}

static void only_regular_files_are_opened(void **state)
{
  (void)state;
  check_refused(folder, TFM_E_FORMAT, "got a folder");
  check_refused("/dev/null", TFM_E_FORMAT, "got a device");
  assert_int_equal(mkfifo(at("fifo"), 0600), 0);
  check_refused(at("fifo"), TFM_E_FORMAT, "got a FIFO");
  assert_int_equal(tfm_path_look(at("fifo")), TFM_PATH_OTHER);
}

static void missing_is_told_from_broken(void **state)
{
  (void)state;
  check_refused(at("nothing"), TFM_E_MISSING, "nothing: no such file");
  check_refused(at("nothing/below"), TFM_E_MISSING, "no such file");
  check_refused("", TFM_E_MISSING, "no such file");
  write_file("a", "x", 1);
  check_refused(at("a/below"), TFM_E_MISSING, "no such file");
  assert_int_equal(symlink("loop", at("loop")), 0);
  check_refused(at("loop"), TFM_E_FORMAT, "circle");
}

/* For root every file is readable, so the permission case needs another user. */
static void a_file_without_permission_is_an_io_error(void **state)
{
  (void)state;
  write_file("secret", "x", 1);
  assert_int_equal(chmod(at("secret"), 0), 0);
  if (geteuid() == 0 && (chmod(folder, 0755) != 0 || seteuid(65534) != 0)) {
    skip();
  }
  check_refused(at("secret"), TFM_E_IO, "Permission denied");
  if (getuid() == 0) {
    assert_int_equal(seteuid(0), 0);
  }
}

static void links_are_followed(void **state)
{
  (void)state;
  tfm_err err = {0};
  write_file("a", "target", 6);
  assert_int_equal(symlink("a", at("link")), 0);
  tfm_buf all = {0};
  CHECK_OK(tfm_file_read_all(at("link"), 100, &all, &err), &err);
  CHECK_SPAN(tfm_buf_view(&all), SPAN("target"));
  tfm_buf_fini(&all);
  assert_int_equal(tfm_path_look(at("link")), TFM_PATH_FILE);
}

static void paths_are_joined_with_one_slash(void **state)
{
  (void)state;
  static const struct {
    const char *dir, *name, *path;
  } cases[] = {
      {"d", "n", "d/n"}, {"d/", "n", "d/n"}, {"/", "n", "/n"}, {"", "n", "n"}, {".", "", "./"}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    char *joined = tfm_path_join(cases[i].dir, cases[i].name);
    assert_string_equal(joined, cases[i].path);
    tfm_free(joined);
  }
  assert_string_equal(tfm_path_base("/a/b.json"), "b.json");
  assert_string_equal(tfm_path_base("b.json"), "b.json");
  assert_string_equal(tfm_path_base("/a/"), "");
}

static void looking_tells_what_is_there(void **state)
{
  (void)state;
  write_file("a", "x", 1);
  assert_int_equal(tfm_path_look(at("a")), TFM_PATH_FILE);
  assert_int_equal(tfm_path_look(folder), TFM_PATH_FOLDER);
  assert_int_equal(tfm_path_look(at("nothing")), TFM_PATH_NOTHING);
  assert_int_equal(tfm_path_look("/dev/null"), TFM_PATH_OTHER);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_read_whole_and_in_pieces),
      cmocka_unit_test(a_file_that_ends_early_is_named_with_its_offset),
      cmocka_unit_test(too_large_a_file_is_refused_and_nothing_is_appended),
      cmocka_unit_test(an_empty_file_is_a_file),
      cmocka_unit_test(a_file_without_a_size_is_read_to_its_end),
      cmocka_unit_test(only_regular_files_are_opened),
      cmocka_unit_test(missing_is_told_from_broken),
      cmocka_unit_test(a_file_without_permission_is_an_io_error),
      cmocka_unit_test(links_are_followed),
      cmocka_unit_test(paths_are_joined_with_one_slash),
      cmocka_unit_test(looking_tells_what_is_there),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
