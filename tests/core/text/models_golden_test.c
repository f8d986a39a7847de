/* Every row of tests/fixtures/text/models.jsonl: random models, post-processors and decoders with
 * the library's answers (make_models_goldens.py). Decoding is done at once and id by id. */
#include "core/base/utf8.h"
#include "tests/core/text/support.h"

enum { LARGEST = 16 << 20, MOST = 1024 };

typedef struct {
  tfm_buf text, pair, tokens;
  size_t token_end[MOST];
  size_t ntoken, nid, ntype, nbegin, nend, ndecode;
  int32_t ids[MOST], types[MOST], begin[MOST], end[MOST], decode[MOST];
  bool has_pair, has_decode, plain, skip;
} row;

static void read_string(tfm_jread *r, tfm_buf *out)
{
  tfm_buf_clear(out);
  assert_int_equal(tfm_buf_span(out, tfm_jread_string(r)), TFM_OK);
  (void)tfm_buf_cstr(out); /* never NULL */
}

static size_t read_ints(tfm_jread *r, int32_t *out)
{
  size_t n = 0;
  for (tfm_jread_array(r); tfm_jread_element(r); ++n) {
    assert_true(n < MOST);
    out[n] = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
  }
  return n;
}

static void read_tokens(tfm_jread *r, row *x)
{
  x->ntoken = 0;
  tfm_buf_clear(&x->tokens);
  for (tfm_jread_array(r); tfm_jread_element(r); ++x->ntoken) {
    assert_true(x->ntoken < MOST);
    assert_int_equal(tfm_buf_span(&x->tokens, tfm_jread_string(r)), TFM_OK);
    x->token_end[x->ntoken] = x->tokens.n;
  }
}

/* Read a line; the raw text of a tokenizer when it is one. */
static tfm_span read_line(tfm_jread *r, row *x)
{
  tfm_err err = {0};
  tfm_span tokenizer = {NULL, 0};
  tfm_span key;
  x->has_pair = x->has_decode = x->plain = x->skip = false;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "tokenizer")) {
      tokenizer = tfm_jread_skip(r);
    } else if (tfm_span_is(key, "text")) {
      read_string(r, &x->text);
    } else if (tfm_span_is(key, "pair")) {
      read_string(r, &x->pair);
      x->has_pair = true;
    } else if (tfm_span_is(key, "plain")) {
      x->plain = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "skip")) {
      x->skip = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "decode")) {
      x->ndecode = read_ints(r, x->decode);
      x->has_decode = true;
    } else if (tfm_span_is(key, "tokens")) {
      read_tokens(r, x);
    } else if (tfm_span_is(key, "ids")) {
      x->nid = read_ints(r, x->ids);
    } else if (tfm_span_is(key, "type_ids")) {
      x->ntype = read_ints(r, x->types);
    } else if (tfm_span_is(key, "begin")) {
      x->nbegin = read_ints(r, x->begin);
    } else {
      assert_true(tfm_span_is(key, "end"));
      x->nend = read_ints(r, x->end);
    }
  }
  CHECK_OK(tfm_jread_status(r, &err), &err);
  return tokenizer;
}

static bool same_ints(const int32_t *got, size_t ngot, const int32_t *want, size_t nwant)
{
  return ngot == nwant && memcmp(got, want, ngot * sizeof *got) == 0;
}

static bool encodes(const row *x, const tfm_tokenizer *t, tfm_encoding *e)
{
  tfm_err err = {0};
  tfm_encode_options o = {.add_special_tokens = !x->plain};
  tfm_span pair = x->has_pair ? tfm_buf_view(&x->pair) : (tfm_span){NULL, 0};
  CHECK_OK(tfm_tokenizer_encode(t, tfm_buf_view(&x->text), pair, &o, e, &err), &err);
  bool same =
      e->n == x->ntoken && (e->n == 0 || (same_ints(e->ids, e->n, x->ids, x->nid) &&
                                          same_ints(e->type_ids, e->n, x->types, x->ntype) &&
                                          same_ints(e->begin, e->n, x->begin, x->nbegin) &&
                                          same_ints(e->end, e->n, x->end, x->nend)));
  for (size_t i = 0; same && i < e->n; ++i) {
    size_t from = i ? x->token_end[i - 1] : 0;
    tfm_span want = {x->tokens.data + from, x->token_end[i] - from};
    same = tfm_span_eq(tfm_encoding_token(t, e, i), want);
  }
  return same;
}

static bool decodes(const row *x, const tfm_tokenizer *t)
{
  tfm_err err = {0};
  tfm_buf out = {0};
  tfm_decoder *d = NULL;
  CHECK_OK(tfm_tokenizer_decode(t, x->decode, x->ndecode, x->skip, &out, &err), &err);
  bool same = tfm_span_eq(tfm_buf_view(&out), tfm_buf_view(&x->text));
  tfm_buf_clear(&out);
  CHECK_OK(tfm_decoder_open(&d, t, x->skip, &err), &err);
  for (size_t i = 0; i < x->ndecode; ++i) {
    CHECK_OK(tfm_decoder_feed(d, x->decode[i], &out, &err), &err);
    same = same && (out.n == 0 || tfm_utf8_valid(out.data, out.n, NULL));
  }
  CHECK_OK(tfm_decoder_end(d, &out, &err), &err);
  same = same && tfm_span_eq(tfm_buf_view(&out), tfm_buf_view(&x->text));
  tfm_decoder_close(d);
  tfm_buf_fini(&out);
  return same;
}

static void every_row_is_as_the_library_has_it(void **state)
{
  (void)state;
  static row x;
  tfm_err err = {0};
  tfm_buf file = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  int line = 0;
  int tokenizers = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/models.jsonl", LARGEST, &file, &err), &err);
  tfm_jread *r = tfm_jread_open("models.jsonl", "", 0, TFM_JSON_STRICT);
  for (size_t i = 0; i < file.n; ++line) {
    const char *end = memchr(file.data + i, '\n', file.n - i);
    tfm_span text = {file.data + i, (size_t)(end - (file.data + i))};
    tfm_jread_restart(r, text.p, text.n);
    tfm_span json = read_line(r, &x);
    if (json.p) {
      tfm_tokenizer_close(t);
      CHECK_OK(open_text(&t, json, &err), &err);
      ++tokenizers;
    } else if (!(x.has_decode ? decodes(&x, t) : encodes(&x, t, &e))) {
      fail_msg("line %d differs", line + 1);
    }
    i += text.n + 1;
  }
  assert_int_equal(tokenizers, 106);
  assert_true(line > 1000);
  tfm_tokenizer_close(t);
  tfm_jread_close(r);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&x.text);
  tfm_buf_fini(&x.pair);
  tfm_buf_fini(&x.tokens);
  tfm_buf_fini(&file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_is_as_the_library_has_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
