/* Any bytes as the journal of an output that was begun. Input: a byte of flags, then the journal.
 * Flags: 1: what is sealed by a CRC is sealed anew, so that records with any contents are read;
 * 2: the output is compressed; 4: nothing but the journal is left. Going on with it is refused, or
 * ends with an output; where nothing was sealed it is the output that it must be. */
#include "tests/fuzz/fuzz.h"

#include "coordinator/output/sink.h"
#include "coordinator/resume/journal.h"
#include "core/base/crc32c.h"
#include "core/base/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 64, LINE = 16, PAGE = 4096, MOST = 1 << 16, SEALED = 1, PACKED = 2, ALONE = 4 };

static char folder[64];

static const char *path_of(const char *name)
{
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
  int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  FUZZ_WANT(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
  (void)close(fd);
}

static void put32(uint8_t *at, uint32_t value)
{
  for (int i = 0; i < 4; ++i) {
    at[i] = (uint8_t)(value >> 8 * i);
  }
}

/* The CRCs that the journal's format has (journal.c, record.c): whatever the bytes say is then
 * what somebody wrote. */
static void seal(uint8_t *p, size_t n)
{
  if (n >= PAGE) {
    put32(p + 24, 0);
    put32(p + 24, tfm_crc32c(0, p, PAGE));
  }
  for (size_t at = PAGE; at + TFM__RECORD_BYTES <= n; at += TFM__RECORD_BYTES) {
    memcpy(p + at, "TFJR", 4);
    put32(p + at + TFM__RECORD_BYTES - 4, tfm_crc32c(0, p + at, TFM__RECORD_BYTES - 4));
  }
}

static void lines(char out[ROWS * LINE + 1])
{
  for (int i = 0; i < ROWS; ++i) {
    (void)snprintf(out + (size_t)i * LINE, LINE + 1, "%-15d\n", i);
  }
}

static tfm_status write_all(tfm_sink *sink, const tfm_sink_start *start, const char *text,
                            tfm_err *err)
{
  char hex[TFM_SHA256_HEX];
  tfm_tally t = start->tally;
  tfm_status st = TFM_OK;
  for (int64_t i = t.mark.rows; i >= 0 && i < ROWS && st == TFM_OK; ++i) {
    st = tfm_sink_write(sink, (tfm_span){text + i * LINE, LINE}, err);
    t.mark.rows = i + 1;
  }
  st = st == TFM_OK ? tfm_sink_commit(sink, &t, err) : st;
  return st == TFM_OK ? tfm_sink_finish(sink, &t, hex, err) : st;
}

static bool is_text(const char *name, const char *text)
{
  tfm_buf b = {0};
  tfm_err err = {0};
  bool same = tfm_file_read_all(path_of(name), MOST, &b, &err) == TFM_OK &&
              b.n == ROWS * LINE && memcmp(b.data, text, b.n) == 0;
  tfm_buf_fini(&b);
  return same;
}

static void go_on(const char *name, int flags, const char *text)
{
  tfm_sink *sink = NULL;
  tfm_sink_start start;
  tfm_err err = {0};
  char job[] = "job\tA\n";
  char inputs[] = "input file\tB\n";
  const tfm_identity identity = {.job = {.data = job, .n = sizeof job - 1},
                                 .inputs = {.data = inputs, .n = sizeof inputs - 1}};
  const tfm_sink_options options = {.path = path_of(name), .identity = &identity};
  tfm_status st = tfm_sink_open(&sink, &start, &options, &err);
  if (st == TFM_OK) {
    st = write_all(sink, &start, text, &err);
    FUZZ_WANT((flags & (SEALED | PACKED)) || st != TFM_OK || is_text(name, text));
  }
  tfm_sink_close(sink);
  FUZZ_WANT(st == TFM_OK || err.text[0]);
}

static void remove_all(const char *name)
{
  static const char *const endings[] = {"",
                                        ".part",
                                        ".tail",
                                        ".journal",
                                        ".journal.part",
                                        ".manifest.json",
                                        ".manifest.json.part"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; ++i) {
    char both[64];
    (void)snprintf(both, sizeof both, "%s%s", name, endings[i]);
    (void)unlink(path_of(both));
  }
}

static void remove_folder(void)
{
  (void)rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static uint8_t copy[MOST];
  char text[ROWS * LINE + 1];
  if (n < 1 || n > MOST) {
    return 0;
  }
  if (!folder[0]) {
    bool memory = access("/dev/shm", W_OK) == 0;
    strcpy(folder, memory ? "/dev/shm/tfm-fuzz-XXXXXX" : "/tmp/tfm-fuzz-XXXXXX");
    FUZZ_WANT(mkdtemp(folder) != NULL);
    (void)atexit(remove_folder);
  }
  const int flags = data[0];
  const char *name = flags & PACKED ? "o.gz" : "o";
  memcpy(copy, data + 1, n - 1);
  if (flags & SEALED) {
    seal(copy, n - 1);
  }
  lines(text);
  put(flags & PACKED ? "o.gz.journal" : "o.journal", copy, n - 1);
  if (!(flags & ALONE)) {
    put(flags & PACKED ? "o.gz.part" : "o.part", text, ROWS * LINE / 2);
    put(flags & PACKED ? "o.gz.tail" : "o.tail", text, ROWS * LINE / 2);
  }
  go_on(name, flags, text);
  remove_all(name);
  return 0;
}
