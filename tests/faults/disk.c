#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 4096, MOST_NAMES = 32, MOST_CHANGES = 512, NAME = 64 };

/* A change of names since the folder was synced last: a new name for a file, perhaps in the place
 * of an old one, or a name that went. */
typedef struct {
  char from[NAME], to[NAME]; /* "" for none */
  int file;
} change;

typedef struct {
  char name[NAME];
  int file;
} entry;

/* What outlives the child. */
typedef struct {
  int64_t calls, crash_at, fail_at;
  bool crash_at_sync;
  int error;
  int64_t notes[DISK_NOTES];
  int nfile;
  ino_t inode[MOST_FILES];
  int nentry; /* durable names */
  entry entries[MOST_NAMES];
  int nchange;
  change changes[MOST_CHANGES];
} state;

static state *disk;
static char folder[PATH_MAX / 4];
static char shadow[PATH_MAX / 4];

int __real_open(const char *path, int flags, ...);
ssize_t __real_pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t __real_write(int fd, const void *bytes, size_t n);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_ftruncate(int fd, off_t n);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

static void must(bool ok, const char *what)
{
  if (!ok) {
    (void)fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
    _exit(98);
  }
}

uint64_t disk_random(uint64_t *rng, uint64_t n)
{
  /* xorshift64*: Vigna, 2016. */
  *rng ^= *rng >> 12;
  *rng ^= *rng << 25;
  *rng ^= *rng >> 27;
  return n ? *rng * 2685821657736338717u % n : 0;
}

/* ---- files by number ---- */

static const char *live_path(int file)
{
  static char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%d.live", shadow, file);
  return path;
}

static const char *durable_path(int file)
{
  static char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%d.durable", shadow, file);
  return path;
}

static const char *path_of(const char *name)
{
  static char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

/* The name of a path in the folder; NULL for others. */
static const char *name_in(const char *path)
{
  size_t n = strlen(folder);
  return strncmp(path, folder, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/')
             ? path + n + 1
             : NULL;
}

static int file_of(int fd)
{
  struct stat about;
  must(fstat(fd, &about) == 0, "fstat");
  for (int i = 0; i < disk->nfile; ++i) {
    if (disk->inode[i] == about.st_ino && !S_ISDIR(about.st_mode)) {
      return i;
    }
  }
  return -1;
}

static bool is_folder(int fd)
{
  struct stat opened;
  struct stat named;
  return fstat(fd, &opened) == 0 && stat(folder, &named) == 0 && opened.st_ino == named.st_ino;
}

static int add_file(const char *name)
{
  struct stat about;
  int file = disk->nfile++;
  must(file < MOST_FILES, "too many files");
  must(stat(path_of(name), &about) == 0, name);
  disk->inode[file] = about.st_ino;
  must(link(path_of(name), live_path(file)) == 0, "link");
  return file;
}

typedef struct {
  unsigned char *p;
  size_t n;
} bytes;

static bytes read_file(const char *path)
{
  struct stat about;
  bytes b = {0};
  int fd = __real_open(path, O_RDONLY);
  if (fd < 0) {
    return b;
  }
  must(fstat(fd, &about) == 0, path);
  b.n = (size_t)about.st_size;
  b.p = malloc(b.n + 1);
  must(b.p && pread(fd, b.p, b.n, 0) == (ssize_t)b.n, path);
  (void)close(fd);
  return b;
}

static void write_file(const char *path, bytes b)
{
  int fd = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  must(fd >= 0 && __real_pwrite(fd, b.p, b.n, 0) == (ssize_t)b.n, path);
  (void)close(fd);
}

static void make_durable(int file)
{
  bytes b = read_file(live_path(file));
  write_file(durable_path(file), b);
  free(b.p);
}

/* ---- names ---- */

static int find_name(const entry *entries, int n, const char *name)
{
  for (int i = 0; i < n; ++i) {
    if (strcmp(entries[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

static void drop_name(entry *entries, int *n, const char *name)
{
  int at = find_name(entries, *n, name);
  if (at >= 0) {
    entries[at] = entries[--*n];
  }
}

static void apply(entry *entries, int *n, const change *c)
{
  if (c->from[0]) {
    drop_name(entries, n, c->from);
  }
  if (c->to[0]) {
    drop_name(entries, n, c->to);
    must(*n < MOST_NAMES, "too many names");
    strcpy(entries[*n].name, c->to);
    entries[(*n)++].file = c->file;
  }
}

/* The file a name stands for now. */
static int named_file(const char *name)
{
  entry entries[MOST_NAMES];
  int n = disk->nentry;
  memcpy(entries, disk->entries, sizeof entries);
  for (int i = 0; i < disk->nchange; ++i) {
    apply(entries, &n, &disk->changes[i]);
  }
  int at = find_name(entries, n, name);
  return at < 0 ? -1 : entries[at].file;
}

static void note(const char *from, const char *to, int file)
{
  must(disk->nchange < MOST_CHANGES, "too many changes");
  change *c = &disk->changes[disk->nchange++];
  *c = (change){.file = file};
  (void)snprintf(c->from, NAME, "%s", from);
  (void)snprintf(c->to, NAME, "%s", to);
}

static void sync_names(void)
{
  for (int i = 0; i < disk->nchange; ++i) {
    apply(disk->entries, &disk->nentry, &disk->changes[i]);
  }
  disk->nchange = 0;
}

/* ---- the calls ---- */

typedef enum { GOES_ON, FAILS, CRASHES } fate;

static fate next_call(bool sync)
{
  ++disk->calls;
  if (disk->crash_at >= 0 && (sync || !disk->crash_at_sync) && disk->crash_at-- == 0) {
    return CRASHES;
  }
  return disk->fail_at >= 0 && disk->fail_at-- == 0 ? FAILS : GOES_ON;
}

/* A call that does all or nothing. */
static bool survives(bool sync)
{
  fate f = next_call(sync);
  if (f == CRASHES) {
    _exit(DISK_CRASHED);
  }
  if (f == FAILS && disk->error) {
    errno = disk->error;
    return false;
  }
  return true;
}

int __wrap_open(const char *path, int flags, ...)
{
  va_list args;
  va_start(args, flags);
  int mode = flags & O_CREAT ? va_arg(args, int) : 0;
  va_end(args);
  const char *name = disk ? name_in(path) : NULL;
  struct stat about;
  bool is_new = name && (flags & O_CREAT) && stat(path, &about) != 0;
  if (is_new && !survives(false)) {
    return -1;
  }
  int fd = __real_open(path, flags, mode);
  if (fd >= 0 && is_new) {
    note("", name, add_file(name));
  }
  return fd;
}

/* How much of a write is done; -1: none, and errno says why. */
static ssize_t part_of(size_t n, bool *last)
{
  fate f = next_call(false);
  *last = f == CRASHES;
  if (f == GOES_ON) {
    return (ssize_t)n;
  }
  if (f == FAILS && disk->error) {
    errno = disk->error;
    return -1;
  }
  return (ssize_t)(n / 2);
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
  bool last = false;
  if (!disk || file_of(fd) < 0) {
    return __real_pwrite(fd, p, n, at);
  }
  ssize_t some = part_of(n, &last);
  ssize_t done = some < 0 ? some : __real_pwrite(fd, p, (size_t)some, at);
  if (last) {
    _exit(DISK_CRASHED);
  }
  return done;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
  bool last = false;
  if (!disk || file_of(fd) < 0) {
    return __real_write(fd, p, n);
  }
  ssize_t some = part_of(n, &last);
  ssize_t done = some < 0 ? some : __real_write(fd, p, (size_t)some);
  if (last) {
    _exit(DISK_CRASHED);
  }
  return done;
}

/* A sync that fails leaves pages marked as clean that never reached the disk. */
static void drop_pages(int file)
{
  bytes b = read_file(durable_path(file));
  write_file(live_path(file), b);
  free(b.p);
}

static int sync_fd(int fd)
{
  int file = file_of(fd);
  bool names = is_folder(fd);
  if (file < 0 && !names) {
    return 0;
  }
  if (!survives(true)) {
    if (file >= 0) {
      drop_pages(file);
      errno = disk->error;
    }
    return -1;
  }
  if (names) {
    sync_names();
  } else {
    make_durable(file);
  }
  return 0;
}

int __wrap_fsync(int fd)
{
  return disk ? sync_fd(fd) : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
  return disk ? sync_fd(fd) : __real_fdatasync(fd);
}

int __wrap_ftruncate(int fd, off_t n)
{
  return disk && !survives(false) ? -1 : __real_ftruncate(fd, n);
}

int __wrap_rename(const char *from, const char *to)
{
  const char *old = disk ? name_in(from) : NULL;
  const char *new = disk ? name_in(to) : NULL;
  if (!old || !new) {
    return __real_rename(from, to);
  }
  int file = named_file(old);
  if (!survives(false) || __real_rename(from, to) != 0) {
    return -1;
  }
  note(old, new, file);
  return 0;
}

int __wrap_unlink(const char *path)
{
  const char *name = disk ? name_in(path) : NULL;
  struct stat about;
  if (!name || stat(path, &about) != 0) {
    return __real_unlink(path);
  }
  if (!survives(false)) {
    return -1;
  }
  note(name, "", -1);
  return __real_unlink(path);
}

/* ---- the power ---- */

static void remove_all(const char *path)
{
  DIR *dir = opendir(path);
  must(dir != NULL, path);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
    if (e->d_name[0] != '.') {
      char name[PATH_MAX];
      (void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
      must(__real_unlink(name) == 0, name);
    }
  }
  (void)closedir(dir);
}

/* Every file of the folder is on the disk, as it is. */
static void settle(void)
{
  remove_all(shadow);
  disk->nfile = 0;
  disk->nentry = 0;
  disk->nchange = 0;
  DIR *dir = opendir(folder);
  must(dir != NULL, folder);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
    if (e->d_name[0] == '.') {
      continue;
    }
    int file = add_file(e->d_name);
    make_durable(file);
    must(strlen(e->d_name) < NAME && disk->nentry < MOST_NAMES, e->d_name);
    strcpy(disk->entries[disk->nentry].name, e->d_name);
    disk->entries[disk->nentry++].file = file;
  }
  (void)closedir(dir);
}

typedef enum { KEEP_PREFIX, ZEROS, GARBAGE, ANYTHING } manner;

/* Bytes [at, at + n) of a file after the cut. */
static void fill_block(unsigned char *out, size_t at, size_t n, const bytes *was,
                       const bytes *is, int choice, uint64_t *rng)
{
  for (size_t i = at; i < at + n; ++i) {
    unsigned char old = i < was->n ? was->p[i] : 0;
    unsigned char now = i < is->n ? is->p[i] : 0;
    out[i] = choice == 0   ? now
             : choice == 1 ? old
             : choice == 2 ? 0
                           : (unsigned char)disk_random(rng, 256);
  }
}

static bool same_block(size_t at, size_t n, const bytes *was, const bytes *is)
{
  return at + n <= was->n && at + n <= is->n && memcmp(was->p + at, is->p + at, n) == 0;
}

static bytes after_cut(bytes was, bytes is, bool gentle, uint64_t *rng)
{
  size_t low = was.n < is.n ? was.n : is.n;
  size_t high = was.n < is.n ? is.n : was.n;
  uint64_t pick = disk_random(rng, 3);
  size_t n = pick == 0 ? was.n : pick == 1 ? is.n : low + disk_random(rng, high - low + 1);
  bytes b = {.p = malloc(n + 1), .n = n};
  manner how = (manner)disk_random(rng, 4);
  size_t block = disk_random(rng, 2) ? 512 : 4096; /* what a disk writes at once */
  size_t kept = disk_random(rng, n / block + 2);   /* blocks that got there before the rest */
  must(b.p != NULL, "memory");
  for (size_t at = 0; at < n; at += block) {
    size_t m = n - at < block ? n - at : block;
    int choice = how == KEEP_PREFIX ? (at / block >= kept)
                 : how == ZEROS     ? 2 * (int)disk_random(rng, 2)
                 : how == GARBAGE   ? 3 * (int)disk_random(rng, 2)
                                    : (int)disk_random(rng, 4);
    fill_block(b.p, at, m, &was, &is, same_block(at, m, &was, &is) ? 0 : choice, rng);
  }
  for (size_t i = 0; gentle && i < n && i < low; ++i) {
    b.p[i] = was.p[i] == is.p[i] ? was.p[i] : b.p[i];
  }
  return b;
}

void disk_cut(bool gentle, uint64_t *rng)
{
  entry entries[MOST_NAMES];
  bytes contents[MOST_NAMES];
  int n = disk->nentry;
  memcpy(entries, disk->entries, sizeof entries);
  int kept = (int)disk_random(rng, (uint64_t)disk->nchange + 1);
  for (int i = 0; i < kept; ++i) {
    apply(entries, &n, &disk->changes[i]);
  }
  for (int i = 0; i < n; ++i) {
    bytes was = read_file(durable_path(entries[i].file));
    bytes is = read_file(live_path(entries[i].file));
    contents[i] = after_cut(was, is, gentle, rng);
    free(was.p);
    free(is.p);
  }
  remove_all(folder);
  for (int i = 0; i < n; ++i) {
    write_file(path_of(entries[i].name), contents[i]);
    free(contents[i].p);
  }
  settle();
}

void disk_rot(const char *name, int64_t n, uint64_t *rng)
{
  bytes b = read_file(path_of(name));
  if (b.n) {
    size_t span = (size_t)n < b.n ? (size_t)n : b.n;
    size_t at = b.n - 1 - disk_random(rng, span);
    int fd = __real_open(path_of(name), O_WRONLY);
    unsigned char spoilt = (unsigned char)(b.p[at] ^ (1 + disk_random(rng, 255)));
    must(fd >= 0 && __real_pwrite(fd, &spoilt, 1, (off_t)at) == 1, name);
    (void)close(fd);
    int file = named_file(name);
    if (file >= 0) {
      make_durable(file);
    }
  }
  free(b.p);
}

/* ---- the door ---- */

void disk_open(const char *in, const char *beside)
{
  (void)snprintf(folder, sizeof folder, "%s", in);
  (void)snprintf(shadow, sizeof shadow, "%s", beside);
  must(mkdir(folder, 0777) == 0 && mkdir(shadow, 0777) == 0, folder);
  disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(disk != MAP_FAILED, "mmap");
  disk_wipe();
}

void disk_wipe(void)
{
  remove_all(folder);
  settle();
  disk->crash_at = -1;
  disk->fail_at = -1;
}

void disk_crash_after(int64_t calls, bool syncs)
{
  disk->calls = 0;
  disk->crash_at = calls;
  disk->crash_at_sync = syncs;
}

void disk_fail_after(int64_t calls, int error)
{
  disk->calls = 0;
  disk->fail_at = calls;
  disk->error = error;
}

int64_t disk_calls(void)
{
  return disk->calls;
}

void disk_note(int what, int64_t value)
{
  disk->notes[what] = value;
}

int64_t disk_noted(int what)
{
  return disk->notes[what];
}
