/* Folders of a cache that nobody has used for long, or that are too much: removed. */
#include "core/base/mem.h"
#include "core/model/image.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 80, FOLDERS_MOST = 1024 };

static const char prefix[] = "packed-";

/* A folder of images, when it was last used, and what it takes. */
typedef struct {
  char name[NAME];
  int64_t used_s, bytes;
} folder;

/* NULL when it is no folder, or not this user's. */
static DIR *open_own(int top, const char *name, struct stat *look)
{
  const int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return NULL;
  }
  DIR *dir = fstat(fd, look) == 0 && look->st_uid == geteuid() ? fdopendir(fd) : NULL;
  if (!dir) {
    (void)close(fd);
  }
  return dir;
}

static bool look_at(folder *f, int top, const char *name)
{
  struct stat look = {0};
  const size_t n = strlen(name);
  DIR *dir = n < sizeof f->name ? open_own(top, name, &look) : NULL; /* ours are short */
  if (!dir) {
    return false;
  }
  memcpy(f->name, name, n + 1);
  f->used_s = (int64_t)look.st_mtim.tv_sec;
  f->bytes = 0;
  for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
    if (fstatat(dirfd(dir), e->d_name, &look, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(look.st_mode)) {
      f->bytes += (int64_t)look.st_size;
    }
  }
  (void)closedir(dir);
  return true;
}

/* What others have mapped stays with them; what they still write is lost to the cache alone. */
static void remove_folder(int top, const char *name)
{
  struct stat look = {0};
  DIR *dir = open_own(top, name, &look);
  for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
    if (e->d_name[0] != '.') {
      (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
  }
  if (dir) {
    (void)closedir(dir);
    (void)unlinkat(top, name, AT_REMOVEDIR);
  }
}

static int list_folders(folder *folders, int top, const char *keep, int64_t *bytes)
{
  const int again = fcntl(top, F_DUPFD_CLOEXEC, 0);
  DIR *dir = again >= 0 ? fdopendir(again) : NULL;
  char mine[NAME];
  int n = 0;
  const int begins = snprintf(mine, sizeof mine, "%s%u-", prefix, (unsigned)geteuid());
  if (!dir && again >= 0) {
    (void)close(again);
  }
  for (const struct dirent *e = dir ? readdir(dir) : NULL; e && n < FOLDERS_MOST;
       e = readdir(dir)) {
    if (strncmp(e->d_name, mine, (size_t)begins) == 0 && strlen(e->d_name) < NAME &&
        look_at(&folders[n], top, e->d_name)) {
      *bytes += folders[n].bytes;
      n += strcmp(e->d_name, keep) != 0;
    }
  }
  if (dir) {
    (void)closedir(dir);
  }
  return n;
}

static int least_used(const folder *folders, int n)
{
  int least = 0;
  for (int i = 1; i < n; ++i) {
    least = folders[i].used_s < folders[least].used_s ? i : least;
  }
  return least;
}

void tfm__image_tidy(int top, const char *keep, const tfm__tidy_rule *rule)
{
  folder *folders = tfm_calloc(FOLDERS_MOST, sizeof *folders);
  int64_t bytes = 0;
  int n = folders ? list_folders(folders, top, keep, &bytes) : 0;
  while (n > 0) {
    const int i = least_used(folders, n);
    if (folders[i].used_s >= rule->used_since_s && bytes <= rule->bytes_most) {
      break;
    }
    remove_folder(top, folders[i].name);
    bytes -= folders[i].bytes;
    folders[i] = folders[--n];
  }
  tfm_free(folders);
}
