/* Windows over rows that are too long, cut by every strategy: the ids, types and offsets that the
 * transformers library gave with return_overflowing_tokens (make_window_goldens.py). */
#include "core/base/json.h"
#include "tests/core/text/support.h"

enum { LARGEST = 4 << 20 };

static tfm_tokenizer *right, *left; /* cut at the end, and at the beginning */

static int64_t number(const tfm_json *json, const tfm_json_node *row, const char *key)
{
  tfm_err err = {0};
  int64_t value = 0;
  CHECK_OK(tfm_json_want_int(json, row, key, 0, INT32_MAX, &value, &err), &err);
  return value;
}

static void check_numbers(const tfm_json *json, const tfm_json_node *array, const int32_t *got,
                          size_t n)
{
  size_t i = 0;
  for (const tfm_json_node *x = tfm_json_first(array); x; x = tfm_json_next(x), ++i) {
    int64_t want = 0;
    tfm_err err = {0};
    CHECK_OK(tfm_json_node_int(json, x, "number", -1, INT32_MAX, &want, &err), &err);
    assert_true(i < n);
    assert_int_equal(got[i], want);
  }
  assert_int_equal(i, n);
}

static void check_window(const tfm_json *json, const tfm_json_node *want, const tfm_encoding *e)
{
  check_numbers(json, tfm_json_get(want, "ids"), e->ids, e->n);
  check_numbers(json, tfm_json_get(want, "type_ids"), e->type_ids, e->n);
  check_numbers(json, tfm_json_get(want, "words"), e->word, e->n);
  const tfm_json_node *offset = tfm_json_first(tfm_json_get(want, "offsets"));
  for (size_t i = 0; i < e->n; ++i, offset = tfm_json_next(offset)) {
    const int32_t got[2] = {e->begin[i], e->end[i]};
    check_numbers(json, offset, got, 2);
  }
  assert_null(offset);
}

/* All windows, last first: the order in which they are asked for must not matter. */
static void check_row(const tfm_json *json, const tfm_json_node *row, tfm_encoding *e)
{
  tfm_err err = {0};
  const char *name = tfm_json_text(tfm_json_get(row, "tokenizer"));
  const tfm_tokenizer *t = strcmp(name, "config") == 0 ? left : right;
  const tfm_json_node *pair = tfm_json_get(row, "pair");
  bool second = false;
  CHECK_OK(tfm_json_opt_bool(json, row, "second", &second, &err), &err);
  const tfm_window_options o = {.max_length = (size_t)number(json, row, "max_length"),
                                .stride = (size_t)number(json, row, "stride"),
                                .second = second};
  encode(t, tfm_span_of(tfm_json_text(tfm_json_get(row, "text"))),
         pair ? tfm_json_text(pair) : NULL,
         (tfm_encode_options){.add_special_tokens = true, .words = true}, e);
  const tfm_json_node *want[64];
  size_t n = 0;
  for (want[0] = tfm_json_first(tfm_json_get(row, "windows")); want[n];) {
    const tfm_json_node *next = tfm_json_next(want[n]);
    assert_true(++n < COUNT_OF(want));
    want[n] = next;
  }
  size_t count = 0;
  CHECK_OK(tfm_encoding_windows(t, e, &o, &count, &err), &err);
  assert_int_equal(count, n);
  while (n-- > 0) {
    CHECK_OK(tfm_encoding_window(t, e, &o, n, &err), &err);
    check_window(json, want[n], e);
  }
}

static void windows_are_as_the_library_cuts_them(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf file = {0};
  tfm_encoding e = {0};
  size_t nrow = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/windows.jsonl", LARGEST, &file, &err), &err);
  for (const char *line = file.data, *stop = file.data + file.n; line < stop; ++nrow) {
    const char *end = memchr(line, '\n', (size_t)(stop - line));
    tfm_json *json = NULL;
    assert_non_null(end);
    CHECK_OK(tfm_json_parse(&json, "windows.jsonl", line, (size_t)(end - line), &err), &err);
    check_row(json, tfm_json_root(json), &e);
    tfm_json_close(json);
    line = end + 1;
  }
  assert_true(nrow > 100);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&file);
}

/* The first window is what plain truncation leaves, and the strategies say what gives way. */
static void truncation_is_the_first_window(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_encoding cut = {0};
  const tfm_span text = tfm_span_of("the lazy dog and the fox");
  const char *pair = "it is the way of the world";
  for (int second = 0; second < 2; ++second) {
    const tfm_encode_options o = {.add_special_tokens = true,
                                  .max_length = 12,
                                  .truncate =
                                      second ? TFM_TRUNCATE_SECOND : TFM_TRUNCATE_FIRST};
    const tfm_window_options w = {.max_length = 12, .second = second};
    encode(right, text, pair, o, &cut);
    encode(right, text, pair, (tfm_encode_options){.add_special_tokens = true}, &e);
    CHECK_OK(tfm_encoding_window(right, &e, &w, 0, &err), &err);
    assert_int_equal(cut.n, 12);
    assert_int_equal(e.n, 12);
    assert_memory_equal(e.ids, cut.ids, 12 * sizeof *e.ids);
    assert_true(cut.truncated);
  }
  tfm_encoding_fini(&e);
  tfm_encoding_fini(&cut);
}

/* Windows that cannot be are refused with the numbers. */
static void windows_without_room_are_refused(void **state)
{
  (void)state;
  const struct {
    tfm_window_options o;
    const char *says;
  } cases[] = {
      {{.max_length = 2}, "no room for the 3 special tokens"},
      {{.max_length = 5, .second = true}, "the text repeated in each has"},
      {{.max_length = 7, .stride = 2}, "do not advance"},
  };
  tfm_encoding e = {0};
  encode(right, tfm_span_of("the lazy dog"), "the fox",
         (tfm_encode_options){.add_special_tokens = true}, &e);
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_err err = {0};
    size_t count = 0;
    assert_int_equal(tfm_encoding_windows(right, &e, &cases[i].o, &count, &err), TFM_E_USAGE);
    assert_non_null(strstr(err.text, cases[i].says));
  }
  tfm_err err = {0};
  size_t whole = 0; /* what fits needs neither room nor a stride that advances */
  CHECK_OK(tfm_encoding_windows(
               right, &e, &(tfm_window_options){.max_length = 16, .stride = 20}, &whole, &err),
           &err);
  assert_int_equal(whole, 1);
  const tfm_encode_options all_gone = {
      .add_special_tokens = true, .max_length = 4, .truncate = TFM_TRUNCATE_SECOND};
  assert_int_equal(tfm_tokenizer_encode(right, tfm_span_of("the lazy dog"),
                                        tfm_span_of("the fox"), &all_gone, &e, &err),
                   TFM_E_USAGE);
  assert_non_null(strstr(err.text, "the text alone has"));
  tfm_encoding_fini(&e);
}

static int open_both(void **state)
{
  (void)state;
  tfm_err err = {0};
  CHECK_OK(tfm_tokenizer_open_file(&right, TFM_FIXTURES "/text/bert.json", &err), &err);
  CHECK_OK(tfm_tokenizer_open_folder(&left, TFM_FIXTURES "/text/config", &err), &err);
  return 0;
}

static int close_both(void **state)
{
  (void)state;
  tfm_tokenizer_close(right);
  tfm_tokenizer_close(left);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_are_as_the_library_cuts_them),
      cmocka_unit_test(truncation_is_the_first_window),
      cmocka_unit_test(windows_without_room_are_refused),
  };
  return cmocka_run_group_tests(tests, open_both, close_both);
}
