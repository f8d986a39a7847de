/* Every row of tests/fixtures/text/rows.jsonl: ids, tokens, offsets, type ids, specials, decoded
 * text and truncation as the Hugging Face libraries gave them (make_text_goldens.py). */
#include "core/base/json.h"
#include "tests/core/text/support.h"

enum { LARGEST = 64 << 20, MOST_TOKENIZERS = 16 };

typedef struct {
  char name[32];
  tfm_tokenizer *t;
} opened;

static opened all[MOST_TOKENIZERS];
static int nopened;

static const tfm_tokenizer *tokenizer_named(const char *name)
{
  tfm_err err = {0};
  for (int i = 0; i < nopened; ++i) {
    if (strcmp(all[i].name, name) == 0) {
      return all[i].t;
    }
  }
  assert_true(nopened < MOST_TOKENIZERS);
  opened *o = &all[nopened++];
  (void)snprintf(o->name, sizeof o->name, "%s", name);
  char path[512];
  (void)snprintf(path, sizeof path, TFM_FIXTURES "/text/%s", name);
  if (strstr(name, ".json")) {
    CHECK_OK(tfm_tokenizer_open_file(&o->t, path, &err), &err);
  } else {
    CHECK_OK(tfm_tokenizer_open_folder(&o->t, path, &err), &err);
  }
  return o->t;
}

/* A row as the file has it; strings as spans, because texts hold NULs. */
typedef struct {
  char tokenizer[32];
  tfm_buf text, pair, decoded, tokens;
  bool has_pair, plain, skip, has_tokens, has_truncated, truncated;
  size_t token_end[8192];
  size_t ntoken, max_length;
  int32_t ids[8192], types[8192], begin[8192], end[8192], special[8192];
  size_t nid, ntype, noffset, nspecial;
} row;

static size_t read_ints(tfm_jread *r, int32_t *out)
{
  size_t n = 0;
  for (tfm_jread_array(r); tfm_jread_element(r); ++n) {
    out[n] = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
  }
  return n;
}

static void read_string(tfm_jread *r, tfm_buf *out)
{
  tfm_buf_clear(out);
  assert_int_equal(tfm_buf_span(out, tfm_jread_string(r)), TFM_OK);
  (void)tfm_buf_cstr(out); /* never NULL */
}

static void read_tokens(tfm_jread *r, row *x)
{
  x->has_tokens = true;
  x->ntoken = 0;
  tfm_buf_clear(&x->tokens);
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    assert_int_equal(tfm_buf_span(&x->tokens, tfm_jread_string(r)), TFM_OK);
    x->token_end[x->ntoken++] = x->tokens.n;
  }
}

static void read_offsets(tfm_jread *r, row *x)
{
  x->noffset = 0;
  for (tfm_jread_array(r); tfm_jread_element(r); ++x->noffset) {
    tfm_jread_array(r);
    assert_true(tfm_jread_element(r));
    x->begin[x->noffset] = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
    assert_true(tfm_jread_element(r));
    x->end[x->noffset] = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
    assert_false(tfm_jread_element(r));
  }
}

static void read_member(tfm_jread *r, tfm_span key, row *x)
{
  if (tfm_span_is(key, "tokenizer")) {
    tfm_span s = tfm_jread_string(r);
    (void)snprintf(x->tokenizer, sizeof x->tokenizer, "%.*s", (int)s.n, s.p);
  } else if (tfm_span_is(key, "text")) {
    read_string(r, &x->text);
  } else if (tfm_span_is(key, "pair")) {
    read_string(r, &x->pair);
    x->has_pair = true;
  } else if (tfm_span_is(key, "decoded")) {
    read_string(r, &x->decoded);
  } else if (tfm_span_is(key, "plain")) {
    x->plain = tfm_jread_bool(r);
  } else if (tfm_span_is(key, "skip")) {
    x->skip = tfm_jread_bool(r);
  } else if (tfm_span_is(key, "truncated")) {
    x->truncated = tfm_jread_bool(r);
    x->has_truncated = true;
  } else if (tfm_span_is(key, "max_length")) {
    x->max_length = (size_t)tfm_jread_int(r, 1, 1 << 20);
  } else if (tfm_span_is(key, "ids")) {
    x->nid = read_ints(r, x->ids);
  } else if (tfm_span_is(key, "type_ids")) {
    x->ntype = read_ints(r, x->types);
  } else if (tfm_span_is(key, "special")) {
    x->nspecial = read_ints(r, x->special);
  } else if (tfm_span_is(key, "tokens")) {
    read_tokens(r, x);
  } else if (tfm_span_is(key, "offsets")) {
    read_offsets(r, x);
  } else {
    (void)tfm_jread_skip(r);
  }
}

static void read_row(tfm_jread *r, row *x)
{
  tfm_err err = {0};
  tfm_span key;
  x->has_pair = x->plain = x->skip = x->has_tokens = x->has_truncated = false;
  x->max_length = 0;
  x->nspecial = 0;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    read_member(r, key, x);
  }
  CHECK_OK(tfm_jread_status(r, &err), &err);
}

static void check_tokens(const row *x, const tfm_tokenizer *t, const tfm_encoding *e)
{
  tfm_err err = {0};
  tfm_buf decoded = {0};
  for (size_t i = 0; i < e->n; ++i) {
    size_t from = i ? x->token_end[i - 1] : 0;
    CHECK_SPAN(tfm_encoding_token(t, e, i),
               ((tfm_span){x->tokens.data + from, x->token_end[i] - from}));
    assert_int_equal(e->special[i], x->special[i]);
  }
  CHECK_OK(tfm_tokenizer_decode(t, e->ids, e->n, x->skip, &decoded, &err), &err);
  CHECK_SPAN(tfm_buf_view(&decoded), tfm_buf_view(&x->decoded));
  tfm_buf_fini(&decoded);
}

static void check_row(const row *x, tfm_encoding *e)
{
  tfm_err err = {0};
  const tfm_tokenizer *t = tokenizer_named(x->tokenizer);
  tfm_encode_options o = {.add_special_tokens = !x->plain, .max_length = x->max_length};
  tfm_span pair = x->has_pair ? tfm_buf_view(&x->pair) : (tfm_span){NULL, 0};
  CHECK_OK(tfm_tokenizer_encode(t, tfm_buf_view(&x->text), pair, &o, e, &err), &err);
  bool same = e->n == x->nid && e->n == x->ntype && e->n == x->noffset;
  for (size_t i = 0; same && i < e->n; ++i) {
    same = e->ids[i] == x->ids[i] && e->type_ids[i] == x->types[i] &&
           e->begin[i] == x->begin[i] && e->end[i] == x->end[i];
  }
  if (!same) {
    fail_msg("%s differs (%zu tokens, want %zu) on: %.*s", x->tokenizer, e->n, x->nid,
             (int)x->text.n, x->text.data);
  }
  if (x->has_tokens) {
    check_tokens(x, t, e);
  }
  if (x->has_truncated) {
    assert_int_equal(e->truncated, x->truncated);
  }
}

static void every_row_is_as_the_library_has_it(void **state)
{
  (void)state;
  static row x;
  tfm_err err = {0};
  tfm_buf file = {0};
  tfm_encoding e = {0};
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/rows.jsonl", LARGEST, &file, &err), &err);
  tfm_jread *r = tfm_jread_open("rows.jsonl", "", 0, TFM_JSON_STRICT);
  size_t nrow = 0;
  for (size_t i = 0; i < file.n; ++nrow) {
    const char *end = memchr(file.data + i, '\n', file.n - i);
    size_t n = (size_t)(end - (file.data + i));
    tfm_jread_restart(r, file.data + i, n);
    read_row(r, &x);
    check_row(&x, &e);
    i += n + 1;
  }
  assert_true(nrow > 400);
  assert_int_equal(nopened, 8);
  for (int i = 0; i < nopened; ++i) {
    tfm_tokenizer_close(all[i].t);
  }
  tfm_jread_close(r);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&x.text);
  tfm_buf_fini(&x.pair);
  tfm_buf_fini(&x.decoded);
  tfm_buf_fini(&x.tokens);
  tfm_buf_fini(&file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_is_as_the_library_has_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
