/* Answers of made-up logits: what transformers' pipeline made of the same ones
 * (tests/reference/make_question_goldens.py). */
#include "tests/coordinator/task/support.h"

static const tfm_head_shape shape = {.rows = TFM_ROWS_TOKEN, .width = 2};

static void make(stage *f, const char *tokenizer)
{
  stage_make(f, &tfm_task_question, tokenizer, shape);
  f->options.max_answer_len = 15;
  f->options.align_to_words = true;
}

static void check_line(const tfm_json *json, size_t line)
{
  stage f;
  tfm_err err = {0};
  tfm_answer answer = {0};
  make(&f, text_of(json, "tokenizer"));
  f.options.top_k = number_of(json, "top_k");
  f.options.align_to_words = flag_of(json, "align");
  f.options.handle_impossible_answer = flag_of(json, "impossible");
  f.options.max_answer_len = number_of(json, "max_answer_len");
  f.options.max_seq_len = number_of(json, "max_seq_len");
  f.options.doc_stride = number_of(json, "doc_stride");
  stage_begin(&f);
  tfm_item *item =
      stage_encode(&f, text_of(json, "question"), text_of(json, "context"), NULL, 0);
  assert_int_equal(item->status, TFM_OK);
  stage_fill(item, tfm_json_get(tfm_json_root(json), "logits"), 10000);
  CHECK_OK(tfm_task_question.answer(&f.context, item, &answer, &err), &err);
  check_field(tfm_json_get(tfm_json_root(json), "answers"), &answer.value[0], line);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void answers_are_the_references(void **state)
{
  (void)state;
  assert_int_equal(each_line(TFM_FIXTURES "/task/questions.jsonl", check_line), 96);
}

/* Without --top-k the best answer's members are fields; logits of two windows are two lists. A
 * character beyond the first plane is one code point and four bytes. */
static void fields_are_the_best_answer_and_its_logits(void **state)
{
  (void)state;
  stage f;
  tfm_err err = {0};
  tfm_answer answer = {0};
  const char *names[TFM_ANSWER_MAX_FIELDS];
  static const char *const wanted[] = {"score",  "start",        "end",
                                       "answer", "start_logits", "end_logits"};
  make(&f, "text/bert.json");
  f.options.return_logits = true;
  f.options.offsets = TFM_OFFSETS_BYTE;
  f.options.max_seq_len = 7;
  f.options.doc_stride = 0;
  stage_begin(&f);
  assert_int_equal(tfm_task_question.fields(&f.context, names), COUNT_OF(wanted));
  for (size_t i = 0; i < COUNT_OF(wanted); ++i) {
    assert_string_equal(names[i], wanted[i]);
  }
  tfm_item *item = stage_encode(&f, "fox", "\xf0\x9d\x94\x98 the fox dog", NULL, 0);
  assert_int_equal(item->nseq, 2);
  for (int64_t s = 0; s < item->nseq; ++s) {
    stage_values(item, &item->seqs[s]);
  }
  item->seqs[0].values[2 * 4] = 9;     /* "the" begins */
  item->seqs[0].values[2 * 5 + 1] = 9; /* the next one ends */
  CHECK_OK(tfm_task_question.answer(&f.context, item, &answer, &err), &err);
  assert_string_equal(tfm_buf_cstr(&answer.value[1]), "5");
  assert_string_equal(tfm_buf_cstr(&answer.value[2]), "12");
  assert_string_equal(tfm_buf_cstr(&answer.value[3]), "\"the fox\"");
  assert_memory_equal(answer.value[4].data, "[[0,0,0,0,9,0,0],[0,", 20);
  tfm_answer_fini(&answer);
  tfm_item_close(item);
  stage_drop(&f);
}

static void rows_without_text_or_room_are_refused(void **state)
{
  (void)state;
  static const char *const rows[][3] = {
      {"", "the fox", "question is empty"},
      {"who", "", "context is empty"},
      {"the fox the fox the fox", "the fox", "the question leaves no room for the context: "}};
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    stage f;
    make(&f, "text/bert.json");
    f.options.max_seq_len = 9;
    stage_begin(&f);
    tfm_item *item = stage_encode(&f, rows[i][0], rows[i][1], NULL, 0);
    assert_int_equal(item->status, TFM_E_FORMAT);
    assert_non_null(strstr(tfm_item_error(item), rows[i][2]));
    tfm_item_close(item);
    stage_drop(&f);
  }
}

static void windows_that_cannot_be_are_refused(void **state)
{
  (void)state;
  stage f;
  tfm_err err = {0};
  make(&f, "text/bert.json");
  f.options.max_seq_len = 513;
  CHECK_FAILS(tfm_task_question.begin(&f.context, &err), TFM_E_USAGE, &err,
              "--max-length, 512");
  tfm_task_question.end(&f.context);
  f.options.max_seq_len = 10; /* three of them special */
  f.options.doc_stride = 7;
  CHECK_FAILS(tfm_task_question.begin(&f.context, &err), TFM_E_USAGE, &err, "--doc-stride 7");
  f.options.top_k = -1;
  CHECK_FAILS(tfm_task_question.ask(&f.context, &err), TFM_E_USAGE, &err, "--top-k");
  stage_drop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_the_references),
      cmocka_unit_test(fields_are_the_best_answer_and_its_logits),
      cmocka_unit_test(rows_without_text_or_room_are_refused),
      cmocka_unit_test(windows_that_cannot_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
