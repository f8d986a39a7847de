/* Token classification: a label a token, or words and groups of words of one label.
 *
 *  Source: transformers' TokenClassificationPipeline (what the strategies do, and what a word is).
 */
#include "coordinator/task/points.h"
#include "coordinator/task/task.h"
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/kernels/activation.h"

#include <stdlib.h>
#include <string.h>

/* A token, a word or a group. Text is the row's, the tokenizer's, or the answer's memory. */
typedef struct {
  tfm_span word;
  const float *scores; /* [labels] probabilities; NULL for a group */
  const char *label;
  float score;
  int32_t begin, end; /* code points */
  int64_t index;      /* of the token in its sequence */
  bool rest;          /* it goes on with the word of the token before it */
} entity;

typedef struct {
  entity *v;
  int64_t n;
} entities;

/* What one answer works with. */
typedef struct {
  const tfm_task_context *context;
  const tfm_tokenizer_facts *facts;
  tfm_points points;
  tfm_arena memory;
  tfm_span *parts; /* room for the words of a group */
} reading;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "the entities of a text");
}

/* ---- tokens ---- */

/* Marked pieces are told from words by their length, others by the blank before them: as the
 * reference does it. */
static bool goes_on(const reading *r, tfm_span word, int32_t begin, int32_t end)
{
  if (r->facts->marks_rest) {
    return tfm_utf8_count(word.p, word.n) != (size_t)(end - begin);
  }
  if (begin == 0) {
    return false;
  }
  const int32_t until = begin < r->points.n ? begin + 1 : begin;
  const tfm_span around = tfm_points_slice(&r->points, begin - 1, until);
  return memchr(around.p, ' ', around.n) == NULL;
}

static void choose_label(const reading *r, entity *e)
{
  const tfm_config *config = r->context->config;
  int64_t best = 0;
  for (int64_t i = 1; i < config->nlabel; ++i) {
    best = e->scores[i] > e->scores[best] ? i : best;
  }
  e->label = config->labels[best];
  e->score = e->scores[best];
}

static tfm_status read_tokens(reading *r, const tfm_sequence *s, entities *out, tfm_err *err)
{
  const int64_t labels = r->context->config->nlabel;
  const tfm_places *places = &s->places;
  float *scores = tfm_arena_alloc(&r->memory, (size_t)(s->n * labels) * sizeof *scores);
  out->v = tfm_arena_alloc(&r->memory, (size_t)s->n * sizeof *out->v);
  out->n = 0;
  if (!scores || !out->v) {
    return no_memory(err);
  }
  for (int64_t i = 0; i < s->n; ++i) {
    if (places->special[i]) {
      continue;
    }
    entity *e = &out->v[out->n++];
    *e = (entity){.word = tfm_tokenizer_token(r->context->tokenizer, s->ids[i]),
                  .scores = scores + i * labels,
                  .begin = places->begin[i],
                  .end = places->end[i],
                  .index = i};
    tfm_softmax(s->values + i * labels, labels, scores + i * labels);
    e->rest = goes_on(r, e->word, e->begin, e->end);
    if (s->ids[i] == r->facts->unknown_id) {
      e->word = tfm_points_slice(&r->points, e->begin, e->end);
      e->rest = false;
    }
    choose_label(r, e);
  }
  return TFM_OK;
}

/* ---- words and groups ---- */

static tfm_status join(reading *r, const entity *e, int64_t n, tfm_span *word, tfm_err *err)
{
  tfm_buf text = {0};
  for (int64_t i = 0; i < n; ++i) {
    r->parts[i] = e[i].word;
  }
  tfm_status st = tfm_tokenizer_join(r->context->tokenizer, r->parts, (size_t)n, &text, err);
  if (st == TFM_OK) {
    const char *copy = tfm_arena_strndup(&r->memory, text.data ? text.data : "", text.n);
    *word = (tfm_span){copy, text.n};
    st = copy ? TFM_OK : no_memory(err);
  }
  tfm_buf_fini(&text);
  return st;
}

static tfm_status average(reading *r, const entity *e, int64_t n, entity *out, tfm_err *err)
{
  const int64_t labels = r->context->config->nlabel;
  float *mean = tfm_arena_alloc(&r->memory, (size_t)labels * sizeof *mean);
  if (!mean) {
    return no_memory(err);
  }
  for (int64_t c = 0; c < labels; ++c) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      sum += e[i].scores[c];
    }
    mean[c] = sum / (float)n;
  }
  out->scores = mean;
  choose_label(r, out);
  return TFM_OK;
}

/* One word of n tokens. */
static tfm_status make_word(reading *r, const entity *e, int64_t n, entity *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const entity *best = &e[0];
  entity word = e[0];
  word.end = e[n - 1].end;
  TFM_TRY(join(r, e, n, &word.word, err));
  if (r->context->options->aggregation == TFM_AGGREGATION_AVERAGE) {
    TFM_TRY(average(r, e, n, &word, err));
  } else if (r->context->options->aggregation == TFM_AGGREGATION_MAX) {
    for (int64_t i = 1; i < n; ++i) {
      best = e[i].score > best->score ? &e[i] : best;
    }
    word.label = best->label;
    word.score = best->score;
  }
  *out = word;

fail:
  return st;
}

/* Tokens to words, in place. */
static tfm_status make_words(reading *r, entities *all, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t words = 0;
  for (int64_t from = 0, to = 0; from < all->n; from = to) {
    for (to = from + 1; to < all->n && all->v[to].rest;) {
      ++to;
    }
    TFM_TRY(make_word(r, all->v + from, to - from, &all->v[words], err));
    ++words;
  }
  all->n = words;

fail:
  return st;
}

/* "B-PER": the tag is PER, and it begins. Labels that are not so written go on. */
static const char *tag_of(const char *label, bool *begins)
{
  *begins = strncmp(label, "B-", 2) == 0;
  return *begins || strncmp(label, "I-", 2) == 0 ? label + 2 : label;
}

static bool same_group(const entity *before, const entity *e)
{
  bool begins = false;
  bool other = false;
  const char *tag = tag_of(e->label, &begins);
  return !begins && strcmp(tag, tag_of(before->label, &other)) == 0;
}

/* "B-PER" is a group PER; what has no dash keeps its name. */
static const char *group_label(const char *label)
{
  const char *dash = strchr(label, '-');
  return dash ? dash + 1 : label;
}

static tfm_status make_group(reading *r, const entity *e, int64_t n, entity *out, tfm_err *err)
{
  entity group = {.label = group_label(e[0].label), .begin = e[0].begin};
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += e[i].score;
  }
  group.score = sum / (float)n;
  group.end = e[n - 1].end;
  tfm_status st = join(r, e, n, &group.word, err);
  *out = group;
  return st;
}

static bool is_ignored(const reading *r, const char *label)
{
  const tfm_options *o = r->context->options;
  for (int i = 0; i < o->nignore; ++i) {
    if (strcmp(o->ignore_labels[i], label) == 0) {
      return true;
    }
  }
  return false;
}

/* Tokens or words to the groups that are kept, in place. */
static tfm_status make_groups(reading *r, entities *all, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t groups = 0;
  for (int64_t from = 0, to = 0; from < all->n; from = to) {
    for (to = from + 1; to < all->n && same_group(&all->v[to - 1], &all->v[to]);) {
      ++to;
    }
    if (!is_ignored(r, group_label(all->v[from].label))) {
      TFM_TRY(make_group(r, all->v + from, to - from, &all->v[groups], err));
      ++groups;
    }
  }
  all->n = groups;

fail:
  return st;
}

static void leave_out(const reading *r, entities *all)
{
  int64_t kept = 0;
  for (int64_t i = 0; i < all->n; ++i) {
    if (!is_ignored(r, all->v[i].label)) {
      all->v[kept++] = all->v[i];
    }
  }
  all->n = kept;
}

static tfm_status read_sequence(reading *r, const tfm_sequence *s, entities *out, tfm_err *err)
{
  const tfm_aggregation how = r->context->options->aggregation;
  tfm_status st = TFM_OK;
  TFM_TRY(read_tokens(r, s, out, err));
  if (how > TFM_AGGREGATION_SIMPLE) {
    TFM_TRY(make_words(r, out, err));
  }
  if (how == TFM_AGGREGATION_NONE) {
    leave_out(r, out);
  } else {
    TFM_TRY(make_groups(r, out, err));
  }

fail:
  return st;
}

/* ---- windows ---- */

/* `index` numbers them in the order they were found: the sort keeps it among equals. */
static int first_place(const void *left, const void *right)
{
  const entity *a = left;
  const entity *b = right;
  if (a->begin != b->begin) {
    return a->begin < b->begin ? -1 : 1;
  }
  return a->index < b->index ? -1 : a->index > b->index;
}

/* Where two windows see the same place, the longer group stays, of equals the surer one. */
static void settle_overlaps(entities *all)
{
  int64_t kept = 0;
  for (int64_t i = 0; i < all->n; ++i) {
    all->v[i].index = i;
  }
  qsort(all->v, (size_t)all->n, sizeof *all->v, first_place);
  for (int64_t i = 1; i < all->n; ++i) {
    entity *last = &all->v[kept];
    const entity *e = &all->v[i];
    if (e->begin >= last->end) {
      all->v[++kept] = *e;
      continue;
    }
    const int32_t more = (e->end - e->begin) - (last->end - last->begin);
    if (more > 0 || (more == 0 && e->score > last->score)) {
      *last = *e;
    }
  }
  all->n = all->n ? kept + 1 : 0;
}

static tfm_status read_item(reading *r, const tfm_item *item, entities *all, tfm_err *err)
{
  tfm_status st = TFM_OK;
  all->n = 0;
  all->v = tfm_arena_alloc(&r->memory, (size_t)item->tokens * sizeof *all->v);
  r->parts = tfm_arena_alloc(&r->memory, (size_t)item->longest * sizeof *r->parts);
  if (!all->v || !r->parts) {
    return no_memory(err);
  }
  for (int64_t s = 0; s < item->nseq; ++s) {
    entities found;
    TFM_TRY(read_sequence(r, &item->seqs[s], &found, err));
    memcpy(all->v + all->n, found.v, (size_t)found.n * sizeof *found.v);
    all->n += found.n;
  }
  if (item->nseq > 1) {
    settle_overlaps(all);
  }

fail:
  return st;
}

/* ---- the task ---- */

static void put_entity(const reading *r, const entity *e, tfm_buf *out)
{
  const bool group = r->context->options->aggregation != TFM_AGGREGATION_NONE;
  (void)tfm_buf_str(out, group ? "{\"entity_group\":" : "{\"entity\":");
  (void)tfm_buf_json_string(out, tfm_span_of(e->label));
  (void)tfm_buf_str(out, ",\"score\":");
  (void)tfm_buf_float(out, e->score);
  if (!group) {
    (void)tfm_buf_printf(out, ",\"index\":%lld", (long long)e->index);
  }
  (void)tfm_buf_str(out, ",\"word\":");
  (void)tfm_buf_json_string(out, e->word);
  (void)tfm_buf_printf(out, ",\"start\":%d,\"end\":%d}", tfm_points_place(&r->points, e->begin),
                       tfm_points_place(&r->points, e->end));
}

static tfm_status entities_answer(const tfm_task_context *context, const tfm_item *item,
                                  tfm_answer *answer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf *out = &answer->value[0];
  entities all = {0};
  reading r = {.context = context, .facts = context->own};
  TFM_TRY(tfm_points_find(&r.points, item->row->text, context->options->offsets, err));
  TFM_TRY(read_item(&r, item, &all, err));
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < all.n; ++i) {
    (void)tfm_buf_str(out, i ? "," : "");
    put_entity(&r, &all.v[i], out);
  }
  (void)tfm_buf_char(out, ']');
  if (context->options->return_logits) {
    const tfm_sequence *s = &item->seqs[0];
    tfm_put_rows(&answer->value[1], s->values, s->rows, item->width, item->width);
  }
  if (out->failed || answer->value[1].failed) {
    TFM_TRY(no_memory(err));
  }

fail:
  tfm_points_fini(&r.points);
  tfm_arena_fini(&r.memory);
  return st;
}

static int entities_fields(const tfm_task_context *context, const char **names)
{
  names[0] = "entities";
  names[1] = "logits";
  return context->options->return_logits ? 2 : 1;
}

static bool wants_windows(const tfm_options *o)
{
  return o->stride >= 0 || o->on_overflow == TFM_OVERFLOW_WINDOW;
}

static tfm_status entities_ask(tfm_task_context *context, tfm_err *err)
{
  const tfm_options *o = context->options;
  if (!wants_windows(o)) {
    return TFM_OK;
  }
  if (o->aggregation == TFM_AGGREGATION_NONE) {
    return tfm_fail(err, TFM_E_USAGE,
                    "windows overlap, and only groups can be put together again: name an "
                    "--aggregation-strategy (simple, first, average or max)");
  }
  if (o->return_logits) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--return-logits: a row of several windows has no one list of logits; leave "
        "--stride and --on-overflow window out");
  }
  return TFM_OK;
}

static tfm_status entities_begin(tfm_task_context *context, tfm_err *err)
{
  const int64_t stride = context->options->stride;
  tfm_tokenizer_facts *facts = tfm_calloc(1, sizeof *facts);
  context->own = facts;
  if (!facts) {
    return no_memory(err);
  }
  *facts = tfm_tokenizer_describe(context->tokenizer);
  const int64_t room = context->max_length - (int64_t)facts->added_single;
  if (wants_windows(context->options) && (stride >= room || room < 1)) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--stride %lld: windows of %lld tokens, of which %zu are special, can share "
        "at most %lld",
        (long long)stride, (long long)context->max_length, facts->added_single,
        (long long)room - 1);
  }
  return TFM_OK;
}

static void entities_end(tfm_task_context *context)
{
  tfm_free(context->own);
}

static tfm_status entities_row(const tfm_encoder *encoder, tfm_item *item,
                               tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_options *o = context->options;
  const tfm_window_options windows = {.stride = o->stride > 0 ? (size_t)o->stride : 0};
  const tfm_span text = item->row->text;
  return wants_windows(o)
             ? tfm_encoder_add_windows(encoder, item, text, (tfm_span){0}, &windows, scratch,
                                       err)
             : tfm_encoder_add(encoder, item, text, (tfm_span){0}, -1, scratch, err);
}

const tfm_task_ops tfm_task_entities = {
    .name = "token-classification",
    .head = TFM_TASK_TOKEN_CLASSIFICATION,
    .places = true,
    .windows = true,
    .ask = entities_ask,
    .begin = entities_begin,
    .end = entities_end,
    .row = entities_row,
    .fields = entities_fields,
    .answer = entities_answer,
};
