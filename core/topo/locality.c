#include "core/topo/bind.h"

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/span.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  UNIT_BYTES = 4096,    /* what tfm_locality counts in */
  BATCH_PAGES = 512,    /* asked in one system call */
  MAPS_BYTES = 64 << 20 /* half a million mappings */
};

static void refuse(tfm_locality *sum)
{
  *sum = (tfm_locality){.refused = true};
}

static bool ask_batch(tfm_locality *sum, uintptr_t first, size_t npage, size_t page_bytes,
                      int node)
{
  void *pages[BATCH_PAGES];
  int where[BATCH_PAGES];
  for (size_t i = 0; i < npage; ++i) {
    pages[i] = (void *)(first + i * page_bytes);
    where[i] = -1;
  }
  /* No nodes to move to: the system only writes where each page is, or a negative errno. */
  if (syscall(SYS_move_pages, 0, npage, pages, NULL, where, 0) < 0) {
    return false;
  }
  int64_t units = (int64_t)(page_bytes / UNIT_BYTES);
  for (size_t i = 0; i < npage; ++i) {
    sum->pages += where[i] >= 0 ? units : 0;
    sum->local_pages += where[i] == node ? units : 0;
  }
  return true;
}

void tfm_locality_add(tfm_locality *sum, const void *p, size_t n, int node)
{
  long page = sysconf(_SC_PAGESIZE);
  if (sum->refused || node < 0 || n == 0) {
    return;
  }
  if (page < UNIT_BYTES) {
    refuse(sum);
    return;
  }
  size_t page_bytes = (size_t)page;
  uintptr_t first = (uintptr_t)p / page_bytes * page_bytes;
  uintptr_t last = (uintptr_t)p + n - 1;
  size_t left = (last - first) / page_bytes + 1;
  while (left > 0) {
    size_t npage = left < BATCH_PAGES ? left : BATCH_PAGES;
    if (!ask_batch(sum, first, npage, page_bytes, node)) {
      refuse(sum);
      return;
    }
    first += npage * page_bytes;
    left -= npage;
  }
  sum->known = sum->pages > 0;
}

/* The next word of *line, which moves behind it; empty at the end. */
static tfm_span next_word(tfm_span *line)
{
  while (line->n && line->p[0] == ' ') {
    ++line->p;
    --line->n;
  }
  tfm_span word = {line->p, 0};
  while (word.n < line->n && line->p[word.n] != ' ') {
    ++word.n;
  }
  line->p += word.n;
  line->n -= word.n;
  return word;
}

static bool starts_with(tfm_span word, const char *prefix)
{
  size_t n = strlen(prefix);
  return word.n >= n && memcmp(word.p, prefix, n) == 0;
}

/* All of `digits` as a decimal number. */
static bool read_decimal(tfm_span digits, int64_t *out)
{
  int64_t value = 0;
  if (digits.n == 0) {
    return false;
  }
  for (size_t i = 0; i < digits.n; ++i) {
    if (digits.p[i] < '0' || digits.p[i] > '9' || !tfm_mul_i64(value, 10, &value) ||
        value > INT64_MAX - 9) {
      return false;
    }
    value += digits.p[i] - '0';
  }
  *out = value;
  return true;
}

static bool is_address(tfm_span word)
{
  for (size_t i = 0; i < word.n; ++i) {
    char c = word.p[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
      return false;
    }
  }
  return word.n > 0 && word.n <= 16;
}

typedef struct {
  bool file; /* maps a file that somebody opened */
  int64_t page_kb;
  int64_t pages, local_pages; /* of page_kb each */
} map_line;

/* N<node>=<pages> */
static bool read_count(map_line *line, tfm_span word, int node)
{
  const char *equals = memchr(word.p, '=', word.n);
  int64_t on = 0;
  int64_t count = 0;
  if (!equals) {
    return false;
  }
  size_t at = (size_t)(equals - word.p);
  if (!read_decimal((tfm_span){word.p + 1, at - 1}, &on) ||
      !read_decimal((tfm_span){equals + 1, word.n - at - 1}, &count) ||
      count > INT64_MAX - line->pages) {
    return false;
  }
  line->pages += count;
  line->local_pages += on == node ? count : 0;
  return true;
}

static bool is_count(tfm_span word)
{
  return word.n > 1 && word.p[0] == 'N' && word.p[1] >= '0' && word.p[1] <= '9';
}

/* NULL when the line is good, else what is wrong with it. */
static const char *read_line(map_line *line, tfm_span text, int node)
{
  static const char size_key[] = "kernelpagesize_kB=";
  *line = (map_line){.page_kb = 4}; /* older kernels do not say: they meant 4 */
  if (!is_address(next_word(&text))) {
    return "wanted an address in hexadecimal first";
  }
  if (next_word(&text).n == 0) {
    return "wanted a policy after the address";
  }
  for (tfm_span word = next_word(&text); word.n; word = next_word(&text)) {
    if (starts_with(word, "file=")) {
      line->file = !starts_with(word, "file=/anon_hugepage");
    } else if (starts_with(word, size_key)) {
      size_t n = sizeof size_key - 1;
      if (!read_decimal((tfm_span){word.p + n, word.n - n}, &line->page_kb) ||
          line->page_kb < 4 || line->page_kb % 4 != 0) {
        return "kernelpagesize_kB is not a multiple of 4";
      }
    } else if (is_count(word) && !read_count(line, word, node)) {
      return "a count N<node>=<pages> is not a number";
    }
  }
  return NULL;
}

static bool add_line(tfm_locality *sum, const map_line *line)
{
  int64_t pages = 0;
  int64_t units = line->page_kb / 4;
  if (line->file) {
    return true;
  }
  if (!tfm_mul_i64(line->pages, units, &pages) || pages > INT64_MAX - sum->pages) {
    return false;
  }
  sum->pages += pages;
  sum->local_pages += line->local_pages * units;
  return true;
}

tfm_status tfm_locality_of_numa_maps(tfm_locality *out, const char *text, size_t n, int node,
                                     tfm_err *err)
{
  *out = (tfm_locality){0};
  tfm_locality sum = {0};
  int number = 1;
  for (size_t at = 0; at < n; ++number) {
    const char *end = memchr(text + at, '\n', n - at);
    const char *wrong = "the text ends inside it";
    if (end) {
      tfm_span all = {text + at, (size_t)(end - text) - at};
      map_line line = {0};
      wrong = all.n ? read_line(&line, all, node) : NULL;
      if (!wrong && !add_line(&sum, &line)) {
        wrong = "the pages add up to more than a number holds";
      }
      at += all.n + 1;
    }
    if (wrong) {
      return tfm_fail(err, TFM_E_FORMAT, "numa_maps: line %d: %s", number, wrong);
    }
  }
  *out = sum;
  out->known = sum.pages > 0;
  return TFM_OK;
}

tfm_locality tfm_locality_of_process(int node)
{
  tfm_locality sum = {0};
  tfm_buf text = {0};
  tfm_err unread = {0}; /* whatever the reason is, the answer is "unknown" */
  tfm_status st = tfm_file_read_all("/proc/self/numa_maps", MAPS_BYTES, &text, &unread);
  if (st == TFM_OK && node >= 0) {
    st = tfm_locality_of_numa_maps(&sum, text.data, text.n, node, &unread);
  }
  if (st != TFM_OK) {
    refuse(&sum);
  }
  tfm_buf_fini(&text);
  return sum;
}
