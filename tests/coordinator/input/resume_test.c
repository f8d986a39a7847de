#include "coordinator/input/reader.h"
#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ROWS = 64, MOST_FILES = 3 };

static char folder[64];

/* Inputs as files in the folder. */
typedef struct {
  char paths[MOST_FILES][96];
  const char *inputs[MOST_FILES];
  int n;
  tfm_options options;
} inputs;

static inputs make_inputs(void)
{
  inputs in = {.options = {.limit = -1}};
  strcpy(folder, "/tmp/tfm-resume-XXXXXX");
  assert_non_null(mkdtemp(folder));
  return in;
}

static void put(const char *path, const void *bytes, size_t n)
{
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static void add_file(inputs *in, const char *name, const void *bytes, size_t n)
{
  (void)snprintf(in->paths[in->n], sizeof in->paths[0], "%s/%s", folder, name);
  put(in->paths[in->n], bytes, n);
  ++in->n;
}

static void add_text(inputs *in, const char *name, const char *text)
{
  add_file(in, name, text, strlen(text));
}

static void add_gzip(inputs *in, const char *name, const char *text)
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
  add_file(in, name, packed, sizeof packed - z.avail_out);
  (void)deflateEnd(&z);
}

static void drop_inputs(inputs *in)
{
  for (int i = 0; i < in->n; ++i) {
    (void)unlink(in->paths[i]);
  }
  assert_int_equal(rmdir(folder), 0);
}

static tfm_reader *open_reader(inputs *in)
{
  tfm_reader *reader = NULL;
  tfm_err err = {0};
  const tfm_row_wants wants = {.pair = false};
  for (int i = 0; i < in->n; ++i) {
    in->inputs[i] = in->paths[i];
  }
  in->options.inputs = in->inputs;
  in->options.ninput = in->n;
  if (tfm_reader_open(&reader, &in->options, &wants, &err) != TFM_OK) {
    fail_msg("%s", err.text);
  }
  return reader;
}

/* All rows from here to the end; returns their number. */
static int read_rows(tfm_reader *reader, tfm_row **rows)
{
  tfm_err err = {0};
  int n = 0;
  do {
    assert_true(n < MOST_ROWS);
    if (tfm_reader_next(reader, &rows[n], &err) != TFM_OK) {
      fail_msg("row %d: %s", n, err.text);
    }
  } while (rows[n++]);
  return n - 1;
}

static void check_same_row(const tfm_row *a, const tfm_row *b)
{
  assert_int_equal(a->number, b->number);
  assert_int_equal(a->file, b->file);
  assert_int_equal(a->line, b->line);
  assert_int_equal(a->byte_offset, b->byte_offset);
  assert_int_equal(a->status, b->status);
  assert_true(tfm_span_eq(a->id, b->id) && tfm_span_eq(a->text, b->text));
  assert_memory_equal(&a->after, &b->after, sizeof a->after);
}

static void check_same_counts(tfm_reader *a, tfm_reader *b)
{
  tfm_reader_counts x = tfm_reader_counted(a);
  tfm_reader_counts y = tfm_reader_counted(b);
  tfm_mark at = tfm_reader_mark(a);
  tfm_mark bt = tfm_reader_mark(b);
  assert_int_equal(x.rows, y.rows);
  assert_int_equal(x.blank_lines, y.blank_lines);
  assert_memory_equal(&at, &bt, sizeof at);
}

/* Behind every row, with every earlier mark and with everything read again: the rows that follow
 * are those of an undisturbed reader. */
static void check_every_mark(inputs *in)
{
  tfm_row *want[MOST_ROWS];
  tfm_reader *whole = open_reader(in);
  int n = read_rows(whole, want);
  for (int k = 0; k <= n; ++k) {
    for (int s = 0; s <= k + 1; ++s) {
      const tfm_mark begin = {0};
      const tfm_mark mark = k ? want[k - 1]->after : begin;
      const tfm_mark since = s && s <= k ? want[s - 1]->after : begin;
      tfm_row *got[MOST_ROWS];
      tfm_err err = {0};
      tfm_reader *reader = open_reader(in);
      if (tfm_reader_resume(reader, &mark, &since, s == k + 1, &err) != TFM_OK) {
        fail_msg("behind row %d since %d: %s", k, s, err.text);
      }
      assert_int_equal(read_rows(reader, got), n - k);
      for (int i = 0; i < n - k; ++i) {
        check_same_row(got[i], want[k + i]);
        tfm_row_free(got[i]);
      }
      check_same_counts(reader, whole);
      tfm_reader_close(reader);
    }
  }
  for (int i = 0; i < n; ++i) {
    tfm_row_free(want[i]);
  }
  tfm_reader_close(whole);
}

static const char jsonl[] = "\xef\xbb\xbf{\"text\":\"a\"}\n\n{\"text\":\"b\"}\r\nbad\n\n\n"
                            "{\"id\":7,\"text\":\"c\"}\n  \n{\"text\":\"no newline\"}";
static const char csv[] =
    "id,text\n1,\"two\nlines\"\n2,plain\n\n3,\"never closes\n4,\"a\"\"b\"\n5,z\n";

static void a_plain_file_goes_on_behind_any_row(void **state)
{
  (void)state;
  inputs in = make_inputs();
  add_text(&in, "a.jsonl", jsonl);
  check_every_mark(&in);
  in.options.skip = 1;
  in.options.limit = 2;
  check_every_mark(&in);
  drop_inputs(&in);

  in = make_inputs();
  add_text(&in, "a.csv", csv);
  check_every_mark(&in);
  drop_inputs(&in);
}

static void packed_files_and_several_files_too(void **state)
{
  (void)state;
  inputs in = make_inputs();
  add_gzip(&in, "a.jsonl.gz", jsonl);
  check_every_mark(&in);
  add_text(&in, "b.csv", csv);
  add_text(&in, "c.txt", "first\n\nsecond\n");
  check_every_mark(&in);
  drop_inputs(&in);
}

static void *feed_fifo(void *path)
{
  put(path, jsonl, sizeof jsonl - 1);
  return NULL;
}

/* A pipe is read again from its beginning, by whoever writes it again. */
static void a_pipe_goes_on_when_it_says_the_same(void **state)
{
  (void)state;
  inputs in = make_inputs();
  tfm_mark mark = {0};
  (void)snprintf(in.paths[in.n++], sizeof in.paths[0], "%s/fifo", folder);
  assert_int_equal(mkfifo(in.paths[0], 0600), 0);
  for (int attempt = 0; attempt < 2; ++attempt) {
    tfm_row *rows[MOST_ROWS];
    tfm_err err = {0};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, feed_fifo, in.paths[0]), 0);
    tfm_reader *reader = open_reader(&in);
    if (attempt) {
      assert_int_equal(tfm_reader_resume(reader, &mark, &(tfm_mark){0}, false, &err), TFM_OK);
    }
    int n = read_rows(reader, rows);
    assert_int_equal(n, attempt ? 2 : 5);
    assert_int_equal(rows[n - 2]->number, 3);
    mark = rows[n - 3 + attempt]->after;
    for (int i = 0; i < n; ++i) {
      tfm_row_free(rows[i]);
    }
    tfm_reader_close(reader);
    (void)pthread_join(writer, NULL);
  }
  drop_inputs(&in);
}

/* Standard input that is a file may have been read a little by somebody else. */
static void standard_input_goes_on_from_where_it_stood(void **state)
{
  (void)state;
  inputs in = make_inputs();
  tfm_row *rows[MOST_ROWS];
  tfm_err err = {0};
  tfm_mark mark = {0};
  int keep = dup(STDIN_FILENO);
  add_text(&in, "a", "not ours\none\ntwo\nthree\n");
  for (int attempt = 0; attempt < 2; ++attempt) {
    assert_non_null(freopen(in.paths[0], "r", stdin));
    assert_int_equal(lseek(STDIN_FILENO, 9, SEEK_SET), 9);
    int n = in.n;
    in.n = 0;
    tfm_reader *reader = open_reader(&in);
    in.n = n;
    if (attempt) {
      assert_int_equal(tfm_reader_resume(reader, &mark, &mark, false, &err), TFM_OK);
    }
    n = read_rows(reader, rows);
    assert_int_equal(n, attempt ? 1 : 3);
    assert_true(tfm_span_is(rows[n - 1]->text, "three"));
    mark = rows[n - 2 + attempt]->after;
    for (int i = 0; i < n; ++i) {
      tfm_row_free(rows[i]);
    }
    tfm_reader_close(reader);
  }
  assert_true(dup2(keep, STDIN_FILENO) == STDIN_FILENO);
  (void)close(keep);
  drop_inputs(&in);
}

static tfm_status resume(inputs *in, const tfm_mark *mark, const tfm_mark *since, bool all,
                         tfm_err *err)
{
  tfm_reader *reader = open_reader(in);
  tfm_status st = tfm_reader_resume(reader, mark, since, all, err);
  tfm_reader_close(reader);
  return st;
}

/* What was read must be there still; what was not read may have changed. */
static void a_changed_input_is_named(void **state)
{
  (void)state;
  static const char text[] = "one\ntwo\nthree\nfour\n";
  static const struct {
    const char *now;
    tfm_status near, all; /* behind "three": read again since "two", or all of it */
  } cases[] = {
      {"one\ntwo\nthree\nFOUR\n", TFM_OK, TFM_OK},
      {"one\ntwo\nthree\n", TFM_OK, TFM_OK},
      {"one\ntwo\nthrEe\nfour\n", TFM_E_FORMAT, TFM_E_FORMAT},
      {"oNe\ntwo\nthree\nfour\n", TFM_OK, TFM_E_FORMAT},
      {"one\ntwo\nth", TFM_E_FORMAT, TFM_E_FORMAT},
      {"", TFM_E_FORMAT, TFM_E_FORMAT},
  };
  inputs in = make_inputs();
  tfm_row *rows[MOST_ROWS];
  add_text(&in, "a.txt", text);
  tfm_reader *reader = open_reader(&in);
  assert_int_equal(read_rows(reader, rows), 4);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_err err = {0};
    put(in.paths[0], cases[i].now, strlen(cases[i].now));
    assert_int_equal(resume(&in, &rows[2]->after, &rows[1]->after, false, &err), cases[i].near);
    assert_int_equal(resume(&in, &rows[2]->after, &rows[1]->after, true, &err), cases[i].all);
    if (err.status != TFM_OK) {
      assert_non_null(strstr(err.text, "a.txt is not what it was"));
    }
  }
  for (int i = 0; i < 4; ++i) {
    tfm_row_free(rows[i]);
  }
  tfm_reader_close(reader);
  drop_inputs(&in);
}

static void a_changed_file_before_is_found_when_all_is_read(void **state)
{
  (void)state;
  inputs in = make_inputs();
  tfm_row *rows[MOST_ROWS];
  tfm_err err = {0};
  add_text(&in, "a.txt", "one\n");
  add_text(&in, "b.txt", "two\nthree\n");
  tfm_reader *reader = open_reader(&in);
  assert_int_equal(read_rows(reader, rows), 3);
  put(in.paths[0], "ONE\n", 4);
  assert_int_equal(resume(&in, &rows[1]->after, &rows[0]->after, false, &err), TFM_OK);
  assert_int_equal(resume(&in, &rows[1]->after, &rows[0]->after, true, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "a.txt"));
  for (int i = 0; i < 3; ++i) {
    tfm_row_free(rows[i]);
  }
  tfm_reader_close(reader);
  drop_inputs(&in);
}

/* A mark comes from a file: one of an input that is not there is refused before it is looked at. */
static void a_mark_of_no_input_is_refused(void **state)
{
  (void)state;
  inputs in = make_inputs();
  tfm_err err = {0};
  const int32_t files[] = {2, 1 << 20, INT32_MAX, -1, INT32_MIN};
  add_text(&in, "a.txt", "one\n");
  for (int i = 0; i < (int)(sizeof files / sizeof files[0]); ++i) {
    const tfm_mark mark = {.rows = 1, .file = files[i]};
    assert_int_equal(resume(&in, &mark, &mark, false, &err), TFM_E_FORMAT);
    assert_non_null(strstr(err.text, "cannot be gone on with"));
  }
  drop_inputs(&in);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_file_goes_on_behind_any_row),
      cmocka_unit_test(packed_files_and_several_files_too),
      cmocka_unit_test(a_pipe_goes_on_when_it_says_the_same),
      cmocka_unit_test(standard_input_goes_on_from_where_it_stood),
      cmocka_unit_test(a_changed_input_is_named),
      cmocka_unit_test(a_changed_file_before_is_found_when_all_is_read),
      cmocka_unit_test(a_mark_of_no_input_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
