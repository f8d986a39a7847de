#include "coordinator/output/sink.h"

#include "coordinator/output/lock.h"
#include "coordinator/output/sink_private.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BYTES = 256 << 10, COMMITS_QUICK = 1000 };

/* A commit costs what the disk's sync costs. The next is due when all of them, it included, will
 * have taken this share of the time since the output was opened, so that with the last one they
 * stay under a hundredth; the bounds keep a journal small, and what is lost little. */
static const double share = 0.008;
static const double between_least_s = 0.1;
static const double between_steady_s = 1.0; /* once there are COMMITS_QUICK of them */
static const double between_most_s = 30.0;

/* ---- opening ---- */

static tfm_status open_stream(tfm_sink *sink, const tfm_sink_options *o, int fd, tfm_err *err)
{
  if (o->resume == TFM_RESUME_MUST) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--resume must: %.400s cannot be gone on with; name a file with --output",
                    sink->part.name);
  }
  if (fd < 0) {
    return tfm_fail(err, TFM_E_OUTPUT, "output %.400s %s", o->path, strerror(errno));
  }
  sink->part.fd = fd;
  sink->part.stream = true;
  return TFM_OK;
}

static bool is_special(const char *path)
{
  struct stat about;
  return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

static bool is_there(const char *path)
{
  struct stat about;
  return lstat(path, &about) == 0;
}

tfm_status tfm__sink_open_errors(tfm_sink *sink, const char *path, tfm_err *err)
{
  if (!path) {
    return TFM_OK;
  }
  char *real = realpath(path, NULL);
  const char *named = real ? real : path;
  tfm__grown *e = &sink->errors;
  sink->error_path = tfm_strndup(named, strlen(named));
  free(real); /* from the C library */
  if (!sink->error_path) {
    return tfm_fail(err, TFM_E_NOMEM, "--errors %.400s", path);
  }
  e->name = sink->error_path;
  e->stream = is_special(path);
  if (e->stream) {
    e->fd = open(path, O_WRONLY | O_CLOEXEC);
    return e->fd >= 0
               ? TFM_OK
               : tfm_fail(err, TFM_E_OUTPUT, "--errors %.400s: %s", path, strerror(errno));
  }
  sink->listed = !is_there(sink->error_path);
  return tfm__lock_open(&e->fd, sink->error_path, path, NULL, err);
}

static tfm_status open_by_kind(tfm_sink *sink, const tfm_sink_options *o, tfm_sink_start *start,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool file = !tfm__place_is_stdout(o->path) && !is_special(o->path);
  sink->packing = tfm__place_is_stdout(o->path) ? NULL : tfm__packing_of(o->path);
  if (sink->packing) {
    TFM_TRY(sink->packing->open(&sink->packer, err));
  }
  if (file) {
    TFM_TRY(tfm__place_init(&sink->names, o->path, err));
    return tfm__sink_begin(sink, o, start, err);
  }
  if (tfm__place_is_stdout(o->path)) {
    sink->part.name = "standard output";
    TFM_TRY(open_stream(sink, o, STDOUT_FILENO, err));
  } else {
    sink->part.name = o->path;
    TFM_TRY(open_stream(sink, o, open(o->path, O_WRONLY | O_CLOEXEC), err));
  }
  TFM_TRY(tfm__sink_open_errors(sink, o->errors, err));
  if (sink->errors.fd >= 0 && !sink->errors.stream) {
    TFM_TRY(tfm__grown_cut(&sink->errors, 0, err));
  }

fail:
  return st;
}

tfm_status tfm_sink_open(tfm_sink **out, tfm_sink_start *start, const tfm_sink_options *options,
                         tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  *start = (tfm_sink_start){0};
  tfm_sink *sink = tfm_calloc(1, sizeof *sink);
  if (!sink) {
    return tfm_fail(err, TFM_E_NOMEM, "the output");
  }
  sink->lock = -1;
  sink->part.fd = -1;
  sink->tail.fd = -1;
  sink->errors.fd = -1;
  tfm_sha256_init(&sink->sha);
  sink->settled_sha = sink->sha;
  sink->vouch = options->vouch;
  sink->arg = options->arg;
  sink->begin_s = tfm_now_s();
  sink->due_s = sink->begin_s + between_least_s;
  TFM_TRY(open_by_kind(sink, options, start, err));
  if (start->done) {
    goto fail;
  }
  *out = sink;
  return TFM_OK;

fail:
  tfm_sink_close(sink);
  return st;
}

/* ---- writing ---- */

/* Without locks, a twin may have renamed the file we write: then it is another job's result. */
static tfm_status write_part(tfm_sink *sink, tfm_err *err)
{
  tfm_sha256_add(&sink->sha, sink->part.out.data, sink->part.out.n);
  tfm_status st = sink->journal ? tfm__journal_ours(sink->journal, err) : TFM_OK;
  st = st == TFM_OK ? tfm__grown_write(&sink->part, err) : st;
  sink->broken = sink->broken || st != TFM_OK;
  return st;
}

void tfm__sink_settle(tfm_sink *sink)
{
  tfm__grown_settle(&sink->part);
  sink->settled_sha = sink->sha;
  sink->settled_lines = sink->lines;
}

tfm_status tfm__sink_pack(tfm_sink *sink, tfm_span line, bool *ended, tfm_err *err)
{
  ++sink->lines;
  *ended = ++sink->member_lines == TFM__MEMBER_LINES;
  return sink->packing->add(sink->packer, line, *ended, &sink->part.out, err);
}

/* A line's length stands before it in the tail: a line may hold line ends (CSV). */
static void add_to_tail(tfm_sink *sink, tfm_span line)
{
  char length[4];
  for (int i = 0; i < 4; ++i) {
    length[i] = (char)((uint32_t)line.n >> 8 * i);
  }
  (void)tfm_buf_append(&sink->tail.out, length, sizeof length);
  (void)tfm_buf_span(&sink->tail.out, line);
}

static tfm_status end_member(tfm_sink *sink, tfm_err *err)
{
  tfm_status st = write_part(sink, err);
  tfm__sink_settle(sink);
  sink->member_lines = 0;
  tfm_buf_clear(&sink->tail.out);
  sink->tail_begun = false;
  return st;
}

static tfm_status add_packed(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  bool ended = false;
  tfm_status st = tfm__sink_pack(sink, line, &ended, err);
  if (st != TFM_OK || ended) {
    return st == TFM_OK ? end_member(sink, err) : st;
  }
  if (sink->journal) {
    add_to_tail(sink, line);
  }
  return sink->tail.out.failed ? tfm_fail(err, TFM_E_NOMEM, "a line of %zu bytes", line.n)
                               : TFM_OK;
}

static tfm_status add_plain(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  ++sink->lines;
  return tfm_buf_span(&sink->part.out, line) == TFM_OK
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "a line of %zu bytes", line.n);
}

tfm_status tfm_sink_write(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  tfm_status st = sink->packing ? add_packed(sink, line, err) : add_plain(sink, line, err);
  sink->broken = sink->broken || st != TFM_OK;
  return st == TFM_OK && sink->part.out.n >= WRITE_BYTES ? write_part(sink, err) : st;
}

tfm_status tfm_sink_error(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  if (tfm_buf_span(&sink->errors.out, line) != TFM_OK) {
    sink->broken = true;
    return tfm_fail(err, TFM_E_NOMEM, "a line of %zu bytes", line.n);
  }
  return TFM_OK;
}

tfm_status tfm_sink_flush(tfm_sink *sink, tfm_err *err)
{
  tfm_status st = write_part(sink, err);
  if (st == TFM_OK && sink->errors.fd >= 0) {
    st = tfm__grown_write(&sink->errors, err);
    sink->broken = sink->broken || st != TFM_OK;
  }
  return st;
}

/* ---- committing ---- */

bool tfm_sink_due(const tfm_sink *sink)
{
  return sink->journal && tfm_now_s() >= sink->due_s;
}

/* The lines of the open member that are not in the tail yet. A tail that the last commit needs
 * stays until the next commit is on the disk: a new one begins before or behind it. */
static tfm_status write_tail(tfm_sink *sink, tfm_err *err)
{
  tfm__grown *t = &sink->tail;
  const tfm__stretch *kept = &sink->tail_kept;
  if (!sink->tail_begun && t->out.n) {
    t->bytes = (int64_t)t->out.n <= kept->from ? 0 : kept->bytes;
    t->from = t->bytes;
    t->crc = 0;
    sink->tail_begun = true;
  }
  tfm_status st = tfm__grown_write(t, err);
  return st == TFM_OK ? tfm__grown_sync(t, err) : st;
}

static tfm__record record_of(const tfm_sink *sink, tfm__record_kind kind,
                             const tfm_tally *tally)
{
  const tfm__grown *t = &sink->tail;
  tfm__record r = {.kind = kind, .tally = *tally, .lines = sink->settled_lines};
  r.part = tfm__grown_stretch(&sink->part);
  r.errors = sink->errors.stream ? (tfm__stretch){0} : tfm__grown_stretch(&sink->errors);
  if (sink->tail_begun) {
    r.tail = (tfm__stretch){.bytes = t->bytes, .from = t->from, .crc = t->crc};
  }
  memcpy(r.sha, sink->settled_sha.h, sizeof r.sha);
  return r;
}

/* After a commit that began then. */
static void plan_next(tfm_sink *sink, double begin_s)
{
  tfm_sink_costs *c = &sink->costs;
  double now = tfm_now_s();
  c->seconds += now - begin_s;
  double mean = c->commits ? c->seconds / (double)c->commits : c->seconds;
  double least = now + (c->commits < COMMITS_QUICK ? between_least_s : between_steady_s);
  double due = sink->begin_s + (c->seconds + mean) / share;
  due = due < least ? least : due;
  sink->due_s = due > now + between_most_s ? now + between_most_s : due;
}

static tfm_status commit(tfm_sink *sink, tfm__record_kind kind, const tfm_tally *tally,
                         tfm_err *err)
{
  tfm_status st = TFM_OK;
  double begin = tfm_now_s();
  TFM_TRY(sink->vouch ? sink->vouch(sink->arg, err) : TFM_OK);
  TFM_TRY(tfm_sink_flush(sink, err));
  if (!sink->packing || kind == TFM__RECORD_FINAL) {
    tfm__sink_settle(sink);
  }
  tfm__grown_settle(&sink->errors);
  TFM_TRY(tfm__grown_sync(&sink->part, err));
  TFM_TRY(tfm__grown_sync(&sink->errors, err));
  TFM_TRY(sink->packing ? write_tail(sink, err) : TFM_OK);
  tfm__record record = record_of(sink, kind, tally);
  TFM_TRY(tfm__journal_add(sink->journal, &record, err));
  tfm__grown_committed(&sink->part);
  tfm__grown_committed(&sink->errors);
  sink->tail_kept = record.tail;
  sink->committed = *tally;
  sink->any = true;
  sink->final = kind == TFM__RECORD_FINAL;
  ++sink->costs.commits;

fail:
  sink->broken = sink->broken || st != TFM_OK;
  plan_next(sink, begin);
  return st;
}

bool tfm_sink_keeps(const tfm_sink *sink)
{
  return sink->journal != NULL;
}

tfm_status tfm_sink_commit(tfm_sink *sink, const tfm_tally *tally, tfm_err *err)
{
  bool nothing = tally->mark.rows <= sink->committed.mark.rows;
  if (sink->broken || sink->finished || (sink->journal && (sink->final || nothing))) {
    return TFM_OK;
  }
  if (!sink->journal) {
    return tfm_sink_flush(sink, err);
  }
  return commit(sink, TFM__RECORD_COMMIT, tally, err);
}

tfm_sink_costs tfm_sink_cost(const tfm_sink *sink)
{
  return sink->costs;
}

/* ---- finishing ---- */

/* The last member, which may hold fewer lines; a file without lines is one empty member. */
static tfm_status end_last_member(tfm_sink *sink, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool open = sink->packing && (sink->member_lines || !sink->lines);
  if (open) {
    TFM_TRY(sink->packing->add(sink->packer, (tfm_span){"", 0}, true, &sink->part.out, err));
    TFM_TRY(end_member(sink, err));
  }

fail:
  return st;
}

tfm_status tfm_sink_finish(tfm_sink *sink, const tfm_tally *tally, char hex[TFM_SHA256_HEX],
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!sink->final) {
    TFM_TRY(end_last_member(sink, err));
    TFM_TRY(sink->journal ? commit(sink, TFM__RECORD_FINAL, tally, err)
                          : tfm_sink_flush(sink, err));
  }
  tfm_sha256_hex(&sink->sha, hex);
  if (sink->journal) {
    TFM_TRY(tfm__sink_publish(sink, hex, err));
  }
  sink->finished = true;

fail:
  return st;
}

/* Nothing of an attempt that committed nothing is worth keeping, nor is the empty part of one that
 * was refused. The part's lock is still ours; not so after an error, when another attempt may have
 * taken over. */
static void remove_traces(const tfm_sink *sink)
{
  struct stat about;
  if (sink->part.fd < 0 || !sink->names.part || sink->finished || sink->any || sink->broken) {
    return;
  }
  bool empty = fstat(sink->part.fd, &about) == 0 && about.st_size == 0;
  if (sink->anew) {
    (void)unlink(sink->names.journal);
    (void)unlink(sink->names.tail);
    if (sink->listed) {
      (void)unlink(sink->error_path);
    }
    (void)unlink(sink->names.part);
  } else if (empty && (sink->stray || !is_there(sink->names.journal))) {
    (void)unlink(sink->names.part);
  }
}

static void close_grown(tfm__grown *f)
{
  if (f->fd >= 0 && f->fd != STDOUT_FILENO) {
    (void)close(f->fd);
  }
  tfm__grown_fini(f);
}

void tfm_sink_close(tfm_sink *sink)
{
  if (!sink) {
    return;
  }
  remove_traces(sink);
  tfm__journal_close(sink->journal);
  close_grown(&sink->tail);
  close_grown(&sink->errors);
  close_grown(&sink->part);
  if (sink->lock >= 0) {
    (void)close(sink->lock);
  }
  if (sink->packing) {
    sink->packing->close(sink->packer);
  }
  tfm__place_fini(&sink->names);
  tfm_free(sink->error_path);
  tfm_free(sink);
}
