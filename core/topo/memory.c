#include "core/topo/memory.h"

#include "core/base/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 1 << 20, PATH_BYTES = 4096 };

/* Limits from here on mean "none": version 1 says so with a number near 2^63. */
static const int64_t no_limit = INT64_C(1) << 60;

/* A small file of the system; empty when it is not there. */
static tfm_buf text_of(const char *path)
{
  tfm_buf text = {0};
  tfm_err unread = {0}; /* then nothing is known */
  if (tfm_file_read_all(path, FILE_BYTES, &text, &unread) != TFM_OK) {
    tfm_buf_fini(&text);
  }
  return text;
}

/* The number behind a key at the start of a line; -1 when there is none. */
static int64_t number_after(tfm_buf *text, const char *key)
{
  const size_t n = strlen(key);
  const char *line = tfm_buf_cstr(text);
  while (line && strncmp(line, key, n) != 0) {
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  if (!line) {
    return -1;
  }
  char *end = NULL;
  const long long value = strtoll(line + n, &end, 10);
  return end == line + n || value < 0 ? -1 : (int64_t)value;
}

static int64_t number_in(const char *path, const char *key)
{
  tfm_buf text = text_of(path);
  const int64_t value = text.n ? number_after(&text, key) : -1;
  tfm_buf_fini(&text);
  return value;
}

tfm_memory_use tfm_memory_of_process(void)
{
  tfm_buf text = text_of("/proc/self/status");
  const int64_t now = text.n ? number_after(&text, "VmRSS:") : -1;
  const int64_t peak = text.n ? number_after(&text, "VmHWM:") : -1;
  tfm_buf_fini(&text);
  return (tfm_memory_use){now < 0 ? 0 : now * 1024, peak < 0 ? 0 : peak * 1024};
}

/* ---- control groups ---- */

/* How a version of them names things. */
typedef struct {
  const char *mount, *limit, *use, *cache;
} version;

static const version one = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                            "memory.usage_in_bytes", "total_inactive_file "};
static const version two = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};

static int64_t number_of(const char *folder, const char *name, const char *key)
{
  char path[PATH_BYTES];
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  return n > 0 && n < (int)sizeof path ? number_in(path, key) : -1;
}

/* What one group leaves; -1 for a group without a limit. */
static int64_t left_by(const version *v, const char *folder)
{
  const int64_t limit = number_of(folder, v->limit, "");
  const int64_t use = number_of(folder, v->use, "");
  const int64_t cache = number_of(folder, "memory.stat", v->cache);
  if (limit < 0 || limit >= no_limit || use < 0) {
    return -1;
  }
  const int64_t held = cache > 0 && cache < use ? use - cache : use;
  return held < limit ? limit - held : 0;
}

static int64_t lesser(int64_t a, int64_t b)
{
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* The group of the process and all above it, as far as they can be seen from here: inside a
 * container only the top of them may be there. */
static int64_t left_by_all(const char *root, const version *v, const char *group)
{
  char folder[PATH_BYTES];
  int64_t left = -1;
  const int top = snprintf(folder, sizeof folder, "%s%s", root, v->mount);
  const int n = snprintf(folder, sizeof folder, "%s%s%s", root, v->mount, group);
  if (n < 0 || n >= (int)sizeof folder) {
    return -1;
  }
  for (;;) {
    left = lesser(left, left_by(v, folder));
    char *slash = strrchr(folder + top, '/');
    if (!slash) {
      return left;
    }
    *slash = '\0';
  }
}

/* Whether a line of /proc/self/cgroup, "number:controllers:path", is about memory, and how. */
static const version *version_of(const char *controllers, size_t n)
{
  if (n == 0) {
    return &two;
  }
  for (const char *p = controllers; p < controllers + n; ++p) {
    const size_t left = (size_t)(controllers + n - p);
    const char *comma = memchr(p, ',', left);
    const size_t word = comma ? (size_t)(comma - p) : left;
    if (word == 6 && memcmp(p, "memory", word) == 0) {
      return &one;
    }
    p += word;
  }
  return NULL;
}

static int64_t left_by_groups(const char *root)
{
  char path[PATH_BYTES];
  int64_t left = -1;
  const int n = snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  tfm_buf text = n > 0 && n < (int)sizeof path ? text_of(path) : (tfm_buf){0};
  char *save = NULL;
  (void)tfm_buf_cstr(&text);
  for (char *line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line;
       line = strtok_r(NULL, "\n", &save)) {
    const char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    const version *v =
        group ? version_of(controllers + 1, (size_t)(group - controllers - 1)) : NULL;
    if (v) {
      left = lesser(left, left_by_all(root, v, strcmp(group + 1, "/") ? group + 1 : ""));
    }
  }
  tfm_buf_fini(&text);
  return left;
}

int64_t tfm_memory_available(const char *root)
{
  char path[PATH_BYTES];
  const int n = snprintf(path, sizeof path, "%s/proc/meminfo", root);
  const int64_t kib = n > 0 && n < (int)sizeof path ? number_in(path, "MemAvailable:") : -1;
  return lesser(kib < 0 ? -1 : kib * 1024, left_by_groups(root));
}

tfm_status tfm_memory_want(int64_t bytes, const char *what, tfm_err *err)
{
  const int64_t left = tfm_memory_available("");
  return left < 0 || bytes <= left
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "%s %lld MB, here are %lld MB", what,
                        (long long)(bytes / 1000000), (long long)(left / 1000000));
}
