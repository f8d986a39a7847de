#include "coordinator/input/reader.h"
#include "coordinator/input/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ROWS = 64, MOST_FILES = 3, MOST_SHARDS = 9 };

static char folder[64];
static char paths[MOST_FILES][96];
static const char *inputs[MOST_FILES];
static int nfile;

static void add_file(const char *name, const void *bytes, size_t n)
{
  (void)snprintf(paths[nfile], sizeof paths[0], "%s/%s", folder, name);
  FILE *f = fopen(paths[nfile], "w");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
  inputs[nfile] = paths[nfile];
  ++nfile;
}

static void add_text(const char *name, const char *text)
{
  add_file(name, text, strlen(text));
}

static void add_gzip(const char *name, const char *text)
{
  char packed[4096];
  z_stream z = {0};
  assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                   Z_OK);
  z.next_in = (Bytef *)(uintptr_t)text;
  z.avail_in = (uInt)strlen(text);
  z.next_out = (Bytef *)packed;
  z.avail_out = sizeof packed;
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  add_file(name, packed, sizeof packed - z.avail_out);
  (void)deflateEnd(&z);
}

static int begin(void **state)
{
  (void)state;
  nfile = 0;
  strcpy(folder, "/tmp/tfm-shard-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
  (void)state;
  for (int i = 0; i < nfile; ++i) {
    (void)unlink(paths[i]);
  }
  return rmdir(folder);
}

static tfm_options options_of(int64_t index, int64_t count, int64_t skip, int64_t limit)
{
  return (tfm_options){.inputs = inputs,
                       .ninput = nfile,
                       .shard_index = index,
                       .shard_count = count,
                       .skip = skip,
                       .limit = limit};
}

/* All rows of these options, behind a mark unless it is NULL; returns their number. */
static int read_rows(const tfm_options *options, const tfm_mark *mark, tfm_row **rows,
                     int64_t *blank)
{
  const tfm_row_wants wants = {.pair = false};
  tfm_reader *reader = NULL;
  tfm_err err = {0};
  int n = 0;
  if (tfm_reader_open(&reader, options, &wants, &err) != TFM_OK ||
      (mark && tfm_reader_resume(reader, mark, mark, false, &err) != TFM_OK)) {
    fail_msg("%s", err.text);
  }
  do {
    assert_true(n < MOST_ROWS);
    if (tfm_reader_next(reader, &rows[n], &err) != TFM_OK) {
      fail_msg("row %d: %s", n, err.text);
    }
  } while (rows[n++]);
  *blank = tfm_reader_counted(reader).blank_lines;
  tfm_reader_close(reader);
  return n - 1;
}

static void free_rows(tfm_row **rows, int n)
{
  for (int i = 0; i < n; ++i) {
    tfm_row_free(rows[i]);
  }
}

static void check_same_row(const tfm_row *a, const tfm_row *b)
{
  assert_int_equal(a->number, b->number);
  assert_int_equal(a->file, b->file);
  assert_int_equal(a->line, b->line);
  assert_int_equal(a->byte_offset, b->byte_offset);
  assert_true(tfm_span_eq(a->id, b->id) && tfm_span_eq(a->text, b->text));
}

/* Behind each of a part's rows the rest of the part comes, and no more. */
static void check_marks(const tfm_options *options, tfm_row **want, int n)
{
  for (int k = 0; k < n; ++k) {
    tfm_row *rest[MOST_ROWS];
    int64_t blank = 0;
    int got = read_rows(options, &want[k]->after, rest, &blank);
    assert_int_equal(got, n - k - 1);
    for (int i = 0; i < got; ++i) {
      check_same_row(rest[i], want[k + 1 + i]);
    }
    free_rows(rest, got);
  }
}

/* For any number of parts: one behind the other they are the whole, numbers included. */
static void check_parts(int64_t skip, int64_t limit)
{
  tfm_row *want[MOST_ROWS];
  int64_t blank = 0;
  tfm_options whole = options_of(0, 0, skip, limit);
  int n = read_rows(&whole, NULL, want, &blank);
  for (int count = 1; count <= MOST_SHARDS; ++count) {
    int at = 0;
    int64_t blanks = 0;
    for (int i = 0; i < count; ++i) {
      tfm_row *got[MOST_ROWS];
      int64_t some = 0;
      int64_t counted = 0;
      tfm_err err = {0};
      tfm_options part = options_of(i, count, skip, limit);
      int m = read_rows(&part, NULL, got, &some);
      assert_int_equal(tfm_reader_count(&part, &(tfm_row_wants){0}, &counted, &err), TFM_OK);
      assert_int_equal(counted, m);
      for (int k = 0; k < m; ++k) {
        assert_true(at < n);
        check_same_row(got[k], want[at++]);
      }
      check_marks(&part, got, m);
      blanks += some;
      free_rows(got, m);
    }
    assert_int_equal(at, n);
    assert_true(limit >= 0 || blanks == blank);
  }
  free_rows(want, n);
}

static const char jsonl[] = "\xef\xbb\xbf{\"text\":\"a\"}\n\n{\"text\":\"b\"}\r\nbad\n\n\n"
                            "{\"id\":7,\"text\":\"c\"}\n  \n{\"text\":\"no newline\"}";
static const char csv[] =
    "id,text\n1,\"two\nlines\"\n2,plain\n\n3,\"a\"\"b\"\n4,z\n5,\"\n\n\n\"\n";

static void parts_of_plain_files_are_the_whole(void **state)
{
  (void)state;
  add_text("a.jsonl", jsonl);
  check_parts(0, -1);
  add_text("b.csv", csv);
  add_text("c.txt", "first\n\nsecond\n");
  check_parts(0, -1);
  check_parts(2, 5);
  check_parts(0, 0);
}

static void parts_of_packed_files_are_the_whole(void **state)
{
  (void)state;
  add_gzip("a.jsonl.gz", jsonl);
  check_parts(0, -1);
  add_text("b.csv", csv);
  check_parts(0, -1);
  check_parts(3, 4);
}

static void an_empty_file_has_empty_parts(void **state)
{
  (void)state;
  add_text("a.jsonl", "");
  check_parts(0, -1);
}

static void a_pipe_has_no_parts(void **state)
{
  (void)state;
  tfm_reader *reader = NULL;
  tfm_err err = {0};
  tfm_options options = options_of(0, 2, 0, -1);
  int ends[2];
  int keep = dup(STDIN_FILENO);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  assert_int_equal(tfm_reader_open(&reader, &options, &(tfm_row_wants){0}, &err), TFM_E_USAGE);
  assert_non_null(strstr(err.text, "--shard"));
  assert_int_equal(dup2(keep, STDIN_FILENO), STDIN_FILENO);
  (void)close(keep);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static void large_sizes_are_cut_without_overflow(void **state)
{
  (void)state;
  int64_t at = 0;
  for (int64_t i = 0; i < 7; ++i) {
    tfm__shard s = tfm__shard_of(i, 7, INT64_MAX, true);
    assert_int_equal(s.from, at);
    assert_true(s.to - s.from >= INT64_MAX / 7);
    at = s.to;
  }
  assert_true(at == INT64_MAX);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_FOLDER(parts_of_plain_files_are_the_whole),
      WITH_FOLDER(parts_of_packed_files_are_the_whole),
      WITH_FOLDER(an_empty_file_has_empty_parts),
      WITH_FOLDER(a_pipe_has_no_parts),
      cmocka_unit_test(large_sizes_are_cut_without_overflow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
