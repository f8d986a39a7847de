#include "coordinator/output/sink.h"

#include "coordinator/output/pack.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>
#include <zstd.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/tfm-sink-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  char command[96];
  (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
  return system(command);
}

/* A path in the folder; four of them may be in use at once. */
static const char *in_folder(const char *name)
{
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static bool there(const char *name)
{
  return tfm_path_look(in_folder(name)) != TFM_PATH_NOTHING;
}

static void put(const char *name, const char *text)
{
  FILE *f = fopen(in_folder(name), "w");
  assert_non_null(f);
  (void)fputs(text, f);
  (void)fclose(f);
}

static tfm_buf contents(const char *name)
{
  tfm_buf b = {0};
  tfm_err err = {0};
  assert_int_equal(tfm_file_read_all(in_folder(name), 1 << 28, &b, &err), TFM_OK);
  return b;
}

/* Open an output of that name for a job, whose identity has one line. */
static tfm_status open_sink(tfm_sink **sink, bool *done, const char *path, const char *job,
                            bool restart, tfm_err *err)
{
  tfm_identity identity = {0};
  tfm_sink_start start;
  (void)tfm_buf_printf(&identity.job, "job\t%s\n", job);
  (void)tfm_buf_str(&identity.inputs, "input file\t1 byte\n");
  (void)tfm_buf_cstr(&identity.job);
  (void)tfm_buf_cstr(&identity.inputs);
  const tfm_sink_options options = {.path = path, .identity = &identity, .restart = restart};
  tfm_status st = tfm_sink_open(sink, &start, &options, err);
  *done = start.done;
  tfm_identity_fini(&identity);
  return st;
}

static tfm_status finish_sink(tfm_sink *sink, tfm_err *err)
{
  char hex[TFM_SHA256_HEX];
  return tfm_sink_finish(sink, &(tfm_tally){0}, hex, err);
}

static tfm_status no_one_vouches(void *arg, tfm_err *err)
{
  ++*(int *)arg;
  return tfm_fail(err, TFM_E_INTERNAL, "a row is not what it should be");
}

/* Rows that nobody vouches for are not committed, however often it is tried. */
static void what_nobody_vouches_for_is_not_kept(void **state)
{
  (void)state;
  int asked = 0;
  tfm_err err = {0};
  tfm_sink *sink = NULL;
  tfm_sink_start start;
  tfm_identity identity = {0};
  (void)tfm_buf_str(&identity.job, "job\tvouched\n");
  (void)tfm_buf_str(&identity.inputs, "input file\t1 byte\n");
  (void)tfm_buf_cstr(&identity.job);
  (void)tfm_buf_cstr(&identity.inputs);
  tfm_sink_options options = {.path = in_folder("vouched.jsonl"),
                              .identity = &identity,
                              .vouch = no_one_vouches,
                              .arg = &asked};
  const tfm_tally one = {.mark = {.rows = 1}};
  CHECK_OK(tfm_sink_open(&sink, &start, &options, &err), &err);
  CHECK_OK(tfm_sink_write(sink, (tfm_span){"wrong\n", 6}, &err), &err);
  assert_int_equal(tfm_sink_commit(sink, &one, &err), TFM_E_INTERNAL);
  CHECK_OK(tfm_sink_commit(sink, &one, &err), &err); /* it is broken: nothing is done */
  assert_int_equal(asked, 1);
  tfm_sink_close(sink);
  options.vouch = NULL;
  CHECK_OK(tfm_sink_open(&sink, &start, &options, &err), &err);
  assert_int_equal(start.tally.mark.rows, 0);
  tfm_sink_close(sink);
  tfm_identity_fini(&identity);
}

/* n lines into a new output of that name. */
static tfm_status write_lines(const char *name, const char *identity, bool restart, int n,
                              int flush_every, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_sink *sink = NULL;
  bool done = false;
  TFM_TRY(open_sink(&sink, &done, in_folder(name), identity, restart, err));
  for (int i = 0; i < n && !done; ++i) {
    char line[32];
    (void)snprintf(line, sizeof line, "line %d\n", i);
    TFM_TRY(tfm_sink_write(sink, tfm_span_of(line), err));
    if (flush_every && i % flush_every == 0) {
      TFM_TRY(tfm_sink_flush(sink, err));
    }
  }
  if (!done) {
    TFM_TRY(finish_sink(sink, err));
  }

fail:
  tfm_sink_close(sink);
  return st;
}

static void a_finished_file_has_its_name_and_manifest(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_json *json = NULL;
  const char *sha = NULL;
  char hex[TFM_SHA256_HEX];
  tfm_sha256 s;
  assert_int_equal(write_lines("out.jsonl", "job 1", false, 1000, 0, &err), TFM_OK);
  assert_false(there("out.jsonl.part") || there("out.jsonl.manifest.json.part") ||
               there("out.jsonl.journal") || there("out.jsonl.tail"));
  tfm_buf b = contents("out.jsonl");
  tfm_sha256_init(&s);
  tfm_sha256_add(&s, b.data, b.n);
  tfm_sha256_hex(&s, hex);
  assert_memory_equal(b.data, "line 0\nline 1\n", 14);
  assert_int_equal(tfm_json_open(&json, in_folder("out.jsonl.manifest.json"), 1 << 20, &err),
                   TFM_OK);
  int64_t lines = 0;
  int64_t bytes = 0;
  const tfm_json_node *root = tfm_json_root(json);
  assert_int_equal(tfm_json_want_string(json, root, "sha256", &sha, &err), TFM_OK);
  assert_int_equal(tfm_json_want_int(json, root, "lines", 0, 1 << 20, &lines, &err), TFM_OK);
  assert_int_equal(tfm_json_want_int(json, root, "bytes", 0, 1 << 20, &bytes, &err), TFM_OK);
  assert_string_equal(sha, hex);
  assert_int_equal(lines, 1000);
  assert_int_equal(bytes, b.n);
  tfm_json_close(json);
  tfm_buf_fini(&b);
}

/* INTERFACE section 4: the same job again does nothing; another job is refused; --restart
 * replaces. */
static void a_file_that_is_there_decides(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *sink = NULL;
  assert_int_equal(write_lines("out.jsonl", "job 1", false, 3, 0, &err), TFM_OK);
  assert_int_equal(open_sink(&sink, &done, in_folder("out.jsonl"), "job 1", false, &err),
                   TFM_OK);
  assert_true(done && !sink);
  assert_int_equal(write_lines("out.jsonl", "job 2", false, 3, 0, &err), TFM_E_OUTPUT);
  assert_non_null(strstr(err.text, "job was job 1, is job 2"));
  assert_non_null(strstr(err.text, "--restart"));
  assert_false(there("out.jsonl.part"));
  assert_int_equal(write_lines("out.jsonl", "job 2", true, 5, 0, &err), TFM_OK);
  tfm_buf b = contents("out.jsonl");
  assert_int_equal(b.n, 5 * 7);
  tfm_buf_fini(&b);

  put("foreign.jsonl", "somebody's work\n");
  assert_int_equal(write_lines("foreign.jsonl", "job 1", false, 3, 0, &err), TFM_E_OUTPUT);
  assert_false(there("foreign.jsonl.part") || there("foreign.jsonl.journal"));
  b = contents("foreign.jsonl");
  assert_int_equal(b.n, 16);
  tfm_buf_fini(&b);

  /* Changed since: the manifest does not vouch for it any more. */
  put("out.jsonl", "edited\n");
  assert_int_equal(write_lines("out.jsonl", "job 2", false, 5, 0, &err), TFM_E_OUTPUT);
}

/* Between the two renames of finish() a crash leaves the manifest under its first name. */
static void an_interrupted_finish_is_mended(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *sink = NULL;
  assert_int_equal(write_lines("out.jsonl", "job 1", false, 3, 0, &err), TFM_OK);
  assert_int_equal(
      rename(in_folder("out.jsonl.manifest.json"), in_folder("out.jsonl.manifest.json.part")),
      0);
  assert_int_equal(open_sink(&sink, &done, in_folder("out.jsonl"), "job 1", false, &err),
                   TFM_OK);
  assert_true(done);
  assert_true(there("out.jsonl.manifest.json"));
}

static void without_finish_nothing_has_the_name(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *sink = NULL;
  const char *path = in_folder("out.jsonl");
  assert_int_equal(open_sink(&sink, &done, path, "job", false, &err), TFM_OK);
  assert_int_equal(tfm_sink_write(sink, tfm_span_of("half\n"), &err), TFM_OK);
  assert_int_equal(tfm_sink_flush(sink, &err), TFM_OK);
  tfm_sink_close(sink);
  assert_false(there("out.jsonl"));

  /* Nothing was committed, so nothing is kept; the same command again starts over. */
  assert_false(there("out.jsonl.part") || there("out.jsonl.journal"));
  assert_int_equal(write_lines("out.jsonl", "job", false, 2, 0, &err), TFM_OK);
  tfm_buf b = contents("out.jsonl");
  assert_int_equal(b.n, 14);
  tfm_buf_fini(&b);
}

static void a_second_writer_is_told_who_is_there(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *first = NULL;
  tfm_sink *second = NULL;
  const char *path = in_folder("out.jsonl");
  assert_int_equal(open_sink(&first, &done, path, "job", false, &err), TFM_OK);
  assert_int_equal(open_sink(&second, &done, path, "job", false, &err), TFM_E_OUTPUT);
  assert_null(second);
  assert_non_null(strstr(err.text, "busy"));
  assert_true(there("out.jsonl.part")); /* the first one's, still there */
  tfm_sink_close(first);
  assert_false(there("out.jsonl.part")); /* empty, so not left behind */
  tfm_sink_close(NULL);
}

static size_t gunzip(const tfm_buf *b, char *out, size_t room, int *members)
{
  z_stream z = {0};
  assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
  z.next_in = (Bytef *)b->data;
  z.avail_in = (uInt)b->n;
  z.next_out = (Bytef *)out;
  z.avail_out = (uInt)room;
  *members = 0;
  while (z.avail_in) {
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    ++*members;
    (void)inflateReset(&z);
  }
  (void)inflateEnd(&z);
  return room - z.avail_out;
}

/* Members of TFM__MEMBER_LINES lines, and the same bytes however often somebody flushed. */
static void packed_files_do_not_depend_on_flushes(void **state)
{
  (void)state;
  enum { LINES = 2 * TFM__MEMBER_LINES + 10, ROOM = 1 << 20 };
  static char plain[ROOM];
  static char want[ROOM];
  tfm_err err = {0};
  int members = 0;
  size_t n = 0;
  for (int i = 0; i < LINES; ++i) {
    n += (size_t)sprintf(want + n, "line %d\n", i);
  }
  assert_int_equal(write_lines("a.jsonl.gz", "job", false, LINES, 0, &err), TFM_OK);
  assert_int_equal(write_lines("b.jsonl.gz", "job", false, LINES, 7, &err), TFM_OK);
  tfm_buf a = contents("a.jsonl.gz");
  tfm_buf b = contents("b.jsonl.gz");
  assert_true(tfm_span_eq(tfm_buf_view(&a), tfm_buf_view(&b)));
  assert_int_equal(gunzip(&a, plain, ROOM, &members), n);
  assert_int_equal(members, 3);
  assert_memory_equal(plain, want, n);
  tfm_buf_fini(&a);
  tfm_buf_fini(&b);

  assert_int_equal(write_lines("a.jsonl.zst", "job", false, LINES, 0, &err), TFM_OK);
  assert_int_equal(write_lines("b.jsonl.zst", "job", false, LINES, 7, &err), TFM_OK);
  a = contents("a.jsonl.zst");
  b = contents("b.jsonl.zst");
  assert_true(tfm_span_eq(tfm_buf_view(&a), tfm_buf_view(&b)));
  assert_int_equal(ZSTD_decompress(plain, ROOM, a.data, a.n), n); /* all frames */
  assert_memory_equal(plain, want, n);
  assert_true(ZSTD_findFrameCompressedSize(a.data, a.n) < a.n);
  tfm_buf_fini(&a);
  tfm_buf_fini(&b);
}

static void packed_files_end_with_a_whole_member(void **state)
{
  (void)state;
  static const int counts[] = {0, 1, TFM__MEMBER_LINES};
  static char plain[1 << 20];
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
    tfm_err err = {0};
    int members = 0;
    assert_int_equal(write_lines("c.jsonl.gz", "job", true, counts[i], 0, &err), TFM_OK);
    tfm_buf b = contents("c.jsonl.gz");
    (void)gunzip(&b, plain, sizeof plain, &members);
    assert_int_equal(members, 1);
    tfm_buf_fini(&b);
  }
}

static void early_checks_name_the_reason(void **state)
{
  (void)state;
  put("in.jsonl", "x\n");
  put("out.part", "x\n");
  assert_int_equal(symlink(in_folder("in.jsonl"), in_folder("link.jsonl")), 0);
  static const struct {
    const char *out, *in;
    tfm_status st;
    const char *word;
  } cases[] = {
      {"out.jsonl", "in.jsonl", TFM_OK, ""},
      {"no/such/out.jsonl", "in.jsonl", TFM_E_OUTPUT, "no/such"},
      {"in.jsonl/out.jsonl", "in.jsonl", TFM_E_OUTPUT, "in.jsonl"},
      {"", "in.jsonl", TFM_E_OUTPUT, "folder"},
      {"in.jsonl", "in.jsonl", TFM_E_USAGE, "in.jsonl"},
      {"./in.jsonl", "in.jsonl", TFM_E_USAGE, "in.jsonl"},
      {"link.jsonl", "in.jsonl", TFM_E_USAGE, "in.jsonl"},
      {"out", "out.part", TFM_E_USAGE, "out.part"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_err err = {0};
    const char *inputs[] = {"-", in_folder(cases[i].in)};
    tfm_status st = tfm_sink_check(in_folder(cases[i].out), inputs, 2, &err);
    if (st != cases[i].st || !strstr(err.text, cases[i].word)) {
      fail_msg("%s: status %d: %s", cases[i].out, st, err.text);
    }
  }
  tfm_err err = {0};
  const char *null[] = {"/dev/null"};
  assert_int_equal(tfm_sink_check("/dev/null", null, 1, &err), TFM_OK);
  assert_int_equal(tfm_sink_check("/dev/full", null, 1, &err), TFM_OK);
  assert_int_equal(tfm_sink_check(NULL, null, 1, &err), TFM_OK);
}

/* The list of errors must not be an input, nor anything of the output. */
static void a_list_of_errors_stands_apart(void **state)
{
  (void)state;
  static const struct {
    const char *errors;
    tfm_status st;
  } cases[] = {{"errors.jsonl", TFM_OK},           {"in.jsonl", TFM_E_USAGE},
               {"out.jsonl", TFM_E_USAGE},         {"./out.jsonl", TFM_E_USAGE},
               {"link.jsonl", TFM_E_USAGE},        {"out.jsonl.part", TFM_E_USAGE},
               {"out.jsonl.journal", TFM_E_USAGE}, {"no/such/e.jsonl", TFM_E_OUTPUT}};
  put("in.jsonl", "x\n");
  put("out.jsonl", "x\n");
  assert_int_equal(symlink(in_folder("out.jsonl"), in_folder("link.jsonl")), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_err err = {0};
    const char *inputs[] = {in_folder("in.jsonl")};
    tfm_status st = tfm_sink_check_errors(in_folder(cases[i].errors), in_folder("out.jsonl"),
                                          inputs, 1, &err);
    if (st != cases[i].st || (st != TFM_OK && !strstr(err.text, "--errors"))) {
      fail_msg("%s: status %d: %s", cases[i].errors, st, err.text);
    }
  }
  tfm_err err = {0};
  assert_int_equal(tfm_sink_check_errors("/dev/null", NULL, NULL, 0, &err), TFM_OK);
}

/* Files that tell of a run are neither its output, nor each other, nor standard output. */
static void files_beside_the_output_stand_apart(void **state)
{
  (void)state;
  static const struct {
    const char *path;
    tfm_status st;
    const char *word;
  } cases[] = {{"m.prom", TFM_OK, ""},
               {"new.jsonl", TFM_E_USAGE, "new.jsonl"}, /* neither is there yet */
               {"sub/../new.jsonl", TFM_E_USAGE, "new.jsonl"},
               {"new.jsonl.part", TFM_E_USAGE, "new.jsonl"},
               {"new", TFM_E_USAGE, "new"}, /* its own part would be in the way */
               {"t.json", TFM_E_USAGE, "t.json"},
               {"in.jsonl", TFM_E_USAGE, "in.jsonl"},
               {"no/such/m.prom", TFM_E_OUTPUT, "no/such"}};
  put("in.jsonl", "x\n");
  assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
  char paths[4][128];
  static const char *const names[] = {"in.jsonl", "new.jsonl", "t.json", "new.part"};
  for (int i = 0; i < 4; ++i) {
    (void)snprintf(paths[i], sizeof paths[i], "%s", in_folder(names[i]));
  }
  const char *inputs[] = {paths[0]};
  const tfm_sink_named others[] = {
      {"--output", paths[1]}, {"--trace", paths[2]}, {"--errors", paths[3]}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_err err = {0};
    const tfm_sink_named file = {"--metrics-file", in_folder(cases[i].path)};
    tfm_status st = tfm_sink_check_beside(&file, others, 3, inputs, 1, &err);
    if (st != cases[i].st || !strstr(err.text, cases[i].word) ||
        (st != TFM_OK && !strstr(err.text, "--metrics-file"))) {
      fail_msg("%s: status %d: %s", cases[i].path, st, err.text);
    }
  }
  tfm_err err = {0};
  const tfm_sink_named null[] = {{"--metrics-file", "/dev/null"}, {"--trace", "/dev/null"}};
  CHECK_OK(tfm_sink_check_beside(&null[0], &null[1], 1, inputs, 1, &err), &err);
  const tfm_sink_named standard = {"--trace", "-"};
  assert_int_equal(tfm_sink_check_beside(&standard, null, 1, inputs, 1, &err), TFM_E_USAGE);
}

static void a_full_device_is_an_error(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *sink = NULL;
  assert_int_equal(open_sink(&sink, &done, "/dev/full", "job", false, &err), TFM_OK);
  assert_int_equal(tfm_sink_write(sink, tfm_span_of("x\n"), &err), TFM_OK);
  assert_int_equal(finish_sink(sink, &err), TFM_E_IO);
  assert_non_null(strstr(err.text, "/dev/full"));
  tfm_sink_close(sink);

  assert_int_equal(open_sink(&sink, &done, "/dev/null", "job", false, &err), TFM_OK);
  assert_int_equal(tfm_sink_write(sink, tfm_span_of("x\n"), &err), TFM_OK);
  assert_int_equal(finish_sink(sink, &err), TFM_OK);
  tfm_sink_close(sink);
}

static void a_closed_pipe_is_an_error(void **state)
{
  (void)state;
  tfm_err err = {0};
  bool done = false;
  tfm_sink *sink = NULL;
  const char *path = in_folder("fifo");
  (void)signal(SIGPIPE, SIG_IGN);
  assert_int_equal(mkfifo(path, 0600), 0);
  int reader = open(path, O_RDONLY | O_NONBLOCK);
  assert_true(reader >= 0);
  assert_int_equal(open_sink(&sink, &done, path, "job", false, &err), TFM_OK);
  (void)close(reader);
  assert_int_equal(tfm_sink_write(sink, tfm_span_of("x\n"), &err), TFM_OK);
  assert_int_equal(tfm_sink_flush(sink, &err), TFM_E_IO);
  tfm_sink_close(sink);
}

static void a_link_is_kept_and_its_file_replaced(void **state)
{
  (void)state;
  tfm_err err = {0};
  struct stat about;
  put("real.jsonl", "old\n");
  assert_int_equal(symlink("real.jsonl", in_folder("link.jsonl")), 0);
  assert_int_equal(write_lines("link.jsonl", "job", true, 1, 0, &err), TFM_OK);
  assert_int_equal(lstat(in_folder("link.jsonl"), &about), 0);
  assert_true(S_ISLNK(about.st_mode));
  tfm_buf b = contents("real.jsonl");
  assert_int_equal(b.n, 7);
  tfm_buf_fini(&b);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FOLDER(a_finished_file_has_its_name_and_manifest),
      WITH_FOLDER(a_file_that_is_there_decides),
      WITH_FOLDER(an_interrupted_finish_is_mended),
      WITH_FOLDER(without_finish_nothing_has_the_name),
      WITH_FOLDER(a_second_writer_is_told_who_is_there),
      WITH_FOLDER(packed_files_do_not_depend_on_flushes),
      WITH_FOLDER(packed_files_end_with_a_whole_member),
      WITH_FOLDER(early_checks_name_the_reason),
      WITH_FOLDER(files_beside_the_output_stand_apart),
      WITH_FOLDER(a_list_of_errors_stands_apart),
      WITH_FOLDER(what_nobody_vouches_for_is_not_kept),
      WITH_FOLDER(a_full_device_is_an_error),
      WITH_FOLDER(a_closed_pipe_is_an_error),
      WITH_FOLDER(a_link_is_kept_and_its_file_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
