/* A library that stands between the program and its files and clock (LD_PRELOAD). Never part
 * of the program. Only files below the folders of TFM_SHIM_UNDER ("a:b") are touched.
 *
 *  TFM_SHIM_CALL=C     open, read, write, sync, cut (ftruncate), rename, unlink, close or any ...
 *  TFM_SHIM_AT=N       ... and the N-th call of this kind (from 0) fails, that one alone; -1: all
 *  TFM_SHIM_ERROR=E    with this error number; 0: it moves one byte, where it moves bytes; -1: the
 *                      process is killed before it
 *  TFM_SHIM_ROOM=N     the disk takes N bytes more, then it is full
 *  TFM_SHIM_DRAIN=N    SIGUSR1 comes before the N-th call of any kind
 *  TFM_SHIM_LOCK=W     "free": every lock is granted, as on a file system without them;
 *                      "held": none, as when another host has it
 *  TFM_SHIM_HOST=NAME  what this host is called
 *  TFM_SHIM_CLOCK=1    the time of day jumps by up to a hundred years at every look at it
 *  TFM_SHIM_LOG=FILE   at the end: calls of each kind, seconds in them, of the journal alone
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define KINDS(X)   X(open) X(read) X(write) X(sync) X(cut) X(rename) X(unlink) X(close) X(any)
#define KIND(name) KIND_##name,
enum { KINDS(KIND) KIND_COUNT };
#define NAME(name) #name,
static const char *const names[] = {KINDS(NAME)};

enum { MOST_FILES = 1024, NOT_OURS = 0, DATA, JOURNAL };

static atomic_uchar files[MOST_FILES]; /* by descriptor */
static atomic_long calls[KIND_COUNT], nanoseconds[2][KIND_COUNT], room = -1, looks;
static int fail_kind = -1, fail_error;
static long fail_at, drain_at;

static const char *text_of(const char *name)
{
  const char *text = getenv(name);
  return text ? text : "";
}

__attribute__((constructor)) static void begin(void)
{
  for (int i = 0; i < KIND_COUNT; ++i) {
    fail_kind = strcmp(text_of("TFM_SHIM_CALL"), names[i]) == 0 ? i : fail_kind;
  }
  fail_at = atol(text_of("TFM_SHIM_AT"));
  fail_error = atoi(text_of("TFM_SHIM_ERROR"));
  drain_at = *text_of("TFM_SHIM_DRAIN") ? atol(text_of("TFM_SHIM_DRAIN")) : -1;
  atomic_store(&room, *text_of("TFM_SHIM_ROOM") ? atol(text_of("TFM_SHIM_ROOM")) : -1);
}

__attribute__((destructor)) static void end(void)
{
  FILE *log = *text_of("TFM_SHIM_LOG") ? fopen(text_of("TFM_SHIM_LOG"), "w") : NULL;
  if (!log) {
    return;
  }
  (void)fputs("{", log);
  for (int i = 0; i < KIND_COUNT; ++i) {
    (void)fprintf(log, "\"%s\": {\"calls\": %ld, \"data_s\": %.9f, \"journal_s\": %.9f}, ",
                  names[i], (long)calls[i], (double)nanoseconds[0][i] / 1e9,
                  (double)nanoseconds[1][i] / 1e9);
  }
  (void)fprintf(log, "\"looks\": %ld}\n", (long)looks);
  (void)fclose(log);
}

/* The C library's own function behind ours. */
#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))(uintptr_t)dlsym(RTLD_NEXT, name))

static int kind_of_path(const char *path)
{
  const char *under = text_of("TFM_SHIM_UNDER");
  for (size_t n = strcspn(under, ":"); n > 0; n = strcspn(under, ":")) {
    if (strncmp(path, under, n) == 0) {
      return strstr(path, ".journal") ? JOURNAL : DATA;
    }
    under += n + (under[n] == ':');
  }
  return NOT_OURS;
}

static int kind_of_file(int fd)
{
  return fd >= 0 && fd < MOST_FILES ? atomic_load(&files[fd]) : NOT_OURS;
}

/* Whether this call is the one that fails; counts it. */
static bool fails(int kind)
{
  const long n = atomic_fetch_add(&calls[kind], 1);
  const long all = atomic_fetch_add(&calls[KIND_any], 1);
  const bool ours = kind == fail_kind || fail_kind == KIND_any;
  const bool now = ours && (fail_at < 0 || fail_at == (kind == fail_kind ? n : all));
  if (all == drain_at) {
    (void)raise(SIGUSR1);
  }
  if (now && fail_error < 0) {
    (void)raise(SIGKILL);
  }
  return now;
}

static double real_now(void);

static long clock_ns(void)
{
  return (long)(real_now() * 1e9);
}

static void count(int kind, int file, long since)
{
  (void)atomic_fetch_add(&nanoseconds[file == JOURNAL][kind], clock_ns() - since);
}

/* The kind of a name below an open folder. */
static int kind_of_path_at(int folder, const char *path)
{
  char link[64];
  char all[8192];
  if (folder == AT_FDCWD || path[0] == '/') {
    return kind_of_path(path);
  }
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  const ssize_t n = readlink(link, all, sizeof all / 2);
  if (n < 0) {
    return NOT_OURS;
  }
  (void)snprintf(all + n, sizeof all - (size_t)n, "/%s", path);
  return kind_of_path(all);
}

int openat(int folder, const char *path, int flags, ...)
{
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  int file = kind_of_path_at(folder, path);
  if (file && fails(KIND_open) && fail_error) {
    errno = fail_error;
    return -1;
  }
  int fd = REAL(int, "openat", int, const char *, int, ...)(folder, path, flags, mode);
  if (fd >= 0 && fd < MOST_FILES) {
    atomic_store(&files[fd], (unsigned char)file);
  }
  return fd;
}

int open(const char *path, int flags, ...)
{
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  return openat(AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
  int file = kind_of_file(fd);
  if (fd >= 0 && fd < MOST_FILES) {
    atomic_store(&files[fd], NOT_OURS);
  }
  int code = REAL(int, "close", int)(fd);
  if (file && fails(KIND_close) && fail_error) {
    errno = fail_error;
    return -1;
  }
  return code;
}

/* How many of n bytes may move: 0 when the call fails, whose error is set. */
static size_t allowed(int kind, size_t n)
{
  if (fails(kind)) {
    errno = fail_error;
    return fail_error || n == 0 ? 0 : 1;
  }
  long left = kind == KIND_write ? atomic_load(&room) : -1;
  if (left >= 0 && (long)n > left) {
    atomic_store(&room, 0);
    errno = ENOSPC;
    return (size_t)left;
  }
  if (left >= 0) {
    (void)atomic_fetch_sub(&room, (long)n);
  }
  return n;
}

#define MOVE(kind, call)                                                                       \
  int file = kind_of_file(fd);                                                                 \
  long since = clock_ns();                                                                     \
  size_t part = file ? allowed(kind, n) : n;                                                   \
  if (part == 0 && n > 0) {                                                                    \
    return -1;                                                                                 \
  }                                                                                            \
  ssize_t moved = call;                                                                        \
  if (file) {                                                                                  \
    count(kind, file, since);                                                                  \
  }                                                                                            \
  return moved

ssize_t read(int fd, void *to, size_t n)
{
  MOVE(KIND_read, REAL(ssize_t, "read", int, void *, size_t)(fd, to, part));
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
  MOVE(KIND_read, REAL(ssize_t, "pread", int, void *, size_t, off_t)(fd, to, part, at));
}

ssize_t write(int fd, const void *from, size_t n)
{
  MOVE(KIND_write, REAL(ssize_t, "write", int, const void *, size_t)(fd, from, part));
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
  MOVE(KIND_write,
       REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, from, part, at));
}

#define ACT(kind, ours, call)                                                                  \
  int file = ours;                                                                             \
  long since = clock_ns();                                                                     \
  if (file && fails(kind) && fail_error) {                                                     \
    errno = fail_error;                                                                        \
    return -1;                                                                                 \
  }                                                                                            \
  int code = call;                                                                             \
  if (file) {                                                                                  \
    count(kind, file, since);                                                                  \
  }                                                                                            \
  return code

int fsync(int fd)
{
  ACT(KIND_sync, kind_of_file(fd), REAL(int, "fsync", int)(fd));
}

int fdatasync(int fd)
{
  ACT(KIND_sync, kind_of_file(fd), REAL(int, "fdatasync", int)(fd));
}

int ftruncate(int fd, off_t n)
{
  ACT(KIND_cut, kind_of_file(fd), REAL(int, "ftruncate", int, off_t)(fd, n));
}

int rename(const char *from, const char *to)
{
  ACT(KIND_rename, kind_of_path(to), REAL(int, "rename", const char *, const char *)(from, to));
}

int renameat(int a, const char *from, int b, const char *to)
{
  ACT(KIND_rename, kind_of_path_at(b, to),
      REAL(int, "renameat", int, const char *, int, const char *)(a, from, b, to));
}

int unlinkat(int folder, const char *path, int flags)
{
  ACT(KIND_unlink, kind_of_path_at(folder, path),
      REAL(int, "unlinkat", int, const char *, int)(folder, path, flags));
}

int unlink(const char *path)
{
  ACT(KIND_unlink, kind_of_path(path), REAL(int, "unlink", const char *)(path));
}

int flock(int fd, int how)
{
  const char *lock = text_of("TFM_SHIM_LOCK");
  if (strcmp(lock, "held") == 0) {
    errno = EWOULDBLOCK;
    return -1;
  }
  return *lock ? 0 : REAL(int, "flock", int, int)(fd, how);
}

int gethostname(char *name, size_t n)
{
  const char *host = text_of("TFM_SHIM_HOST");
  if (*host) {
    (void)snprintf(name, n, "%s", host);
    return 0;
  }
  return REAL(int, "gethostname", char *, size_t)(name, n);
}

static double real_now(void)
{
  struct timespec now = {0};
  (void)REAL(int, "clock_gettime", clockid_t, struct timespec *)(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Forth and back, past 2038 and before 1970. */
static time_t jump(void)
{
  static const time_t years[] = {0, 100, -60, 13, -1, 40};
  long look = atomic_fetch_add(&looks, 1);
  return *text_of("TFM_SHIM_CLOCK") ? years[look % 6] * 31556952 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
  int code = REAL(int, "clock_gettime", clockid_t, struct timespec *)(clock, now);
  if (code == 0 && clock == CLOCK_REALTIME) {
    now->tv_sec += jump();
  }
  return code;
}

time_t time(time_t *to)
{
  time_t now = REAL(time_t, "time", time_t *)(NULL) + jump();
  if (to) {
    *to = now;
  }
  return now;
}
