#include "coordinator/output/sink.h"

#include "coordinator/output/lock.h"
#include "coordinator/output/manifest.h"
#include "coordinator/output/sink_private.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much of what was committed is read again before it is believed. */
enum { LOOK_BACK_LEAST = 2, LOOK_BACK = 4, LOOK_BACK_BYTES = 64 << 20, PAGE = 4096 };

/* ---- what is there ---- */

static bool size_of(const char *path, int64_t *bytes)
{
  struct stat about;
  bool there = stat(path, &about) == 0;
  *bytes = there ? (int64_t)about.st_size : 0;
  return there;
}

/* A finished output of this very job. What a pipe says cannot be compared before it is read. */
static bool is_done(const tfm_sink *sink, const tfm_sink_options *o)
{
  const tfm__place *n = &sink->names;
  int64_t bytes = 0;
  if (o->restart || o->identity->piped || !size_of(n->path, &bytes)) {
    return false;
  }
  /* Interrupted between the two renames of publishing: the second is done now. */
  return tfm__manifest_matches(n->manifest, o->identity, bytes) ||
         (tfm__manifest_matches(n->manifest_new, o->identity, bytes) &&
          rename(n->manifest_new, n->manifest) == 0);
}

/* A journal outlives its output's renaming for a moment, and an attempt may have died before it
 * wrote anything: what they left goes, unless somebody is at it. */
static tfm_status clean_up(const tfm_sink *sink, tfm_err *err)
{
  const tfm__place *n = &sink->names;
  struct stat about;
  int fd = open(n->part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  bool ours = fd < 0 ? errno == ENOENT
                     : flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &about) == 0 &&
                           about.st_size == 0;
  if (ours) {
    (void)unlink(n->part);
    (void)unlink(n->tail);
    (void)unlink(n->journal);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return tfm__place_sync(n->path, err);
}

static tfm_status refuse_existing(const tfm_sink *sink, const tfm_sink_options *o, tfm_err *err)
{
  tfm_difference d;
  const char *path = sink->names.path;
  if (o->identity->piped) {
    return tfm_fail(
        err, TFM_E_OUTPUT,
        "output %.400s is there already, and what is piped in cannot be compared with "
        "what it was made from; choose another name, or replace it with --restart",
        path);
  }
  if (!tfm__manifest_differs(sink->names.manifest, o->identity, &d)) {
    return tfm_fail(
        err, TFM_E_OUTPUT,
        "output %.400s is there already, and not from this very job; choose another "
        "name, or replace it with --restart",
        path);
  }
  return tfm_fail(err, TFM_E_OUTPUT,
                  "output %.300s is there already, from another job: %s was %.100s, is %.100s; "
                  "choose another name, or replace it with --restart",
                  path, d.name, d.was, d.is);
}

/* ---- the same job? ---- */

static tfm_status compare(const tfm_sink *sink, const tfm__journal *journal,
                          const tfm_identity *now, tfm_sink_start *start, tfm_err *err)
{
  tfm_difference d;
  const tfm__journal_head *was = tfm__journal_says(journal);
  const char *job = now->job.data;
  const char *inputs = now->inputs.data;
  if (tfm_identity_differ(was->job, job, true, &d)) {
    return tfm_fail(
        err, TFM_E_CONFIG,
        "output %.300s was begun by another job: %s was %.150s, is %.150s; go on as it "
        "was begun, or begin anew with --restart",
        sink->names.path, d.name, d.was, d.is);
  }
  if (tfm_identity_differ(was->input, inputs, false, &d)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s is not what it was when output %.300s was begun: it was %.150s, is "
                    "%.150s; bring it back, or begin anew with --restart",
                    d.name, sink->names.path, d.was, d.is);
  }
  start->reread = tfm_identity_differ(was->input, inputs, true, &d);
  return TFM_OK;
}

/* ---- the last commit that can be believed ---- */

/* What is believed so far, while records are read from the last one backwards. */
typedef struct {
  int64_t at; /* of the record that is gone on from, -1 for none */
  tfm__record record;
  tfm_mark since; /* of a record some before it */
  int seen;
  int64_t bytes; /* of the part, read again */
} belief;

/* Whether a stretch must be read again: one of the last few, or within a page of the end, since a
 * page that was being written again may have lost all it held. */
static bool is_near(const belief *b, int64_t end, int64_t bytes)
{
  bool few = b->seen < LOOK_BACK_LEAST || (b->seen < LOOK_BACK && b->bytes < LOOK_BACK_BYTES);
  return b->at < 0 || few || bytes > end - PAGE;
}

/* Whether what must be read again is as the record says; *near: some of it had to be. */
static bool holds(const tfm_sink *sink, const belief *b, const tfm__record *r, bool *near)
{
  bool part = is_near(b, b->record.part.bytes, r->part.bytes);
  bool errors = sink->errors.fd >= 0 && !sink->errors.stream &&
                is_near(b, b->record.errors.bytes, r->errors.bytes);
  bool tail = b->at < 0 && r->tail.bytes > r->tail.from;
  *near = part || errors;
  return (!part || tfm__grown_holds(&sink->part, &r->part)) &&
         (!errors || tfm__grown_holds(&sink->errors, &r->errors)) &&
         (!tail || tfm__grown_holds(&sink->tail, &r->tail));
}

/* The last record whose bytes are there, and those of some before it: a disk that lost one stretch
 * is not believed about its neighbours. */
static belief find_commit(const tfm_sink *sink, const tfm__journal *journal)
{
  belief b = {.at = -1};
  bool near = true;
  for (int64_t i = tfm__journal_count(journal) - 1; i >= 0 && near; --i) {
    tfm__record r;
    bool read = tfm__journal_get(journal, i, &r);
    if (read && r.kind == TFM__RECORD_BEGIN) {
      continue;
    }
    if (!read || !holds(sink, &b, &r, &near)) {
      b = (belief){.at = -1};
      near = true;
      continue;
    }
    if (b.at < 0) {
      b.at = i;
      b.record = r;
    } else if (b.seen < LOOK_BACK) {
      b.since = r.tally.mark;
    }
    ++b.seen;
    b.bytes += r.part.bytes - r.part.from;
  }
  return b;
}

/* ---- going on ---- */

static tfm_status lost(const tfm_sink *sink, const char *what, tfm_err *err)
{
  return tfm_fail(err, TFM_E_IO, "%.400s: %s cannot be read again: %s", sink->names.path, what,
                  strerror(errno));
}

/* The hash of what is there: its state was kept, but for the bytes of a block that is not full. */
static tfm_status restore_hash(tfm_sink *sink, const tfm__record *r, tfm_err *err)
{
  size_t held = (size_t)(r->part.bytes % (int64_t)sizeof sink->sha.block);
  memcpy(sink->sha.h, r->sha, sizeof sink->sha.h);
  sink->sha.bytes = (uint64_t)r->part.bytes;
  return tfm__grown_read(&sink->part, r->part.bytes - (int64_t)held, sink->sha.block, held)
             ? TFM_OK
             : lost(sink, "its last bytes", err);
}

/* The lines of the open member go through the compressor once more, one by one as they did. */
static tfm_status replay(tfm_sink *sink, tfm_span tail, tfm_err *err)
{
  tfm_status st = TFM_OK;
  while (tail.n >= 4) {
    const unsigned char *p = (const unsigned char *)tail.p;
    size_t n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    bool ended = false;
    if (n > tail.n - 4) {
      break;
    }
    TFM_TRY(tfm__sink_pack(sink, (tfm_span){tail.p + 4, n}, &ended, err));
    tail = (tfm_span){tail.p + 4 + n, tail.n - 4 - n};
  }

fail:
  return st;
}

static tfm_status restore_tail(tfm_sink *sink, const tfm__stretch *kept, tfm_err *err)
{
  tfm_status st = TFM_OK;
  size_t n = (size_t)(kept->bytes - kept->from);
  char *bytes = tfm_calloc(n + 1, 1);
  if (!bytes) {
    return tfm_fail(err, TFM_E_NOMEM, "the lines of a compressed member (%zu bytes)", n);
  }
  if (!tfm__grown_read(&sink->tail, kept->from, bytes, n)) {
    TFM_TRY(lost(sink, "the tail beside it", err));
  }
  TFM_TRY(tfm__grown_cut(&sink->tail, kept->bytes, err));
  TFM_TRY(replay(sink, (tfm_span){bytes, n}, err));
  sink->tail.from = kept->from;
  sink->tail.crc = kept->crc;
  sink->tail_begun = n > 0;
  sink->tail_kept = *kept;

fail:
  tfm_free(bytes);
  return st;
}

static tfm_status restore(tfm_sink *sink, const tfm__record *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__grown_cut(&sink->part, r->part.bytes, err));
  if (sink->errors.fd >= 0 && !sink->errors.stream) {
    TFM_TRY(tfm__grown_cut(&sink->errors, r->errors.bytes, err));
  }
  TFM_TRY(restore_hash(sink, r, err));
  sink->lines = r->lines;
  tfm__sink_settle(sink);
  if (sink->packing) {
    TFM_TRY(restore_tail(sink, &r->tail, err));
  }
  sink->committed = r->tally;
  sink->any = true;
  sink->final = r->kind == TFM__RECORD_FINAL;

fail:
  return st;
}

static tfm_status go_on(tfm_sink *sink, tfm__journal *journal, tfm_sink_start *start,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  belief b = find_commit(sink, journal);
  if (b.at < 0) {
    return TFM_OK; /* nothing was committed, or nothing of it is left */
  }
  TFM_TRY(restore(sink, &b.record, err));
  TFM_TRY(tfm__journal_take(journal, b.at + 1, err));
  start->resumed = true;
  start->final = sink->final;
  start->tally = b.record.tally;
  start->since = b.since;

fail:
  return st;
}

/* Whether the output has its name already, and only the steps behind the renaming are missing: its
 * part, which is empty and just locked, gives way to it. */
static bool adopt_renamed(tfm_sink *sink, const tfm__journal *journal)
{
  tfm__record r = {0};
  int64_t part = 0;
  int64_t whole = 0;
  int64_t last = tfm__journal_count(journal) - 1;
  while (last > 0 && tfm__journal_get(journal, last, &r) && r.kind == TFM__RECORD_BEGIN) {
    --last;
  }
  if (r.kind != TFM__RECORD_FINAL || !size_of(sink->names.part, &part) || part > 0 ||
      !size_of(sink->names.path, &whole) || whole != r.part.bytes) {
    return false;
  }
  tfm__grown named = {.fd = open(sink->names.path, O_RDWR | O_CLOEXEC),
                      .name = sink->names.path};
  if (named.fd < 0) {
    return false;
  }
  if (!tfm__grown_holds(&named, &r.part)) {
    (void)close(named.fd);
    return false;
  }
  sink->lock = sink->part.fd;
  sink->part = named;
  sink->renamed = true;
  return true;
}

/* ---- beginning ---- */

static tfm_status open_tail(tfm_sink *sink, tfm_err *err)
{
  tfm__grown *t = &sink->tail;
  if (!sink->packing) {
    return TFM_OK;
  }
  t->name = sink->names.tail;
  t->fd = open(t->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  return t->fd >= 0 ? TFM_OK
                    : tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be made: %s", t->name,
                               strerror(errno));
}

static tfm_status begin_anew(tfm_sink *sink, const tfm_identity *identity, bool replaces,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__journal_head head = {
      .job = identity->job.data, .input = identity->inputs.data, .replaces = replaces};
  sink->anew = true;
  TFM_TRY(tfm__grown_cut(&sink->part, 0, err));
  if (sink->errors.fd >= 0 && !sink->errors.stream) {
    TFM_TRY(tfm__grown_cut(&sink->errors, 0, err));
  }
  if (sink->tail.fd >= 0) {
    TFM_TRY(tfm__grown_cut(&sink->tail, 0, err));
  }
  TFM_TRY(tfm__journal_create(&sink->journal, sink->names.journal, sink->names.journal_new,
                              &head, err));
  TFM_TRY(tfm__place_sync(sink->names.path, err));
  if (sink->error_path) {
    TFM_TRY(tfm__place_sync(sink->error_path, err));
  }

fail:
  return st;
}

/* An output that was begun, if it may be gone on with; opens what lies beside it. *replaces:
 * something under its name was given up before. */
static tfm_status look_at_journal(tfm_sink *sink, const tfm_sink_options *o,
                                  tfm_sink_start *start, bool *replaces, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t ignored = 0;
  tfm__journal *journal = NULL;
  TFM_TRY(tfm__journal_open(&journal, sink->names.journal, err));
  if (journal && !o->restart) {
    TFM_TRY(compare(sink, journal, o->identity, start, err));
    *replaces = tfm__journal_says(journal)->replaces;
  } else if (!journal && o->resume == TFM_RESUME_MUST) {
    TFM_TRY(tfm_fail(err, TFM_E_OUTPUT,
                     "--resume must: output %.400s was not begun; leave the option out",
                     sink->names.path));
  }
  bool goes_on = journal && !o->restart && o->resume != TFM_RESUME_NEVER;
  bool renamed = goes_on && adopt_renamed(sink, journal);
  if (size_of(sink->names.path, &ignored) && !renamed && !*replaces && !o->restart) {
    TFM_TRY(refuse_existing(sink, o, err));
  }
  TFM_TRY(tfm__sink_open_errors(sink, o->errors, err));
  TFM_TRY(open_tail(sink, err));
  TFM_TRY(goes_on ? go_on(sink, journal, start, err) : TFM_OK);
  if (start->resumed) {
    sink->journal = journal;
    journal = NULL;
  }

fail:
  tfm__journal_close(journal);
  return st;
}

tfm_status tfm__sink_begin(tfm_sink *sink, const tfm_sink_options *o, tfm_sink_start *start,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t ignored = 0;
  const tfm__place *n = &sink->names;
  start->done = is_done(sink, o);
  if (start->done) {
    return clean_up(sink, err);
  }
  sink->part.name = n->part;
  TFM_TRY(tfm__lock_open(&sink->part.fd, n->part, n->path, n->journal, err));
  /* Once more: the one who held the lock may just have finished it. */
  start->done = is_done(sink, o);
  sink->stray = start->done;
  if (start->done) {
    return TFM_OK;
  }
  bool replaces = o->restart && size_of(n->path, &ignored);
  TFM_TRY(look_at_journal(sink, o, start, &replaces, err));
  if (!start->resumed) {
    TFM_TRY(begin_anew(sink, o->identity, replaces, err));
  }

fail:
  return st;
}
