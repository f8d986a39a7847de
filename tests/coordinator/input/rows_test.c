#include "reading.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* One line between two good ones: what it becomes must never touch its neighbours. */
static reading read_between(const char *line, size_t n)
{
  static const char good[] = "{\"text\":\"good\"}\n";
  enum { GOOD = sizeof good - 1 };
  reading r = reading_begin();
  char *bytes = tfm_realloc(NULL, 2 * GOOD + n + 1, 1);
  assert_non_null(bytes);
  memcpy(bytes, good, GOOD);
  memcpy(bytes + GOOD, line, n);
  bytes[GOOD + n] = '\n';
  memcpy(bytes + GOOD + n + 1, good, GOOD);
  read_bytes(&r, ".jsonl", bytes, 2 * GOOD + n + 1);
  tfm_free(bytes);
  assert_int_equal(r.st, TFM_OK);
  assert_int_equal(r.nrow, 3);
  assert_true(text_is(&r, 0, "good") && text_is(&r, 2, "good"));
  assert_int_equal(r.rows[1]->number, 1);
  assert_int_equal(r.rows[1]->line, 2);
  assert_int_equal(r.rows[1]->byte_offset, GOOD);
  return r;
}

#define LINE(text) text, sizeof text - 1

static void broken_lines_become_error_rows(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    size_t n;
    const char *word; /* of the message */
  } cases[] = {
      {LINE("hello"), "want"},
      {LINE("{\"text\": \"a"), "row"},
      {LINE("[\"a\"]"), "array"},
      {LINE("5"), "number"},
      {LINE("null"), "null"},
      {LINE("\"text\""), "string"},
      {LINE("{}"), "no field \"text\""},
      {LINE("{\"text\": null}"), "\"text\""},
      {LINE("{\"text\": 5}"), "a number"},
      {LINE("{\"text\": [\"a\"]}"), "an array"},
      {LINE("{\"text\": {}}"), "an object"},
      {LINE("{\"txet\": \"a\"}"), "sentence"},
      {LINE("{\"text\":\"a\"}{\"text\":\"b\"}"), "row"},
      {LINE("{\"text\":\"a\",}"), "','"},
      {LINE("{'text':'a'}"), "key"},
      {LINE("{\"text\":\"a\tb\"}"), "row"},
      {LINE("{\"text\":\"\\x41\"}"), "row"},
      {LINE("{\"text\":\"\\u12G4\"}"), "row"},
      {LINE("{\"text\":\"a\",\"x\":007}"), "$.x"},
      {LINE("{\"text\":\0\"a\"}"), "row"},
      {LINE("\0\0\0\0\0\0\0\0"), "0x00"},
      {LINE("{\"text\":\"a\"} // c"), "row"},
      {LINE("{\"text\":\"a\",\"x\":NaN}"), "row"},
      {LINE("{\"text\":\"a\0b\"}"), "row"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = read_between(cases[i].line, cases[i].n);
    char text[TFM_ERR_TEXT + 1] = "";
    memcpy(text, r.rows[1]->error.p, r.rows[1]->error.n);
    if (r.rows[1]->status != TFM_E_FORMAT || !strstr(text, cases[i].word)) {
      fail_msg("%s: status %d: %s", cases[i].line, r.rows[1]->status, text);
    }
    assert_true(tfm_span_is(r.rows[1]->id, "1"));
    reading_end(&r);
  }
}

/* Bytes that are no UTF-8 and surrogates without a partner are replaced as Python's
 * errors="replace" does it; the job goes on. */
static void odd_lines_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    size_t n;
    const char *text;
    size_t text_n;
  } cases[] = {
      {LINE("{\"text\":\"\"}"), LINE("")},
      {LINE("{\"text\":\"   \"}"), LINE("   ")},
      {LINE("{\"text\":\"a\\u0000b\"}"), LINE("a\0b")},
      {LINE("{\"text\":\"a\",\"text\":\"b\"}"), LINE("b")},
      {LINE("{\"inputs\":\"i\",\"sentence\":\"s\"}"), LINE("s")},
      {LINE("{\"input\":5,\"text\":\"t\"}"), LINE("t")},
      {LINE("{\"text\":\"a \\ud800 b\"}"), LINE("a \xef\xbf\xbd b")},
      {LINE("{\"text\":\"\\ud83d\\ude00\"}"), LINE("\xf0\x9f\x98\x80")},
      {LINE("{\"text\":\"a \xff b\"}"), LINE("a \xef\xbf\xbd b")},
      {LINE("{\"text\":\"\xc0\xaf\"}"), LINE("\xef\xbf\xbd\xef\xbf\xbd")},
      {LINE("{\"text\":\"a\",\"x\":123456789012345678901234567890}"), LINE("a")},
      {LINE("{\"text\":\"a\",\"x\":1e999}"), LINE("a")},
      {LINE("{\"text\":\"a\",\"id\":null}"), LINE("a")},
      {LINE("  {\"text\":\"a\"}\t\r"), LINE("a")},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = read_between(cases[i].line, cases[i].n);
    tfm_span want = {cases[i].text, cases[i].text_n};
    if (r.rows[1]->status != TFM_OK || !tfm_span_eq(r.rows[1]->text, want)) {
      fail_msg("%s: status %d: %.*s", cases[i].line, r.rows[1]->status, (int)r.rows[1]->error.n,
               r.rows[1]->error.p);
    }
    reading_end(&r);
  }
}

static void deep_nesting_costs_one_row(void **state)
{
  (void)state;
  enum { DEPTH = 100000 };
  static char line[2 * DEPTH + 64];
  size_t n = (size_t)sprintf(line, "{\"text\":\"a\",\"x\":");
  memset(line + n, '[', DEPTH);
  memset(line + n + DEPTH, ']', DEPTH);
  line[n + 2 * DEPTH] = '}';
  reading r = read_between(line, n + 2 * DEPTH + 1);
  assert_int_equal(r.rows[1]->status, TFM_E_FORMAT);
  reading_end(&r);
}

static void a_line_over_the_cap_costs_one_row(void **state)
{
  (void)state;
  static const size_t sizes[] = {TFM_ROW_MAX_BYTES - 64, TFM_ROW_MAX_BYTES, 40 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    char *line = tfm_realloc(NULL, sizes[i] + 16, 1);
    assert_non_null(line);
    memcpy(line, "{\"text\":\"", 9);
    memset(line + 9, 'x', sizes[i]);
    memcpy(line + 9 + sizes[i], "\"}", 2);
    reading r = read_between(line, sizes[i] + 11);
    bool fits = sizes[i] + 11 <= TFM_ROW_MAX_BYTES;
    assert_int_equal(r.rows[1]->status, fits ? TFM_OK : TFM_E_FORMAT);
    assert_true(!fits || r.rows[1]->text.n == sizes[i]);
    reading_end(&r);
    tfm_free(line);
  }
}

static void ends_of_files_and_lines(void **state)
{
  (void)state;
  static const struct {
    const char *bytes;
    int rows;
    int64_t blank;
  } cases[] = {
      {"", 0, 0},
      {"\n\n \n", 0, 3},
      {"\n{\"text\":\"a\"}\n\n{\"text\":\"a\"}\n", 2, 2},
      {"{\"text\":\"a\"}\n{\"text\":\"a\"}", 2, 0},
      {"{\"text\":\"a\"}\r\n{\"text\":\"a\"}\r\n", 2, 0},
      {"\xef\xbb\xbf{\"text\":\"a\"}\n{\"text\":\"a\"}\n", 2, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = reading_begin();
    read_text(&r, ".jsonl", cases[i].bytes);
    assert_int_equal(r.st, TFM_OK);
    assert_int_equal(r.nrow, cases[i].rows);
    assert_int_equal(tfm_reader_counted(r.reader).blank_lines, cases[i].blank);
    assert_int_equal(tfm_reader_counted(r.reader).rows, cases[i].rows);
    assert_int_equal(tfm_reader_counted(r.reader).bytes, strlen(cases[i].bytes));
    assert_int_equal(tfm_reader_total_bytes(r.reader), strlen(cases[i].bytes));
    for (int k = 0; k < r.nrow; ++k) {
      assert_true(text_is(&r, k, "a"));
    }
    reading_end(&r);
  }
}

static void utf16_is_refused_with_a_way_out(void **state)
{
  (void)state;
  reading r = reading_begin();
  read_bytes(&r, ".jsonl", "\xff\xfe{\0}\0", 6);
  assert_int_equal(r.st, TFM_E_FORMAT);
  assert_non_null(strstr(r.err.text, "iconv"));
  reading_end(&r);
}

static void ids_and_fields_keep_their_bytes(void **state)
{
  (void)state;
  static const char line[] =
      "{\"id\":12345678901234567890123, \"n\": 1.50 , \"text\":\"t\\u0041\","
      "\"o\":{\"a\":[1, 2]},\"n\":2}\n{\"id\":[1],\"text\":\"b\"}\n";
  const char *names[] = {"n", "text", "o", "id"};
  reading r = reading_begin();
  r.options.passthrough = names;
  r.options.npassthrough = 4;
  read_text(&r, ".jsonl", line);
  assert_int_equal(r.nrow, 2);
  assert_true(tfm_span_is(r.rows[0]->id, "12345678901234567890123"));
  assert_true(tfm_span_is(r.rows[1]->id, "[1]"));
  assert_true(text_is(&r, 0, "tA"));
  assert_int_equal(r.rows[0]->nextra, 3);
  assert_true(tfm_span_is(r.rows[0]->extra[0].name, "n"));
  assert_true(tfm_span_is(r.rows[0]->extra[0].value, "2")); /* the last of two */
  assert_true(tfm_span_is(r.rows[0]->extra[1].value, "\"t\\u0041\""));
  assert_true(tfm_span_is(r.rows[0]->extra[2].value, "{\"a\":[1, 2]}"));
  const tfm_span *columns = NULL;
  assert_int_equal(tfm_reader_passthrough(r.reader, &columns), 3);
  assert_true(tfm_span_is(columns[2], "o"));
  reading_end(&r);

  r = reading_begin();
  r.options.passthrough_all = true;
  read_text(&r, ".jsonl", line);
  assert_int_equal(r.rows[0]->nextra, 4);
  reading_end(&r);
}

/* An error row keeps what could be read: a person finds the row by its id. */
static void error_rows_keep_id_and_fields(void **state)
{
  (void)state;
  const char *names[] = {"n"};
  reading r = reading_begin();
  r.options.passthrough = names;
  r.options.npassthrough = 1;
  read_text(&r, ".jsonl", "{\"id\":\"x\",\"n\":\"\xff\"}\n");
  assert_int_equal(r.rows[0]->status, TFM_E_FORMAT);
  assert_true(tfm_span_is(r.rows[0]->id, "\"x\""));
  assert_true(tfm_span_is(r.rows[0]->extra[0].value, "\"\xef\xbf\xbd\""));
  reading_end(&r);
}

static void pairs_are_read_when_wanted(void **state)
{
  (void)state;
  static const struct {
    const char *line, *column, *pair; /* pair: NULL for none, "!" for an error row */
    bool wanted;
  } cases[] = {
      {"{\"text\":\"a\",\"text_pair\":\"b\"}", NULL, "b", true},
      {"{\"text\":\"a\",\"text_pair\":\"b\"}", NULL, NULL, false},
      {"{\"text\":\"a\",\"text_pair\":null}", NULL, NULL, true},
      {"{\"text\":\"a\"}", NULL, NULL, true},
      {"{\"text\":\"a\",\"text_pair\":5}", NULL, "!", true},
      {"{\"text\":\"a\",\"text_pair\":5}", NULL, NULL, false},
      {"{\"text\":\"a\",\"s2\":\"b\"}", "s2", "b", true},
      {"{\"text\":\"a\"}", "s2", "!", true},
      {"{\"text\":\"a\",\"s2\":null}", "s2", "!", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = reading_begin();
    r.wants.pair = cases[i].wanted;
    r.options.pair_column = cases[i].column;
    read_text(&r, ".jsonl", cases[i].line);
    bool bad = cases[i].pair && cases[i].pair[0] == '!';
    assert_int_equal(r.rows[0]->status, bad ? TFM_E_FORMAT : TFM_OK);
    if (!bad && cases[i].pair) {
      assert_true(tfm_span_is(r.rows[0]->pair, cases[i].pair));
    } else if (!bad) {
      assert_null(r.rows[0]->pair.p);
    }
    reading_end(&r);
  }
}

static void skip_and_limit_keep_the_numbers(void **state)
{
  (void)state;
  reading r = reading_begin();
  r.options.skip = 1;
  r.options.limit = 2;
  read_text(&r, ".txt", "a\n\nb\nc\nd\n");
  assert_int_equal(r.nrow, 2);
  assert_true(text_is(&r, 0, "b") && text_is(&r, 1, "c"));
  assert_int_equal(r.rows[0]->number, 1);
  assert_true(tfm_span_is(r.rows[1]->id, "2"));
  reading_end(&r);

  r = reading_begin();
  r.options.limit = 0;
  read_text(&r, ".txt", "a\n");
  assert_int_equal(r.nrow, 0);
  reading_end(&r);
}

static void the_format_is_told_by_name_then_content(void **state)
{
  (void)state;
  static const struct {
    const char *ending, *bytes, *text;
    tfm_input_format asked;
  } cases[] = {
      {"", "{\"text\":\"a\"}\n", "a", TFM_IN_AUTO},
      {"", "\n  {\"text\":\"a\"}\n", "a", TFM_IN_AUTO},
      {"", "plain words\n", "plain words", TFM_IN_AUTO},
      {".txt", "{\"text\":\"a\"}\n", "{\"text\":\"a\"}", TFM_IN_AUTO},
      {".JSON", "{\"text\":\"a\"}\n", "a", TFM_IN_AUTO},
      {".csv", "text\na\n", "a", TFM_IN_AUTO},
      {".csv.gz", "text\na\n", "a", TFM_IN_AUTO}, /* named .gz, but plain */
      {".tsv", "x\ttext\n1\ta\n", "a", TFM_IN_AUTO},
      {".csv", "text\n", "text", TFM_IN_TEXT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    reading r = reading_begin();
    r.options.input_format = cases[i].asked;
    read_text(&r, cases[i].ending, cases[i].bytes);
    if (r.nrow != 1 || !text_is(&r, 0, cases[i].text)) {
      fail_msg("case %zu: %d rows, %s", i, r.nrow, r.err.text);
    }
    reading_end(&r);
  }
}

static void text_in_memory_is_a_line_a_row(void **state)
{
  (void)state;
  tfm_options options = {.limit = -1};
  tfm_err err = {0};
  tfm_reader *reader = NULL;
  tfm_row *row = NULL;
  int n = 0;
  assert_int_equal(tfm_reader_open_text(&reader, &options, tfm_span_of("one\ntwo\n"), &err),
                   TFM_OK);
  while (tfm_reader_next(reader, &row, &err) == TFM_OK && row) {
    assert_true(tfm_span_is(row->text, n == 0 ? "one" : "two"));
    ++n;
    tfm_row_free(row);
  }
  assert_int_equal(n, 2);
  assert_int_equal(tfm_reader_total_bytes(reader), -1);
  tfm_reader_close(reader);
}

static bool error_has(const reading *r, int i, const char *text)
{
  tfm_span error = r->rows[i]->error;
  return memmem(error.p, error.n, text, strlen(text)) != NULL;
}

static bool list_is(const reading *r, int i, const char *a, const char *b)
{
  const tfm_row *row = r->rows[i];
  return row->status == TFM_OK && row->has_list && row->nlist == 2 &&
         tfm_span_is(row->list[0], a) && tfm_span_is(row->list[1], b);
}

/* Texts to rank, candidate labels: arrays of strings, whatever else stands in the line. */
static void lists_are_read_in_order(void **state)
{
  (void)state;
  reading r = reading_begin();
  r.wants = (tfm_row_wants){.text_name = "query", .list_name = "texts", .list_needed = true};
  r.options.passthrough_all = true; /* the raw list is passed through as well */
  read_text(&r, ".jsonl",
            "{\"texts\":[\"a\",\"b\\u0000c\"],\"query\":\"q\"}\n"
            "{\"query\":\"q\",\"texts\":[]}\n"
            "{\"query\":\"q\",\"texts\":\"a,b\"}\n"
            "{\"query\":\"q\",\"texts\":[\"a\",7]}\n"
            "{\"query\":\"q\"}\n"
            "{\"query\":\"q\",\"texts\":[1],\"texts\":[\"x\",\"y\"]}\n"
            "{\"query\":\"q\",\"texts\":[\"x\",\"y\"]}\n");
  assert_int_equal(r.nrow, 7);
  assert_true(r.rows[0]->nlist == 2 && r.rows[0]->list[1].n == 3);
  assert_true(r.rows[1]->status == TFM_OK && r.rows[1]->has_list && r.rows[1]->nlist == 0);
  assert_true(error_has(&r, 2, "want an array of strings, got a string"));
  assert_true(error_has(&r, 3, "element 1: want a string, got a number"));
  assert_true(error_has(&r, 4, "got nothing"));
  assert_true(list_is(&r, 6, "x", "y"));
  reading_end(&r);
}

/* Where commas make a list, as the reference splits labels; null and nothing are no list. */
static void commas_make_a_list_where_asked(void **state)
{
  (void)state;
  reading r = reading_begin();
  r.wants = (tfm_row_wants){.list_name = "labels", .list_commas = true};
  read_text(&r, ".jsonl",
            "{\"text\":\"t\",\"labels\":\" a b ,, c \"}\n"
            "{\"text\":\"t\",\"labels\":[\"a b\",\"c\"]}\n"
            "{\"text\":\"t\",\"labels\":null}\n"
            "{\"text\":\"t\",\"labels\":3}\n");
  assert_true(list_is(&r, 0, "a b", "c") && list_is(&r, 1, "a b", "c"));
  assert_true(r.rows[2]->status == TFM_OK && !r.rows[2]->has_list);
  assert_int_equal(r.rows[3]->status, TFM_E_FORMAT);
  reading_end(&r);
  r = reading_begin();
  r.wants = (tfm_row_wants){.list_name = "labels", .list_commas = true};
  read_text(&r, ".csv", "text,labels\nt,\"a b, c\"\nt,\"[\"\"a b\"\",\"\"c\"\"]\"\nt,\nt,[1\n");
  assert_true(list_is(&r, 0, "a b", "c") && list_is(&r, 1, "a b", "c"));
  assert_true(r.rows[2]->status == TFM_OK && !r.rows[2]->has_list);
  assert_int_equal(r.rows[3]->status, TFM_E_FORMAT);
  reading_end(&r);
}

/* A second text or a list that must be there cannot stand in a line of plain text. */
static void a_line_of_text_has_no_second_field(void **state)
{
  (void)state;
  reading r = reading_begin();
  r.wants = (tfm_row_wants){
      .text_name = "question", .pair = true, .pair_needed = true, .pair_name = "context"};
  read_text(&r, ".txt", "Who?\n");
  assert_int_equal(r.rows[0]->status, TFM_E_FORMAT);
  assert_true(error_has(&r, 0, "context"));
  reading_end(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_lines_become_error_rows),
      cmocka_unit_test(odd_lines_are_read),
      cmocka_unit_test(deep_nesting_costs_one_row),
      cmocka_unit_test(a_line_over_the_cap_costs_one_row),
      cmocka_unit_test(ends_of_files_and_lines),
      cmocka_unit_test(utf16_is_refused_with_a_way_out),
      cmocka_unit_test(ids_and_fields_keep_their_bytes),
      cmocka_unit_test(error_rows_keep_id_and_fields),
      cmocka_unit_test(pairs_are_read_when_wanted),
      cmocka_unit_test(skip_and_limit_keep_the_numbers),
      cmocka_unit_test(the_format_is_told_by_name_then_content),
      cmocka_unit_test(text_in_memory_is_a_line_a_row),
      cmocka_unit_test(lists_are_read_in_order),
      cmocka_unit_test(commas_make_a_list_where_asked),
      cmocka_unit_test(a_line_of_text_has_no_second_field),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
