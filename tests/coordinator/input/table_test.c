#include "reading.h"

#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* Rows as "text|text|!": ! is an error row. */
static void describe(const reading *r, tfm_buf *out)
{
  for (int i = 0; i < r->nrow && i < MOST_ROWS; ++i) {
    (void)tfm_buf_str(out, i ? "|" : "");
    if (r->rows[i]->status == TFM_OK) {
      (void)tfm_buf_span(out, r->rows[i]->text);
    } else {
      (void)tfm_buf_char(out, '!');
    }
  }
}

static void cells_are_read_as_python_reads_them(void **state)
{
  (void)state;
  static const struct {
    const char *ending, *bytes, *rows;
  } cases[] = {
      {".csv", "text,x\na,1\nb,2\n", "a|b"},
      {".csv", "text,x\n\"a\nb\",1\n", "a\nb"},
      {".csv", "text,x\n\"a \"\"b\"\" c\",1\n", "a \"b\" c"},
      {".csv", "text,x\na \"b\" c,1\n", "a \"b\" c"},
      {".csv", "text,x\n\"a\"bc,1\n", "abc"},
      {".csv", "text,x\na,1\n\"never ends,2\nmore,3\n", "a|!|more"},
      {".csv", "text,x\na\nb,1,2,3\nc,1\n", "a|!|c"},
      {".csv", "text,x\na,1,,\"\"\n", "a"},
      {".csv", "x,text\na\nb,c\n", "!|c"},
      {".csv", "text,x\n", ""},
      {".csv", "", ""},
      {".csv", "\n\n", ""},
      {".csv", "\xef\xbb\xbftext,x\r\na,1\r\n\"b\"\r\n", "a|b"},
      {".csv",
       "text\na\xff\xfe"
       "b\n",
       "a\xef\xbf\xbd\xef\xbf\xbd"
       "b"},
      {".csv", "text\n=cmd|' /C calc'!A0\n+1\n-1\n@x\n", "=cmd|' /C calc'!A0|+1|-1|@x"},
      {".csv", "text,x\n,1\n\"\",1", "|"},
      {".csv", "\"te\"\"xt\",sentence\n1,a\n", "a"},
      {".csv", "label,sentence,text\n1,s,t\n", "t"},
      {".csv", "text,x\n\na,1\n", "a"},
      {".tsv", "text\tx\na\t1\n", "a"},
      {".tsv", "x\ttext\n1\t\"a\\t\n", "\"a\\t"},
      {".tsv", "text\tx\na\tb\tc\n", "!"},
      {".txt", "a\n\nb\n", "a|b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_buf got = {0};
    reading r = reading_begin();
    read_text(&r, cases[i].ending, cases[i].bytes);
    describe(&r, &got);
    if (r.st != TFM_OK || strcmp(tfm_buf_cstr(&got), cases[i].rows) != 0) {
      fail_msg("%s: %s (%s), wanted %s", cases[i].bytes, tfm_buf_cstr(&got), r.err.text,
               cases[i].rows);
    }
    tfm_buf_fini(&got);
    reading_end(&r);
  }
}

static void a_nul_is_a_character(void **state)
{
  (void)state;
  reading r = reading_begin();
  read_bytes(&r, ".csv", "text\na\0b\n", 9);
  assert_int_equal(r.nrow, 1);
  assert_int_equal(r.rows[0]->text.n, 3);
  reading_end(&r);
}

static void wrong_headers_name_the_column(void **state)
{
  (void)state;
  static const char *const extra[] = {"nope"};
  static const struct {
    const char *bytes, *text, *id, *pair, *word;
    bool extra, all;
  } cases[] = {
      {"foo,bar\na,b\n", NULL, NULL, NULL, "foo, bar", false, false},
      {"foo,bar\na,b\n", "nope", NULL, NULL, "nope", false, false},
      {"text,bar\na,b\n", NULL, "nope", NULL, "nope", false, false},
      {"text,bar\na,b\n", NULL, NULL, "nope", "nope", false, false},
      {"text,bar\na,b\n", NULL, NULL, NULL, "nope", true, false},
      {"text,text\na,b\n", NULL, NULL, NULL, "twice", false, false},
      {"text,a,a\na,b\n", NULL, NULL, NULL, "twice", false, true},
      {"{\"text\": \"x\"}\n", NULL, NULL, NULL, "--text-column", false, false},
      {"\"text\n", NULL, NULL, NULL, "never closes", false, false},
      {"\"\",\na,b\n", NULL, NULL, NULL, "text", false, false}, /* no name at all */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = reading_begin();
    const char *names[] = {extra[0]};
    r.wants.pair = true;
    r.options.text_column = cases[i].text;
    r.options.id_column = cases[i].id;
    r.options.pair_column = cases[i].pair;
    r.options.passthrough = names;
    r.options.npassthrough = cases[i].extra;
    r.options.passthrough_all = cases[i].all;
    read_text(&r, ".csv", cases[i].bytes);
    if (r.st != TFM_E_FORMAT || !strstr(r.err.text, cases[i].word) || r.nrow != 0) {
      fail_msg("case %zu: status %d: %s", i, r.st, r.err.text);
    }
    reading_end(&r);
  }
}

static void cells_become_json_strings(void **state)
{
  (void)state;
  const char *names[] = {"a \"b\"", "n"};
  reading r = reading_begin();
  r.wants.pair = true;
  r.options.passthrough = names;
  r.options.npassthrough = 2;
  read_text(&r, ".csv",
            "id,\"a \"\"b\"\"\",text,n,text_pair\n7,\"x\ny\",t,1,p\n8,z,t,,\n9,z,t,,\"\"\n");
  assert_int_equal(r.nrow, 3);
  assert_true(tfm_span_is(r.rows[0]->id, "\"7\""));
  assert_int_equal(r.rows[0]->nextra, 2);
  assert_true(tfm_span_is(r.rows[0]->extra[0].name, "a \"b\""));
  assert_true(tfm_span_is(r.rows[0]->extra[0].value, "\"x\\ny\""));
  assert_true(tfm_span_is(r.rows[1]->extra[1].value, "\"\""));
  assert_true(tfm_span_is(r.rows[0]->pair, "p"));
  assert_null(r.rows[1]->pair.p);       /* an empty cell is a null */
  assert_non_null(r.rows[2]->pair.p);   /* a quoted one is an empty text */
  assert_int_equal(r.rows[1]->line, 4); /* the row before took two lines */
  reading_end(&r);
}

static void all_columns_are_named_before_the_first_row(void **state)
{
  (void)state;
  const tfm_span *names = NULL;
  reading r = reading_begin();
  r.options.passthrough_all = true;
  r.options.output_format = TFM_OUT_CSV;
  read_text(&r, ".csv", "text,id,x\nt,1,2\n");
  assert_int_equal(tfm_reader_passthrough(r.reader, &names), 2);
  assert_true(tfm_span_is(names[0], "text") && tfm_span_is(names[1], "x"));
  assert_int_equal(r.rows[0]->nextra, 2);
  reading_end(&r);

  r = reading_begin();
  r.options.passthrough_all = true;
  r.options.output_format = TFM_OUT_CSV;
  read_text(&r, ".jsonl", "{\"text\":\"a\"}\n");
  assert_int_equal(r.st, TFM_E_USAGE);
  reading_end(&r);
}

static void many_columns_are_no_trouble(void **state)
{
  (void)state;
  enum { COLUMNS = 10000 };
  tfm_buf b = {0};
  reading r = reading_begin();
  (void)tfm_buf_str(&b, "text");
  for (int i = 0; i < COLUMNS; ++i) {
    (void)tfm_buf_printf(&b, ",c%d", i);
  }
  (void)tfm_buf_str(&b, "\na");
  for (int i = 0; i < COLUMNS; ++i) {
    (void)tfm_buf_char(&b, ',');
  }
  (void)tfm_buf_str(&b, "\n");
  r.options.passthrough_all = true;
  read_bytes(&r, ".csv", b.data, b.n);
  assert_int_equal(r.nrow, 1);
  assert_true(text_is(&r, 0, "a"));
  assert_int_equal(r.rows[0]->nextra, COLUMNS + 1);
  tfm_buf_fini(&b);
  reading_end(&r);
}

/* A quote that never closes may cost its own line, not the rows of the next 16 MiB. */
static void an_open_quote_costs_one_row(void **state)
{
  (void)state;
  enum { ROWS = 2000000 };
  tfm_buf b = {0};
  reading r = reading_begin();
  (void)tfm_buf_str(&b, "text\n\"open\n");
  for (int i = 0; i < ROWS; ++i) {
    (void)tfm_buf_str(&b, "some text\n");
  }
  assert_true(b.n > TFM_ROW_MAX_BYTES);
  read_bytes(&r, ".csv", b.data, b.n);
  assert_int_equal(r.st, TFM_OK);
  assert_int_equal(r.nrow, ROWS + 1);
  assert_int_equal(r.rows[0]->status, TFM_E_FORMAT);
  assert_true(text_is(&r, 1, "some text"));
  assert_int_equal(r.rows[2]->line, 4);
  tfm_buf_fini(&b);
  reading_end(&r);
}

/* Lines whose quotes never close, each of which would be looked for in 16 MiB: refused in time. */
static void a_file_of_open_quotes_is_refused(void **state)
{
  (void)state;
  enum { ROWS = 100000 };
  tfm_buf b = {0};
  reading r = reading_begin();
  (void)tfm_buf_str(&b, "text,x\n");
  for (int i = 0; i < ROWS; ++i) {
    (void)tfm_buf_str(&b, "b\"x,\"open\n");
  }
  read_bytes(&r, ".csv", b.data, b.n);
  assert_int_equal(r.st, TFM_E_FORMAT);
  assert_non_null(strstr(r.err.text, "never close"));
  tfm_buf_fini(&b);
  reading_end(&r);
}

static void commas_without_end_cost_no_memory(void **state)
{
  (void)state;
  enum { CELLS = 8 << 20 };
  tfm_buf b = {0};
  reading r = reading_begin();
  (void)tfm_buf_str(&b, "text,x\na");
  assert_int_equal(tfm_buf_reserve(&b, CELLS + 2), TFM_OK);
  memset(b.data + b.n, ',', CELLS);
  b.n += CELLS;
  (void)tfm_buf_str(&b, "\nb,1\n");
  read_bytes(&r, ".csv", b.data, b.n);
  assert_int_equal(r.nrow, 2);
  assert_true(text_is(&r, 0, "a") && text_is(&r, 1, "b"));
  reading_end(&r);
  r = reading_begin();
  read_bytes(&r, ".csv", b.data + 7, b.n - 7); /* the commas are the header now */
  assert_int_equal(r.st, TFM_E_FORMAT);
  tfm_buf_fini(&b);
  reading_end(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_are_read_as_python_reads_them),
      cmocka_unit_test(a_nul_is_a_character),
      cmocka_unit_test(wrong_headers_name_the_column),
      cmocka_unit_test(cells_become_json_strings),
      cmocka_unit_test(all_columns_are_named_before_the_first_row),
      cmocka_unit_test(many_columns_are_no_trouble),
      cmocka_unit_test(an_open_quote_costs_one_row),
      cmocka_unit_test(a_file_of_open_quotes_is_refused),
      cmocka_unit_test(commas_without_end_cost_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
