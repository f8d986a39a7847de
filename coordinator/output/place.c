#include "coordinator/output/place.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool tfm__place_is_stdout(const char *path)
{
  return !path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0 ||
         strcmp(path, "/dev/fd/1") == 0 || strcmp(path, "/proc/self/fd/1") == 0;
}

static char *join(const char *a, const char *b)
{
  tfm_buf text = {0};
  (void)tfm_buf_str(&text, a);
  (void)tfm_buf_str(&text, b);
  (void)tfm_buf_char(&text, '\0');
  if (text.failed) {
    tfm_buf_fini(&text);
  }
  return text.data;
}

void tfm__place_all(const tfm__place *n, const char *names[TFM__PLACE_NAMES])
{
  const char *const all[TFM__PLACE_NAMES] = {
      n->path, n->part, n->tail, n->journal, n->journal_new, n->manifest, n->manifest_new};
  memcpy(names, all, sizeof all);
}

void tfm__place_fini(tfm__place *n)
{
  tfm_free(n->path);
  tfm_free(n->part);
  tfm_free(n->tail);
  tfm_free(n->journal);
  tfm_free(n->journal_new);
  tfm_free(n->manifest);
  tfm_free(n->manifest_new);
  *n = (tfm__place){0};
}

tfm_status tfm__place_init(tfm__place *n, const char *path, tfm_err *err)
{
  char *real = realpath(path, NULL);
  n->path = join(real ? real : path, "");
  free(real); /* from the C library */
  const char *at = n->path ? n->path : "";
  n->part = join(at, ".part");
  n->tail = join(at, ".tail");
  n->journal = join(at, ".journal");
  n->journal_new = join(at, ".journal.part");
  n->manifest = join(at, ".manifest.json");
  n->manifest_new = join(at, ".manifest.json.part");
  const char *all[TFM__PLACE_NAMES];
  tfm__place_all(n, all);
  for (int i = 0; i < TFM__PLACE_NAMES; ++i) {
    if (!all[i]) {
      return tfm_fail(err, TFM_E_NOMEM, "output %.400s", path);
    }
  }
  return TFM_OK;
}

char *tfm__place_folder(const char *path)
{
  const char *slash = strrchr(path, '/');
  return !slash ? join(".", "") : tfm_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

tfm_status tfm__place_sync(const char *path, tfm_err *err)
{
  char *folder = tfm__place_folder(path);
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  bool failed = fd >= 0 && fsync(fd) != 0 && errno == EIO;
  if (fd >= 0) {
    (void)close(fd);
  }
  tfm_free(folder);
  if (!folder) {
    return tfm_fail(err, TFM_E_NOMEM, "the folder of %.400s", path);
  }
  return failed ? tfm_fail(err, TFM_E_IO, "the folder of %.400s: syncing failed: %s", path,
                           strerror(EIO))
                : TFM_OK;
}
