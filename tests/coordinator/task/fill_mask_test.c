/* Fillings of made-up results: what transformers' pipeline made of the same ones
 * (tests/reference/make_mask_goldens.py). */
#include "tests/coordinator/task/support.h"

#include <stdlib.h>

/* The shape is known once the targets are. */
static void begin(stage *f)
{
  stage_begin(f);
  f->context.shape = (tfm_head_shape){
      .rows = TFM_ROWS_MARK, .width = f->spec.nonly ? f->spec.nonly : 2 * f->spec.top_k};
  f->encoder.shape = f->context.shape;
}

/* [[probability, id]...] best first, into probabilities, then ids. */
static void fill_best(const tfm_json_node *best, float *values, int64_t k)
{
  int64_t i = 0;
  for (const tfm_json_node *x = tfm_json_first(best); x; x = tfm_json_next(x), ++i) {
    double probability = 0;
    double id = 0;
    assert_true(i < k && tfm_json_number(tfm_json_first(x), &probability));
    assert_true(tfm_json_number(tfm_json_next(tfm_json_first(x)), &id));
    values[i] = (float)probability;
    values[k + i] = (float)id;
  }
  assert_int_equal(i, k);
}

/* {"id": probability} in the order that the task asked for. */
static void fill_targets(const tfm_json_node *all, const tfm_head_spec *spec, float *values)
{
  assert_int_equal(tfm_json_count(all), spec->nonly);
  for (int32_t i = 0; i < spec->nonly; ++i) {
    char key[16];
    double probability = 0;
    (void)snprintf(key, sizeof key, "%d", spec->only[i]);
    assert_true(tfm_json_number(tfm_json_get(all, key), &probability));
    values[i] = (float)probability;
  }
}

static void fill(const stage *f, tfm_item *item, const tfm_json_node *results)
{
  float *values = stage_values(item, &item->seqs[0]);
  int64_t mark = 0;
  for (const tfm_json_node *x = tfm_json_first(results); x; x = tfm_json_next(x), ++mark) {
    assert_true(mark < item->seqs[0].nmark);
    if (f->spec.nonly) {
      fill_targets(x, &f->spec, values + mark * item->width);
    } else {
      fill_best(x, values + mark * item->width, item->width / 2);
    }
  }
  assert_int_equal(mark, item->seqs[0].nmark);
}

static void check_line(const tfm_json *json, size_t line)
{
  stage f;
  tfm_err err = {0};
  tfm_answer answer = {0};
  const char *targets[8];
  const tfm_json_node *root = tfm_json_root(json);
  stage_make(&f, &tfm_task_fill_mask, text_of(json, "tokenizer"), (tfm_head_shape){0});
  f.options.top_k = number_of(json, "top_k");
  f.options.targets = targets;
  for (const tfm_json_node *x = tfm_json_first(tfm_json_get(root, "targets")); x;
       x = tfm_json_next(x)) {
    targets[f.options.ntarget++] = tfm_json_text(x);
  }
  begin(&f);
  tfm_item *item = stage_encode(&f, text_of(json, "text"), NULL, NULL, 0);
  assert_int_equal(item->status, TFM_OK);
  fill(&f, item, tfm_json_get(root, "results"));
  CHECK_OK(tfm_task_fill_mask.answer(&f.context, item, &answer, &err), &err);
  check_field(tfm_json_get(root, "predictions"), &answer.value[0], line);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void fillings_are_the_references(void **state)
{
  (void)state;
  assert_int_equal(each_line(TFM_FIXTURES "/task/masks.jsonl", check_line), 40);
}

static void rows_without_a_mask_are_refused(void **state)
{
  (void)state;
  stage f;
  stage_make(&f, &tfm_task_fill_mask, "text/bert.json", (tfm_head_shape){0});
  f.context.max_length = 6;
  begin(&f);
  static const char *const cases[][2] = {
      {"the fox", "no \"[MASK]\" in the text"},
      {"the fox is not the [MASK]", "no \"[MASK]\" in the text that is left after cutting"}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_item *item = stage_encode(&f, cases[i][0], NULL, NULL, 0);
    assert_int_equal(item->status, TFM_E_FORMAT);
    assert_non_null(strstr(tfm_item_error(item), cases[i][1]));
    tfm_item_close(item);
  }
  stage_drop(&f);
}

static void what_cannot_be_filled_is_refused(void **state)
{
  (void)state;
  stage f;
  tfm_err err = {0};
  const char *empty = " ";
  stage_make(&f, &tfm_task_fill_mask, "task/bytes.json", (tfm_head_shape){0});
  CHECK_FAILS(tfm_task_fill_mask.begin(&f.context, &err), TFM_E_FORMAT, &err, "mask_token");
  stage_drop(&f);
  stage_make(&f, &tfm_task_fill_mask, "text/bert.json", (tfm_head_shape){0});
  f.options.targets = &empty;
  f.options.ntarget = 1;
  CHECK_FAILS(tfm_task_fill_mask.begin(&f.context, &err), TFM_E_USAGE, &err,
              "none of them has a token");
  stage_drop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fillings_are_the_references),
      cmocka_unit_test(rows_without_a_mask_are_refused),
      cmocka_unit_test(what_cannot_be_filled_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
