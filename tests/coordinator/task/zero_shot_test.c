/* Labels of made-up logits: as transformers' pipeline ranks them
 * (tests/reference/make_pair_goldens.py). */
#include "tests/coordinator/task/support.h"

enum { LABELS = 3, MOST = 8 };

static const char *labels[LABELS] = {"a", "b", "c"};

static void make(stage *f, const char *folder)
{
  stage_make(f, &tfm_task_zero_shot, "text/bert.json",
             (tfm_head_shape){.rows = TFM_ROWS_SEQUENCE, .width = LABELS});
  stage_folder(f, "task/nli", folder);
  f->config.nlabel = LABELS;
  f->config.labels = labels;
  f->options.hypothesis_template = "This example is {}.";
}

static void check_line(const tfm_json *json, size_t line)
{
  stage f;
  tfm_err err = {0};
  tfm_answer answer = {0};
  tfm_span list[MOST];
  int n = 0;
  const tfm_json_node *root = tfm_json_root(json);
  const tfm_json_node *logits = tfm_json_get(root, "logits");
  make(&f, text_of(json, "folder"));
  f.options.multi_label = flag_of(json, "multi_label");
  f.config.nlabel = f.context.shape.width =
      tfm_json_count(tfm_json_first(tfm_json_first(logits)));
  stage_begin(&f);
  for (const tfm_json_node *x = tfm_json_first(tfm_json_get(root, "candidates")); x;
       x = tfm_json_next(x)) {
    assert_true(n < MOST);
    list[n++] = tfm_span_of(tfm_json_text(x));
  }
  tfm_item *item = stage_encode(&f, "the fox", NULL, list, n);
  assert_int_equal(item->status, TFM_OK);
  assert_true(item->together);
  stage_fill(item, logits, 100);
  CHECK_OK(tfm_task_zero_shot.answer(&f.context, item, &answer, &err), &err);
  check_field(tfm_json_get(root, "labels"), &answer.value[0], line);
  check_field(tfm_json_get(root, "scores"), &answer.value[1], line);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void labels_are_the_references(void **state)
{
  (void)state;
  assert_int_equal(each_line(TFM_FIXTURES "/task/zero_shot.jsonl", check_line), 30);
}

/* The text gives way, never the hypothesis; braces are written twice. */
static void hypotheses_are_whole(void **state)
{
  (void)state;
  stage f;
  tfm_buf text = {0};
  make(&f, "usual");
  f.options.hypothesis_template = "{{{}}}: {0}";
  const char *wanted[] = {" the fox "};
  f.options.candidate_labels = wanted;
  f.options.ncandidate = 1;
  f.context.max_length = 14;
  stage_begin(&f);
  tfm_item *item = stage_encode(&f, "it is the way of the world", NULL, NULL, 0);
  assert_int_equal(item->nseq, 1);
  assert_true(item->truncated);
  tfm_err err = {0};
  CHECK_OK(tfm_tokenizer_decode(f.tokenizer, item->seqs[0].ids, (size_t)item->seqs[0].n, false,
                                &text, &err),
           &err);
  assert_non_null(strstr(tfm_buf_cstr(&text), "[SEP] { the fox } : the fox [SEP]"));
  tfm_buf_fini(&text);
  tfm_item_close(item);
  stage_drop(&f);
}

static void rows_without_labels_or_room_are_refused(void **state)
{
  (void)state;
  static const tfm_span none[1];
  stage f;
  make(&f, "usual");
  stage_begin(&f);
  for (int i = 0; i < 2; ++i) {
    tfm_item *item = stage_encode(&f, "the fox", NULL, i ? none : NULL, 0);
    assert_int_equal(item->status, TFM_E_FORMAT);
    assert_non_null(strstr(tfm_item_error(item), "no labels"));
    tfm_item_close(item);
  }
  stage_drop(&f);
  const tfm_span label = tfm_span_of("the way of the world");
  make(&f, "usual");
  f.context.max_length = 9;
  stage_begin(&f);
  tfm_item *item = stage_encode(&f, "the fox", NULL, &label, 1);
  assert_int_equal(item->status, TFM_E_FORMAT);
  assert_non_null(strstr(tfm_item_error(item), "hypothesis leaves no room for the text: "));
  tfm_item_close(item);
  stage_drop(&f);
}

static void templates_without_a_place_are_refused(void **state)
{
  (void)state;
  static const char *const bad[] = {"about", "{{}}", "{} and {", "{1}", "}", "{x}"};
  for (size_t i = 0; i < COUNT_OF(bad); ++i) {
    stage f;
    tfm_err err = {0};
    make(&f, "usual");
    f.options.hypothesis_template = bad[i];
    CHECK_FAILS(tfm_task_zero_shot.ask(&f.context, &err), TFM_E_USAGE, &err,
                "--hypothesis-template");
    stage_drop(&f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_are_the_references),
      cmocka_unit_test(hypotheses_are_whole),
      cmocka_unit_test(rows_without_labels_or_room_are_refused),
      cmocka_unit_test(templates_without_a_place_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
