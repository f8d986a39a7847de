#include "coordinator/output/sink.h"

#include "coordinator/output/pack.h"
#include "coordinator/resume/journal.h"
#include "core/base/buf.h"
#include "core/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = TFM__MEMBER_LINES + 500, EVERY = 300 };

static char folder[64];

/* In memory where that is offered: what a sync costs is no part of these claims. */
static int make_folder(void **state)
{
  (void)state;
  bool memory = access("/dev/shm", W_OK) == 0;
  strcpy(folder, memory ? "/dev/shm/tfm-recover-XXXXXX" : "/tmp/tfm-recover-XXXXXX");
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
static const char *in_folder(const char *name, const char *ending)
{
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s%s", folder, name, ending);
  return path;
}

static tfm_buf contents(const char *path)
{
  tfm_buf b = {0};
  tfm_err err = {0};
  if (tfm_path_look(path) != TFM_PATH_NOTHING) {
    assert_int_equal(tfm_file_read_all(path, 1 << 28, &b, &err), TFM_OK);
  }
  return b;
}

static void put(const char *path, const char *bytes, size_t n)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

/* ---- a job of ROWS lines, every seventh an error ---- */

typedef struct {
  const char *name;
  const char *job, *input, *time;
  bool piped, restart;
  tfm_resume resume;
  tfm_sink *sink;
  tfm_sink_start start;
  tfm_err err;
} attempt;

static attempt an_attempt(const char *name)
{
  return (attempt){.name = name, .job = "A", .input = "1 byte", .time = "1"};
}

static tfm_status open_attempt(attempt *a)
{
  tfm_identity identity = {.piped = a->piped};
  char path[128];
  char errors[128];
  (void)snprintf(path, sizeof path, "%s", in_folder(a->name, ""));
  (void)snprintf(errors, sizeof errors, "%s", in_folder(a->name, ".errors"));
  (void)tfm_buf_printf(&identity.job, "--top-k\t%s\n", a->job);
  (void)tfm_buf_printf(&identity.inputs, "input file\t%s\ntime of input file\t%s\n", a->input,
                       a->time);
  (void)tfm_buf_cstr(&identity.job);
  (void)tfm_buf_cstr(&identity.inputs);
  const tfm_sink_options options = {.path = path,
                                    .errors = errors,
                                    .identity = &identity,
                                    .resume = a->resume,
                                    .restart = a->restart};
  tfm_status st = tfm_sink_open(&a->sink, &a->start, &options, &a->err);
  tfm_identity_fini(&identity);
  return st;
}

static void must_open(attempt *a)
{
  if (open_attempt(a) != TFM_OK) {
    fail_msg("%s: %s", a->name, a->err.text);
  }
}

/* Rows from where the attempt stands to the n-th, with a commit after every EVERY-th; returns what
 * has been done. */
static tfm_tally write_rows(attempt *a, int64_t n)
{
  tfm_tally t = a->start.tally;
  for (int64_t i = t.mark.rows; i < n; ++i) {
    char line[64];
    (void)snprintf(line, sizeof line, "row %lld of\nmany\n", (long long)i);
    if (i % 7 == 0) {
      ++t.row_errors;
      assert_int_equal(tfm_sink_error(a->sink, tfm_span_of(line), &a->err), TFM_OK);
    }
    t.mark = (tfm_mark){.rows = i + 1, .offset = 3 * i, .crc = (uint32_t)i};
    assert_int_equal(tfm_sink_write(a->sink, tfm_span_of(line), &a->err), TFM_OK);
    if ((i + 1) % EVERY == 0) {
      assert_int_equal(tfm_sink_commit(a->sink, &t, &a->err), TFM_OK);
    } else if (i % 31 == 0) {
      assert_int_equal(tfm_sink_flush(a->sink, &a->err), TFM_OK);
    }
  }
  return t;
}

static void end_attempt(attempt *a)
{
  char hex[TFM_SHA256_HEX];
  tfm_tally t = write_rows(a, ROWS);
  if (tfm_sink_finish(a->sink, &t, hex, &a->err) != TFM_OK) {
    fail_msg("%s: %s", a->name, a->err.text);
  }
  tfm_sink_close(a->sink);
}

static void interrupt_at(const char *name, int64_t row)
{
  attempt a = an_attempt(name);
  must_open(&a);
  (void)write_rows(&a, row);
  tfm_sink_close(a.sink);
}

static void check_same_file(const char *a, const char *b)
{
  tfm_buf x = contents(a);
  tfm_buf y = contents(b);
  assert_int_equal(x.n, y.n);
  assert_memory_equal(x.data, y.data, x.n);
  tfm_buf_fini(&x);
  tfm_buf_fini(&y);
}

/* The same files as an undisturbed job's, and nothing else beside them. */
static void check_complete(const char *name, const char *want)
{
  static const char *const gone[] = {".part", ".tail", ".journal", ".journal.part",
                                     ".manifest.json.part"};
  check_same_file(in_folder(name, ""), in_folder(want, ""));
  check_same_file(in_folder(name, ".errors"), in_folder(want, ".errors"));
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; ++i) {
    assert_int_equal(tfm_path_look(in_folder(name, gone[i])), TFM_PATH_NOTHING);
  }
  tfm_buf a = contents(in_folder(name, ".manifest.json"));
  tfm_buf b = contents(in_folder(want, ".manifest.json"));
  const char *x = strstr(tfm_buf_cstr(&a), "\"lines\"");
  const char *y = strstr(tfm_buf_cstr(&b), "\"lines\"");
  assert_true(x && y);
  assert_string_equal(x, y); /* lines, bytes, sha256, identity */
  tfm_buf_fini(&a);
  tfm_buf_fini(&b);
}

static const char *const endings[] = {"jsonl", "jsonl.gz", "jsonl.zst"};
enum { ENDINGS = sizeof endings / sizeof endings[0] };

static void name_of(char out[32], const char *what, int kind)
{
  (void)snprintf(out, 32, "%s.%s", what, endings[kind]);
}

static void make_wanted(char want[32], int kind)
{
  name_of(want, "want", kind);
  attempt a = an_attempt(want);
  must_open(&a);
  end_attempt(&a);
}

/* ---- going on ---- */

static void it_goes_on_behind_the_last_commit(void **state)
{
  (void)state;
  static const int64_t stops[] = {
      EVERY, EVERY + 1, TFM__MEMBER_LINES - 1, TFM__MEMBER_LINES, TFM__MEMBER_LINES + 1, ROWS};
  for (int kind = 0; kind < ENDINGS; ++kind) {
    char name[32];
    char want[32];
    make_wanted(want, kind);
    for (size_t s = 0; s < sizeof stops / sizeof stops[0]; ++s) {
      char base[16];
      (void)snprintf(base, sizeof base, "out%zu", s);
      name_of(name, base, kind);
      interrupt_at(name, stops[s]);
      attempt a = an_attempt(name);
      must_open(&a);
      assert_true(a.start.resumed && !a.start.reread && !a.start.final);
      assert_int_equal(a.start.tally.mark.rows, stops[s] / EVERY * EVERY);
      assert_int_equal(a.start.tally.mark.offset, 3 * (a.start.tally.mark.rows - 1));
      assert_int_equal(a.start.tally.row_errors, (a.start.tally.mark.rows + 6) / 7);
      assert_true(a.start.since.rows < a.start.tally.mark.rows);
      end_attempt(&a);
      check_complete(name, want);
    }
  }
}

static void it_goes_on_any_number_of_times(void **state)
{
  (void)state;
  for (int kind = 0; kind < ENDINGS; ++kind) {
    char name[32];
    char want[32];
    make_wanted(want, kind);
    name_of(name, "out", kind);
    for (int64_t stop = 0; stop < ROWS; stop += 450) {
      interrupt_at(name, stop);
    }
    attempt a = an_attempt(name);
    must_open(&a);
    end_attempt(&a);
    check_complete(name, want);
  }
}

/* ---- what may have happened to the files meanwhile ---- */

static void cut_file(const char *name, const char *ending, int64_t by)
{
  tfm_buf b = contents(in_folder(name, ending));
  put(in_folder(name, ending), b.data, b.n > (size_t)by ? b.n - (size_t)by : 0);
  tfm_buf_fini(&b);
}

static void flip_byte(const char *name, const char *ending, int64_t from_end)
{
  tfm_buf b = contents(in_folder(name, ending));
  if (b.n >= (size_t)from_end) {
    b.data[b.n - (size_t)from_end] = (char)(b.data[b.n - (size_t)from_end] ^ 0x10);
    put(in_folder(name, ending), b.data, b.n);
  }
  tfm_buf_fini(&b);
}

static void lengthen_file(const char *name, const char *ending, int64_t by)
{
  tfm_buf b = contents(in_folder(name, ending));
  for (int64_t i = 0; i < by; ++i) {
    (void)tfm_buf_char(&b, (char)(i * 37));
  }
  put(in_folder(name, ending), b.data, b.n);
  tfm_buf_fini(&b);
}

static void remove_file(const char *name, const char *ending, int64_t by)
{
  (void)by;
  (void)unlink(in_folder(name, ending));
}

/* Whatever is lost is done once more; nothing that is damaged is believed. */
static void damage_costs_work_and_no_bytes(void **state)
{
  (void)state;
  static const struct {
    void (*spoil)(const char *name, const char *ending, int64_t by);
    const char *ending;
    int64_t by;
  } cases[] = {
      {cut_file, ".part", 1},
      {cut_file, ".part", 3000},
      {cut_file, ".part", 1 << 20},
      {flip_byte, ".part", 1},
      {flip_byte, ".part", 20000},
      {lengthen_file, ".part", 777},
      {remove_file, ".part", 0},
      {cut_file, ".errors", 1},
      {flip_byte, ".errors", 1},
      {lengthen_file, ".errors", 50},
      {remove_file, ".errors", 0},
      {cut_file, ".tail", 1},
      {flip_byte, ".tail", 1},
      {lengthen_file, ".tail", 100},
      {remove_file, ".tail", 0},
      {lengthen_file, ".journal", 50},
      {lengthen_file, ".journal", TFM__RECORD_BYTES},
      {remove_file, ".journal", 0},
      {flip_byte, ".journal", 1},
      {flip_byte, ".journal", 600},
      {cut_file, ".journal", 1},
      {cut_file, ".journal", 300},
      {cut_file, ".journal", 2600},
  };
  for (int kind = 0; kind < ENDINGS; ++kind) {
    char name[32];
    char want[32];
    make_wanted(want, kind);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c) {
      char base[16];
      (void)snprintf(base, sizeof base, "out%zu", c);
      name_of(name, base, kind);
      interrupt_at(name, 3000);
      interrupt_at(name, ROWS - 200);
      cases[c].spoil(name, cases[c].ending, cases[c].by);
      attempt a = an_attempt(name);
      must_open(&a);
      end_attempt(&a);
      check_complete(name, want);
    }
  }
}

/* A journal cut or garbled at any byte of its last records. */
static void any_end_of_a_journal_is_understood(void **state)
{
  (void)state;
  char want[32];
  make_wanted(want, 0);
  for (int64_t by = 1; by < 2 * TFM__RECORD_BYTES; by += 13) {
    for (int garble = 0; garble < 2; ++garble) {
      (void)unlink(in_folder("out.jsonl", ""));
      (void)unlink(in_folder("out.jsonl", ".manifest.json"));
      interrupt_at("out.jsonl", 5 * EVERY);
      cut_file("out.jsonl", ".journal", by);
      lengthen_file("out.jsonl", ".journal", garble ? by : 0);
      attempt a = an_attempt("out.jsonl");
      must_open(&a);
      assert_int_equal(a.start.tally.mark.rows, (by <= TFM__RECORD_BYTES ? 4 : 3) * EVERY);
      end_attempt(&a);
      check_complete("out.jsonl", want);
    }
  }
}

/* Records of an attempt that was left are not believed, even where a cut did not reach the disk. */
static void records_of_an_attempt_that_was_left_are_void(void **state)
{
  (void)state;
  char want[32];
  make_wanted(want, 0);
  interrupt_at("out.jsonl", 5 * EVERY);
  tfm_buf old = contents(in_folder("out.jsonl", ".journal"));
  flip_byte("out.jsonl", ".part", 1); /* the fifth commit is not believed */
  interrupt_at("out.jsonl", 5 * EVERY - 1);
  tfm_buf now = contents(in_folder("out.jsonl", ".journal"));
  assert_int_equal(now.n, old.n); /* a BEGIN in the place of the fifth commit */
  (void)tfm_buf_append(&now, old.data + old.n - TFM__RECORD_BYTES, TFM__RECORD_BYTES);
  put(in_folder("out.jsonl", ".journal"), now.data, now.n);
  attempt a = an_attempt("out.jsonl");
  must_open(&a);
  assert_int_equal(a.start.tally.mark.rows, 4 * EVERY);
  end_attempt(&a);
  check_complete("out.jsonl", want);
  tfm_buf_fini(&old);
  tfm_buf_fini(&now);
}

/* ---- who may go on ---- */

static void another_job_is_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *job, *input, *time;
    tfm_status st;
    const char *words[2];
  } cases[] = {
      {"B", "1 byte", "1", TFM_E_CONFIG, {"--top-k was A, is B", "out.jsonl"}},
      {"A", "2 bytes", "1", TFM_E_FORMAT, {"input file", "was 1 byte, is 2 bytes"}},
      {"A", "1 byte", "2", TFM_OK, {"", ""}},
  };
  char want[32];
  make_wanted(want, 0);
  interrupt_at("out.jsonl", 1000);
  tfm_buf journal = contents(in_folder("out.jsonl", ".journal"));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    attempt a = an_attempt("out.jsonl");
    a.job = cases[i].job;
    a.input = cases[i].input;
    a.time = cases[i].time;
    assert_int_equal(open_attempt(&a), cases[i].st);
    assert_int_equal(a.start.reread, cases[i].st == TFM_OK);
    for (int w = 0; w < 2 && a.err.status != TFM_OK; ++w) {
      if (!strstr(a.err.text, cases[i].words[w])) {
        fail_msg("%s: %s", cases[i].words[w], a.err.text);
      }
    }
    tfm_sink_close(a.sink);
    tfm_buf now = contents(in_folder("out.jsonl", ".journal"));
    assert_int_equal(now.n, journal.n + (cases[i].st == TFM_OK ? TFM__RECORD_BYTES : 0));
    tfm_buf_fini(&now);
  }
  attempt a = an_attempt("out.jsonl"); /* refusals left everything as it was */
  must_open(&a);
  assert_int_equal(a.start.tally.mark.rows, 900);
  end_attempt(&a);
  check_complete("out.jsonl", want);
  tfm_buf_fini(&journal);
}

static void resume_never_must_and_restart(void **state)
{
  (void)state;
  char want[32];
  make_wanted(want, 0);
  attempt a = an_attempt("out.jsonl");
  a.resume = TFM_RESUME_MUST;
  assert_int_equal(open_attempt(&a), TFM_E_OUTPUT);
  assert_int_equal(tfm_path_look(in_folder("out.jsonl", ".part")), TFM_PATH_NOTHING);
  interrupt_at("out.jsonl", 1000);
  must_open(&a);
  assert_int_equal(a.start.tally.mark.rows, 900);
  tfm_sink_close(a.sink);

  a = an_attempt("out.jsonl");
  a.resume = TFM_RESUME_NEVER;
  a.job = "B"; /* somebody else's work is not thrown away */
  assert_int_equal(open_attempt(&a), TFM_E_CONFIG);
  a.job = "A";
  must_open(&a);
  assert_false(a.start.resumed);
  (void)write_rows(&a, 400);
  tfm_sink_close(a.sink);

  a = an_attempt("out.jsonl");
  a.job = "B";
  a.restart = true;
  must_open(&a);
  assert_false(a.start.resumed);
  end_attempt(&a);
  check_same_file(in_folder("out.jsonl", ""), in_folder(want, ""));
}

/* --restart gave up what stood there; when it is interrupted the plain command goes on. */
static void a_restart_that_was_interrupted_goes_on(void **state)
{
  (void)state;
  char want[32];
  make_wanted(want, 0);
  put(in_folder("out.jsonl", ""), "old", 3);
  attempt a = an_attempt("out.jsonl");
  assert_int_equal(open_attempt(&a), TFM_E_OUTPUT);
  a.restart = true;
  must_open(&a);
  (void)write_rows(&a, 1000);
  tfm_sink_close(a.sink);
  a.restart = false;
  must_open(&a);
  assert_int_equal(a.start.tally.mark.rows, 900);
  end_attempt(&a);
  check_complete("out.jsonl", want);

  /* But a file that came there in the meantime is somebody's. */
  interrupt_at("new.jsonl", 1000);
  put(in_folder("new.jsonl", ""), "new", 3);
  a = an_attempt("new.jsonl");
  assert_int_equal(open_attempt(&a), TFM_E_OUTPUT);
}

static void what_is_no_journal_is_left_alone(void **state)
{
  (void)state;
  static const struct {
    const char *word;
    int64_t at; /* of the byte that is changed; -1: another file altogether */
  } cases[] = {{"no journal", -1}, {"no journal", 0}, {"another version", 7}, {"damaged", 40}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    char name[16];
    (void)snprintf(name, sizeof name, "out%zu", i);
    interrupt_at(name, 1000);
    tfm_buf b = contents(in_folder(name, ".journal"));
    if (cases[i].at < 0) {
      put(in_folder(name, ".journal"), "dear diary", 10);
    } else {
      b.data[cases[i].at] = 'x';
      put(in_folder(name, ".journal"), b.data, b.n);
    }
    attempt a = an_attempt(name);
    assert_int_equal(open_attempt(&a), TFM_E_OUTPUT);
    assert_non_null(strstr(a.err.text, cases[i].word));
    tfm_buf_fini(&b);
    b = contents(in_folder(name, ".part"));
    assert_true(b.n > 0);
    tfm_buf_fini(&b);
  }
}

/* ---- the last steps ---- */

/* Everything is written and committed, and nothing has its name: a folder is in the way. */
static void stop_before_names(const char *name, bool piped)
{
  char hex[TFM_SHA256_HEX];
  attempt a = an_attempt(name);
  a.piped = piped;
  must_open(&a);
  tfm_tally t = write_rows(&a, ROWS);
  assert_int_equal(mkdir(in_folder(name, ".manifest.json.part"), 0777), 0);
  assert_int_not_equal(tfm_sink_finish(a.sink, &t, hex, &a.err), TFM_OK);
  tfm_sink_close(a.sink);
  assert_int_equal(rmdir(in_folder(name, ".manifest.json.part")), 0);
}

/* Between any two of the last steps, also where the job's input was a pipe, which cannot be looked
 * at again. */
static void a_finish_that_was_interrupted_is_finished(void **state)
{
  (void)state;
  for (int kind = 0; kind < ENDINGS; ++kind) {
    char want[32];
    make_wanted(want, kind);
    for (int piped = 0; piped < 2; ++piped) {
      for (int step = 0; step < 4; ++step) {
        char name[32];
        char base[16];
        (void)snprintf(base, sizeof base, "out%c%c", '0' + piped, '0' + step);
        name_of(name, base, kind);
        stop_before_names(name, piped);
        if (step > 0) {
          assert_int_equal(rename(in_folder(name, ".part"), in_folder(name, "")), 0);
        }
        if (step > 1) {
          tfm_buf b = contents(in_folder(want, ".manifest.json"));
          put(in_folder(name, step == 2 ? ".manifest.json.part" : ".manifest.json"), b.data,
              b.n);
          tfm_buf_fini(&b);
        }
        attempt a = an_attempt(name);
        a.piped = piped;
        must_open(&a);
        if (!a.start.done) {
          assert_true(a.start.final && a.start.resumed);
          assert_int_equal(a.start.tally.mark.rows, ROWS);
          end_attempt(&a);
        }
        assert_true(a.start.done == (step > 1 && !piped));
        check_complete(name, want);
      }
    }
  }
}

static void a_finished_output_of_a_pipe_is_not_believed(void **state)
{
  (void)state;
  attempt a = an_attempt("out.jsonl");
  a.piped = true;
  must_open(&a);
  end_attempt(&a);
  a = an_attempt("out.jsonl");
  a.piped = true;
  assert_int_equal(open_attempt(&a), TFM_E_OUTPUT);
  assert_non_null(strstr(a.err.text, "piped"));
}

/* ---- two writers ---- */

/* Where locks are off, the journal itself tells that another attempt has taken over. */
static void a_writer_that_was_replaced_stops(void **state)
{
  (void)state;
  for (int how = 0; how < 3; ++how) {
    char name[16];
    (void)snprintf(name, sizeof name, "out%d", how);
    attempt a = an_attempt(name);
    must_open(&a);
    tfm_tally t = write_rows(&a, 400);
    if (how == 0) {
      lengthen_file(name, ".journal", TFM__RECORD_BYTES);
    } else if (how == 1) {
      (void)unlink(in_folder(name, ".journal"));
    } else {
      tfm_buf b = contents(in_folder(name, ".journal"));
      (void)unlink(in_folder(name, ".journal"));
      put(in_folder(name, ".journal"), b.data, b.n);
      tfm_buf_fini(&b);
    }
    assert_int_equal(tfm_sink_commit(a.sink, &t, &a.err), TFM_E_OUTPUT);
    assert_non_null(strstr(a.err.text, "taken over"));
    assert_int_equal(tfm_sink_commit(a.sink, &t, &a.err), TFM_OK); /* no more of it */
    tfm_sink_close(a.sink);
    assert_int_equal(tfm_path_look(in_folder(name, ".part")), TFM_PATH_FILE);
  }
}

static void the_journal_names_its_owner(void **state)
{
  (void)state;
  char who[128];
  char want[128];
  char host[TFM__RECORD_HOST] = "";
  (void)gethostname(host, sizeof host - 1);
  interrupt_at("out.jsonl", 1000);
  tfm__journal_owner(in_folder("out.jsonl", ".journal"), who, sizeof who);
  (void)snprintf(want, sizeof want, "process %ld on %s", (long)getpid(), host);
  assert_string_equal(who, want);
  tfm__journal_owner(in_folder("none", ".journal"), who, sizeof who);
  assert_string_equal(who, "");
}

/* Of an output that was begun, and of one that is finished. */
static void what_is_recorded_can_be_asked(void **state)
{
  (void)state;
  char value[8];
  char path[128];
  (void)snprintf(path, sizeof path, "%s", in_folder("out.jsonl", ""));
  assert_false(tfm_sink_recorded(path, "--top-k", value, sizeof value));
  assert_false(tfm_sink_recorded(NULL, "--top-k", value, sizeof value));
  interrupt_at("out.jsonl", 1000);
  for (int finished = 0; finished < 2; ++finished) {
    assert_true(tfm_sink_recorded(path, "--top-k", value, sizeof value));
    assert_string_equal(value, "A");
    assert_false(tfm_sink_recorded(path, "--top", value, sizeof value));
    assert_false(tfm_sink_recorded(path, "--top-k", value, 1));
    if (!finished) {
      attempt a = an_attempt("out.jsonl");
      must_open(&a);
      end_attempt(&a);
    }
  }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FOLDER(it_goes_on_behind_the_last_commit),
      WITH_FOLDER(it_goes_on_any_number_of_times),
      WITH_FOLDER(damage_costs_work_and_no_bytes),
      WITH_FOLDER(any_end_of_a_journal_is_understood),
      WITH_FOLDER(records_of_an_attempt_that_was_left_are_void),
      WITH_FOLDER(another_job_is_refused_by_name),
      WITH_FOLDER(resume_never_must_and_restart),
      WITH_FOLDER(a_restart_that_was_interrupted_goes_on),
      WITH_FOLDER(what_is_no_journal_is_left_alone),
      WITH_FOLDER(a_finish_that_was_interrupted_is_finished),
      WITH_FOLDER(a_finished_output_of_a_pipe_is_not_believed),
      WITH_FOLDER(a_writer_that_was_replaced_stops),
      WITH_FOLDER(the_journal_names_its_owner),
      WITH_FOLDER(what_is_recorded_can_be_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
