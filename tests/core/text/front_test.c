/* Every normalizer and pre-tokenizer, alone with all its options and in random chains: pieces and
 * offsets as the `tokenizers` library gave them (make_front_goldens.py). An unknown token of
 * Unigram shows its text, so a model that knows nothing makes the pieces visible. */
#include "tests/core/text/support.h"

enum { LARGEST = 16 << 20 };

static void check_token(tfm_jread *r, const tfm_tokenizer *t, const tfm_encoding *e, size_t i)
{
  tfm_span want = tfm_jread_string(r);
  if (i >= e->n) {
    fail_msg("a piece is missing: %.*s", (int)want.n, want.p);
  }
  CHECK_SPAN(tfm_encoding_token(t, e, i), want);
}

static void check_offset(tfm_jread *r, const tfm_encoding *e, size_t i)
{
  tfm_jread_array(r);
  assert_true(tfm_jread_element(r));
  assert_int_equal(tfm_jread_int(r, 0, INT32_MAX), e->begin[i]);
  assert_true(tfm_jread_element(r));
  assert_int_equal(tfm_jread_int(r, 0, INT32_MAX), e->end[i]);
  assert_false(tfm_jread_element(r));
}

/* The keys come in this order: text, tokens, offsets. */
static void check_row(tfm_jread *r, const tfm_tokenizer *t, tfm_encoding *e)
{
  tfm_span key;
  tfm_buf text = {0};
  tfm_jread_object(r);
  assert_true(tfm_jread_key(r, &key));
  assert_int_equal(tfm_buf_span(&text, tfm_jread_string(r)), TFM_OK);
  (void)tfm_buf_cstr(&text);
  encode(t, tfm_buf_view(&text), NULL, (tfm_encode_options){0}, e);
  assert_true(tfm_jread_key(r, &key));
  size_t n = 0;
  for (tfm_jread_array(r); tfm_jread_element(r); ++n) {
    check_token(r, t, e, n);
  }
  assert_int_equal(n, e->n);
  assert_true(tfm_jread_key(r, &key));
  n = 0;
  for (tfm_jread_array(r); tfm_jread_element(r); ++n) {
    check_offset(r, e, n);
  }
  assert_int_equal(n, e->n);
  assert_false(tfm_jread_key(r, &key));
  tfm_buf_fini(&text);
}

static size_t check_line(tfm_jread *r, tfm_encoding *e)
{
  tfm_err err = {0};
  tfm_span key;
  tfm_tokenizer *t = NULL;
  size_t n = 0;
  tfm_jread_object(r);
  assert_true(tfm_jread_key(r, &key));
  tfm_span json = tfm_jread_skip(r);
  CHECK_OK(open_text(&t, json, &err), &err);
  assert_true(tfm_jread_key(r, &key));
  for (tfm_jread_array(r); tfm_jread_element(r); ++n) {
    check_row(r, t, e);
  }
  CHECK_OK(tfm_jread_status(r, &err), &err);
  tfm_tokenizer_close(t);
  return n;
}

static void pieces_are_as_the_library_has_them(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf file = {0};
  tfm_encoding e = {0};
  size_t nrow = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/front.jsonl", LARGEST, &file, &err), &err);
  tfm_jread *r = tfm_jread_open("front.jsonl", "", 0, TFM_JSON_STRICT);
  for (size_t i = 0; i < file.n;) {
    const char *end = memchr(file.data + i, '\n', file.n - i);
    size_t n = (size_t)(end - (file.data + i));
    tfm_jread_restart(r, file.data + i, n);
    nrow += check_line(r, &e);
    i += n + 1;
  }
  assert_true(nrow > 900);
  tfm_jread_close(r);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_as_the_library_has_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
