#include "tests/fuzz/rows.h"

#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/text/tokenizer_private.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_TOKENIZERS = 32, MOST_WINDOWS = 64, LARGEST = 1 << 20 };

fuzz_how fuzz_how_of(uint8_t low, uint8_t high)
{
  return (fuzz_how){
      .options = {.add_special_tokens = low & 1,
                  .max_length = low & 2 ? high % 32u : 0,
                  .truncate = (tfm_truncate)((low >> 2) % 3)},
      .windows = {.max_length = 2 + high % 29u, .stride = low >> 4 & 3, .second = low >> 6 & 1},
      .skip_special = low >> 7 & 1};
}

/* ---- decoding ---- */

static void decode_by_id(const tfm_tokenizer *t, const int32_t *ids, size_t n, bool skip,
                         tfm_span whole)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_decoder *d = NULL;
  FUZZ_WANT(tfm_decoder_open(&d, t, skip, &err) == TFM_OK);
  for (size_t i = 0; i <= n; ++i) {
    size_t had = text.n;
    tfm_status st =
        i < n ? tfm_decoder_feed(d, ids[i], &text, &err) : tfm_decoder_end(d, &text, &err);
    FUZZ_WANT(st == TFM_OK);
    FUZZ_WANT(text.n == had || tfm_utf8_valid(text.data + had, text.n - had, NULL));
  }
  FUZZ_WANT(tfm_span_eq(tfm_buf_view(&text), whole));
  tfm_decoder_close(d);
  tfm_buf_fini(&text);
}

void fuzz_decode(const tfm_tokenizer *t, const int32_t *ids, size_t n, bool skip_special)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_status st = tfm_tokenizer_decode(t, ids, n, skip_special, &text, &err);
  FUZZ_WANT(st == TFM_OK || st == TFM_E_FORMAT); /* a pattern may give up */
  if (st == TFM_OK) {
    FUZZ_WANT(text.n == 0 || tfm_utf8_valid(text.data, text.n, NULL));
    decode_by_id(t, ids, n, skip_special, tfm_buf_view(&text));
  }
  tfm_buf_fini(&text);
}

/* ---- encoding ---- */

static bool is_utf8(tfm_span s)
{
  return s.n == 0 || tfm_utf8_valid(s.p, s.n, NULL);
}

static void check_tokens(const tfm_tokenizer *t, const tfm_encoding *e, tfm_span text,
                         tfm_span pair)
{
  tfm_tokenizer_facts facts = tfm_tokenizer_describe(t);
  const int32_t points[2] = {(int32_t)tfm_utf8_count(text.p, text.n),
                             (int32_t)tfm_utf8_count(pair.p, pair.n)};
  for (size_t i = 0; i < e->n; ++i) {
    FUZZ_WANT(e->ids[i] >= 0 && e->ids[i] <= facts.highest_id);
    FUZZ_WANT(e->type_ids[i] >= 0 && e->type_ids[i] <= facts.highest_type_id);
    FUZZ_WANT(e->sequence[i] <= (pair.p != NULL) && e->special[i] <= 1);
    FUZZ_WANT(!e->special[i] || (e->begin[i] == 0 && e->end[i] == 0));
    FUZZ_WANT(0 <= e->begin[i] && e->begin[i] <= e->end[i]);
    FUZZ_WANT(e->end[i] <= points[e->sequence[i]]);
    FUZZ_WANT(is_utf8(tfm_encoding_token(t, e, i)));
  }
}

static bool same(const tfm_tokenizer *t, const tfm_encoding *a, const tfm_encoding *b)
{
  bool good = a->n == b->n && a->truncated == b->truncated;
  for (size_t i = 0; good && i < a->n; ++i) {
    good = a->ids[i] == b->ids[i] && a->type_ids[i] == b->type_ids[i] &&
           a->begin[i] == b->begin[i] && a->end[i] == b->end[i] &&
           a->special[i] == b->special[i] && a->sequence[i] == b->sequence[i] &&
           tfm_span_eq(tfm_encoding_token(t, a, i), tfm_encoding_token(t, b, i));
  }
  return good;
}

static void check_windows(const tfm_tokenizer *t, tfm_encoding *e, tfm_span text, tfm_span pair,
                          const tfm_window_options *windows)
{
  tfm_err err = {0};
  size_t count = 0;
  tfm_status st = tfm_encoding_windows(t, e, windows, &count, &err);
  FUZZ_WANT(st == TFM_OK || st == TFM_E_USAGE);
  for (size_t i = 0; st == TFM_OK && i < count && i < MOST_WINDOWS; ++i) {
    FUZZ_WANT(tfm_encoding_window(t, e, windows, i, &err) == TFM_OK || count == 1);
    FUZZ_WANT(count == 1 || e->n <= windows->max_length);
    check_tokens(t, e, text, pair);
  }
}

/* A refusal has its reason, and leaves nothing. */
static void check_refusal(tfm_status st, const tfm_encoding *e, bool utf8,
                          const tfm_encode_options *options)
{
  FUZZ_WANT(e->n == 0);
  FUZZ_WANT(st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED ||
            (st == TFM_E_USAGE && options->max_length));
  FUZZ_WANT(utf8 || st == TFM_E_FORMAT);
}

void fuzz_encode(const tfm_tokenizer *t, tfm_encoding *e, tfm_span text, tfm_span pair,
                 const fuzz_how *how)
{
  tfm_err err = {0};
  tfm_encoding fresh = {0};
  bool utf8 = is_utf8(text) && is_utf8(pair);
  tfm_status st = tfm_tokenizer_encode(t, text, pair, &how->options, e, &err);
  tfm_status again = tfm_tokenizer_encode(t, text, pair, &how->options, &fresh, &err);
  FUZZ_WANT(st == again);
  if (st != TFM_OK) {
    check_refusal(st, e, utf8, &how->options);
  } else {
    FUZZ_WANT(utf8);
    FUZZ_WANT(same(t, e, &fresh));
    FUZZ_WANT(!how->options.max_length || e->n <= how->options.max_length);
    check_tokens(t, e, text, pair);
    fuzz_decode(t, e->ids, e->n, how->skip_special);
    check_windows(t, &fresh, text, pair, &how->windows);
  }
  tfm_encoding_fini(&fresh);
}

void fuzz_open_folder(const char *folder)
{
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  tfm_encoding e = {0};
  tfm_status st = tfm_tokenizer_open_folder(&t, folder, &err);
  if (st == TFM_OK) {
    fuzz_how how = fuzz_how_of(1, 9);
    fuzz_encode(t, &e, tfm_span_of(FUZZ_SOME_TEXT), tfm_span_of("ab a"), &how);
  } else {
    FUZZ_WANT(st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED || st == TFM_E_MISSING);
    FUZZ_WANT(!t && err.text[0]);
  }
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

/* ---- the tokenizers ---- */

typedef struct {
  tfm_tokenizer *v[MOST_TOKENIZERS];
  size_t n;
} shelf;

static void put_on_shelf(shelf *s, const char *name, tfm_span json)
{
  tfm_err err = {0};
  tfm_tokenizer *t = tfm__tokenizer_new();
  FUZZ_WANT(t && s->n < MOST_TOKENIZERS);
  if (tfm__load_json(t, name, json, NULL, &err) != TFM_OK) {
    (void)fprintf(stderr, "%s\n", err.text);
    abort();
  }
  s->v[s->n++] = t;
}

/* A file of one tokenizer, or of one a line. */
static void read_onto_shelf(shelf *s, const char *path, bool lines)
{
  tfm_err err = {0};
  tfm_buf file = {0};
  if (tfm_file_read_all(path, LARGEST, &file, &err) != TFM_OK) {
    (void)fprintf(stderr, "%s\n", err.text);
    abort();
  }
  for (size_t i = 0; i < file.n;) {
    const char *end = lines ? memchr(file.data + i, '\n', file.n - i) : NULL;
    size_t n = end ? (size_t)(end - (file.data + i)) : file.n - i;
    put_on_shelf(s, path, (tfm_span){file.data + i, n});
    i += n + 1;
  }
  tfm_buf_fini(&file);
}

tfm_tokenizer *const *fuzz_tokenizers(size_t *n)
{
  static shelf s;
  if (s.n == 0) {
    read_onto_shelf(&s, TFM_FIXTURES "/text/bert.json", false);
    read_onto_shelf(&s, TFM_FIXTURES "/text/odd.json", false);
    read_onto_shelf(&s, TFM_FIXTURES "/text/bare.json", false);
    read_onto_shelf(&s, TFM_FIXTURES "/fuzz/tokenizers.jsonl", true);
  }
  *n = s.n;
  return s.v;
}
