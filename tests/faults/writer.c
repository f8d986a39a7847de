/** The writer under every kind of interruption: kill -9 and power cuts at any of its system
 * calls, damage to what it left, errors of any call. Jobs run until they are through; then the
 * output must be the one an undisturbed job writes, and after a kill nothing that was committed
 * may be lost.
 *
 *  writer [--jobs N] [--seed S] [--gentle 1] [--plain 1] [--packed 1] [--caught N]
 *
 *  Prints what was tried and what came out. --gentle 1: the disk loses nothing that was synced, and
 * nothing is damaged. --plain 1, --packed 1: only outputs that are not compressed, or only those
 * of several compressed members. --caught N: this program holds a broken writer, and must find a
 * wrong output within N jobs. Exit code 0 when that, or no wrong output, is what came out.
 */
#include "disk.h"

#include "coordinator/output/pack.h"
#include "coordinator/output/sink.h"
#include "core/base/buf.h"
#include "core/base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 3, SIZES = 4, PATIENCE = 60 };

static const char *const names[KINDS] = {"out.jsonl", "out.jsonl.gz", "out.jsonl.zst"};
static const int64_t row_counts[SIZES] = {40, 700, TFM__MEMBER_LINES + 900,
                                          3 * TFM__MEMBER_LINES + 5};

static char folder[PATH_MAX / 8];
static bool gentle_only, packed_only, plain_only;

/* What a job is: everything that decides its bytes. */
typedef struct {
  const char *name;
  int64_t rows;
  uint64_t seed; /* of when it commits, which decides no bytes */
} job;

typedef struct {
  int64_t jobs, attempts, kills, cuts, rots, faults, resumed, wrong;
} tries;

static const char *path_of(const char *name, const char *ending)
{
  static char paths[2][PATH_MAX / 4];
  static int next;
  char *path = paths[next++ % 2];
  (void)snprintf(path, sizeof paths[0], "%s/%s%s", folder, name, ending);
  return path;
}

/* ---- the job, in the child ---- */

static int row_line(int64_t i, char line[128])
{
  int n = snprintf(line, 128, "{\"id\":%lld,\"label\":\"L%lld\",\"score\":0.%lld}\n",
                   (long long)i, (long long)(i * i % 7), (long long)(i * 7919 % 99991));
  return n;
}

static tfm_status write_rows(tfm_sink *sink, const job *j, tfm_tally *t, tfm_err *err)
{
  uint64_t rng = j->seed;
  for (int64_t i = t->mark.rows; i < j->rows; ++i) {
    char line[128];
    tfm_span span = {line, (size_t)row_line(i, line)};
    tfm_status st = i % 11 == 3 ? tfm_sink_error(sink, span, err) : TFM_OK;
    t->row_errors += i % 11 == 3;
    st = st == TFM_OK ? tfm_sink_write(sink, span, err) : st;
    t->mark = (tfm_mark){.rows = i + 1, .offset = 100 * i};
    if (st == TFM_OK &&
        disk_random(&rng, (uint64_t)j->rows / (packed_only ? 6 : 12) + 2) == 0) {
      st = tfm_sink_commit(sink, t, err);
      disk_note(DISK_COMMITTED, st == TFM_OK ? i + 1 : disk_noted(DISK_COMMITTED));
    }
    if (st != TFM_OK) {
      return st;
    }
  }
  return TFM_OK;
}

static tfm_status attempt(const job *j, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_sink *sink = NULL;
  tfm_sink_start start;
  tfm_identity identity = {0};
  char hex[TFM_SHA256_HEX];
  const tfm_sink_options options = {.path = path_of(j->name, ""),
                                    .errors = path_of(j->name, ".errors"),
                                    .identity = &identity};
  (void)tfm_buf_printf(&identity.job, "rows\t%lld\n", (long long)j->rows);
  (void)tfm_buf_str(&identity.inputs, "input file\tone\n");
  (void)tfm_buf_cstr(&identity.job);
  (void)tfm_buf_cstr(&identity.inputs);
  TFM_TRY(tfm_sink_open(&sink, &start, &options, err));
  disk_note(DISK_BEGAN_AT, start.done ? j->rows : start.tally.mark.rows);
  disk_note(DISK_COMMITTED, disk_noted(DISK_BEGAN_AT));
  if (!start.done) {
    tfm_tally t = start.tally;
    TFM_TRY(write_rows(sink, j, &t, err));
    TFM_TRY(tfm_sink_finish(sink, &t, hex, err));
  }

fail:
  tfm_sink_close(sink);
  tfm_identity_fini(&identity);
  return st;
}

/* The attempt's exit code. */
static int run_child(const job *j, int64_t crash_after, bool syncs, int64_t fail_after,
                     int error)
{
  disk_note(DISK_BEGAN_AT, -1);
  pid_t pid = fork();
  if (pid == 0) {
    tfm_err err = {0};
    disk_crash_after(crash_after, syncs);
    disk_fail_after(fail_after, error);
    tfm_status st = attempt(j, &err);
    if (st != TFM_OK && fail_after < 0) {
      (void)fprintf(stderr, "writer: %s\n", err.text);
    }
    _exit(tfm_status_exit(st));
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) {
    abort();
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- what it must be ---- */

static tfm_buf contents(const char *path)
{
  tfm_buf b = {0};
  tfm_err err = {0};
  if (tfm_path_look(path) == TFM_PATH_FILE &&
      tfm_file_read_all(path, 1 << 28, &b, &err) != TFM_OK) {
    abort();
  }
  return b;
}

typedef struct {
  tfm_buf output, errors, manifest;
} outcome;

static outcome look(const job *j)
{
  return (outcome){contents(path_of(j->name, "")), contents(path_of(j->name, ".errors")),
                   contents(path_of(j->name, ".manifest.json"))};
}

static void forget(outcome *o)
{
  tfm_buf_fini(&o->output);
  tfm_buf_fini(&o->errors);
  tfm_buf_fini(&o->manifest);
}

static bool says(const char *what)
{
  (void)fprintf(stderr, "writer: %s\n", what);
  return false;
}

static bool is_right(const job *j, const outcome *want)
{
  static const char *const gone[] = {".part", ".tail", ".journal", ".journal.part",
                                     ".manifest.json.part"};
  outcome got = look(j);
  bool output = tfm_span_eq(tfm_buf_view(&got.output), tfm_buf_view(&want->output));
  bool errors = tfm_span_eq(tfm_buf_view(&got.errors), tfm_buf_view(&want->errors));
  bool manifest = tfm_span_eq(tfm_buf_view(&got.manifest), tfm_buf_view(&want->manifest));
  forget(&got);
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; ++i) {
    if (tfm_path_look(path_of(j->name, gone[i])) != TFM_PATH_NOTHING) {
      return says(gone[i]);
    }
  }
  return !output     ? says("the output differs")
         : !errors   ? says("the list of errors differs")
         : !manifest ? says("the manifest differs")
                     : true;
}

/* ---- one job, disturbed ---- */

/* Between two attempts: nothing but a kill, or a cut, or damage. Returns whether what was committed
 * must still be there. */
static bool disturb(const job *j, tries *t, uint64_t *rng)
{
  static const char *const files[] = {".part",    ".tail",    ".errors",
                                      ".journal", ".journal", ".journal"};
  uint64_t what = disk_random(rng, 12);
  bool begun = tfm_path_look(path_of(j->name, ".part")) == TFM_PATH_FILE;
  if (what < 6) {
    bool gentle = gentle_only || disk_random(rng, 2) == 0;
    ++t->cuts;
    disk_cut(gentle, rng);
    return gentle;
  }
  if (what < 9 && begun && !gentle_only) {
    char name[64];
    uint64_t file = disk_random(rng, 6);
    (void)snprintf(name, sizeof name, "%s%s", j->name, files[file]);
    disk_rot(name, file > 2 ? 256 : 40, rng); /* what the last commit wrote */
    ++t->rots;
    return false;
  }
  ++t->kills;
  return true;
}

/* Whether an error is one that the injected fault explains: 70 and worse are not. */
static bool is_explained(int code)
{
  return code == 71 || code == 73 || code == 74;
}

/* One attempt under a crash, a failing call, or nothing; *fault: which is not known to have hurt.
 */
static int disturbed_attempt(const job *j, int64_t calls, bool calm, bool *fault, uint64_t *rng)
{
  static const int errors[] = {EIO, ENOSPC, EDQUOT, EFBIG, EINTR, 0};
  /* Early as well as anywhere: the more attempts a job needs, the more can go wrong. */
  uint64_t early = packed_only ? 0 : disk_random(rng, 4);
  int64_t at = (int64_t)disk_random(rng, ((uint64_t)calls >> early) + 3);
  bool syncs = disk_random(rng, 2) == 0; /* the moments that matter most */
  int error = errors[disk_random(rng, sizeof errors / sizeof errors[0])];
  job now = *j;
  now.seed = *rng | 1;
  *fault = !calm && disk_random(rng, 4) == 0;
  at = syncs && !*fault ? at / 5 : at;
  return run_child(&now, calm || *fault ? -1 : at, syncs, *fault ? at : -1, error);
}

static bool run_job(const job *j, int64_t calls, const outcome *want, tries *t, uint64_t *rng)
{
  int64_t floor = 0; /* rows that must be there */
  bool fault = false;
  int code = 0;
  for (int i = 0; i == 0 || code != 0 || fault; ++i) {
    code = disturbed_attempt(j, calls, i >= PATIENCE, &fault, rng);
    int64_t began_at = disk_noted(DISK_BEGAN_AT);
    ++t->attempts;
    t->resumed += began_at > 0;
    t->faults += fault;
    if (began_at >= 0 && began_at < floor) {
      return says("committed rows were lost");
    }
    if (code != 0 && code != DISK_CRASHED && !(fault && is_explained(code))) {
      return says("an attempt failed that must not");
    }
    floor = began_at >= 0 ? disk_noted(DISK_COMMITTED) : floor;
    if (code != 0 && !disturb(j, t, rng)) {
      floor = 0;
    } /* a fault that did no harm may still have left something that the next takes away */
  }
  if (disk_random(rng, 2)) { /* said to be complete: no cut may change that */
    disk_cut(gentle_only, rng);
    ++t->cuts;
  }
  return is_right(j, want) && run_child(j, -1, false, -1, 0) == 0 && is_right(j, want);
}

/* A job of every kind and size, undisturbed, for its bytes and its number of calls. */
typedef struct {
  job job;
  outcome want;
  int64_t calls;
} plan;

static void make_plans(plan plans[KINDS * SIZES])
{
  for (int i = 0; i < KINDS * SIZES; ++i) {
    plan *p = &plans[i];
    p->job = (job){.name = names[i % KINDS], .rows = row_counts[i / KINDS], .seed = 1};
    disk_wipe();
    if (run_child(&p->job, -1, false, -1, 0) != 0) {
      (void)fprintf(stderr, "writer: the undisturbed job failed\n");
      exit(2);
    }
    p->want = look(&p->job);
    p->calls = disk_calls();
  }
}

static tries run_jobs(int64_t n, uint64_t seed, bool stop_at_wrong)
{
  plan plans[KINDS * SIZES];
  tries t = {0};
  uint64_t rng = seed * 2 + 1;
  make_plans(plans);
  for (; t.jobs < n && !(stop_at_wrong && t.wrong); ++t.jobs) {
    uint64_t some = disk_random(&rng, KINDS * SIZES);
    some = packed_only ? KINDS * SIZES - 1 - some % 2 : plain_only ? some - some % KINDS : some;
    const plan *p = &plans[some];
    uint64_t before = rng;
    disk_wipe();
    if (!run_job(&p->job, p->calls, &p->want, &t, &rng)) {
      ++t.wrong;
      (void)fprintf(stderr, "writer: wrong: job %lld, %s of %lld rows, state %llu\n",
                    (long long)t.jobs, p->job.name, (long long)p->job.rows,
                    (unsigned long long)before);
    }
  }
  for (int i = 0; i < KINDS * SIZES; ++i) {
    forget(&plans[i].want);
  }
  return t;
}

static int64_t option(int argc, char **argv, const char *name, int64_t unset)
{
  for (int i = 1; i + 1 < argc; ++i) {
    if (strcmp(argv[i], name) == 0) {
      return strtoll(argv[i + 1], NULL, 10);
    }
  }
  return unset;
}

int main(int argc, char **argv)
{
  char root[64];
  char shadow[80];
  char command[128];
  int64_t caught = option(argc, argv, "--caught", 0);
  int64_t jobs = caught ? caught : option(argc, argv, "--jobs", 40);
  bool memory = access("/dev/shm", W_OK) == 0;
  (void)snprintf(root, sizeof root, "%s/tfm-writer-XXXXXX", memory ? "/dev/shm" : "/tmp");
  if (!mkdtemp(root)) {
    perror(root);
    return 2;
  }
  (void)snprintf(folder, sizeof folder, "%s/disk", root);
  (void)snprintf(shadow, sizeof shadow, "%s/shadow", root);
  disk_open(folder, shadow);
  plain_only = option(argc, argv, "--plain", 0) > 0;
  packed_only = option(argc, argv, "--packed", 0) > 0;
  gentle_only = option(argc, argv, "--gentle", 0) > 0;
  tries t = run_jobs(jobs, (uint64_t)option(argc, argv, "--seed", 1), caught > 0);
  (void)printf(
      "%lld jobs in %lld attempts: %lld kills, %lld power cuts, %lld bytes spoilt, %lld "
      "failing calls; %lld attempts went on; %lld jobs wrong\n",
      (long long)t.jobs, (long long)t.attempts, (long long)t.kills, (long long)t.cuts,
      (long long)t.rots, (long long)t.faults, (long long)t.resumed, (long long)t.wrong);
  (void)snprintf(command, sizeof command, "rm -r '%s'", root);
  int removed = system(command);
  bool good = caught ? t.wrong > 0 : t.wrong == 0;
  return good && removed == 0 ? 0 : 1;
}
