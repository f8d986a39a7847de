/* Rerank: how well each text of a row answers its query, by a cross-encoder that reads the two
 * together.
 *
 *  Source: sentence-transformers 6, CrossEncoder.rank().
 */
#include "coordinator/task/openai.h"
#include "coordinator/task/sentence_files.h"
#include "coordinator/task/task.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/kernels/activation.h"

#include <stdlib.h>
#include <string.h>

typedef enum { SCORE_SIGMOID, SCORE_IDENTITY, SCORE_TANH, SCORE_RELU } score_rule;

/* What begin() settles. */
typedef struct {
  score_rule rule;
  tfm_buf prompt; /* before every query */
} settings;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "the scores of a row's texts");
}

/* ---- scores ---- */

static float score_of(score_rule rule, float logit)
{
  float score = logit;
  switch (rule) {
  case SCORE_SIGMOID:
    tfm_sigmoid(&logit, 1, &score);
    break;
  case SCORE_TANH:
    tfm_activate(TFM_ACT_TANH, &logit, 1, &score);
    break;
  case SCORE_RELU:
    tfm_activate(TFM_ACT_RELU, &logit, 1, &score);
    break;
  case SCORE_IDENTITY:
    break;
  }
  return score;
}

/* A class of torch by its path; others are not trusted, and the usual one is taken. */
static tfm_status parse_rule(const char *path, score_rule *rule, tfm_err *err)
{
  static const char *const names[] = {[SCORE_SIGMOID] = "Sigmoid",
                                      [SCORE_IDENTITY] = "Identity",
                                      [SCORE_TANH] = "Tanh",
                                      [SCORE_RELU] = "ReLU"};
  const char *dot = strrchr(path, '.');
  if (strncmp(path, "torch.", 6) != 0) {
    tfm_log(TFM_LOG_WARN, "activation_fn: \"%.100s\" is no class of torch; taken is Sigmoid",
            path);
    return TFM_OK;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (strcmp(dot + 1, names[i]) == 0) {
      *rule = (score_rule)i;
      return TFM_OK;
    }
  }
  return tfm_fail(
      err, TFM_E_UNSUPPORTED,
      "activation_fn: \"%.100s\" is not supported; supported are Sigmoid, Identity, "
      "Tanh, ReLU",
      path);
}

/* Where releases of sentence-transformers have written it, the newest first. */
static tfm_status read_rule(const tfm_task_context *context, score_rule *rule, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *sentence = NULL;
  tfm_json *config = NULL;
  const char *path = NULL;
  TFM_TRY(
      tfm_sentence_file(context->folder, "config_sentence_transformers.json", &sentence, err));
  TFM_TRY(tfm_sentence_file(context->model->folder, "config.json", &config, err));
  const tfm_json_node *own = sentence ? tfm_json_root(sentence) : NULL;
  const char *type = tfm_json_text(tfm_json_get(own, "model_type"));
  if (type && strcmp(type, "CrossEncoder") == 0) {
    path = tfm_json_text(tfm_json_get(own, "activation_fn"));
  }
  if (!path && config) {
    const tfm_json_node *root = tfm_json_root(config);
    const tfm_json_node *older = tfm_json_get(root, "sentence_transformers");
    path = tfm_json_text(tfm_json_get(older, "activation_fn"));
    path =
        path ? path : tfm_json_text(tfm_json_get(root, "sbert_ce_default_activation_function"));
  }
  if (path) {
    TFM_TRY(parse_rule(path, rule, err));
  }

fail:
  tfm_json_close(sentence);
  tfm_json_close(config);
  return st;
}

/* ---- the task ---- */

static const char *const rerank_urls[] = {"/v1/rerank", "/v1/score", NULL};

static int better_first(const void *left, const void *right)
{
  const tfm_ranked *a = left;
  const tfm_ranked *b = right;
  if (a->score > b->score || a->score < b->score) {
    return a->score > b->score ? -1 : 1;
  }
  return a->index < b->index ? -1 : a->index > b->index;
}

static void put_results(const tfm_ranked *order, int64_t n, tfm_buf *out)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < n; ++i) {
    (void)tfm_buf_printf(out, "%s{\"index\":%lld,\"score\":", i ? "," : "",
                         (long long)order[i].index);
    (void)tfm_buf_float(out, order[i].score);
    (void)tfm_buf_char(out, '}');
  }
  (void)tfm_buf_char(out, ']');
}

static tfm_status rerank_answer(const tfm_task_context *context, const tfm_item *item,
                                tfm_answer *answer, tfm_err *err)
{
  const settings *own = context->own;
  const int64_t asked = context->options->top_k;
  const int64_t n = item->nseq;
  const int64_t most = asked > 0 && asked < n ? asked : n;
  const bool batch = context->options->output_format == TFM_OUT_OPENAI;
  tfm_buf *out = &answer->value[0];
  tfm_ranked *order = tfm_calloc((size_t)n, sizeof *order);
  if (!order) {
    return no_memory(err);
  }
  for (int64_t i = 0; i < n; ++i) {
    order[i] = (tfm_ranked){score_of(own->rule, item->seqs[i].values[0]), i};
  }
  if (batch && tfm_span_is(tfm_row_extra(item->row, "url"), rerank_urls[1])) {
    tfm_openai_scores(order, n, out);
  } else {
    qsort(order, (size_t)n, sizeof *order, better_first);
    if (batch) {
      tfm_openai_ranking(item, order, most, out);
    } else {
      put_results(order, most, out);
    }
  }
  tfm_free(order);
  return out->failed ? no_memory(err) : TFM_OK;
}

static int rerank_fields(const tfm_task_context *context, const char **names)
{
  (void)context;
  names[0] = "results";
  return 1;
}

static tfm_status rerank_ask(tfm_task_context *context, tfm_err *err)
{
  return context->options->function_to_apply == TFM_APPLY_SOFTMAX
             ? tfm_fail(
                   err, TFM_E_USAGE,
                   "--function-to-apply softmax: a rerank model has one score a text; want "
                   "sigmoid or none")
             : TFM_OK;
}

static tfm_status rerank_begin(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = context->config;
  settings *own = tfm_calloc(1, sizeof *own);
  context->own = own;
  if (!own) {
    return no_memory(err);
  }
  if (config->nlabel != 1) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: id2label: rerank wants a model of one label, this has %lld; "
                     "--task text-classification scores pairs with it",
                     (long long)config->nlabel));
  }
  switch (context->options->function_to_apply) {
  case TFM_APPLY_NONE:
    own->rule = SCORE_IDENTITY;
    break;
  case TFM_APPLY_AUTO:
    TFM_TRY(read_rule(context, &own->rule, err));
    break;
  case TFM_APPLY_SIGMOID:
  case TFM_APPLY_SOFTMAX:
    break;
  }
  TFM_TRY(tfm_sentence_length(context, err));
  TFM_TRY(tfm_sentence_prompt(context, &own->prompt, err));

fail:
  return st;
}

static void rerank_end(tfm_task_context *context)
{
  settings *own = context->own;
  if (own) {
    tfm_buf_fini(&own->prompt);
    tfm_free(own);
  }
}

static tfm_status rerank_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                             tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const settings *own = context->own;
  const tfm_row *row = item->row;
  tfm_status st = TFM_OK;
  tfm_buf query = {0}; /* several threads encode: nothing of the task's may change here */
  (void)tfm_buf_span(&query, tfm_buf_view(&own->prompt));
  (void)tfm_buf_span(&query, row->text);
  if (query.failed) {
    TFM_TRY(no_memory(err));
  }
  item->together = true;
  for (int i = 0; i < row->nlist && item->status == TFM_OK; ++i) {
    const tfm_span text = {row->list[i].n ? row->list[i].p : "", row->list[i].n};
    TFM_TRY(tfm_encoder_add(encoder, item, tfm_buf_view(&query), text, -1, scratch, err));
  }

fail:
  tfm_buf_fini(&query);
  return st;
}

const tfm_task_ops tfm_task_rerank = {
    .name = "rerank",
    .head = TFM_TASK_TEXT_CLASSIFICATION,
    .wants = {.list_needed = true,
              .text_name = "query",
              .list_name = "texts",
              .urls = rerank_urls},
    .ask = rerank_ask,
    .begin = rerank_begin,
    .end = rerank_end,
    .row = rerank_row,
    .fields = rerank_fields,
    .answer = rerank_answer,
};
