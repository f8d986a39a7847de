/* How likely a language model finds a text: the logarithm of the probability of each token behind
 * the first, given those before it; their sum, and the perplexity they make. */
#include "coordinator/task/task.h"

#include <float.h>
#include <math.h>

static tfm_status score_ask(tfm_task_context *context, tfm_err *err)
{
  (void)err;
  context->spec->lm = TFM_LM_SCORE;
  return TFM_OK;
}

static int score_fields(const tfm_task_context *context, const char **names)
{
  int n = 0;
  names[n++] = "log_prob";
  names[n++] = "perplexity";
  names[n++] = "tokens";
  if (context->options->return_tokens) {
    names[n++] = "token_ids";
    names[n++] = "token_log_probs";
  }
  return n;
}

/* Of each token; the first has none. */
static void put_tokens(const tfm_sequence *s, tfm_buf *ids, tfm_buf *log_probs)
{
  (void)tfm_buf_char(ids, '[');
  (void)tfm_buf_str(log_probs, "[null");
  for (int64_t i = 0; i < s->n; ++i) {
    (void)tfm_buf_printf(ids, "%s%d", i ? "," : "", s->ids[i]);
    if (i > 0) {
      (void)tfm_buf_char(log_probs, ',');
      (void)tfm_buf_float(log_probs, s->values[i - 1]);
    }
  }
  (void)tfm_buf_char(ids, ']');
  (void)tfm_buf_char(log_probs, ']');
}

static tfm_status score_answer(const tfm_task_context *context, const tfm_item *item,
                               tfm_answer *answer, tfm_err *err)
{
  const tfm_sequence *s = &item->seqs[0];
  double sum = 0.0;
  (void)err;
  if (s->n < 2) {
    tfm_answer_fail(answer, TFM_E_FORMAT,
                    "the text has one token: want at least two, one to go on from");
    return TFM_OK;
  }
  for (int64_t i = 0; i + 1 < s->n; ++i) {
    sum += (double)s->values[i];
  }
  const double perplexity = exp(-sum / (double)(s->n - 1));
  if (!(perplexity <= (double)FLT_MAX)) {
    tfm_answer_fail(answer, TFM_E_FORMAT, "the text's perplexity is beyond all numbers");
    return TFM_OK;
  }
  (void)tfm_buf_float(&answer->value[0], (float)sum);
  (void)tfm_buf_float(&answer->value[1], (float)perplexity);
  (void)tfm_buf_printf(&answer->value[2], "%lld", (long long)(s->n - 1));
  if (context->options->return_tokens) {
    put_tokens(s, &answer->value[3], &answer->value[4]);
  }
  return TFM_OK;
}

const tfm_task_ops tfm_task_score = {
    .name = "score",
    .head = TFM_TASK_TEXT_GENERATION,
    .ask = score_ask,
    .fields = score_fields,
    .answer = score_answer,
};
