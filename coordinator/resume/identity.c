#include "coordinator/resume/identity.h"

#include "core/base/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SAMPLE = 64 << 10 };

static const char time_name[] = "time of ";

void tfm_identity_add(tfm_identity *identity, const char *name, const char *format, ...)
{
  tfm_buf *out = &identity->job;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  (void)tfm_buf_printf(out, "%s\t", name);
  if (n >= 0 && tfm_buf_reserve(out, (size_t)n + 1) == TFM_OK) {
    va_start(args, format);
    (void)vsnprintf(out->data + out->n, (size_t)n + 1, format, args);
    va_end(args);
    out->n += (size_t)n;
  }
  (void)tfm_buf_char(out, '\n');
}

void tfm_identity_fini(tfm_identity *identity)
{
  tfm_buf_fini(&identity->job);
  tfm_buf_fini(&identity->inputs);
}

/* ---- bytes of files ---- */

/* The CRC of bytes [from, to), as many of them as there are; false when they cannot be read, which
 * must not pass for another content. */
static bool sample(int fd, int64_t from, int64_t to, uint32_t *crc)
{
  char block[1 << 14];
  *crc = 0;
  while (from < to) {
    int64_t left = to - from;
    size_t want = left < (int64_t)sizeof block ? (size_t)left : sizeof block;
    ssize_t got = pread(fd, block, want, (off_t)from);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got == 0;
    }
    *crc = tfm_crc32c(*crc, block, (size_t)got);
    from += got;
  }
  return true;
}

static tfm_status unreadable(const char *path, tfm_err *err)
{
  return tfm_fail(err, TFM_E_IO, "%.400s cannot be read: %s", path, strerror(errno));
}

/* ---- folders ---- */

static bool ends_with(const char *name, const char *end)
{
  size_t n = strlen(name);
  size_t m = strlen(end);
  return n > m && strcmp(name + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
  const struct dirent *const *x = a;
  const struct dirent *const *y = b;
  return strcmp((*x)->d_name, (*y)->d_name);
}

static int is_visible(const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

/* A file by what it holds. One that nobody may read is refused by whoever needs it. */
static tfm_status add_file(tfm_identity *identity, const char *within, const char *name,
                           const char *path, int64_t bytes, tfm_err *err)
{
  tfm_status st = TFM_OK;
  uint32_t crc = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 ? errno != EACCES : !sample(fd, 0, bytes, &crc)) {
    st = unreadable(path, err);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  (void)tfm_buf_printf(&identity->job, "file %s%s\t%lld bytes, crc %08x\n", within, name,
                       (long long)bytes, crc);
  return st;
}

/* The files of one folder in the order of their bytes; of a module's folder its weights too.
 * within: "" or the module's folder with its slash. */
static tfm_status add_files(tfm_identity *identity, const char *folder, const char *within,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool module = within[0] != '\0';
  struct dirent **entry = NULL;
  int n = scandir(folder, &entry, is_visible, NULL);
  if (n < 0) {
    return tfm_fail(err, TFM_E_IO, "%s: cannot be listed: %s", folder, strerror(errno));
  }
  qsort(entry, (size_t)n, sizeof(struct dirent *), by_name);
  for (int i = 0; i < n; ++i) {
    const char *name = entry[i]->d_name;
    struct stat at;
    tfm_buf path = {0};
    tfm_buf below = {0};
    if (st == TFM_OK && (tfm_buf_printf(&path, "%s/%s", folder, name) != TFM_OK ||
                         tfm_buf_printf(&below, "%s/", name) != TFM_OK)) {
      st = tfm_fail(err, TFM_E_NOMEM, "the name of a file");
    }
    if (st == TFM_OK && stat(tfm_buf_cstr(&path), &at) == 0) {
      if (S_ISDIR(at.st_mode) && !module) {
        st = add_files(identity, path.data, tfm_buf_cstr(&below), err);
      } else if (S_ISREG(at.st_mode) &&
                 (module || ends_with(name, ".json") || ends_with(name, ".txt") ||
                  ends_with(name, ".model"))) {
        st = add_file(identity, within, name, path.data, (int64_t)at.st_size, err);
      }
    }
    tfm_buf_fini(&path);
    tfm_buf_fini(&below);
    free(entry[i]);
  }
  free(entry);
  return st;
}

tfm_status tfm_identity_folder(tfm_identity *identity, const char *folder, tfm_err *err)
{
  struct stat at;
  if (stat(folder, &at) == 0 && !S_ISDIR(at.st_mode)) {
    const char *slash = strrchr(folder, '/');
    return add_file(identity, "", slash ? slash + 1 : folder, folder, (int64_t)at.st_size, err);
  }
  return add_files(identity, folder, "", err);
}

/* ---- options ---- */

void tfm_identity_options(tfm_identity *identity, const tfm_options *options)
{
  const tfm_options *o = options;
  tfm_identity_add(identity, "program", "%s", TFM_VERSION);
  tfm_options_tell(o, &identity->job);
}

/* ---- inputs ---- */

/* A name as part of a line: what would end the line or the name is left out. */
static void put_name(tfm_buf *out, const char *name)
{
  for (; *name; ++name) {
    (void)tfm_buf_char(out, (unsigned char)*name < ' ' ? '?' : *name);
  }
}

/* Size and samples of a regular file; standard input may stand somewhere inside one. */
static bool tell_file(tfm_buf *out, int fd, const struct stat *at)
{
  int64_t bytes = (int64_t)at->st_size;
  int64_t end = bytes > SAMPLE ? bytes - SAMPLE : 0;
  int64_t from = fd == STDIN_FILENO ? (int64_t)lseek(fd, 0, SEEK_CUR) : 0;
  uint32_t first = 0;
  uint32_t last = 0;
  bool told = sample(fd, 0, SAMPLE, &first) && sample(fd, end, bytes, &last);
  (void)tfm_buf_printf(out, "%lld bytes, begins %08x, ends %08x", (long long)bytes, first,
                       last);
  if (from > 0) {
    (void)tfm_buf_printf(out, ", from byte %lld", (long long)from);
  }
  (void)tfm_buf_char(out, '\n');
  return told;
}

static bool is_null_device(const struct stat *at)
{
  return S_ISCHR(at->st_mode) && major(at->st_rdev) == 1 && minor(at->st_rdev) == 3;
}

/* Several inputs are told apart by their names, which stand in the results as well. */
static tfm_status add_input(tfm_identity *identity, const char *path, bool named, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf *out = &identity->inputs;
  struct stat at = {0};
  bool standard = strcmp(path, "-") == 0;
  bool there = (standard ? fstat(STDIN_FILENO, &at) : stat(path, &at)) == 0;
  bool file = there && S_ISREG(at.st_mode);
  int fd = standard ? STDIN_FILENO : file ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  const char *name = standard ? "standard input" : named ? path : "file";
  (void)tfm_buf_str(out, "input ");
  put_name(out, name);
  (void)tfm_buf_char(out, '\t');
  if (file && fd < 0) {
    st = unreadable(path, err);
  } else if (file) {
    st = tell_file(out, fd, &at) ? TFM_OK : unreadable(path, err);
    (void)tfm_buf_str(out, time_name);
    put_name(out, name);
    (void)tfm_buf_printf(out, "\t%lld.%09ld\n", (long long)at.st_mtim.tv_sec,
                         at.st_mtim.tv_nsec);
  } else if (is_null_device(&at)) {
    (void)tfm_buf_str(out, "nothing\n");
  } else {
    (void)tfm_buf_str(out, "a pipe\n");
    identity->piped = true;
  }
  if (fd > STDIN_FILENO) {
    (void)close(fd);
  }
  return st;
}

tfm_status tfm_identity_inputs(tfm_identity *identity, const tfm_options *options, tfm_err *err)
{
  tfm_status st = options->ninput == 0 ? add_input(identity, "-", false, err) : TFM_OK;
  for (int i = 0; i < options->ninput && st == TFM_OK; ++i) {
    st = add_input(identity, options->inputs[i], options->ninput > 1, err);
  }
  if (st != TFM_OK) {
    return st;
  }
  (void)tfm_buf_cstr(&identity->job);
  (void)tfm_buf_cstr(&identity->inputs);
  return identity->job.failed || identity->inputs.failed
             ? tfm_fail(err, TFM_E_NOMEM, "the job's identity")
             : TFM_OK;
}

/* ---- differences ---- */

/* The next line that counts: its parts, or empty spans at the end. */
static void next_line(const char **text, bool times, tfm_span *name, tfm_span *value)
{
  const char *p = *text;
  *name = (tfm_span){"", 0};
  *value = (tfm_span){"", 0};
  while (*p) {
    size_t n = strcspn(p, "\n");
    size_t tab = strcspn(p, "\t\n");
    bool time = strncmp(p, time_name, sizeof time_name - 1) == 0;
    const char *line = p;
    p += n + (p[n] == '\n');
    if (times || !time) {
      *name = (tfm_span){line, tab};
      *value = tab < n ? (tfm_span){line + tab + 1, n - tab - 1} : *value;
      break;
    }
  }
  *text = p;
}

static void keep(char *out, size_t cap, tfm_span s)
{
  (void)snprintf(out, cap, "%.*s", (int)(s.n < cap ? s.n : cap - 1), s.p);
}

bool tfm_identity_differ(const char *was, const char *is, bool times, tfm_difference *where)
{
  tfm_span name[2];
  tfm_span value[2];
  static const tfm_span nothing = {"nothing", 7};
  do {
    next_line(&was, times, &name[0], &value[0]);
    next_line(&is, times, &name[1], &value[1]);
    bool same = tfm_span_eq(name[0], name[1]);
    if (same && tfm_span_eq(value[0], value[1])) {
      continue;
    }
    bool was_there = name[0].n > 0;
    keep(where->name, sizeof where->name, was_there ? name[0] : name[1]);
    keep(where->was, sizeof where->was, was_there ? value[0] : nothing);
    keep(where->is, sizeof where->is, same || !was_there ? value[1] : nothing);
    return true;
  } while (name[0].n || name[1].n);
  return false;
}

bool tfm_identity_value(const char *text, const char *name, char *value, size_t room)
{
  tfm_span key;
  tfm_span kept;
  do {
    next_line(&text, true, &key, &kept);
    if (key.n > 0 && tfm_span_eq(key, tfm_span_of(name))) {
      const bool fits = kept.n < room;
      keep(value, room, fits ? kept : (tfm_span){"", 0});
      return fits;
    }
  } while (key.n > 0);
  return false;
}
