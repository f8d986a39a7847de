#include "coordinator/task/classify.h"

#include "coordinator/task/task.h"
#include "core/base/mem.h"
#include "core/kernels/activation.h"

#include <stdlib.h>
#include <string.h>

static tfm_score_rule rule_of(const tfm_config *config, tfm_apply apply)
{
  switch (apply) {
  case TFM_APPLY_SOFTMAX:
    return TFM_SCORE_SOFTMAX;
  case TFM_APPLY_SIGMOID:
    return TFM_SCORE_SIGMOID;
  case TFM_APPLY_NONE:
    return TFM_SCORE_NONE;
  case TFM_APPLY_AUTO:
    break;
  }
  return config->score;
}

void tfm_classify_scores(const tfm_config *config, tfm_apply apply, const float *logits,
                         float *scores)
{
  switch (rule_of(config, apply)) {
  case TFM_SCORE_SOFTMAX:
    tfm_softmax(logits, config->nlabel, scores);
    return;
  case TFM_SCORE_SIGMOID:
    tfm_sigmoid(logits, config->nlabel, scores);
    return;
  case TFM_SCORE_NONE:
    memcpy(scores, logits, (size_t)config->nlabel * sizeof *scores);
    return;
  }
}

int64_t tfm_classify_best(const float *scores, int64_t n)
{
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i) {
    if (scores[i] > scores[best]) {
      best = i;
    }
  }
  return best;
}

typedef struct {
  float score;
  int64_t label;
} ranked;

static int better_first(const void *left, const void *right)
{
  const ranked *a = left;
  const ranked *b = right;
  if (a->score > b->score || a->score < b->score) {
    return a->score > b->score ? -1 : 1;
  }
  return a->label < b->label ? -1 : a->label > b->label;
}

static void put_label(tfm_buf *out, const tfm_config *config, int64_t label)
{
  (void)tfm_buf_json_string(out, tfm_span_of(config->labels[label]));
}

/* predictions: the best k, best first. */
static tfm_status put_predictions(const tfm_task_context *context, const float *scores,
                                  tfm_buf *out, tfm_err *err)
{
  int64_t n = context->config->nlabel;
  int64_t k =
      context->options->top_k < 0 || context->options->top_k > n ? n : context->options->top_k;
  ranked *order = tfm_calloc((size_t)n, sizeof *order);
  if (!order) {
    return tfm_fail(err, TFM_E_NOMEM, "scores of %lld labels", (long long)n);
  }
  for (int64_t i = 0; i < n; ++i) {
    order[i] = (ranked){.score = scores[i], .label = i};
  }
  qsort(order, (size_t)n, sizeof *order, better_first);
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < k; ++i) {
    (void)tfm_buf_str(out, i ? ",{\"label\":" : "{\"label\":");
    put_label(out, context->config, order[i].label);
    (void)tfm_buf_str(out, ",\"score\":");
    (void)tfm_buf_float(out, order[i].score);
    (void)tfm_buf_char(out, '}');
  }
  (void)tfm_buf_char(out, ']');
  tfm_free(order);
  return TFM_OK;
}

static int classify_fields(const tfm_task_context *context, const char **names)
{
  int n = 0;
  if (context->options->top_k) {
    names[n++] = "predictions";
  } else {
    names[n++] = "label";
    names[n++] = "score";
  }
  if (context->options->return_logits) {
    names[n++] = "logits";
  }
  return n;
}

static tfm_status classify_answer(const tfm_task_context *context, const tfm_item *item,
                                  tfm_answer *answer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = context->config;
  float *scores = tfm_calloc((size_t)config->nlabel, sizeof *scores);
  int field = 0;
  if (!scores) {
    return tfm_fail(err, TFM_E_NOMEM, "scores of %lld labels", (long long)config->nlabel);
  }
  tfm_classify_scores(config, context->options->function_to_apply, item->seqs[0].values,
                      scores);
  if (context->options->top_k) {
    TFM_TRY(put_predictions(context, scores, &answer->value[field++], err));
  } else {
    int64_t best = tfm_classify_best(scores, config->nlabel);
    put_label(&answer->value[field++], config, best);
    (void)tfm_buf_float(&answer->value[field++], scores[best]);
  }
  if (context->options->return_logits) {
    tfm_put_floats(&answer->value[field++], item->seqs[0].values, item->width);
  }

fail:
  tfm_free(scores);
  return st;
}

static void classify_scores(const tfm_task_context *context, const float *values, float *scores)
{
  tfm_classify_scores(context->config, context->options->function_to_apply, values, scores);
}

const tfm_task_ops tfm_task_classify = {
    .name = "text-classification",
    .head = TFM_TASK_TEXT_CLASSIFICATION,
    .wants = {.pair = true},
    .fields = classify_fields,
    .answer = classify_answer,
    .scores = classify_scores,
};
