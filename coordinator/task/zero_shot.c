/* Zero-shot classification: each candidate label becomes a hypothesis about the text, and a model
 * of natural language inference says how far the text entails it.
 *
 *  Source: transformers' ZeroShotClassificationPipeline.
 */
#include "coordinator/task/task.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/kernels/activation.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LARGEST_CONFIG = 64 << 20 };

/* What begin() settles: the labels whose logits count. */
typedef struct {
  int64_t entailment, contradiction;
} settings;

typedef struct {
  tfm_span label;
  float score;
  int64_t order;
} candidate;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "the labels of a text");
}

/* ---- the template ---- */

/* As Python's str.format() with one argument: {} or {0} is the label, {{ and }} are braces. Returns
 * what stands at p, and steps over it. */
typedef enum { PART_TEXT, PART_LABEL, PART_BAD } part_kind;

static part_kind next_part(const char **p)
{
  const char *at = *p;
  const bool twice = (at[0] == '{' || at[0] == '}') && at[1] == at[0];
  if (at[0] != '{' && at[0] != '}') {
    *p = at + 1;
    return PART_TEXT;
  }
  if (twice) {
    *p = at + 2;
    return PART_TEXT;
  }
  const size_t n = strncmp(at, "{}", 2) == 0 ? 2 : strncmp(at, "{0}", 3) == 0 ? 3 : 0;
  *p = at + n;
  return n ? PART_LABEL : PART_BAD;
}

static tfm_status check_template(const char *template, tfm_err *err)
{
  int labels = 0;
  for (const char *p = template; *p;) {
    const part_kind kind = next_part(&p);
    labels += kind == PART_LABEL;
    if (kind == PART_BAD) {
      return tfm_fail(
          err, TFM_E_USAGE,
          "--hypothesis-template \"%.200s\": want {} where the label goes, and {{ or "
          "}} for a brace; got \"%.20s\"",
          template, p);
    }
  }
  return labels ? TFM_OK
                : tfm_fail(err, TFM_E_USAGE,
                           "--hypothesis-template \"%.200s\": want {} where the label goes",
                           template);
}

static void put_hypothesis(const char *template, tfm_span label, tfm_buf *out)
{
  for (const char *p = template; *p;) {
    const char first = *p;
    if (next_part(&p) == PART_LABEL) {
      (void)tfm_buf_span(out, label);
    } else {
      (void)tfm_buf_char(out, first);
    }
  }
}

/* ---- the labels of the model ---- */

static bool entails(const char *label)
{
  static const char word[] = "entail";
  return strncasecmp(label, word, sizeof word - 1) == 0;
}

/* The first of label2id that says so, as the file has them in order; without that map the first
 * label; -1: none. */
static tfm_status find_entailment(const tfm_task_context *context, int64_t *id, tfm_err *err)
{
  const tfm_config *config = context->config;
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  char *path = tfm_path_join(context->model->folder, "config.json");
  if (!path) {
    return no_memory(err);
  }
  *id = -1;
  TFM_TRY(tfm_json_open(&json, path, LARGEST_CONFIG, err));
  const tfm_json_node *map = tfm_json_get(tfm_json_root(json), "label2id");
  for (const tfm_json_node *x = tfm_json_first(map); x && *id < 0; x = tfm_json_next(x)) {
    if (entails(tfm_json_key(x))) {
      TFM_TRY(tfm_json_node_int(json, x, "label2id", 0, config->nlabel - 1, id, err));
    }
  }
  for (int64_t i = 0; !map && i < config->nlabel && *id < 0; ++i) {
    *id = entails(config->labels[i]) ? i : -1;
  }

fail:
  tfm_json_close(json);
  tfm_free(path);
  return st;
}

/* ---- the task ---- */

/* The labels a row is asked about: its own, else the options'. */
static int64_t label_count(const tfm_options *o, const tfm_row *row)
{
  return row->has_list ? row->nlist : o->ncandidate;
}

/* Without the blanks that stand behind a comma. */
static tfm_span trimmed(const char *label)
{
  tfm_span s = tfm_span_of(label + strspn(label, " \t"));
  while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
    --s.n;
  }
  return s;
}

static tfm_span label_at(const tfm_options *o, const tfm_row *row, int64_t i)
{
  return row->has_list ? row->list[i] : trimmed(o->candidate_labels[i]);
}

/* One label, or each for itself: entailment against contradiction; else the labels against each
 * other. logits: those of the label's sequence. */
static float score_alone(const settings *own, const float *logits)
{
  const float two[2] = {logits[own->contradiction], logits[own->entailment]};
  float score[2];
  tfm_softmax(two, 2, score);
  return score[1];
}

static int better_first(const void *left, const void *right)
{
  const candidate *a = left;
  const candidate *b = right;
  if (a->score > b->score || a->score < b->score) {
    return a->score > b->score ? -1 : 1;
  }
  return a->order > b->order ? -1
                             : a->order < b->order; /* the reference turns its order round */
}

static tfm_status score_labels(const tfm_task_context *context, const tfm_item *item,
                               candidate *v, tfm_err *err)
{
  const tfm_options *o = context->options;
  const settings *own = context->own;
  const int64_t n = item->nseq;
  const bool alone = o->multi_label || n == 1;
  float *scores = tfm_calloc((size_t)n, sizeof *scores);
  if (!scores) {
    return no_memory(err);
  }
  for (int64_t i = 0; i < n; ++i) {
    const float *logits = item->seqs[i].values;
    scores[i] = alone ? score_alone(own, logits) : logits[own->entailment];
  }
  if (!alone) {
    tfm_softmax(scores, n, scores);
  }
  for (int64_t i = 0; i < n; ++i) {
    v[i] = (candidate){label_at(o, item->row, i), scores[i], i};
  }
  qsort(v, (size_t)n, sizeof *v, better_first);
  tfm_free(scores);
  return TFM_OK;
}

static tfm_status zero_shot_answer(const tfm_task_context *context, const tfm_item *item,
                                   tfm_answer *answer, tfm_err *err)
{
  tfm_buf *labels = &answer->value[0];
  tfm_buf *scores = &answer->value[1];
  candidate *v = tfm_calloc((size_t)item->nseq, sizeof *v);
  tfm_status st = v ? score_labels(context, item, v, err) : no_memory(err);
  for (int64_t i = 0; i < item->nseq && st == TFM_OK; ++i) {
    (void)tfm_buf_char(labels, i ? ',' : '[');
    (void)tfm_buf_json_string(labels, v[i].label);
    (void)tfm_buf_char(scores, i ? ',' : '[');
    (void)tfm_buf_float(scores, v[i].score);
  }
  (void)tfm_buf_char(labels, ']');
  (void)tfm_buf_char(scores, ']');
  tfm_free(v);
  return st == TFM_OK && (labels->failed || scores->failed) ? no_memory(err) : st;
}

static int zero_shot_fields(const tfm_task_context *context, const char **names)
{
  (void)context;
  names[0] = "labels";
  names[1] = "scores";
  return 2;
}

static tfm_status zero_shot_ask(tfm_task_context *context, tfm_err *err)
{
  return check_template(context->options->hypothesis_template, err);
}

static tfm_status zero_shot_begin(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t n = context->config->nlabel;
  int64_t id = -1;
  settings *own = tfm_calloc(1, sizeof *own);
  context->own = own;
  if (!own) {
    return no_memory(err);
  }
  TFM_TRY(find_entailment(context, &id, err));
  if (id < 0) {
    tfm_log(TFM_LOG_WARN,
            "config.json: label2id: no label begins with entail; taken is the last, \"%.100s\"",
            context->config->labels[n - 1]);
  }
  own->entailment = id < 0 ? n - 1 : id;
  own->contradiction = id == 0 ? n - 1 : 0;

fail:
  return st;
}

static void zero_shot_end(tfm_task_context *context)
{
  tfm_free(context->own);
}

static tfm_status zero_shot_row(const tfm_encoder *encoder, tfm_item *item,
                                tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_options *o = context->options;
  const int64_t n = label_count(o, item->row);
  tfm_status st = TFM_OK;
  tfm_buf hypothesis = {0};
  if (n == 0) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_FORMAT, "no labels: the row has no candidate_labels%s",
                   item->row->has_list ? " in its list"
                                       : ", and --candidate-labels is not given");
    return tfm_encoder_failed(item, &bad);
  }
  item->together = true;
  for (int64_t i = 0; i < n && item->status == TFM_OK; ++i) {
    tfm_buf_clear(&hypothesis);
    put_hypothesis(o->hypothesis_template, label_at(o, item->row, i), &hypothesis);
    if (hypothesis.failed) {
      TFM_TRY(no_memory(err));
    }
    const tfm_span pair = {tfm_buf_cstr(&hypothesis), hypothesis.n};
    TFM_TRY(tfm_encoder_add(encoder, item, item->row->text, pair, -1, scratch, err));
    tfm_encoder_no_room(item, "a label's hypothesis leaves no room for the text");
  }

fail:
  tfm_buf_fini(&hypothesis);
  return st;
}

const tfm_task_ops tfm_task_zero_shot = {
    .name = "zero-shot-classification",
    .head = TFM_TASK_TEXT_CLASSIFICATION,
    .wants = {.list_name = "candidate_labels", .list_commas = true},
    .cut = TFM_TRUNCATE_FIRST,
    .ask = zero_shot_ask,
    .begin = zero_shot_begin,
    .end = zero_shot_end,
    .row = zero_shot_row,
    .fields = zero_shot_fields,
    .answer = zero_shot_answer,
};
