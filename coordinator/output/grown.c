#include "coordinator/output/grown.h"

#include "core/base/crc32c.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

static tfm_status failed(const tfm__grown *f, const char *what, tfm_err *err)
{
  if (errno == EPIPE) {
    return tfm_fail(err, TFM_E_IO, "%.400s: whoever read it has gone away", f->name);
  }
  return tfm_fail(err, TFM_E_IO, "%.400s: %s failed: %s", f->name, what, strerror(errno));
}

tfm_status tfm__grown_write(tfm__grown *f, tfm_err *err)
{
  for (size_t at = 0; at < f->out.n;) {
    const char *p = f->out.data + at;
    ssize_t n = f->stream ? write(f->fd, p, f->out.n - at)
                          : pwrite(f->fd, p, f->out.n - at, (off_t)(f->bytes + (int64_t)at));
    if (n < 0 && errno == EAGAIN) { /* somebody set the descriptor to not block */
      (void)poll(&(struct pollfd){.fd = f->fd, .events = POLLOUT}, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      return failed(f, "writing", err);
    }
    at += n > 0 ? (size_t)n : 0;
  }
  f->crc = tfm_crc32c(f->crc, f->out.data, f->out.n);
  f->open_crc = tfm_crc32c(f->open_crc, f->out.data, f->out.n);
  f->unsynced = f->unsynced || f->out.n > 0;
  f->bytes += (int64_t)f->out.n;
  tfm_buf_clear(&f->out);
  return TFM_OK;
}

tfm_status tfm__grown_sync(tfm__grown *f, tfm_err *err)
{
  if (f->unsynced && !f->stream && fdatasync(f->fd) != 0) {
    return failed(f, "syncing", err);
  }
  f->unsynced = false;
  return TFM_OK;
}

void tfm__grown_settle(tfm__grown *f)
{
  f->settled = f->bytes;
  f->settled_crc = f->crc;
  f->open_crc = 0;
}

tfm__stretch tfm__grown_stretch(const tfm__grown *f)
{
  return (tfm__stretch){.bytes = f->settled, .from = f->from, .crc = f->settled_crc};
}

void tfm__grown_committed(tfm__grown *f)
{
  f->from = f->settled;
  f->crc = f->open_crc;
  f->settled_crc = 0;
}

bool tfm__grown_read(const tfm__grown *f, int64_t from, void *out, size_t n)
{
  size_t have = 0;
  while (have < n) {
    ssize_t got = pread(f->fd, (char *)out + have, n - have, (off_t)(from + (int64_t)have));
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return false;
    }
    have += got > 0 ? (size_t)got : 0;
  }
  return true;
}

bool tfm__grown_holds(const tfm__grown *f, const tfm__stretch *stretch)
{
  char block[BLOCK];
  uint32_t crc = 0;
  for (int64_t at = stretch->from; at < stretch->bytes;) {
    int64_t left = stretch->bytes - at;
    size_t n = left < BLOCK ? (size_t)left : BLOCK;
    if (!tfm__grown_read(f, at, block, n)) {
      return false;
    }
    crc = tfm_crc32c(crc, block, n);
    at += (int64_t)n;
  }
  return crc == stretch->crc;
}

tfm_status tfm__grown_cut(tfm__grown *f, int64_t bytes, tfm_err *err)
{
  if (ftruncate(f->fd, (off_t)bytes) != 0) {
    return failed(f, "cutting", err);
  }
  if (fsync(f->fd) != 0) {
    return failed(f, "syncing", err);
  }
  f->bytes = bytes;
  f->from = bytes;
  f->settled = bytes;
  f->crc = 0;
  f->settled_crc = 0;
  f->open_crc = 0;
  f->unsynced = false;
  tfm_buf_clear(&f->out);
  return TFM_OK;
}

void tfm__grown_fini(tfm__grown *f)
{
  tfm_buf_fini(&f->out);
}
