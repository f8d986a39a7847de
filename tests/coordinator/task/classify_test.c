#include "coordinator/task/classify.h"

#include "coordinator/task/task.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

static const char *labels[] = {"a\"b", "second", "third", "fourth"};
static float logits[] = {0.5f, 2.0f, 2.0f, -1.0f};

typedef struct {
  tfm_options options;
  tfm_config config;
  tfm_task_context context;
  tfm_item item;
  tfm_sequence seq;
  tfm_answer answer;
} fixture;

static void make(fixture *f, int64_t top_k, tfm_score_rule score)
{
  memset(f, 0, sizeof *f);
  f->options.top_k = top_k;
  f->config.nlabel = 4;
  f->config.labels = labels;
  f->config.score = score;
  f->context = (tfm_task_context){.options = &f->options, .config = &f->config};
  f->seq = (tfm_sequence){.item = &f->item, .rows = 1, .values = logits};
  f->item.seqs = &f->seq;
  f->item.nseq = 1;
  f->item.width = 4;
}

static const char *answer(fixture *f, int field)
{
  tfm_err err = {0};
  tfm_answer_clear(&f->answer);
  CHECK_OK(tfm_task_classify.answer(&f->context, &f->item, &f->answer, &err), &err);
  return tfm_buf_cstr(&f->answer.value[field]);
}

/* Equal scores are ordered by label index, as the reference's stable sort does; anything else would
 * make the output depend on the sort. */
static void ties_go_to_the_lower_label(void **state)
{
  (void)state;
  fixture f;
  make(&f, -1, TFM_SCORE_NONE);
  assert_string_equal(
      answer(&f, 0),
      "[{\"label\":\"second\",\"score\":2},{\"label\":\"third\",\"score\":2},"
      "{\"label\":\"a\\\"b\",\"score\":0.5},{\"label\":\"fourth\",\"score\":-1}]");
  tfm_answer_fini(&f.answer);
  make(&f, 0, TFM_SCORE_NONE);
  assert_string_equal(answer(&f, 0), "\"second\"");
  tfm_answer_fini(&f.answer);
}

/* --top-k beyond the labels gives all of them; below, the best ones. */
static void top_k_is_cut_to_the_labels(void **state)
{
  (void)state;
  fixture f;
  make(&f, 2, TFM_SCORE_NONE);
  assert_string_equal(answer(&f, 0), "[{\"label\":\"second\",\"score\":2},"
                                     "{\"label\":\"third\",\"score\":2}]");
  tfm_answer_fini(&f.answer);
  make(&f, 1000000, TFM_SCORE_NONE);
  assert_non_null(strstr(answer(&f, 0), "fourth"));
  tfm_answer_fini(&f.answer);
}

/* softmax sums to one, sigmoid of each logit stands alone: told apart by the sum of the scores. */
static void the_rule_decides_the_scores(void **state)
{
  (void)state;
  fixture f;
  float scores[4];
  make(&f, 0, TFM_SCORE_SOFTMAX);
  tfm_classify_scores(&f.config, TFM_APPLY_AUTO, logits, scores);
  assert_true(scores[0] + scores[1] + scores[2] + scores[3] > 0.999999f);
  assert_true(scores[0] + scores[1] + scores[2] + scores[3] < 1.000001f);
  tfm_classify_scores(&f.config, TFM_APPLY_SIGMOID, logits, scores);
  assert_true(scores[1] > 0.88079f && scores[1] < 0.88080f); /* 1 / (1 + e^-2) = 0.880797 */
  tfm_classify_scores(&f.config, TFM_APPLY_NONE, logits, scores);
  assert_memory_equal(scores, logits, sizeof logits);
}

/* --return-logits adds one field with the numbers as they are. */
static void logits_are_a_field(void **state)
{
  (void)state;
  fixture f;
  const char *names[TFM_ANSWER_MAX_FIELDS];
  make(&f, 0, TFM_SCORE_SOFTMAX);
  assert_int_equal(tfm_task_classify.fields(&f.context, names), 2);
  f.options.return_logits = true;
  assert_int_equal(tfm_task_classify.fields(&f.context, names), 3);
  assert_string_equal(names[2], "logits");
  assert_string_equal(answer(&f, 2), "[0.5,2,2,-1]");
  tfm_answer_fini(&f.answer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ties_go_to_the_lower_label),
      cmocka_unit_test(top_k_is_cut_to_the_labels),
      cmocka_unit_test(the_rule_decides_the_scores),
      cmocka_unit_test(logits_are_a_field),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
