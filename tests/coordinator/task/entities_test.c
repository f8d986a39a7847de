/* Entities of made-up logits: what transformers' pipeline made of the same ones
 * (tests/reference/make_entity_goldens.py). */
#include "coordinator/task/task.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

enum { LARGEST = 4 << 20, LABELS = 6 };

static const char *labels[LABELS] = {"O", "B-PER", "I-PER", "I-LOC", "B-LOC", "MISC-A"};

typedef struct {
  tfm_options options;
  tfm_config config;
  tfm_task_context context;
  tfm_encoder encoder;
  tfm_encoding scratch;
  tfm_tokenizer *tokenizer;
} fixture;

static tfm_tokenizer *open_named(const char *name)
{
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  char *path = tfm_path_join(TFM_FIXTURES, name);
  assert_non_null(path);
  CHECK_OK(tfm_tokenizer_open_file(&t, path, &err), &err);
  tfm_free(path);
  return t;
}

static void make(fixture *f, const char *tokenizer)
{
  memset(f, 0, sizeof *f);
  f->tokenizer = open_named(tokenizer);
  f->options.stride = -1;
  f->config.nlabel = LABELS;
  f->config.labels = labels;
  f->context = (tfm_task_context){.options = &f->options,
                                  .config = &f->config,
                                  .tokenizer = f->tokenizer,
                                  .max_length = 512,
                                  .shape = {.rows = TFM_ROWS_TOKEN, .width = LABELS}};
  f->encoder = (tfm_encoder){.tokenizer = f->tokenizer,
                             .limits = {.V = 1 << 20, .max_length = 512},
                             .max_length = 512,
                             .places = true,
                             .shape = f->context.shape,
                             .row = tfm_task_entities.row,
                             .task = &f->context};
}

static void begin(fixture *f)
{
  tfm_err err = {0};
  CHECK_OK(tfm_task_entities.begin(&f->context, &err), &err);
}

static void drop(fixture *f)
{
  tfm_task_entities.end(&f->context);
  tfm_encoding_fini(&f->scratch);
  tfm_tokenizer_close(f->tokenizer);
}

static tfm_item *encode(fixture *f, const char *text)
{
  tfm_err err = {0};
  tfm_row *row = tfm_calloc(1, sizeof *row);
  assert_non_null(row);
  row->memory = row;
  row->text = tfm_span_of(text);
  tfm_item *item = tfm_item_open(row);
  assert_non_null(item);
  item->width = LABELS;
  CHECK_OK(tfm_encoder_run(&f->encoder, item, &f->scratch, &err), &err);
  assert_int_equal(item->status, TFM_OK);
  return item;
}

/* [windows][tokens][labels] hundredths into the sequences. */
static void fill(tfm_item *item, const tfm_json_node *windows)
{
  int64_t w = 0;
  for (const tfm_json_node *x = tfm_json_first(windows); x; x = tfm_json_next(x), ++w) {
    assert_true(w < item->nseq);
    tfm_sequence *s = &item->seqs[w];
    s->values = tfm_calloc((size_t)(s->n * LABELS), sizeof *s->values);
    assert_non_null(s->values);
    int64_t i = 0;
    for (const tfm_json_node *t = tfm_json_first(x); t; t = tfm_json_next(t)) {
      for (const tfm_json_node *v = tfm_json_first(t); v; v = tfm_json_next(v), ++i) {
        double hundredths = 0;
        assert_true(i < s->n * LABELS && tfm_json_number(v, &hundredths));
        s->values[i] = (float)hundredths / 100;
      }
    }
    assert_int_equal(i, s->n * LABELS);
  }
  assert_int_equal(w, item->nseq);
}

/* The reference's scores are float32 too, summed in another order; all other members are text or
 * places. */
static void check_entity(const tfm_json_node *want, const tfm_json_node *got, size_t line)
{
  const tfm_json_node *g = tfm_json_first(got);
  for (const tfm_json_node *w = tfm_json_first(want); w;
       w = tfm_json_next(w), g = tfm_json_next(g)) {
    assert_non_null(g);
    assert_string_equal(tfm_json_key(w), tfm_json_key(g));
    double a = 0;
    double b = 0;
    if (tfm_json_number(w, &a)) {
      assert_true(tfm_json_number(g, &b));
      if (!(fabs(a - b) <= 1e-6)) {
        fail_msg("line %zu: %s: want %.9g, got %.9g", line, tfm_json_key(w), a, b);
      }
    } else {
      assert_string_equal(tfm_json_text(w), tfm_json_text(g));
    }
  }
  assert_null(g);
}

static void check_answer(const fixture *f, const tfm_item *item, const tfm_json_node *want,
                         size_t line)
{
  tfm_err err = {0};
  tfm_answer answer = {0};
  tfm_json *json = NULL;
  CHECK_OK(tfm_task_entities.answer(&f->context, item, &answer, &err), &err);
  CHECK_OK(tfm_json_parse(&json, "the answer", answer.value[0].data, answer.value[0].n, &err),
           &err);
  const tfm_json_node *got = tfm_json_first(tfm_json_root(json));
  for (const tfm_json_node *w = tfm_json_first(want); w; w = tfm_json_next(w)) {
    if (!got) {
      fail_msg("line %zu: entities are missing in %s", line, tfm_buf_cstr(&answer.value[0]));
    }
    check_entity(w, got, line);
    got = tfm_json_next(got);
  }
  assert_null(got);
  tfm_json_close(json);
  tfm_answer_fini(&answer);
}

static int64_t number(const tfm_json *json, const char *key)
{
  tfm_err err = {0};
  int64_t value = 0;
  CHECK_OK(tfm_json_want_int(json, tfm_json_root(json), key, -1, INT32_MAX, &value, &err),
           &err);
  return value;
}

static void check_line(const char *text, size_t n, size_t line)
{
  static const char *const strategies[] = {"none", "simple", "first", "average", "max"};
  tfm_err err = {0};
  fixture f;
  tfm_json *json = NULL;
  const char *ignored[8];
  CHECK_OK(tfm_json_parse(&json, "entities.jsonl", text, n, &err), &err);
  const tfm_json_node *row = tfm_json_root(json);
  make(&f, tfm_json_text(tfm_json_get(row, "tokenizer")));
  for (size_t i = 0; i < COUNT_OF(strategies); ++i) {
    if (strcmp(strategies[i], tfm_json_text(tfm_json_get(row, "strategy"))) == 0) {
      f.options.aggregation = (tfm_aggregation)i;
    }
  }
  f.options.ignore_labels = ignored;
  for (const tfm_json_node *x = tfm_json_first(tfm_json_get(row, "ignored")); x;
       x = tfm_json_next(x)) {
    ignored[f.options.nignore++] = tfm_json_text(x);
  }
  f.options.stride = number(json, "stride");
  if (number(json, "max_length")) {
    f.encoder.max_length = f.context.max_length = number(json, "max_length");
  }
  begin(&f);
  tfm_item *item = encode(&f, tfm_json_text(tfm_json_get(row, "text")));
  fill(item, tfm_json_get(row, "logits"));
  check_answer(&f, item, tfm_json_get(row, "entities"), line);
  tfm_item_close(item);
  tfm_json_close(json);
  drop(&f);
}

static void entities_are_the_references(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf text = {0};
  size_t line = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/task/entities.jsonl", LARGEST, &text, &err), &err);
  for (const char *p = text.data; p < text.data + text.n; ++line) {
    const char *end = memchr(p, '\n', (size_t)(text.data + text.n - p));
    assert_non_null(end);
    check_line(p, (size_t)(end - p), line + 1);
    p = end + 1;
  }
  assert_int_equal(line, 152);
  tfm_buf_fini(&text);
}

/* A character beyond the first plane: one code point, four bytes, two UTF-16 units. */
static void places_are_in_the_unit_asked_for(void **state)
{
  (void)state;
  static const char *const wanted[] = {"\"start\":2,\"end\":5", "\"start\":5,\"end\":8",
                                       "\"start\":3,\"end\":6"};
  for (int unit = TFM_OFFSETS_CHAR; unit <= TFM_OFFSETS_UTF16; ++unit) {
    fixture f;
    tfm_err err = {0};
    tfm_answer answer = {0};
    make(&f, "text/bert.json");
    f.options.offsets = (tfm_offsets)unit;
    begin(&f);
    tfm_item *item = encode(&f, "\xf0\x9d\x94\x98 fox");
    item->seqs[0].values = tfm_calloc((size_t)(item->seqs[0].n * LABELS), sizeof(float));
    assert_non_null(item->seqs[0].values);
    CHECK_OK(tfm_task_entities.answer(&f.context, item, &answer, &err), &err);
    assert_non_null(strstr(tfm_buf_cstr(&answer.value[0]), wanted[unit]));
    tfm_answer_fini(&answer);
    tfm_item_close(item);
    drop(&f);
  }
}

static void windows_of_tokens_and_strides_without_room_are_refused(void **state)
{
  (void)state;
  fixture f;
  tfm_err err = {0};
  make(&f, "text/bert.json");
  f.options.stride = 2;
  CHECK_FAILS(tfm_task_entities.ask(&f.context, &err), TFM_E_USAGE, &err,
              "--aggregation-strategy");
  f.options.aggregation = TFM_AGGREGATION_MAX;
  f.options.return_logits = true;
  CHECK_FAILS(tfm_task_entities.ask(&f.context, &err), TFM_E_USAGE, &err, "--return-logits");
  f.options.return_logits = false;
  CHECK_OK(tfm_task_entities.ask(&f.context, &err), &err);
  f.context.max_length = 5;
  begin(&f);
  tfm_task_entities.end(&f.context);
  f.context.max_length = 4; /* two of them special */
  CHECK_FAILS(tfm_task_entities.begin(&f.context, &err), TFM_E_USAGE, &err, "--stride 2");
  drop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entities_are_the_references),
      cmocka_unit_test(places_are_in_the_unit_asked_for),
      cmocka_unit_test(windows_of_tokens_and_strides_without_room_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
