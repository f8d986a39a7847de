/* Texts ranked by made-up logits: as sentence-transformers ranks them, by the activation that the
 * folder's files name (tests/reference/make_pair_goldens.py). */
#include "tests/coordinator/task/support.h"

enum { MOST = 8 };

static void make(stage *f, const char *folder)
{
  stage_make(f, &tfm_task_rerank, "text/bert.json",
             (tfm_head_shape){.rows = TFM_ROWS_SEQUENCE, .width = 1});
  stage_folder(f, "task/rerank", folder);
  f->config.nlabel = 1;
}

/* Results of n texts with these logits. */
static tfm_item *rank(stage *f, const float *logits, int n, tfm_answer *answer)
{
  static const tfm_span texts[MOST] = {{"the fox", 7}, {"", 0},   {"x", 1}, {"dog", 3},
                                       {"", 0},        {"is", 2}, {"a", 1}, {"b", 1}};
  tfm_err err = {0};
  assert_true(n <= MOST);
  stage_begin(f);
  tfm_item *item = stage_encode(f, "the way", NULL, texts, n);
  assert_int_equal(item->status, TFM_OK);
  assert_int_equal(item->nseq, n);
  for (int i = 0; i < n; ++i) {
    stage_values(item, &item->seqs[i])[0] = logits[i];
  }
  CHECK_OK(tfm_task_rerank.answer(&f->context, item, answer, &err), &err);
  return item;
}

static void check_line(const tfm_json *json, size_t line)
{
  stage f;
  tfm_answer answer = {0};
  float logits[MOST];
  int n = 0;
  const tfm_json_node *root = tfm_json_root(json);
  for (const tfm_json_node *x = tfm_json_first(tfm_json_get(root, "logits")); x;
       x = tfm_json_next(x)) {
    double logit = 0;
    assert_true(n < MOST && tfm_json_number(x, &logit));
    logits[n++] = (float)logit;
  }
  make(&f, text_of(json, "folder"));
  tfm_item *item = rank(&f, logits, n, &answer);
  check_field(tfm_json_get(root, "results"), &answer.value[0], line);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void ranks_are_the_references(void **state)
{
  (void)state;
  assert_int_equal(each_line(TFM_FIXTURES "/task/rerank.jsonl", check_line), 5);
}

/* A query alone is another input than a query and nothing: the second is what the model saw. */
static void an_empty_text_is_one_of_a_pair(void **state)
{
  (void)state;
  stage f;
  tfm_answer answer = {0};
  const float logits[3] = {1, 1, 2};
  make(&f, "plain");
  f.options.top_k = 2;
  f.options.function_to_apply = TFM_APPLY_NONE;
  tfm_item *item = rank(&f, logits, 3, &answer);
  assert_int_equal(item->seqs[1].n, item->seqs[0].n - 2);
  assert_int_equal(item->seqs[1].type_ids[item->seqs[1].n - 1], 1);
  assert_string_equal(tfm_buf_cstr(&answer.value[0]),
                      "[{\"index\":2,\"score\":2},{\"index\":0,\"score\":1}]");
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

/* Requests of a batch: /v1/rerank best first and with the texts, /v1/score in their order. */
static void batches_are_answered_as_they_ask(void **state)
{
  (void)state;
  static const struct {
    tfm_field extra[2];
    int n;
    const char *wanted;
  } cases[] = {
      {{{{"url", 3}, {"/v1/rerank", 10}}, {{"top_n", 5}, {"1", 1}}},
       2,
       "\"results\":[{\"index\":1,\"document\":{\"text\":\"\"},\"relevance_score\":2}]"},
      {{{{"url", 3}, {"/v1/score", 9}}, {{NULL, 0}, {NULL, 0}}},
       1,
       "\"object\":\"list\",\"data\":[{\"index\":0,\"object\":\"score\",\"score\":1},"
       "{\"index\":1,\"object\":\"score\",\"score\":2}]"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    stage f;
    tfm_err err = {0};
    tfm_answer answer = {0};
    const float logits[2] = {1, 2};
    make(&f, "plain");
    f.options.function_to_apply = TFM_APPLY_NONE;
    tfm_item *item = rank(&f, logits, 2, &answer);
    tfm_answer_clear(&answer);
    f.options.output_format = TFM_OUT_OPENAI;
    tfm_row row = *item->row;
    row.extra = cases[i].extra;
    row.nextra = cases[i].n;
    tfm_row *own = item->row;
    item->row = &row;
    CHECK_OK(tfm_task_rerank.answer(&f.context, item, &answer, &err), &err);
    assert_string_equal(tfm_buf_cstr(&answer.value[0]), cases[i].wanted);
    item->row = own;
    tfm_answer_fini(&answer);
    tfm_item_close(item);
    stage_drop(&f);
  }
}

static void what_does_not_rank_is_refused(void **state)
{
  (void)state;
  stage f;
  tfm_err err = {0};
  make(&f, "plain");
  f.options.function_to_apply = TFM_APPLY_SOFTMAX;
  CHECK_FAILS(tfm_task_rerank.ask(&f.context, &err), TFM_E_USAGE, &err, "softmax");
  f.config.nlabel = 3;
  CHECK_FAILS(tfm_task_rerank.begin(&f.context, &err), TFM_E_UNSUPPORTED, &err, "one label");
  stage_drop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_are_the_references),
      cmocka_unit_test(an_empty_text_is_one_of_a_pair),
      cmocka_unit_test(batches_are_answered_as_they_ask),
      cmocka_unit_test(what_does_not_rank_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
