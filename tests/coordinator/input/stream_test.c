#include "reading.h"

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>
#include <zstd.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char three[] = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n";

/* One gzip member. */
static void add_gzip(tfm_buf *out, const void *bytes, size_t n)
{
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                   Z_OK);
  size_t room = deflateBound(&z, (uLong)n);
  assert_int_equal(tfm_buf_reserve(out, room), TFM_OK);
  z.next_in = (Bytef *)(uintptr_t)bytes;
  z.avail_in = (uInt)n;
  z.next_out = (Bytef *)out->data + out->n;
  z.avail_out = (uInt)room;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  out->n += room - z.avail_out;
  (void)deflateEnd(&z);
}

static void add_zstd(tfm_buf *out, const void *bytes, size_t n)
{
  size_t room = ZSTD_compressBound(n);
  assert_int_equal(tfm_buf_reserve(out, room), TFM_OK);
  size_t wrote = ZSTD_compress(out->data + out->n, room, bytes, n, 3);
  assert_false(ZSTD_isError(wrote));
  out->n += wrote;
}

typedef void (*pack_fn)(tfm_buf *out, const void *bytes, size_t n);
static const pack_fn packs[] = {add_gzip, add_zstd};

static void packed_files_are_told_by_content(void **state)
{
  (void)state;
  for (int k = 0; k < 2; ++k) {
    for (int members = 1; members <= 3; ++members) {
      tfm_buf b = {0};
      reading r = reading_begin();
      for (int i = 0; i < members; ++i) {
        packs[k](&b, three, sizeof three - 1);
      }
      read_bytes(&r, ".jsonl", b.data, b.n);
      assert_int_equal(r.st, TFM_OK);
      assert_int_equal(r.nrow, 3 * members);
      assert_true(text_is(&r, 2, "c"));
      assert_int_equal(tfm_reader_counted(r.reader).bytes, b.n);
      tfm_buf_fini(&b);
      reading_end(&r);
    }
  }
}

/* Whatever byte a packed file is cut at, it must not look complete. */
static void cut_files_are_refused(void **state)
{
  (void)state;
  for (int k = 0; k < 2; ++k) {
    tfm_buf b = {0};
    packs[k](&b, three, sizeof three - 1);
    for (size_t n = k ? 4 : 2; n < b.n; ++n) {
      reading r = reading_begin();
      read_bytes(&r, ".jsonl", b.data, n);
      if (r.st != TFM_E_FORMAT || !strstr(r.err.text, "cut") || !strstr(r.err.text, "rows")) {
        fail_msg("codec %d cut at %zu of %zu: status %d: %s", k, n, b.n, r.st, r.err.text);
      }
      reading_end(&r);
    }
    tfm_buf_fini(&b);
  }
}

static void damaged_files_are_refused(void **state)
{
  (void)state;
  tfm_buf b = {0};
  reading r = reading_begin();
  add_gzip(&b, three, sizeof three - 1);
  b.data[b.n - 6] = (char)(b.data[b.n - 6] ^ 0xff); /* its checksum */
  read_bytes(&r, ".jsonl", b.data, b.n);
  assert_int_equal(r.st, TFM_E_FORMAT);
  assert_non_null(strstr(r.err.text, "damaged"));
  reading_end(&r);

  r = reading_begin();
  read_bytes(&r, ".jsonl", "\x1f\x8bgarbage that is no gzip", 25);
  assert_int_equal(r.st, TFM_E_FORMAT);
  reading_end(&r);

  r = reading_begin();
  read_bytes(&r, ".jsonl", "\x28\xb5\x2f\xfdgarbage that is no zstd", 27);
  assert_int_equal(r.st, TFM_E_FORMAT);
  reading_end(&r);
  tfm_buf_fini(&b);
}

/* What follows the last member is not dropped in silence, but for zeros, which are padding. */
static void what_follows_the_packed_data(void **state)
{
  (void)state;
  static const struct {
    const char *tail;
    size_t n;
    tfm_status st;
  } cases[] = {{"garbage", 7, TFM_E_FORMAT},
               {"\0\0\0\0\0\0", 6, TFM_OK},
               {"\0\0\0x", 4, TFM_E_FORMAT},
               {"\0\0\x1f\x8b", 4, TFM_E_FORMAT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_buf b = {0};
    reading r = reading_begin();
    add_gzip(&b, three, sizeof three - 1);
    (void)tfm_buf_append(&b, cases[i].tail, cases[i].n);
    read_bytes(&r, ".jsonl", b.data, b.n);
    assert_int_equal(r.st, cases[i].st);
    tfm_buf_fini(&b);
    reading_end(&r);
  }
}

/* 200 MB of zeros in a few kilobytes: one row that failed, and no memory for it. */
static void a_bomb_is_one_row(void **state)
{
  (void)state;
  enum { MEMBER = 1 << 20, MEMBERS = 200 };
  static const char zeros[MEMBER];
  tfm_buf b = {0};
  reading r = reading_begin();
  for (int i = 0; i < MEMBERS; ++i) {
    add_gzip(&b, zeros, MEMBER);
  }
  read_bytes(&r, ".jsonl", b.data, b.n);
  assert_int_equal(r.st, TFM_OK);
  assert_int_equal(r.nrow, 1);
  assert_int_equal(r.rows[0]->status, TFM_E_FORMAT);
  tfm_buf_fini(&b);
  reading_end(&r);
}

/* The windows's growing, moving and refilling must not show: lines of every length around its
 * sizes, against the lengths that went in. */
static void lines_survive_the_window(void **state)
{
  (void)state;
  enum { ROWS = 3000 };
  tfm_buf b = {0};
  tfm_buf packed = {0};
  uint32_t seed = 1;
  char path[] = "/tmp/tfm-lines-XXXXXX.txt.gz";
  static size_t length[ROWS];
  for (int i = 0; i < ROWS; ++i) {
    seed = seed * 1664525u + 1013904223u;
    length[i] = 1 + (i % 100 == 0 ? seed % 700000 : seed % 500);
    assert_int_equal(tfm_buf_reserve(&b, length[i] + 1), TFM_OK);
    memset(b.data + b.n, 'a' + i % 26, length[i]);
    b.n += length[i];
    (void)tfm_buf_char(&b, '\n');
  }
  add_gzip(&packed, b.data, b.n);
  int fd = mkstemps(path, 7);
  assert_true(fd >= 0 && write(fd, packed.data, packed.n) == (ssize_t)packed.n);
  (void)close(fd);
  const char *inputs[] = {path};
  tfm_options options = {.limit = -1, .inputs = inputs, .ninput = 1};
  tfm_row_wants wants = {.pair = false};
  tfm_err err = {0};
  tfm_reader *reader = NULL;
  int64_t offset = 0;
  assert_int_equal(tfm_reader_open(&reader, &options, &wants, &err), TFM_OK);
  for (int i = 0; i < ROWS; ++i) {
    tfm_row *row = NULL;
    assert_int_equal(tfm_reader_next(reader, &row, &err), TFM_OK);
    assert_non_null(row);
    assert_int_equal(row->text.n, length[i]);
    assert_true(row->text.p[0] == 'a' + i % 26 && row->text.p[length[i] - 1] == 'a' + i % 26);
    assert_int_equal(row->byte_offset, offset);
    assert_int_equal(row->line, i + 1);
    offset += (int64_t)length[i] + 1;
    tfm_row_free(row);
  }
  tfm_reader_close(reader);
  (void)unlink(path);
  tfm_buf_fini(&b);
  tfm_buf_fini(&packed);
}

static void several_files_are_one_stream(void **state)
{
  (void)state;
  char folder[] = "/tmp/tfm-files-XXXXXX";
  char paths[3][64];
  static const char *const names[] = {"a.jsonl", "b.csv", "c.txt"};
  static const char *const bytes[] = {"{\"text\":\"a\"}", "text\nb\n", "c\n"};
  const char *inputs[] = {paths[0], paths[1], paths[2]};
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < 3; ++i) {
    (void)snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    FILE *f = fopen(paths[i], "w");
    assert_non_null(f);
    (void)fputs(bytes[i], f);
    (void)fclose(f);
  }
  tfm_options options = {.limit = -1, .inputs = inputs, .ninput = 3};
  tfm_row_wants wants = {.pair = false};
  tfm_err err = {0};
  tfm_reader *reader = NULL;
  assert_int_equal(tfm_reader_open(&reader, &options, &wants, &err), TFM_OK);
  for (int i = 0; i < 3; ++i) {
    tfm_row *row = NULL;
    assert_int_equal(tfm_reader_next(reader, &row, &err), TFM_OK);
    assert_non_null(row);
    assert_int_equal(row->number, i);
    assert_int_equal(row->file, i);
    assert_int_equal(row->text.p[0], 'a' + i);
    tfm_row_free(row);
  }
  tfm_reader_close(reader);

  (void)unlink(paths[2]); /* one of three is missing: known before the first is read */
  assert_int_equal(tfm_reader_open(&reader, &options, &wants, &err), TFM_E_MISSING);
  assert_null(reader);
  assert_non_null(strstr(err.text, "c.txt"));
  inputs[0] = folder;
  assert_int_equal(tfm_reader_open(&reader, &options, &wants, &err), TFM_E_FORMAT);
  inputs[0] = inputs[1] = "-";
  options.ninput = 2;
  assert_int_equal(tfm_reader_open(&reader, &options, &wants, &err), TFM_E_USAGE);
  (void)unlink(paths[0]);
  (void)unlink(paths[1]);
  (void)rmdir(folder);
}

typedef struct {
  char path[64];
  tfm_reader *reader;
  bool waited; /* the reader said that it waits while nothing was written */
} slow_pipe;

static void *write_slowly(void *arg)
{
  slow_pipe *p = arg;
  FILE *f = fopen(p->path, "w");
  if (!f) {
    return NULL;
  }
  (void)fputs("one\n", f);
  (void)fflush(f);
  for (int i = 0; i < 500 && !p->waited; ++i) {
    tfm_sleep_s(0.01);
    p->waited = tfm_reader_waiting(p->reader);
  }
  (void)fputs("two\n", f);
  (void)fclose(f);
  return NULL;
}

/* A row must come out as soon as its line is there, and a blocked read must be seen from
 * outside. */
static void a_slow_pipe_says_that_it_waits(void **state)
{
  (void)state;
  char folder[] = "/tmp/tfm-pipe-XXXXXX";
  slow_pipe p = {.waited = false};
  pthread_t thread;
  assert_non_null(mkdtemp(folder));
  (void)snprintf(p.path, sizeof p.path, "%s/fifo", folder);
  assert_int_equal(mkfifo(p.path, 0600), 0);
  const char *inputs[] = {p.path};
  tfm_options options = {.limit = -1, .inputs = inputs, .ninput = 1};
  tfm_row_wants wants = {.pair = false};
  tfm_err err = {0};
  assert_int_equal(tfm_reader_open(&p.reader, &options, &wants, &err), TFM_OK);
  assert_int_equal(tfm_reader_total_bytes(p.reader), -1);
  assert_int_equal(pthread_create(&thread, NULL, write_slowly, &p), 0);
  for (int i = 0; i < 2; ++i) {
    tfm_row *row = NULL;
    assert_int_equal(tfm_reader_next(p.reader, &row, &err), TFM_OK);
    assert_true(tfm_span_is(row->text, i == 0 ? "one" : "two"));
    tfm_row_free(row);
  }
  (void)pthread_join(thread, NULL);
  assert_true(p.waited);
  assert_false(tfm_reader_waiting(p.reader));
  tfm_reader_close(p.reader);
  (void)unlink(p.path);
  (void)rmdir(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(packed_files_are_told_by_content),
      cmocka_unit_test(cut_files_are_refused),
      cmocka_unit_test(damaged_files_are_refused),
      cmocka_unit_test(what_follows_the_packed_data),
      cmocka_unit_test(a_bomb_is_one_row),
      cmocka_unit_test(lines_survive_the_window),
      cmocka_unit_test(several_files_are_one_stream),
      cmocka_unit_test(a_slow_pipe_says_that_it_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
