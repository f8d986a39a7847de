#include "coordinator/output/sink.h"

#include "coordinator/output/manifest.h"
#include "coordinator/output/pack.h"
#include "coordinator/output/place.h"
#include "core/base/buf.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BYTES = 256 << 10, LOCK_TRIES = 8 };

struct tfm_sink {
  tfm__place names; /* all NULL for standard output and devices */
  char *identity;
  const char *shown; /* what messages call it */
  int fd;
  bool owned;
  const tfm__packing *packing; /* NULL: plain */
  void *packer;
  int64_t member_lines; /* in the member that is open */
  tfm_buf out;          /* not written yet */
  tfm_sha256 sha;
  int64_t lines, bytes;
  bool finished;
};

static tfm_status refuse(const char *path, const char *why, tfm_err *err)
{
  return tfm_fail(err, TFM_E_OUTPUT, "output %.400s %s", path, why);
}

/* The process that holds a lock on the file, 0 when unknown (another host). Source: proc(5). */
static long lock_holder(const struct stat *about)
{
  char line[256];
  long holder = 0;
  FILE *locks = fopen("/proc/locks", "re");
  while (locks && !holder && fgets(line, sizeof line, locks)) {
    long pid = 0;
    unsigned long long inode = 0;
    if (sscanf(line, "%*d: FLOCK %*s %*s %ld %*x:%*x:%llu", &pid, &inode) == 2 &&
        inode == (unsigned long long)about->st_ino) {
      holder = pid;
    }
  }
  if (locks) {
    (void)fclose(locks);
  }
  return holder;
}

static tfm_status refuse_busy(const tfm_sink *sink, tfm_err *err)
{
  struct stat about;
  char who[64] = "another process, perhaps on another host,";
  long pid = fstat(sink->fd, &about) == 0 ? lock_holder(&about) : 0;
  if (pid > 0) {
    (void)snprintf(who, sizeof who, "process %ld", pid);
  }
  return tfm_fail(
      err, TFM_E_OUTPUT,
      "output %.400s is busy: %s is writing it; wait for it, or choose another name",
      sink->names.path, who);
}

/* Whether the locked descriptor is still what the part's name stands for: a job that has just
 * finished may have renamed it. */
static bool still_ours(const tfm_sink *sink)
{
  struct stat opened;
  struct stat named;
  return fstat(sink->fd, &opened) == 0 && stat(sink->names.part, &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static tfm_status lock_part(tfm_sink *sink, tfm_err *err)
{
  for (int i = 0; i < LOCK_TRIES; ++i) {
    sink->fd = open(sink->names.part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (sink->fd < 0) {
      return tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be made: %s", sink->names.part,
                      strerror(errno));
    }
    sink->owned = true;
    /* A file system without locks says so with another error, and is used without. */
    if (flock(sink->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      tfm_status st = refuse_busy(sink, err);
      (void)close(sink->fd); /* not ours to remove */
      sink->owned = false;
      return st;
    }
    if (still_ours(sink)) {
      return TFM_OK;
    }
    (void)close(sink->fd);
    sink->owned = false;
  }
  return refuse(sink->names.path, "changes under our hands; is another job writing it?", err);
}

/* What a file that is already there means: done, to be replaced, or not ours to touch. */
static tfm_status judge_existing(const tfm_sink *sink, bool restart, bool *done, tfm_err *err)
{
  struct stat about;
  const tfm__place *n = &sink->names;
  *done = false;
  if (restart || stat(n->path, &about) != 0) {
    return TFM_OK;
  }
  if (tfm__manifest_matches(n->manifest, sink->identity, about.st_size)) {
    *done = true;
  } else if (tfm__manifest_matches(n->manifest_new, sink->identity, about.st_size)) {
    /* Interrupted between the two renames of finish(): do the second now. */
    *done = rename(n->manifest_new, n->manifest) == 0;
  }
  return *done ? TFM_OK
               : refuse(n->path,
                        "is there already, and not from this very job; choose another name, or "
                        "replace it with --restart",
                        err);
}

static tfm_status open_file(tfm_sink *sink, bool restart, bool *done, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(judge_existing(sink, restart, done, err));
  if (*done) {
    return TFM_OK;
  }
  TFM_TRY(lock_part(sink, err));
  /* Once more: the one who held the lock may just have finished it. */
  TFM_TRY(judge_existing(sink, restart, done, err));
  if (!*done && ftruncate(sink->fd, 0) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be written: %s", sink->names.part,
                     strerror(errno)));
  }

fail:
  return st;
}

static tfm_status open_device(tfm_sink *sink, const char *path, tfm_err *err)
{
  sink->fd = open(path, O_WRONLY | O_CLOEXEC);
  sink->owned = sink->fd >= 0;
  return sink->owned ? TFM_OK : refuse(path, strerror(errno), err);
}

static tfm_status open_by_kind(tfm_sink *sink, const char *path, bool restart, bool *done,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  struct stat about;
  if (tfm__place_is_stdout(path)) {
    sink->fd = STDOUT_FILENO;
    sink->shown = "standard output";
    return TFM_OK;
  }
  sink->packing = tfm__packing_of(path);
  if (sink->packing) {
    TFM_TRY(sink->packing->open(&sink->packer, err));
  }
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
    return open_device(sink, path, err);
  }
  TFM_TRY(tfm__place_init(&sink->names, path, err));
  sink->shown = sink->names.part;
  return open_file(sink, restart, done, err);

fail:
  return st;
}

tfm_status tfm_sink_open(tfm_sink **out, bool *done, const char *path, const char *identity,
                         bool restart, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  *done = false;
  tfm_sink *sink = tfm_calloc(1, sizeof *sink);
  if (!sink) {
    return tfm_fail(err, TFM_E_NOMEM, "the output");
  }
  sink->fd = -1;
  sink->shown = path;
  tfm_sha256_init(&sink->sha);
  sink->identity = tfm_strndup(identity, strlen(identity));
  if (!sink->identity) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the output"));
  }
  TFM_TRY(open_by_kind(sink, path, restart, done, err));
  if (*done) {
    goto fail;
  }
  *out = sink;
  return TFM_OK;

fail:
  tfm_sink_close(sink);
  return st;
}

static tfm_status write_failed(const tfm_sink *sink, tfm_err *err)
{
  if (errno == EPIPE) {
    return tfm_fail(err, TFM_E_IO, "%.400s: whoever read it has gone away", sink->shown);
  }
  return tfm_fail(err, TFM_E_IO, "%.400s: writing failed: %s", sink->shown, strerror(errno));
}

/* Everything that waits in `out` goes to the file. */
static tfm_status write_out(tfm_sink *sink, tfm_err *err)
{
  for (size_t at = 0; at < sink->out.n;) {
    ssize_t n = write(sink->fd, sink->out.data + at, sink->out.n - at);
    if (n < 0 && errno == EAGAIN) { /* somebody set the descriptor to not block */
      (void)poll(&(struct pollfd){.fd = sink->fd, .events = POLLOUT}, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      return write_failed(sink, err);
    }
    at += n > 0 ? (size_t)n : 0;
  }
  tfm_sha256_add(&sink->sha, sink->out.data, sink->out.n);
  sink->bytes += (int64_t)sink->out.n;
  tfm_buf_clear(&sink->out);
  return TFM_OK;
}

static tfm_status add_line(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  if (!sink->packing) {
    return tfm_buf_span(&sink->out, line) == TFM_OK
               ? TFM_OK
               : tfm_fail(err, TFM_E_NOMEM, "a line of %zu bytes", line.n);
  }
  bool end = ++sink->member_lines == TFM__MEMBER_LINES;
  sink->member_lines = end ? 0 : sink->member_lines;
  return sink->packing->add(sink->packer, line, end, &sink->out, err);
}

tfm_status tfm_sink_write(tfm_sink *sink, tfm_span line, tfm_err *err)
{
  tfm_status st = add_line(sink, line, err);
  ++sink->lines;
  return st == TFM_OK && sink->out.n >= WRITE_BYTES ? write_out(sink, err) : st;
}

tfm_status tfm_sink_flush(tfm_sink *sink, tfm_err *err)
{
  return sink->out.n ? write_out(sink, err) : TFM_OK;
}

/* The last member, which may hold fewer lines; a file without lines is one empty member. */
static tfm_status end_member(tfm_sink *sink, tfm_err *err)
{
  bool open = sink->member_lines || !sink->lines;
  return sink->packing && open
             ? sink->packing->add(sink->packer, (tfm_span){"", 0}, true, &sink->out, err)
             : TFM_OK;
}

static tfm_status put_name(const char *from, const char *to, tfm_err *err)
{
  return rename(from, to) == 0
             ? TFM_OK
             : tfm_fail(err, TFM_E_OUTPUT, "%.300s cannot be renamed to %.300s: %s", from, to,
                        strerror(errno));
}

/* The manifest is complete before the output has its name, and takes its own name behind it: at
 * no moment does either lie, and an interruption in between is mended by the next open. */
static tfm_status publish(tfm_sink *sink, const char *hex, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__place *n = &sink->names;
  tfm__manifest manifest = {.output = n->path,
                            .identity = sink->identity,
                            .lines = sink->lines,
                            .bytes = sink->bytes};
  memcpy(manifest.sha256, hex, TFM_SHA256_HEX);
  if (fsync(sink->fd) != 0) {
    return write_failed(sink, err);
  }
  TFM_TRY(tfm__manifest_write(&manifest, n->manifest_new, err));
  TFM_TRY(put_name(n->part, n->path, err));
  TFM_TRY(put_name(n->manifest_new, n->manifest, err));
  tfm__place_sync(n->path);

fail:
  return st;
}

tfm_status tfm_sink_finish(tfm_sink *sink, char hex[TFM_SHA256_HEX], tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(end_member(sink, err));
  TFM_TRY(tfm_sink_flush(sink, err));
  tfm_sha256_hex(&sink->sha, hex);
  if (sink->names.path) {
    TFM_TRY(publish(sink, hex, err));
  }
  sink->finished = true;

fail:
  return st;
}

void tfm_sink_close(tfm_sink *sink)
{
  if (!sink) {
    return;
  }
  if (sink->owned && sink->names.part && !sink->finished && sink->bytes == 0) {
    (void)unlink(sink->names.part); /* nothing in it; its lock is still ours */
  }
  if (sink->owned) {
    (void)close(sink->fd);
  }
  if (sink->packing) {
    sink->packing->close(sink->packer);
  }
  tfm__place_fini(&sink->names);
  tfm_free(sink->identity);
  tfm_buf_fini(&sink->out);
  tfm_free(sink);
}
