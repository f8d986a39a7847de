/* Images as files of a folder that is the user's own, and as memory without a name. */
#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/model/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* A file that is being written, until it has its name. */
#define PART ".part"

#define O_PART   (O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
#define O_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

/* ---- the header ---- */

/* As it lies in the first page. Numbers are the machine's own, as the contents are: one of the
 * other byte order finds another magic number. */
typedef struct {
  uint64_t magic, bytes;
  uint32_t crc, unused;
  char key[TFM_SHA256_HEX - 1];
  char name[TFM__IMAGE_NAME];
  char zeros[TFM__IMAGE_HEAD - 8 - 8 - 4 - 4 - (TFM_SHA256_HEX - 1) - TFM__IMAGE_NAME - 4];
  uint32_t own_crc; /* of all before */
} first_page;

_Static_assert(sizeof(first_page) == TFM__IMAGE_HEAD, "a page");

static const uint64_t magic = 0x314b4341504d4654u; /* "TFMPACK1" */

void tfm__image_head_put(unsigned char *page, const tfm__image_head *head)
{
  first_page p = {.magic = magic, .bytes = head->bytes, .crc = head->crc};
  memcpy(p.key, head->key, sizeof p.key);
  memcpy(p.name, head->name, sizeof p.name);
  p.own_crc = tfm_crc32c(0, &p, offsetof(first_page, own_crc));
  memcpy(page, &p, sizeof p);
}

const char *tfm__image_head_check(const unsigned char *page, uint64_t file_bytes,
                                  const tfm__image_head *wanted, tfm__image_head *got)
{
  first_page p;
  memcpy(&p, page, sizeof p);
  if (p.magic != magic || p.own_crc != tfm_crc32c(0, &p, offsetof(first_page, own_crc))) {
    return "its header is no such header";
  }
  if (memcmp(p.key, wanted->key, sizeof p.key) != 0 ||
      memcmp(p.name, wanted->name, sizeof p.name) != 0) {
    return "it is of other weights";
  }
  if (p.bytes != file_bytes - TFM__IMAGE_HEAD) {
    return "it is not as long as its header says";
  }
  *got = *wanted;
  got->bytes = p.bytes;
  got->crc = p.crc;
  return NULL;
}

static tfm__image_head head_of(const tfm__image *image, const char *key)
{
  tfm__image_head head = {.bytes = image->shelf.bytes};
  memcpy(head.key, key, sizeof head.key);
  memcpy(head.name, image->name, sizeof head.name);
  return head;
}

/* ---- mapping ---- */

/* Map what a descriptor leads to and look at its header. takes: fd, when it is good. */
static const char *map_filled(tfm__image *image, int fd, uint64_t bytes, const char *key,
                              tfm__image_head *head)
{
  if (bytes <= TFM__IMAGE_HEAD || bytes > SIZE_MAX) {
    return "it is shorter than a header";
  }
  void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) {
    return "it cannot be mapped";
  }
  /* What is not in memory yet is read in huge pages, where the file system can. */
  (void)madvise(map, bytes, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_READ
  (void)madvise(map, bytes, MADV_POPULATE_READ); /* or page by page, as it is used */
#endif
  const tfm__image_head wanted = head_of(image, key);
  const char *wrong = tfm__image_head_check(map, bytes, &wanted, head);
  if (wrong) {
    (void)munmap(map, bytes);
    return wrong;
  }
  image->map = map;
  image->mapped = bytes;
  image->fd = fd;
  image->shelf = (tfm_shelf){
      .base = image->map + TFM__IMAGE_HEAD, .bytes = (size_t)head->bytes, .filled = true};
  return NULL;
}

static bool is_own(const struct stat *look)
{
  return look->st_uid == geteuid() && (look->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool tfm__image_read(tfm__image *image, int folder, const char *key, const char **wrong)
{
  struct stat look = {0};
  tfm__image_head head;
  *wrong = NULL;
  const int fd = openat(folder, image->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    *wrong = errno == ENOENT ? NULL : "it cannot be opened";
    return false;
  }
  if (fstat(fd, &look) != 0 || !S_ISREG(look.st_mode) || !is_own(&look)) {
    *wrong = "it is no file of this user's alone";
  } else {
    *wrong = map_filled(image, fd, (uint64_t)look.st_size, key, &head);
  }
  if (!*wrong && tfm_crc32c(0, image->shelf.base, image->shelf.bytes) != head.crc) {
    *wrong = "its checksum is wrong";
    (void)munmap(image->map, image->mapped);
    image->map = NULL;
  }
  if (*wrong) {
    image->fd = -1;
    (void)close(fd);
  }
  return !*wrong;
}

bool tfm__image_again(tfm__image *image, int fd, const char *key)
{
  struct stat look = {0};
  tfm__image_head head;
  return fstat(fd, &look) == 0 &&
         map_filled(image, fd, (uint64_t)look.st_size, key, &head) == NULL;
}

int tfm__image_open_lent(int64_t lender, int32_t lent, struct stat *look)
{
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/fd/%" PRId32, lender, lent);
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && (fstat(fd, look) != 0 || !S_ISREG(look->st_mode) || !is_own(look))) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

bool tfm__image_borrow(tfm__image *image, int64_t lender, int32_t lent, const char *key)
{
  struct stat look = {0};
  const int fd = tfm__image_open_lent(lender, lent, &look);
  if (fd < 0) {
    return false;
  }
  if (!tfm__image_again(image, fd, key)) {
    (void)close(fd);
    return false;
  }
  return true;
}

/* ---- memory ---- */

/* A limit on the size of files is one on memory of this kind too, and a signal past it. */
static bool within_limit(uint64_t bytes)
{
  struct rlimit limit = {0};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes <= limit.rlim_cur;
}

bool tfm__image_make(tfm__image *image, uint64_t bytes)
{
  const uint64_t all = bytes + TFM__IMAGE_HEAD;
  if (!within_limit(all)) {
    return false;
  }
  const int fd = memfd_create(image->name, MFD_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  void *map = MAP_FAILED;
  if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 && ftruncate(fd, (off_t)all) == 0) {
    map = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (map == MAP_FAILED) {
    (void)close(fd);
    return false;
  }
  (void)madvise(map, all, MADV_HUGEPAGE); /* where shared memory may have them */
  image->map = map;
  image->mapped = all;
  image->fd = fd;
  image->shelf = (tfm_shelf){.base = image->map + TFM__IMAGE_HEAD, .bytes = bytes};
  return true;
}

static size_t whole_pages(size_t bytes)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

void tfm__image_seal(tfm__image *image, const char *key)
{
  const size_t all = TFM__IMAGE_HEAD + image->shelf.used;
  const size_t kept = whole_pages(all);
  image->shelf.bytes = image->shelf.used;
  const tfm__image_head head = head_of(image, key);
  tfm__image_head_put(image->map, &head);
  if (kept < image->mapped) {
    (void)munmap(image->map + kept, image->mapped - kept);
    image->mapped = kept;
  }
  /* Fails only where nothing is lost by it: the file is then longer than its header says, and
   * nobody borrows it. */
  (void)!ftruncate(image->fd, (off_t)all);
  (void)mprotect(image->map, image->mapped, PROT_READ);
}

/* ---- files ---- */

static void make_parents(char *path)
{
  for (char *p = path + 1; *p; ++p) {
    if (*p == '/') {
      *p = '\0';
      (void)mkdir(path, S_IRWXU);
      *p = '/';
    }
  }
}

/* A month, and a fifth of the file system: a cache grows by a folder a model, and only then is it
 * looked at. */
static void tidy(const char *top, const char *keep)
{
  enum { UNUSED_S = 30 * 24 * 3600, SHARE = 5 };
  struct statvfs fs = {0};
  const int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  if (fstatvfs(fd, &fs) == 0) {
    const uint64_t all = (uint64_t)fs.f_blocks * fs.f_frsize / SHARE;
    const tfm__tidy_rule rule = {.used_since_s = (int64_t)time(NULL) - UNUSED_S,
                                 .bytes_most = all < INT64_MAX ? (int64_t)all : INT64_MAX};
    tfm__image_tidy(fd, keep, &rule);
  }
  (void)close(fd);
}

/* Nobody else is writing the file of this name: a lock says so, and that the name still leads to
 * what was locked. What a writer left that was killed is begun anew. */
static bool lock_part(int folder, const char *part, int fd)
{
  struct stat ours = {0};
  struct stat named = {0};
  return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &ours) == 0 && is_own(&ours) &&
         fstatat(folder, part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev && ftruncate(fd, 0) == 0;
}

static bool ends_with(const char *name, const char *end)
{
  const size_t n = strlen(name);
  const size_t m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

/* Take away what writers left that were killed: parts that nobody has locked. The folder is used by
 * that no later than it was. takes: folder. */
static void sweep(int folder, const struct stat *before)
{
  const struct timespec used[2] = {before->st_atim, before->st_mtim};
  DIR *entries = fdopendir(folder);
  if (!entries) {
    (void)close(folder);
    return;
  }
  for (const struct dirent *e = readdir(entries); e; e = readdir(entries)) {
    const int fd = ends_with(e->d_name, PART) ? openat(folder, e->d_name, O_PART) : -1;
    if (fd >= 0 && lock_part(folder, e->d_name, fd)) {
      (void)unlinkat(folder, e->d_name, 0);
    }
    if (fd >= 0) {
      (void)close(fd);
    }
  }
  (void)futimens(dirfd(entries), used);
  (void)closedir(entries);
}

/* The same of all models' folders of this user. */
static void sweep_all(const char *top, const char *own)
{
  struct stat look = {0};
  DIR *entries = opendir(top);
  for (const struct dirent *e = entries ? readdir(entries) : NULL; e; e = readdir(entries)) {
    const int fd = strncmp(e->d_name, own, strlen(own)) == 0
                       ? openat(dirfd(entries), e->d_name, O_FOLDER)
                       : -1;
    if (fd >= 0 && fstat(fd, &look) == 0 && is_own(&look)) {
      sweep(fd, &look);
    } else if (fd >= 0) {
      (void)close(fd);
    }
  }
  if (entries) {
    (void)closedir(entries);
  }
}

int tfm__image_folder(const char *top, const char *key, char *note, size_t room)
{
  char path[4096 + 64];
  char own[32];
  struct stat look = {0};
  (void)snprintf(own, sizeof own, "packed-%u-", (unsigned)geteuid());
  const int n = snprintf(path, sizeof path, "%s/%s%.16s", top, own, key);
  if (n < 0 || (size_t)n >= sizeof path) {
    return -1;
  }
  make_parents(path);
  if (mkdir(path, S_IRWXU) == 0) {
    tidy(top, strrchr(path, '/') + 1);
  }
  const int fd = open(path, O_FOLDER);
  if (fd < 0) {
    return -1;
  }
  if (fstat(fd, &look) != 0 || !is_own(&look)) {
    (void)snprintf(note, room,
                   "cache folder %.120s is another user's or open to others: not used; "
                   "remove it, or name one with --cache-dir",
                   path);
    (void)close(fd);
    return -1;
  }
  sweep_all(top, own);
  (void)futimens(fd, NULL);
  return fd;
}

/* A header and the contents behind it. A piece ends where a huge page of the file does, so that the
 * system can keep the file in such pages, and map them as such. */
static bool write_all(int fd, unsigned char *head, const tfm_shelf *shelf, double until_s)
{
  enum { PIECE = 4 << 20 };
  const size_t all = TFM__IMAGE_HEAD + shelf->bytes;
  for (size_t at = 0; at < all && tfm_now_s() <= until_s;) {
    const size_t more = at < TFM__IMAGE_HEAD ? TFM__IMAGE_HEAD - at : 0;
    const size_t end = all - at < PIECE - at % PIECE ? all : at - at % PIECE + PIECE;
    const struct iovec parts[] = {
        {.iov_base = head + TFM__IMAGE_HEAD - more, .iov_len = more},
        {.iov_base = shelf->base + at + more - TFM__IMAGE_HEAD, .iov_len = end - at - more}};
    const ssize_t moved = writev(fd, parts, 2);
    if (moved <= 0 && !(moved < 0 && errno == EINTR)) {
      return false;
    }
    at += moved > 0 ? (size_t)moved : 0;
    if (at == all) {
      return true;
    }
  }
  return false;
}

/* Half of what is free is left to others. */
static bool has_room(int folder, size_t bytes)
{
  struct statvfs fs = {0};
  return within_limit(bytes) && fstatvfs(folder, &fs) == 0 &&
         bytes / 2 <= (uint64_t)fs.f_bavail * fs.f_frsize / 4;
}

static bool is_there(int folder, const char *name)
{
  struct stat look = {0};
  return fstatat(folder, name, &look, AT_SYMLINK_NOFOLLOW) == 0;
}

void tfm__image_write(const tfm__image *image, int folder, const char *key, double until_s)
{
  char part[TFM__IMAGE_NAME + sizeof PART];
  unsigned char page[TFM__IMAGE_HEAD];
  if (is_there(folder, image->name) ||
      !has_room(folder, TFM__IMAGE_HEAD + image->shelf.bytes)) {
    return;
  }
  (void)snprintf(part, sizeof part, "%s" PART, image->name);
  const int fd = openat(folder, part, O_PART | O_CREAT, S_IRUSR | S_IWUSR);
  if (fd < 0) {
    return;
  }
  if (lock_part(folder, part, fd)) {
    tfm__image_head head = head_of(image, key);
    head.crc = tfm_crc32c(0, image->shelf.base, image->shelf.bytes);
    tfm__image_head_put(page, &head);
    if (!write_all(fd, page, &image->shelf, until_s) ||
        renameat(folder, part, folder, image->name) != 0) {
      (void)unlinkat(folder, part, 0);
    }
  }
  (void)close(fd);
}
