#include "core/base/whole_file.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tfm_status fail_writing(const char *path, int why, tfm_err *err)
{
  return tfm_fail(err, TFM_E_IO, "%.400s cannot be written: %s", path, strerror(why));
}

static void forget(tfm_whole_file *file)
{
  tfm_free(file->path);
  tfm_free(file->part);
  *file = (tfm_whole_file){0};
}

static tfm_status name_it(tfm_whole_file *file, const char *path, bool special, tfm_err *err)
{
  char *real = special ? NULL : realpath(path, NULL); /* not there yet: as it was named */
  const char *named = real ? real : path;
  tfm_buf part = {0};
  (void)tfm_buf_printf(&part, "%s.part", named);
  file->path = tfm_strndup(named, strlen(named));
  file->part = special || part.failed ? NULL : tfm_strndup(part.data, part.n);
  free(real); /* from the C library */
  tfm_buf_fini(&part);
  return file->path && (special || file->part)
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "the name %.400s", path);
}

/* Opening a pipe waits for its reader, for ever if none comes; writing may wait for it. */
static int open_special(const char *path)
{
  const int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && fcntl(fd, F_SETFL, 0) != 0) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

tfm_status tfm_whole_file_begin(tfm_whole_file *file, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  struct stat about;
  const bool special = stat(path, &about) == 0 && !S_ISREG(about.st_mode);
  *file = (tfm_whole_file){0};
  TFM_TRY(name_it(file, path, special, err));
  const int fd = special ? open_special(path)
                         : open(file->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  file->stream = fd >= 0 ? fdopen(fd, "w") : NULL;
  if (!file->stream) {
    st = fail_writing(path, errno, err);
    if (fd >= 0) {
      (void)close(fd);
    }
  }

fail:
  if (st != TFM_OK) {
    forget(file);
  }
  return st;
}

tfm_status tfm_whole_file_end(tfm_whole_file *file, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!file->stream) {
    return TFM_OK;
  }
  errno = 0;
  bool good = fflush(file->stream) == 0 && !ferror(file->stream);
  int why = errno ? errno : EIO; /* of a write that failed before */
  if (fclose(file->stream) != 0 && good) {
    good = false;
    why = errno;
  }
  if (good && file->part && rename(file->part, file->path) != 0) {
    good = false;
    why = errno;
  }
  if (!good) {
    st = fail_writing(file->path, why, err);
    if (file->part) {
      (void)unlink(file->part);
    }
  }
  forget(file);
  return st;
}

tfm_status tfm_whole_file_write(const char *path, tfm_span bytes, tfm_err *err)
{
  tfm_whole_file file;
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_whole_file_begin(&file, path, err));
  (void)!fwrite(bytes.p, 1, bytes.n, file.stream); /* that it failed stays in the stream */
  TFM_TRY(tfm_whole_file_end(&file, err));

fail:
  return st;
}
