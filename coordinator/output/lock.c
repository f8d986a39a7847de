#include "coordinator/output/lock.h"

#include "coordinator/resume/journal.h"
#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const double patience_s = 2.0;
static const double between_s = 0.05;

/* The process that holds a lock on the file, 0 when unknown (another host). Source: proc(5). */
static long lock_holder(int fd)
{
  struct stat about;
  char line[256];
  long holder = 0;
  FILE *locks = fstat(fd, &about) == 0 ? fopen("/proc/locks", "re") : NULL;
  while (locks && !holder && fgets(line, sizeof line, locks)) {
    long pid = 0;
    unsigned long long inode = 0;
    if (sscanf(line, "%*d: FLOCK %*s %*s %ld %*x:%*x:%llu", &pid, &inode) == 2 &&
        inode == (unsigned long long)about.st_ino) {
      holder = pid;
    }
  }
  if (locks) {
    (void)fclose(locks);
  }
  return holder;
}

static tfm_status refuse_busy(int fd, const char *output, const char *journal, tfm_err *err)
{
  char who[128] = "";
  const char *unless = "";
  long pid = lock_holder(fd);
  if (pid > 0) {
    (void)snprintf(who, sizeof who, "process %ld", pid);
  } else if (journal) {
    tfm__journal_owner(journal, who, sizeof who);
    unless = "; if that host is down, its lock ends when the file server gives it up";
  }
  return tfm_fail(
      err, TFM_E_OUTPUT,
      "output %.400s is busy: %s is writing it; wait for it, or choose another name%s", output,
      who[0] ? who : "another process, perhaps on another host,", unless);
}

/* Whether the descriptor is still what the name stands for: a job that has just finished may have
 * renamed it. */
static bool still_named(int fd, const char *path)
{
  struct stat opened;
  struct stat named;
  return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

tfm_status tfm__lock_open(int *fd, const char *path, const char *output, const char *journal,
                          tfm_err *err)
{
  double until = tfm_now_s() + patience_s;
  for (;;) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0) {
      return tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be made: %s", path, strerror(errno));
    }
    /* A file system without locks says so with another error, and is used without. */
    bool busy = flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!busy && still_named(*fd, path)) {
      return TFM_OK;
    }
    if (tfm_now_s() >= until) {
      tfm_status st = refuse_busy(*fd, output, journal, err);
      (void)close(*fd); /* not ours to remove */
      *fd = -1;
      return st;
    }
    (void)close(*fd);
    tfm_sleep_s(between_s);
  }
}
