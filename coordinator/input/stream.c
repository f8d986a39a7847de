#include "coordinator/input/stream.h"

#include "coordinator/input/unpack.h"
#include "coordinator/stop.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_BYTES = 128 << 10, LOOK_UP_MS = 200, GLANCE_MS = 10 };

/* Open MPI 4.1 continues its ranks (SIGCONT) and closes their standard input at once, and sends
 * SIGTERM a second later. */
enum { CONTINUE_MS = 200, TERM_MS = 3000 };

struct tfm__stream {
  const char *name;
  int fd; /* -1: memory alone */
  bool owned;
  bool slow;     /* no regular file: a read may block for long */
  int64_t begin; /* where in the file reading began: standard input may have been read before */
  bool sniffed;
  bool raw_end;
  tfm_span memory;
  tfm__gauge *gauge;
  const tfm__codec *codec; /* NULL: plain */
  void *unpacker;
  bool inside; /* a compressed member */
  size_t raw_at, raw_n;
  int64_t raw_bytes;
  unsigned char raw[RAW_BYTES]; /* compressed bytes, and those looked at to find the codec */
};

static tfm_status open_file(tfm__stream *s, const char *path, tfm_err *err)
{
  struct stat about;
  if (strcmp(path, "-") == 0) {
    s->fd = STDIN_FILENO;
    s->name = "standard input";
  } else {
    /* A FIFO is opened only once somebody writes to it. */
    bool fifo = stat(path, &about) == 0 && S_ISFIFO(about.st_mode);
    atomic_store(&s->gauge->waiting, fifo);
    do {
      s->fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (s->fd < 0 && errno == EINTR && tfm_stop_asked() == TFM_STOP_NONE);
    atomic_store(&s->gauge->waiting, false);
    s->owned = s->fd >= 0;
  }
  if (s->fd < 0 || fstat(s->fd, &about) != 0) {
    tfm_status st =
        errno == ENOENT || errno == ENOTDIR || s->fd == STDIN_FILENO ? TFM_E_MISSING : TFM_E_IO;
    return tfm_fail(err, st, "%.400s cannot be opened: %s", s->name, strerror(errno));
  }
  if (S_ISDIR(about.st_mode)) {
    return tfm_fail(err, TFM_E_FORMAT, "%.400s is a folder; name the files in it", s->name);
  }
  s->slow = !S_ISREG(about.st_mode);
  s->begin = s->slow || s->owned ? 0 : (int64_t)lseek(s->fd, 0, SEEK_CUR);
  return TFM_OK;
}

static tfm__stream *make_stream(const char *name, tfm__gauge *gauge)
{
  /* Not zeroed as a whole: raw is filled before it is read. */
  tfm__stream *s = tfm_realloc(NULL, 1, sizeof *s);
  if (s) {
    memset(s, 0, offsetof(tfm__stream, raw));
    s->name = name;
    s->fd = -1;
    s->gauge = gauge;
  }
  return s;
}

tfm_status tfm__stream_open(tfm__stream **out, const char *path, tfm__gauge *gauge,
                            tfm_err *err)
{
  *out = NULL;
  tfm__stream *s = make_stream(path, gauge);
  if (!s) {
    return tfm_fail(err, TFM_E_NOMEM, "%.400s: no memory to read it", path);
  }
  tfm_status st = open_file(s, path, err);
  if (st != TFM_OK) {
    tfm__stream_close(s);
    return st;
  }
  *out = s;
  return TFM_OK;
}

tfm_status tfm__stream_open_text(tfm__stream **out, tfm_span text, tfm__gauge *gauge,
                                 tfm_err *err)
{
  *out = make_stream("the sample", gauge);
  if (!*out) {
    return tfm_fail(err, TFM_E_NOMEM, "no memory to read the sample");
  }
  (*out)->memory = text;
  (*out)->sniffed = true;
  return TFM_OK;
}

/* Bytes as they are stored; *n is 0 at the end. */
static tfm_status read_memory(tfm__stream *s, void *out, size_t cap, size_t *n)
{
  *n = s->memory.n < cap ? s->memory.n : cap;
  if (*n) {
    memcpy(out, s->memory.p, *n);
    s->memory.p += *n;
    s->memory.n -= *n;
  }
  return TFM_OK;
}

/* Nothing there this moment: tell so while waiting, and look up now and then whether the job is to
 * end. Errors: TFM_E_STOPPED. */
static tfm_status wait_for_bytes(tfm__stream *s, tfm_err *err)
{
  struct pollfd p = {.fd = s->fd, .events = POLLIN};
  for (int wait_ms = 0; poll(&p, 1, wait_ms) <= 0; wait_ms = LOOK_UP_MS) {
    if (!atomic_exchange(&s->gauge->waiting, true) && s->gauge->waits) {
      s->gauge->waits(s->gauge->arg);
    }
    if (tfm_stop_asked() != TFM_STOP_NONE) {
      return tfm_stop_fail(err);
    }
  }
  return TFM_OK;
}

/* A launcher that is told to end closes its ranks' standard input before it tells them: that is the
 * end of the rows only when no signal follows. Errors: TFM_E_STOPPED. */
static tfm_status believe_end(const tfm__stream *s, tfm_err *err)
{
  const bool doubtful = s->fd == STDIN_FILENO && s->slow && tfm_stop_has_launcher();
  int patience = CONTINUE_MS;
  for (int ms = 0; doubtful && ms < patience; ms += GLANCE_MS) {
    if (tfm_stop_asked() != TFM_STOP_NONE) {
      return tfm_stop_fail(err);
    }
    patience = tfm_stop_continued(TERM_MS) ? TERM_MS : patience;
    (void)poll(NULL, 0, GLANCE_MS);
  }
  return TFM_OK;
}

static tfm_status read_raw(tfm__stream *s, void *out, size_t cap, size_t *n, tfm_err *err)
{
  *n = 0;
  if (s->fd < 0) {
    return read_memory(s, out, cap, n);
  }
  ssize_t got = -1;
  do {
    tfm_status st = s->slow ? wait_for_bytes(s, err) : TFM_OK;
    if (st != TFM_OK) {
      atomic_store(&s->gauge->waiting, false);
      return st;
    }
    got = read(s->fd, out, cap);
  } while (got < 0 && (errno == EINTR || (errno == EAGAIN && s->slow)));
  atomic_store(&s->gauge->waiting, false);
  if (got < 0) {
    return tfm_fail(err, TFM_E_IO, "%.400s: reading failed: %s", s->name, strerror(errno));
  }
  if (got == 0 && believe_end(s, err) != TFM_OK) {
    return TFM_E_STOPPED;
  }
  *n = (size_t)got;
  s->raw_bytes += got;
  (void)atomic_fetch_add(&s->gauge->bytes, got);
  return TFM_OK;
}

/* Look at as many first bytes as it takes to tell a codec's magic from text. */
static tfm_status sniff(tfm__stream *s, tfm_err *err)
{
  bool more = true;
  while (more && !s->raw_end) {
    size_t n = 0;
    tfm_status st = read_raw(s, s->raw + s->raw_n, RAW_BYTES - s->raw_n, &n, err);
    if (st != TFM_OK) {
      return st;
    }
    s->raw_n += n;
    s->raw_end = n == 0;
    s->codec = tfm__codec_of(s->raw, s->raw_n, &more);
  }
  s->sniffed = true;
  return s->codec ? s->codec->open(&s->unpacker, err) : TFM_OK;
}

static tfm_status read_plain(tfm__stream *s, char *out, size_t cap, size_t *n, tfm_err *err)
{
  if (s->raw_at < s->raw_n) {
    *n = s->raw_n - s->raw_at < cap ? s->raw_n - s->raw_at : cap;
    memcpy(out, s->raw + s->raw_at, *n);
    s->raw_at += *n;
    return TFM_OK;
  }
  return s->raw_end ? TFM_OK : read_raw(s, out, cap, n, err);
}

static tfm_status refill(tfm__stream *s, tfm_err *err)
{
  s->raw_at = 0;
  s->raw_n = 0;
  tfm_status st = s->raw_end ? TFM_OK : read_raw(s, s->raw, RAW_BYTES, &s->raw_n, err);
  s->raw_end = st == TFM_OK && s->raw_n == 0;
  if (s->raw_end && s->inside) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%.400s: the %s data end too early, after %lld bytes: the file was cut",
                    s->name, s->codec->name, (long long)s->raw_bytes);
  }
  return st;
}

static tfm_status read_packed(tfm__stream *s, char *out, size_t cap, size_t *n, tfm_err *err)
{
  tfm__unpacking u = {.out = (unsigned char *)out, .nout = cap, .inside = s->inside};
  for (;;) {
    u.in = s->raw + s->raw_at;
    u.nin = s->raw_n - s->raw_at;
    tfm_status st = s->codec->step(s->unpacker, &u, err);
    s->raw_at = s->raw_n - u.nin;
    s->inside = u.inside;
    if (st != TFM_OK) {
      return tfm_err_prefix(err, "%.400s", s->name);
    }
    *n = cap - u.nout;
    if (*n) {
      return TFM_OK;
    }
    st = refill(s, err);
    if (st != TFM_OK || s->raw_end) {
      return st;
    }
  }
}

tfm_status tfm__stream_read(tfm__stream *s, char *out, size_t cap, size_t *n, tfm_err *err)
{
  *n = 0;
  tfm_status st = s->sniffed ? TFM_OK : sniff(s, err);
  if (st != TFM_OK) {
    return st;
  }
  return s->codec ? read_packed(s, out, cap, n, err) : read_plain(s, out, cap, n, err);
}

bool tfm__stream_seekable(const tfm__stream *s)
{
  return s->sniffed && !s->codec && s->fd >= 0 && !s->slow && s->begin >= 0;
}

tfm_status tfm__stream_seek(tfm__stream *s, int64_t offset, tfm_err *err)
{
  if (lseek(s->fd, (off_t)(s->begin + offset), SEEK_SET) < 0) {
    return tfm_fail(err, TFM_E_IO, "%.400s: byte %lld cannot be reached: %s", s->name,
                    (long long)offset, strerror(errno));
  }
  s->raw_at = 0;
  s->raw_n = 0;
  s->raw_end = false;
  (void)atomic_fetch_add(&s->gauge->bytes, offset - s->raw_bytes);
  s->raw_bytes = offset;
  return TFM_OK;
}

const char *tfm__stream_name(const tfm__stream *s)
{
  return s->name;
}

void tfm__stream_close(tfm__stream *s)
{
  if (!s) {
    return;
  }
  if (s->codec) {
    s->codec->close(s->unpacker);
  }
  if (s->owned) {
    (void)close(s->fd);
  }
  tfm_free(s);
}
