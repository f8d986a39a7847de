#include "coordinator/resume/journal.h"

#include "core/base/buf.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The header: magic, its bytes, those of the two texts, flags, CRC; the texts; zeros up to a whole
 * page, since a page that is written again may be lost as a whole. */
enum {
  MAGIC_BYTES = 8,
  FIXED_BYTES = 32,
  CRC_AT = 24,
  MOST_BYTES = 64 << 20,
  PAGE = 4096,
  FLAG_REPLACES = 1,
  BLOCK = 64 * TFM__RECORD_BYTES
};

static const char magic[MAGIC_BYTES + 1] = "TFMJRNL1";

struct tfm__journal {
  const char *path;
  int fd;
  char *texts; /* job and input, each NUL-terminated */
  tfm__journal_head head;
  int64_t head_bytes;
  int64_t count; /* valid records */
  uint32_t epoch;
};

static void put32(char *at, uint32_t value)
{
  for (int i = 0; i < 4; ++i) {
    at[i] = (char)(value >> 8 * i);
  }
}

static uint32_t get32(const char *at)
{
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value |= (uint32_t)(unsigned char)at[i] << 8 * i;
  }
  return value;
}

/* ---- reading and writing at known places ---- */

static tfm_status failed(const tfm__journal *journal, const char *what, tfm_err *err)
{
  return tfm_fail(err, TFM_E_IO, "%.400s: %s failed: %s", journal->path, what, strerror(errno));
}

static tfm_status write_at(const tfm__journal *journal, const void *bytes, size_t n,
                           int64_t offset, tfm_err *err)
{
  const char *p = bytes;
  while (n) {
    ssize_t wrote = pwrite(journal->fd, p, n, (off_t)offset);
    if (wrote < 0 && errno != EINTR) {
      return failed(journal, "writing", err);
    }
    size_t step = wrote > 0 ? (size_t)wrote : 0;
    p += step;
    n -= step;
    offset += (int64_t)step;
  }
  return TFM_OK;
}

/* As many bytes as there are, up to n. */
static size_t read_at(int fd, void *bytes, size_t n, int64_t offset)
{
  size_t have = 0;
  while (have < n) {
    ssize_t got = pread(fd, (char *)bytes + have, n - have, (off_t)(offset + (int64_t)have));
    if (got == 0 || (got < 0 && errno != EINTR)) {
      break;
    }
    have += got > 0 ? (size_t)got : 0;
  }
  return have;
}

static int64_t place_of(const tfm__journal *journal, int64_t i)
{
  return journal->head_bytes + i * TFM__RECORD_BYTES;
}

/* ---- the header ---- */

static tfm_status make_head(const tfm__journal_head *head, tfm_buf *out, tfm_err *err)
{
  char fixed[FIXED_BYTES] = {0};
  size_t job = strlen(head->job);
  size_t input = strlen(head->input);
  size_t bytes = FIXED_BYTES + job + input;
  bytes += (PAGE - bytes % PAGE) % PAGE;
  if (bytes > MOST_BYTES) {
    return tfm_fail(err, TFM_E_USAGE,
                    "the inputs' names are too long for a journal (%zu bytes)", bytes);
  }
  memcpy(fixed, magic, MAGIC_BYTES);
  put32(fixed + 8, (uint32_t)bytes);
  put32(fixed + 12, (uint32_t)job);
  put32(fixed + 16, (uint32_t)input);
  put32(fixed + 20, head->replaces ? FLAG_REPLACES : 0);
  (void)tfm_buf_append(out, fixed, sizeof fixed);
  (void)tfm_buf_append(out, head->job, job);
  (void)tfm_buf_append(out, head->input, input);
  while (out->n < bytes && !out->failed) {
    (void)tfm_buf_char(out, '\0');
  }
  if (out->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "the output's journal");
  }
  put32(out->data + CRC_AT, tfm_crc32c(0, out->data, out->n));
  return TFM_OK;
}

static tfm_status keep_texts(tfm__journal *journal, const char *texts, size_t job, size_t input,
                             bool replaces, tfm_err *err)
{
  journal->texts = tfm_calloc(job + input + 2, 1);
  if (!journal->texts) {
    return tfm_fail(err, TFM_E_NOMEM, "the output's journal");
  }
  memcpy(journal->texts, texts, job);
  memcpy(journal->texts + job + 1, texts + job, input);
  journal->head = (tfm__journal_head){
      .job = journal->texts, .input = journal->texts + job + 1, .replaces = replaces};
  return TFM_OK;
}

static tfm_status not_ours(const tfm__journal *journal, const char *why, tfm_err *err)
{
  return tfm_fail(err, TFM_E_OUTPUT, "%.400s %s", journal->path, why);
}

static tfm_status read_head(tfm__journal *journal, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char fixed[FIXED_BYTES];
  char *bytes = NULL;
  size_t got = read_at(journal->fd, fixed, sizeof fixed, 0);
  if (got < sizeof fixed || memcmp(fixed, magic, MAGIC_BYTES - 1) != 0) {
    return not_ours(journal, "is no journal of this program; move it away", err);
  }
  if (fixed[MAGIC_BYTES - 1] != magic[MAGIC_BYTES - 1]) {
    return not_ours(
        journal,
        "was written by another version of this program; go on with that version, or "
        "begin anew with --restart",
        err);
  }
  uint32_t n = get32(fixed + 8);
  uint64_t job = get32(fixed + 12);
  uint64_t input = get32(fixed + 16);
  uint32_t crc = get32(fixed + CRC_AT);
  bool whole = n <= MOST_BYTES && FIXED_BYTES + job + input <= n && n % PAGE == 0;
  bytes = whole ? tfm_calloc(n, 1) : NULL;
  if (whole && !bytes) {
    return tfm_fail(err, TFM_E_NOMEM, "the output's journal");
  }
  if (whole && read_at(journal->fd, bytes, n, 0) == n) {
    put32(bytes + CRC_AT, 0);
    whole = tfm_crc32c(0, bytes, n) == crc;
  } else {
    whole = false;
  }
  if (!whole) {
    TFM_TRY(not_ours(journal, "is damaged; begin anew with --restart", err));
  }
  journal->head_bytes = n;
  TFM_TRY(keep_texts(journal, bytes + FIXED_BYTES, (size_t)job, (size_t)input,
                     get32(fixed + 20) & FLAG_REPLACES, err));

fail:
  tfm_free(bytes);
  return st;
}

/* ---- records ---- */

/* A record is valid when it is whole, in its place, and of the attempt that was going on. */
static bool take_next(tfm__journal *journal, const unsigned char *bytes)
{
  tfm__record r;
  if (!tfm__record_decode(&r, bytes) || r.sequence != (uint64_t)journal->count) {
    return false;
  }
  bool begins = r.kind == TFM__RECORD_BEGIN;
  if (begins ? r.epoch <= journal->epoch : r.epoch != journal->epoch) {
    return false;
  }
  journal->epoch = r.epoch;
  ++journal->count;
  return true;
}

static void scan(tfm__journal *journal)
{
  unsigned char block[BLOCK];
  bool valid = true;
  while (valid) {
    size_t n = read_at(journal->fd, block, sizeof block, place_of(journal, journal->count));
    valid = n == sizeof block;
    for (size_t at = 0; at + TFM__RECORD_BYTES <= n; at += TFM__RECORD_BYTES) {
      if (!take_next(journal, block + at)) {
        return;
      }
    }
  }
}

/* Write a record in the next place. */
static tfm_status put_record(tfm__journal *journal, tfm__record *record, tfm_err *err)
{
  unsigned char bytes[TFM__RECORD_BYTES];
  record->epoch = journal->epoch;
  record->sequence = (uint64_t)journal->count;
  tfm__record_encode(record, bytes);
  tfm_status st =
      write_at(journal, bytes, sizeof bytes, place_of(journal, journal->count), err);
  journal->count += st == TFM_OK;
  return st;
}

static tfm_status put_begin(tfm__journal *journal, tfm_err *err)
{
  tfm__record r = {.kind = TFM__RECORD_BEGIN, .pid = getpid()};
  (void)gethostname(r.host, sizeof r.host - 1);
  ++journal->epoch;
  return put_record(journal, &r, err);
}

/* ---- the door ---- */

static tfm__journal *make_journal(const char *path, int fd)
{
  tfm__journal *journal = tfm_calloc(1, sizeof *journal);
  if (journal) {
    journal->path = path;
    journal->fd = fd;
  }
  return journal;
}

static tfm_status write_new(tfm__journal *journal, const tfm__journal_head *head, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf bytes = {0};
  TFM_TRY(make_head(head, &bytes, err));
  journal->head_bytes = (int64_t)bytes.n;
  TFM_TRY(keep_texts(journal, bytes.data + FIXED_BYTES, strlen(head->job), strlen(head->input),
                     head->replaces, err));
  TFM_TRY(write_at(journal, bytes.data, bytes.n, 0, err));
  TFM_TRY(put_begin(journal, err));
  if (fsync(journal->fd) != 0) {
    TFM_TRY(failed(journal, "syncing", err));
  }

fail:
  tfm_buf_fini(&bytes);
  return st;
}

tfm_status tfm__journal_create(tfm__journal **out, const char *path, const char *path_new,
                               const tfm__journal_head *head, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int fd = open(path_new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  *out = NULL;
  if (fd < 0) {
    return tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be made: %s", path_new, strerror(errno));
  }
  tfm__journal *journal = make_journal(path, fd);
  if (!journal) {
    (void)close(fd);
    return tfm_fail(err, TFM_E_NOMEM, "the output's journal");
  }
  TFM_TRY(write_new(journal, head, err));
  if (rename(path_new, path) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_OUTPUT, "%.300s cannot be renamed to %.300s: %s", path_new,
                     path, strerror(errno)));
  }
  *out = journal;
  return TFM_OK;

fail:
  (void)unlink(path_new);
  tfm__journal_close(journal);
  return st;
}

tfm_status tfm__journal_open(tfm__journal **out, const char *path, tfm_err *err)
{
  *out = NULL;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) {
    return TFM_OK;
  }
  if (fd < 0) {
    return tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be opened: %s", path, strerror(errno));
  }
  tfm__journal *journal = make_journal(path, fd);
  if (!journal) {
    (void)close(fd);
    return tfm_fail(err, TFM_E_NOMEM, "the output's journal");
  }
  tfm_status st = read_head(journal, err);
  if (st != TFM_OK) {
    tfm__journal_close(journal);
    return st;
  }
  scan(journal);
  *out = journal;
  return TFM_OK;
}

const tfm__journal_head *tfm__journal_says(const tfm__journal *journal)
{
  return &journal->head;
}

int64_t tfm__journal_count(const tfm__journal *journal)
{
  return journal->count;
}

bool tfm__journal_get(const tfm__journal *journal, int64_t i, tfm__record *record)
{
  unsigned char bytes[TFM__RECORD_BYTES];
  return read_at(journal->fd, bytes, sizeof bytes, place_of(journal, i)) == sizeof bytes &&
         tfm__record_decode(record, bytes);
}

tfm_status tfm__journal_take(tfm__journal *journal, int64_t n, tfm_err *err)
{
  /* The epoch is never taken back: it tells this attempt from every earlier one. */
  journal->count = n;
  if (ftruncate(journal->fd, (off_t)place_of(journal, n)) != 0) {
    return failed(journal, "cutting", err);
  }
  tfm_status st = put_begin(journal, err);
  return st == TFM_OK && fsync(journal->fd) != 0 ? failed(journal, "syncing", err) : st;
}

/* Whether the name still stands for our file, and nobody wrote behind our last record. Opening it
 * makes network file systems ask their server. */
static bool still_ours(const tfm__journal *journal)
{
  struct stat ours;
  struct stat named;
  int fd = open(journal->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  bool same = fd >= 0 && fstat(fd, &named) == 0 && fstat(journal->fd, &ours) == 0 &&
              named.st_dev == ours.st_dev && named.st_ino == ours.st_ino &&
              named.st_size == (off_t)place_of(journal, journal->count);
  if (fd >= 0) {
    (void)close(fd);
  }
  return same;
}

tfm_status tfm__journal_ours(const tfm__journal *journal, tfm_err *err)
{
  return still_ours(journal)
             ? TFM_OK
             : not_ours(journal,
                        "was taken over or removed: another job writes this output now", err);
}

tfm_status tfm__journal_add(tfm__journal *journal, tfm__record *record, tfm_err *err)
{
  tfm_status st = tfm__journal_ours(journal, err);
  st = st == TFM_OK ? put_record(journal, record, err) : st;
  return st == TFM_OK && fdatasync(journal->fd) != 0 ? failed(journal, "syncing", err) : st;
}

void tfm__journal_close(tfm__journal *journal)
{
  if (!journal) {
    return;
  }
  (void)close(journal->fd);
  tfm_free(journal->texts);
  tfm_free(journal);
}

void tfm__journal_owner(const char *path, char *out, size_t n)
{
  tfm__journal *journal = NULL;
  tfm_err ignored = {0};
  out[0] = '\0';
  if (tfm__journal_open(&journal, path, &ignored) != TFM_OK || !journal) {
    return;
  }
  tfm__record r = {0};
  int64_t i = journal->count;
  while (i > 0 && r.kind != TFM__RECORD_BEGIN && tfm__journal_get(journal, i - 1, &r)) {
    --i;
  }
  if (r.kind == TFM__RECORD_BEGIN) {
    (void)snprintf(out, n, "process %lld on %s", (long long)r.pid, r.host);
  }
  tfm__journal_close(journal);
}
