/* Entities of made-up logits: what transformers' pipeline made of the same ones
 * (tests/reference/make_entity_goldens.py). */
#include "tests/coordinator/task/support.h"

enum { LABELS = 6 };

static const char *labels[LABELS] = {"O", "B-PER", "I-PER", "I-LOC", "B-LOC", "MISC-A"};

static const tfm_head_shape shape = {.rows = TFM_ROWS_TOKEN, .width = LABELS};

static void make(stage *f, const char *tokenizer)
{
  stage_make(f, &tfm_task_entities, tokenizer, shape);
  f->config.nlabel = LABELS;
  f->config.labels = labels;
}

static void check_line(const tfm_json *json, size_t line)
{
  static const char *const strategies[] = {"none", "simple", "first", "average", "max"};
  const tfm_json_node *row = tfm_json_root(json);
  const char *ignored[8];
  tfm_err err = {0};
  tfm_answer answer = {0};
  stage f;
  make(&f, text_of(json, "tokenizer"));
  for (size_t i = 0; i < COUNT_OF(strategies); ++i) {
    if (strcmp(strategies[i], text_of(json, "strategy")) == 0) {
      f.options.aggregation = (tfm_aggregation)i;
    }
  }
  f.options.ignore_labels = ignored;
  for (const tfm_json_node *x = tfm_json_first(tfm_json_get(row, "ignored")); x;
       x = tfm_json_next(x)) {
    ignored[f.options.nignore++] = tfm_json_text(x);
  }
  f.options.stride = number_of(json, "stride");
  if (number_of(json, "max_length")) {
    f.context.max_length = number_of(json, "max_length");
  }
  stage_begin(&f);
  tfm_item *item = stage_encode(&f, text_of(json, "text"), NULL, NULL, 0);
  assert_int_equal(item->status, TFM_OK);
  stage_fill(item, tfm_json_get(row, "logits"), 100);
  CHECK_OK(tfm_task_entities.answer(&f.context, item, &answer, &err), &err);
  check_field(tfm_json_get(row, "entities"), &answer.value[0], line);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void entities_are_the_references(void **state)
{
  (void)state;
  assert_int_equal(each_line(TFM_FIXTURES "/task/entities.jsonl", check_line), 152);
}

/* A character beyond the first plane: one code point, four bytes, two UTF-16 units. */
static void places_are_in_the_unit_asked_for(void **state)
{
  (void)state;
  static const char *const wanted[] = {"\"start\":2,\"end\":5", "\"start\":5,\"end\":8",
                                       "\"start\":3,\"end\":6"};
  for (int unit = TFM_OFFSETS_CHAR; unit <= TFM_OFFSETS_UTF16; ++unit) {
    stage f;
    tfm_err err = {0};
    tfm_answer answer = {0};
    make(&f, "text/bert.json");
    f.options.offsets = (tfm_offsets)unit;
    stage_begin(&f);
    tfm_item *item = stage_encode(&f, "\xf0\x9d\x94\x98 fox", NULL, NULL, 0);
    stage_values(item, &item->seqs[0]);
    CHECK_OK(tfm_task_entities.answer(&f.context, item, &answer, &err), &err);
    assert_non_null(strstr(tfm_buf_cstr(&answer.value[0]), wanted[unit]));
    tfm_answer_fini(&answer);
    tfm_item_close(item);
    stage_drop(&f);
  }
}

static void windows_of_tokens_and_strides_without_room_are_refused(void **state)
{
  (void)state;
  stage f;
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
  stage_begin(&f);
  tfm_task_entities.end(&f.context);
  f.context.max_length = 4; /* two of them special */
  CHECK_FAILS(tfm_task_entities.begin(&f.context, &err), TFM_E_USAGE, &err, "--stride 2");
  stage_drop(&f);
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
