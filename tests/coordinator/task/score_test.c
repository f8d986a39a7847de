#include "coordinator/task/task.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

/* A text of n tokens whose next ones have these logarithms, answered; field as text. */
typedef struct {
  tfm_options options;
  tfm_task_context context;
  tfm_item item;
  tfm_sequence seq;
  tfm_answer answer;
} fixture;

static int32_t ids[] = {7, 8, 9};
static float log_probs[] = {-1.0f, -2.0f, 0.0f};

static const char *answer(fixture *f, int64_t n, int field)
{
  tfm_err err = {0};
  f->options.return_tokens = true;
  f->context = (tfm_task_context){.options = &f->options};
  f->seq = (tfm_sequence){.item = &f->item, .n = n, .ids = ids, .values = log_probs};
  f->item = (tfm_item){.seqs = &f->seq, .nseq = 1, .width = 1};
  tfm_answer_clear(&f->answer);
  CHECK_OK(tfm_task_score.answer(&f->context, &f->item, &f->answer, &err), &err);
  return tfm_buf_cstr(&f->answer.value[field]);
}

/* The last token has no next one: its value counts for nothing. Perplexity is e^(3/2). */
static void sums_and_perplexity_leave_out_the_last(void **state)
{
  (void)state;
  fixture f = {0};
  assert_string_equal(answer(&f, 3, 0), "-3");
  assert_string_equal(answer(&f, 3, 1), "4.481689");
  assert_string_equal(answer(&f, 3, 2), "2");
  assert_string_equal(answer(&f, 3, 3), "[7,8,9]");
  assert_string_equal(answer(&f, 3, 4), "[null,-1,-2]");
  tfm_answer_fini(&f.answer);
}

static void a_single_token_is_no_text_to_score(void **state)
{
  (void)state;
  fixture f = {0};
  (void)answer(&f, 1, 0);
  assert_int_equal(f.answer.status, TFM_E_FORMAT);
  tfm_answer_fini(&f.answer);
}

static void the_head_is_asked_for_scores(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_head_spec spec = {0};
  tfm_task_context context = {.spec = &spec};
  CHECK_OK(tfm_task_score.ask(&context, &err), &err);
  assert_int_equal(spec.lm, TFM_LM_SCORE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_perplexity_leave_out_the_last),
      cmocka_unit_test(a_single_token_is_no_text_to_score),
      cmocka_unit_test(the_head_is_asked_for_scores),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
