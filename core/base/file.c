#include "core/base/file.h"

#include "core/base/checked.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tfm_status fail_errno(const char *path, const char *doing, int code, tfm_err *err)
{
  switch (code) {
  case ENOENT:
  case ENOTDIR:
    return tfm_fail(err, TFM_E_MISSING, "%s: no such file", path);
  case ELOOP:
    return tfm_fail(err, TFM_E_FORMAT, "%s: its symbolic links lead in a circle", path);
  case ENOMEM:
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory while %s", path, doing);
  default:
    return tfm_fail(err, TFM_E_IO, "%s: %s: %s", path, doing, strerror(code));
  }
}

static tfm_status want_regular(const char *path, mode_t mode, tfm_err *err)
{
  if (S_ISREG(mode)) {
    return TFM_OK;
  }
  const char *what = S_ISDIR(mode)    ? "a folder"
                     : S_ISFIFO(mode) ? "a FIFO (named pipe)"
                     : S_ISSOCK(mode) ? "a socket"
                                      : "a device";
  return tfm_fail(err, TFM_E_FORMAT, "%s: want a regular file, got %s", path, what);
}

/* Looked at before it is opened, because opening a device can already do something; opened
 * without blocking and looked at again, because the name may have changed hands in between. */
static tfm_status open_regular(tfm_file *file, const char *path, tfm_err *err)
{
  struct stat look = {0};
  if (stat(path, &look) != 0) {
    return fail_errno(path, "looking at it", errno, err);
  }
  tfm_status st = want_regular(path, look.st_mode, err);
  if (st != TFM_OK) {
    return st;
  }
  do {
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (file->fd < 0 && errno == EINTR);
  if (file->fd < 0) {
    return fail_errno(path, "opening it", errno, err);
  }
  if (fstat(file->fd, &look) != 0) {
    return fail_errno(path, "looking at it", errno, err);
  }
  file->bytes = look.st_size > 0 ? (uint64_t)look.st_size : 0;
  return want_regular(path, look.st_mode, err);
}

tfm_status tfm_file_open(tfm_file *file, const char *path, tfm_err *err)
{
  *file = (tfm_file){.fd = -1};
  file->path = tfm_strndup(path, strlen(path));
  if (!file->path) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory to open it", path);
  }
  tfm_status st = open_regular(file, path, err);
  if (st != TFM_OK) {
    tfm_file_fini(file);
  }
  return st;
}

/* Reads until n bytes are there or the file ends; *got says how many came. */
static tfm_status read_some(const tfm_file *file, uint64_t offset, void *out, size_t n,
                            size_t *got, tfm_err *err)
{
  *got = 0;
  while (*got < n) {
    uint64_t at = offset + *got;
    ssize_t moved = pread(file->fd, (char *)out + *got, n - *got, (off_t)at);
    if (moved < 0 && errno == EINTR) {
      continue;
    }
    if (moved < 0) {
      int code = errno;
      return tfm_fail(err, TFM_E_IO, "%s: reading at byte %llu: %s", file->path,
                      (unsigned long long)at, strerror(code));
    }
    if (moved == 0) {
      return TFM_OK;
    }
    *got += (size_t)moved;
  }
  return TFM_OK;
}

tfm_status tfm_file_read_at(const tfm_file *file, uint64_t offset, void *out, size_t n,
                            tfm_err *err)
{
  uint64_t last = 0;
  if (!tfm_add_u64(offset, n, &last) || last > INT64_MAX) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: no file reaches byte %llu + %zu", file->path,
                    (unsigned long long)offset, n);
  }
  size_t got = 0;
  tfm_status st = read_some(file, offset, out, n, &got, err);
  if (st == TFM_OK && got < n) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: ends at byte %llu, want bytes up to %llu (it had %llu when opened)",
                    file->path, (unsigned long long)(offset + got), (unsigned long long)last,
                    (unsigned long long)file->bytes);
  }
  return st;
}

void tfm_file_fini(tfm_file *file)
{
  if (file->path && file->fd >= 0) {
    (void)close(file->fd);
  }
  tfm_free(file->path);
  *file = (tfm_file){.fd = -1};
}

/* The size is only a hint: files of /proc and /sys say 0, and a file may grow while it is read. */
static tfm_status read_to_end(const tfm_file *file, size_t max_bytes, tfm_buf *out,
                              tfm_err *err)
{
  enum { STEP = 65536 };
  size_t total = 0;
  size_t room = file->bytes < max_bytes ? (size_t)file->bytes : max_bytes;
  for (;;) {
    size_t want = room > total ? room - total : STEP;
    if (tfm_buf_reserve(out, want + 1) != TFM_OK) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory for its %llu bytes", file->path,
                      (unsigned long long)file->bytes);
    }
    size_t got = 0;
    tfm_status st = read_some(file, total, out->data + out->n, want + 1, &got, err);
    if (st != TFM_OK) {
      return st;
    }
    total += got;
    out->n += got;
    if (total > max_bytes) {
      return tfm_fail(err, TFM_E_FORMAT, "%s: larger than the %zu bytes that are read of it",
                      file->path, max_bytes);
    }
    if (got < want + 1) {
      return TFM_OK;
    }
  }
}

tfm_status tfm_file_read_all(const char *path, size_t max_bytes, tfm_buf *out, tfm_err *err)
{
  tfm_file file;
  tfm_status st = tfm_file_open(&file, path, err);
  if (st != TFM_OK) {
    return st;
  }
  size_t before = out->n;
  if (file.bytes > max_bytes) {
    st = tfm_fail(err, TFM_E_FORMAT, "%s: has %llu bytes, want at most %zu", path,
                  (unsigned long long)file.bytes, max_bytes);
  } else {
    st = read_to_end(&file, max_bytes, out, err);
  }
  if (st != TFM_OK) {
    out->n = before;
  }
  tfm_file_fini(&file);
  return st;
}

char *tfm_path_join(const char *dir, const char *name)
{
  size_t ndir = strlen(dir);
  size_t nname = strlen(name);
  bool slash = ndir > 0 && dir[ndir - 1] != '/';
  size_t total = 0;
  if (!tfm_add_size(ndir, nname, &total) || !tfm_add_size(total, 2, &total)) {
    return NULL;
  }
  char *path = tfm_calloc(total, 1);
  if (path) {
    memcpy(path, dir, ndir);
    if (slash) {
      path[ndir] = '/';
    }
    memcpy(path + ndir + slash, name, nname);
  }
  return path;
}

const char *tfm_path_base(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

tfm_path_kind tfm_path_look(const char *path)
{
  struct stat look = {0};
  if (stat(path, &look) != 0) {
    return TFM_PATH_NOTHING;
  }
  if (S_ISREG(look.st_mode)) {
    return TFM_PATH_FILE;
  }
  return S_ISDIR(look.st_mode) ? TFM_PATH_FOLDER : TFM_PATH_OTHER;
}
