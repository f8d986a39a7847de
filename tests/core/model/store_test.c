/* Packed weights that are kept or shared must be the ones the checkpoint gives, bit for bit,
 * whatever lies in the cache folder and whoever else uses it: every case below ends in the same
 * activations and logits as weights that were read into the heap. The shipped model, whose units
 * are images. */
#include "core/model/image.h"
#include "tests/core/model/support.h"
#include "tests/support/check.h"

#include "core/base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SENTIMENT TFM_SOURCE_DIR "/deploy/models/tfm-sentiment"

enum { T = 15, B = 2, H_MOST = 1024, PATH = 512, UNITS = 14, FILES = UNITS };

static const int32_t cu_len[] = {0, 6, T};
static const tfm_engine engine = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32};

typedef struct {
  float x[T * H_MOST], logits[2 * B];
} answer;

/* ---- a scratch folder of each test ---- */

static char top[PATH];

static int make_top(void **state)
{
  (void)state;
  (void)snprintf(top, sizeof top, "%s/tfm-store-XXXXXX",
                 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
  (void)state;
  char command[PATH + 16];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", top);
  return system(command);
}

/* The one folder of a model in there. */
static void model_folder(char path[PATH])
{
  DIR *d = opendir(top);
  assert_non_null(d);
  path[0] = '\0';
  for (struct dirent *e = readdir(d); e; e = readdir(d)) {
    if (strncmp(e->d_name, "packed-", 7) == 0) {
      assert_string_equal(path, "");
      assert_true(snprintf(path, PATH, "%.200s/%.200s", top, e->d_name) < PATH);
    }
  }
  (void)closedir(d);
  assert_string_not_equal(path, "");
}

static int count_files(const char *suffix)
{
  char path[PATH];
  int n = 0;
  model_folder(path);
  DIR *d = opendir(path);
  assert_non_null(d);
  for (struct dirent *e = readdir(d); e; e = readdir(d)) {
    const size_t length = strlen(e->d_name);
    const size_t end = strlen(suffix);
    n += e->d_name[0] != '.' && length >= end && strcmp(e->d_name + length - end, suffix) == 0;
  }
  (void)closedir(d);
  return n;
}

static void file_path(char path[PATH], const char *name)
{
  char in[PATH];
  model_folder(in);
  assert_true(snprintf(path, PATH, "%.300s/%.100s", in, name) < PATH);
}

/* ---- runs ---- */

static void fill(float *x, int64_t n)
{
  uint32_t s = 12345;
  for (int64_t i = 0; i < n; ++i) {
    s = s * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)(s >> 8) * 0x1p-23f - 1.0f;
  }
}

static void run(const tfm_model *model, tfm_store *store, answer *a)
{
  tfm_err err = {.status = TFM_OK};
  const tfm_slice_options options = {.last = UNITS,
                                     .head = true,
                                     .engine = engine,
                                     .max_tokens = T,
                                     .max_sequences = B,
                                     .nthread = 1,
                                     .store = store};
  tfm_slice *slice = NULL;
  assert_true(model->config.H <= H_MOST && 2 * model->config.L == UNITS);
  want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
  memset(a, 0, sizeof *a);
  fill(a->x, T * model->config.H);
  const tfm_batch batch = {.B = B, .T = T, .cu_len = cu_len, .x = a->x};
  tfm_slice_run(slice, &batch, NULL);
  tfm_slice_head(slice, &batch, a->logits, NULL);
  tfm_slice_close(slice);
}

/* What the heap's weights give, once for all tests. */
static const answer *oracle(void)
{
  static answer a;
  static bool known;
  if (!known) {
    tfm_model model = open_model(SENTIMENT);
    run(&model, NULL, &a);
    tfm_model_fini(&model);
    known = true;
  }
  return &a;
}

typedef struct {
  tfm_store_count count;
  char note[256];
} outcome;

static tfm_store *open_store(const tfm_model *model, tfm_store_options options)
{
  tfm_err err = {.status = TFM_OK};
  tfm_store *store = NULL;
  options.digest = options.digest ? options.digest : "of the model";
  want_ok(tfm_store_open(&store, model, &options, &err), &err);
  return store;
}

/* The answer has the oracle's bits; says how it came about. */
static outcome must_answer(tfm_store_options options)
{
  tfm_model model = open_model(SENTIMENT);
  tfm_store *store = open_store(&model, options);
  outcome out = {.note = ""};
  answer a;
  run(&model, store, &a);
  assert_memory_equal(&a, oracle(), sizeof a);
  tfm_store_keep(store, 60);
  out.count = tfm_store_counted(store);
  (void)snprintf(out.note, sizeof out.note, "%s", tfm_store_note(store));
  tfm_store_close(store);
  tfm_model_fini(&model);
  return out;
}

static outcome with_cache(void)
{
  return must_answer((tfm_store_options){.folder = top, .lent = -1});
}

static void want_all_cached(void)
{
  const outcome out = with_cache();
  assert_string_equal(out.note, "");
  assert_int_equal(out.count.cached, FILES);
  assert_int_equal(out.count.made, 0);
}

/* ---- the folder as it should be ---- */

static void what_one_run_makes_the_next_finds(void **state)
{
  (void)state;
  struct stat look;
  char path[PATH];
  const outcome first = with_cache();
  assert_int_equal(first.count.made, FILES);
  assert_int_equal(count_files("native-float32-2"), FILES);
  assert_int_equal(count_files(".part"), 0);
  want_all_cached();
  model_folder(path);
  assert_int_equal(stat(path, &look), 0);
  assert_int_equal(look.st_mode & 07777, 0700);
  file_path(path, "unit-003-native-float32-2");
  assert_int_equal(stat(path, &look), 0);
  assert_int_equal(look.st_mode & 07777, 0600);
}

static void another_digest_has_other_files(void **state)
{
  (void)state;
  (void)with_cache();
  const outcome out =
      must_answer((tfm_store_options){.folder = top, .digest = "of another", .lent = -1});
  assert_int_equal(out.count.made, FILES);
  assert_string_equal(out.note, "");
}

/* ---- files as they should not be ---- */

typedef void (*damage_fn)(const char *path);

static void poke(const char *path, off_t at, int byte)
{
  const int fd = open(path, O_WRONLY);
  const unsigned char b = (unsigned char)byte;
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, &b, 1, at), 1);
  (void)close(fd);
}

static off_t size_of(const char *path)
{
  struct stat look;
  assert_int_equal(stat(path, &look), 0);
  return look.st_size;
}

static void flip(const char *path, off_t at)
{
  unsigned char b = 0;
  const int fd = open(path, O_RDONLY);
  assert_true(fd >= 0 && pread(fd, &b, 1, at) == 1);
  (void)close(fd);
  poke(path, at, b ^ 1);
}

static void flip_the_first(const char *path)
{
  flip(path, 4096);
}

static void flip_one_inside(const char *path)
{
  flip(path, size_of(path) / 2);
}

static void flip_the_last(const char *path)
{
  flip(path, size_of(path) - 1);
}

static void flip_the_header(const char *path)
{
  flip(path, 9);
}

static void flip_the_key(const char *path)
{
  flip(path, 30);
}

static void cut_to(const char *path, off_t bytes)
{
  assert_int_equal(truncate(path, bytes), 0);
}

static void cut_to_nothing(const char *path)
{
  cut_to(path, 0);
}

static void cut_to_a_header(const char *path)
{
  cut_to(path, 4096);
}

static void cut_by_one(const char *path)
{
  cut_to(path, size_of(path) - 1);
}

static void add_one(const char *path)
{
  cut_to(path, size_of(path) + 1);
}

static void write_garbage(const char *path)
{
  const off_t bytes = size_of(path);
  cut_to_nothing(path);
  for (off_t at = 0; at < bytes; at += 997) {
    poke(path, at, (int)(at % 251));
  }
}

static void take_a_neighbours(const char *path)
{
  char other[PATH];
  file_path(other, "unit-005-native-float32-2");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(link(other, path), 0);
}

static void open_to_others(const char *path)
{
  assert_int_equal(chmod(path, 0666), 0);
}

static void put_a_fifo(const char *path)
{
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_a_link(const char *path)
{
  char other[PATH];
  file_path(other, "unit-001-native-float32-2");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink(other, path), 0);
}

static void a_bad_file_is_said_once_and_made_anew(void **state)
{
  (void)state;
  static const damage_fn all[] = {
      flip_the_first,    flip_one_inside, flip_the_last, flip_the_header, flip_the_key,
      cut_to_nothing,    cut_to_a_header, cut_by_one,    add_one,         write_garbage,
      take_a_neighbours, open_to_others,  put_a_fifo,    put_a_link};
  char path[PATH];
  (void)with_cache();
  for (size_t i = 0; i < COUNT_OF(all); ++i) {
    file_path(path, "unit-003-native-float32-2");
    all[i](path);
    const outcome out = with_cache();
    if (out.count.made != 1 || !strstr(out.note, "unit-003-native-float32-2")) {
      fail_msg("damage %zu: %d made, note \"%s\"", i, out.count.made, out.note);
    }
    want_all_cached();
  }
}

static void many_bad_files_are_one_note(void **state)
{
  (void)state;
  char path[PATH];
  (void)with_cache();
  for (int u = 2; u < 7; ++u) {
    char name[TFM__IMAGE_NAME];
    tfm__image_name(name, "unit", u, engine);
    file_path(path, name);
    flip_one_inside(path);
  }
  const outcome out = with_cache();
  assert_int_equal(out.count.made, 5);
  assert_non_null(strstr(out.note, "unit-002-native-float32-2"));
  assert_non_null(strstr(out.note, "so are others"));
  want_all_cached();
}

static void another_users_cache_is_not_trusted(void **state)
{
  (void)state;
  char path[PATH];
  if (geteuid() != 0) {
    print_message("giving a file away needs root\n");
    skip();
  }
  (void)with_cache();
  file_path(path, "unit-003-native-float32-2");
  assert_int_equal(chown(path, 65534, 65534), 0);
  outcome out = with_cache();
  assert_int_equal(out.count.made, 1);
  assert_non_null(strstr(out.note, "no file of this user's alone"));
  model_folder(path);
  assert_int_equal(chown(path, 65534, 65534), 0);
  out = with_cache();
  assert_int_equal(out.count.made, FILES);
  assert_non_null(strstr(out.note, "another user's"));
}

/* ---- folders that cannot be used ---- */

static void no_folder_is_no_error(void **state)
{
  (void)state;
  static const char *const folders[] = {"", "/proc/no-folder-here", "/dev/null/below"};
  for (size_t i = 0; i < COUNT_OF(folders); ++i) {
    const outcome out = must_answer((tfm_store_options){.folder = folders[i], .lent = -1});
    assert_int_equal(out.count.made, FILES);
    assert_string_equal(out.note, "");
  }
}

/* Nothing can be made in a folder that was removed while it is open, not even by root. */
static void a_folder_that_takes_no_files_is_no_error(void **state)
{
  (void)state;
  char path[PATH];
  tfm_model model = open_model(SENTIMENT);
  tfm_store *store = open_store(&model, (tfm_store_options){.folder = top, .lent = -1});
  answer a;
  model_folder(path);
  assert_int_equal(rmdir(path), 0);
  run(&model, store, &a);
  assert_memory_equal(&a, oracle(), sizeof a);
  assert_int_equal(tfm_store_counted(store).made, FILES);
  tfm_store_keep(store, 60);
  tfm_store_close(store);
  tfm_model_fini(&model);
}

/* Results come before files: without the word nothing is written, and with no time for it no part
 * of a file is left. */
static void nothing_is_written_before_the_word(void **state)
{
  (void)state;
  tfm_model model = open_model(SENTIMENT);
  for (int told = 0; told < 2; ++told) {
    tfm_store *store = open_store(&model, (tfm_store_options){.folder = top, .lent = -1});
    answer a;
    run(&model, store, &a);
    assert_int_equal(count_files(""), 0);
    if (told) {
      tfm_store_keep(store, -1);
    }
    tfm_store_close(store);
    assert_int_equal(count_files(""), 0);
  }
  tfm_model_fini(&model);
  assert_int_equal(with_cache().count.made, FILES);
  assert_int_equal(count_files(""), FILES);
}

/* ---- several at once ---- */

static void builders_at_the_same_time_are_safe(void **state)
{
  (void)state;
  enum { CHILDREN = 6 };
  pid_t child[CHILDREN];
  (void)oracle();
  for (int i = 0; i < CHILDREN; ++i) {
    child[i] = fork();
    assert_true(child[i] >= 0);
    if (child[i] == 0) {
      const outcome out = with_cache();
      _exit(out.count.made + out.count.cached == FILES && !out.note[0] ? 0 : 1);
    }
  }
  for (int i = 0; i < CHILDREN; ++i) {
    int status = 0;
    assert_int_equal(waitpid(child[i], &status, 0), child[i]);
    assert_int_equal(status, 0);
  }
  assert_int_equal(count_files(".part"), 0);
  want_all_cached();
}

static void begin_part(char path[PATH], const char *name)
{
  file_path(path, name);
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "half a header", 13), 13);
  (void)close(fd);
}

/* What a writer leaves that was killed: its part, which nobody holds. */
static void a_killed_writers_part_is_taken_over(void **state)
{
  (void)state;
  char path[PATH];
  (void)with_cache();
  file_path(path, "unit-003-native-float32-2");
  assert_int_equal(unlink(path), 0);
  begin_part(path, "unit-003-native-float32-2.part");
  const outcome out = with_cache();
  assert_int_equal(out.count.made, 1);
  assert_int_equal(count_files(".part"), 0);
  want_all_cached();
}

/* A part that a living writer holds is left alone. */
static void a_living_writers_part_is_left_alone(void **state)
{
  (void)state;
  char path[PATH];
  (void)with_cache();
  file_path(path, "unit-003-native-float32-2");
  assert_int_equal(unlink(path), 0);
  begin_part(path, "unit-003-native-float32-2.part");
  const int fd = open(path, O_WRONLY);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  const outcome out = with_cache();
  assert_int_equal(out.count.made, 1);
  assert_int_equal(size_of(path), 13);
  (void)close(fd);
}

/* A part in another model's folder, which nobody would come to write again. */
static int begin_strange_part(char place[PATH], char part[PATH], int key)
{
  (void)snprintf(place, PATH, "%.200s/packed-%u-%016d", top, (unsigned)geteuid(), key);
  (void)snprintf(part, PATH, "%.300s/unit-000-x.part", place);
  assert_int_equal(mkdir(place, 0700), 0);
  const int fd = open(part, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "half", 4), 4);
  return fd;
}

static void parts_of_any_model_go_when_nobody_holds_them(void **state)
{
  (void)state;
  char place[PATH];
  char dead[PATH];
  char living[PATH];
  (void)close(begin_strange_part(place, dead, 1));
  const int fd = begin_strange_part(place, living, 2);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  tfm_err err = {0};
  tfm_model model;
  tfm_store *store = NULL;
  CHECK_OK(tfm_model_open(&model, SENTIMENT, &err), &err);
  const tfm_store_options options = {.folder = top, .digest = "any"};
  CHECK_OK(tfm_store_open(&store, &model, &options, &err), &err);
  assert_int_equal(access(dead, F_OK), -1);
  assert_int_equal(size_of(living), 4);
  tfm_store_close(store);
  tfm_model_fini(&model);
  (void)close(fd);
}

static bool far_away(void *arg, const void *p, size_t bytes)
{
  (void)p;
  (void)bytes;
  *(int *)arg += 1;
  return false;
}

static void what_lies_far_away_is_copied(void **state)
{
  (void)state;
  int asked = 0;
  (void)with_cache();
  const outcome out = must_answer(
      (tfm_store_options){.folder = top, .lent = -1, .near = far_away, .arg = &asked});
  assert_int_equal(out.count.cached, FILES);
  assert_int_equal(asked, FILES);
}

/* ---- lending ---- */

/* A process that has the weights lends them to another, which finds all of them and makes none. */
static void lend_to_a_child(const char *cache)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(SENTIMENT);
  tfm_store *store = open_store(&model, (tfm_store_options){.folder = cache, .lent = -1});
  const tfm_slice_options options = {.last = UNITS,
                                     .head = true,
                                     .engine = engine,
                                     .max_tokens = T,
                                     .max_sequences = B,
                                     .nthread = 1,
                                     .store = store};
  tfm_slice *slice = NULL;
  (void)oracle();
  want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
  const int32_t lent = tfm_store_lend(store);
  assert_true(lent >= 0);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) {
    const outcome out = must_answer((tfm_store_options){.lender = self, .lent = lent});
    _exit(out.count.lent == FILES && out.count.made == 0 ? 0 : 1);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  tfm_slice_close(slice);
  tfm_store_close(store);
  tfm_model_fini(&model);
}

static void a_process_lends_what_it_has(void **state)
{
  (void)state;
  lend_to_a_child("");  /* made in memory */
  lend_to_a_child(top); /* made, and written */
  lend_to_a_child(top); /* found in files */
}

static void a_lender_that_is_not_there_is_no_error(void **state)
{
  (void)state;
  tfm_model model = open_model(SENTIMENT);
  tfm_store *none = open_store(&model, (tfm_store_options){.lent = -1});
  assert_int_equal(tfm_store_lend(none), -1);
  tfm_store_close(none);
  tfm_model_fini(&model);
  const outcome out = must_answer((tfm_store_options){.lender = INT32_MAX, .lent = 3});
  assert_int_equal(out.count.made, FILES);
  /* What the descriptor leads to is something else by now, or would wait for a writer. */
  char path[PATH];
  assert_true(snprintf(path, sizeof path, "%.400s/fifo", top) < PATH);
  assert_int_equal(mkfifo(path, 0600), 0);
  const int fds[] = {open(SENTIMENT "/config.json", O_RDONLY), open(path, O_RDWR)};
  for (size_t i = 0; i < COUNT_OF(fds); ++i) {
    const tfm_store_options odd = {.lender = getpid(), .lent = fds[i]};
    assert_true(fds[i] >= 0);
    assert_int_equal(must_answer(odd).count.made, FILES);
    (void)close(fds[i]);
  }
}

/* ---- tidying ---- */

enum { FOLDERS = 5, EACH = 64 << 10, NOW_S = 1000000 };

/* packed-UID-name: a folder with a file of EACH bytes and an unfinished one, last used then. */
static void make_used(const char *name, int64_t used_s)
{
  static const char zeros[EACH / 2];
  char path[PATH];
  const struct timespec times[2] = {{.tv_sec = (time_t)used_s}, {.tv_sec = (time_t)used_s}};
  int n = snprintf(path, sizeof path, "%.200s/packed-%u-%s", top, (unsigned)geteuid(), name);
  assert_int_equal(mkdir(path, S_IRWXU), 0);
  for (int i = 0; i < 2; ++i) {
    (void)snprintf(path + n, sizeof path - (size_t)n, i ? "/unit.part" : "/unit");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
    assert_int_equal(fclose(file), 0);
  }
  path[n] = '\0';
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
  char path[PATH];
  struct stat look = {0};
  (void)snprintf(path, sizeof path, "%.200s/packed-%u-%s", top, (unsigned)geteuid(), name);
  return stat(path, &look) == 0;
}

/* Of folders 0 (used longest ago) to 4, all but 0 since then, the first so many are gone; and
 * never 1, which is kept. */
static void want_tidied(int64_t bytes_most, const char *left)
{
  static const char *const names[FOLDERS] = {"0", "1", "2", "3", "4"};
  char keep[32];
  (void)snprintf(keep, sizeof keep, "packed-%u-1", (unsigned)geteuid());
  for (int i = 0; i < FOLDERS; ++i) {
    make_used(names[i], NOW_S + i);
  }
  const int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_true(fd >= 0);
  const tfm__tidy_rule rule = {.used_since_s = NOW_S + 1, .bytes_most = bytes_most};
  tfm__image_tidy(fd, keep, &rule);
  (void)close(fd);
  for (int i = 0; i < FOLDERS; ++i) {
    assert_int_equal(is_there(names[i]), strchr(left, names[i][0]) != NULL);
  }
  assert_int_equal(remove_top(NULL), 0);
  assert_int_equal(mkdir(top, S_IRWXU), 0);
}

static void the_least_used_folders_go(void **state)
{
  (void)state;
  want_tidied(INT64_MAX, "1234");
  want_tidied(4 * EACH, "1234");
  want_tidied(4 * EACH - 1, "134");
  want_tidied(2 * EACH, "14");
  want_tidied(0, "1");
}

static void what_is_not_ours_to_tidy_stays(void **state)
{
  (void)state;
  char other[PATH];
  char inside[PATH];
  (void)snprintf(other, sizeof other, "%.200s/packed-%u-0", top, (unsigned)geteuid() + 1);
  (void)snprintf(inside, sizeof inside, "%.300s/a", other);
  assert_int_equal(mkdir(other, S_IRWXU), 0);
  assert_int_equal(mkdir(inside, S_IRWXU), 0);
  make_used("old", 1);
  char link[PATH];
  (void)snprintf(link, sizeof link, "%.200s/packed-%u-link", top, (unsigned)geteuid());
  assert_int_equal(symlink(other, link), 0);
  const int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  tfm__image_tidy(fd, "", &(tfm__tidy_rule){.used_since_s = NOW_S});
  (void)close(fd);
  struct stat look = {0};
  assert_int_equal(stat(inside, &look), 0);
  assert_int_equal(lstat(link, &look), 0);
  assert_false(is_there("old"));
}

/* A folder that is there is marked as used and no other looked at; one that is new has the cache
 * tidied. */
static void a_new_model_has_the_cache_tidied(void **state)
{
  (void)state;
  char path[PATH];
  struct stat look = {0};
  const struct timespec old[2] = {{.tv_sec = NOW_S}, {.tv_sec = NOW_S}};
  assert_int_equal(with_cache().count.made, FILES);
  model_folder(path);
  assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
  make_used("old", 1);
  want_all_cached();
  assert_int_equal(stat(path, &look), 0);
  assert_true(look.st_mtim.tv_sec > NOW_S);
  assert_true(is_there("old"));
  const tfm_store_options another = {.folder = top, .lent = -1, .digest = "of another"};
  assert_int_equal(must_answer(another).count.made, FILES);
  assert_false(is_there("old"));
  assert_int_equal(stat(path, &look), 0);
}

/* A folder that is removed while its files are in use costs nobody anything. */
static void a_folder_may_go_while_it_is_used(void **state)
{
  (void)state;
  assert_int_equal(with_cache().count.made, FILES);
  tfm_model model = open_model(SENTIMENT);
  tfm_store *store = open_store(&model, (tfm_store_options){.folder = top, .lent = -1});
  answer a;
  const int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  tfm__image_tidy(fd, "", &(tfm__tidy_rule){.used_since_s = INT64_MAX});
  (void)close(fd);
  run(&model, store, &a);
  assert_memory_equal(&a, oracle(), sizeof a);
  assert_int_equal(tfm_store_counted(store).made, FILES);
  assert_string_equal(tfm_store_note(store), "");
  tfm_store_keep(store, 60);
  tfm_store_close(store);
  tfm_model_fini(&model);
  assert_int_equal(with_cache().count.made, FILES); /* nothing was kept */
  want_all_cached();
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_top, remove_top)

int main(void)
{
  const struct CMUnitTest all[] = {
      CASE(what_one_run_makes_the_next_finds),
      CASE(another_digest_has_other_files),
      CASE(a_bad_file_is_said_once_and_made_anew),
      CASE(many_bad_files_are_one_note),
      CASE(another_users_cache_is_not_trusted),
      CASE(no_folder_is_no_error),
      CASE(a_folder_that_takes_no_files_is_no_error),
      CASE(nothing_is_written_before_the_word),
      CASE(builders_at_the_same_time_are_safe),
      CASE(a_killed_writers_part_is_taken_over),
      CASE(a_living_writers_part_is_left_alone),
      CASE(parts_of_any_model_go_when_nobody_holds_them),
      CASE(what_lies_far_away_is_copied),
      CASE(a_process_lends_what_it_has),
      CASE(a_lender_that_is_not_there_is_no_error),
      CASE(the_least_used_folders_go),
      CASE(what_is_not_ours_to_tidy_stays),
      CASE(a_new_model_has_the_cache_tidied),
      CASE(a_folder_may_go_while_it_is_used),
  };
  return cmocka_run_group_tests(all, NULL, NULL);
}
