/* Question answering: the parts of a context that answer a question, read in windows that overlap.
 *
 *  Source: transformers 4.57, QuestionAnsweringPipeline, with a tokenizer that knows words.
 */
#include "coordinator/task/points.h"
#include "coordinator/task/spans.h"
#include "coordinator/task/task.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/text/lower.h"

#include <stdlib.h>
#include <string.h>

enum {
  USUAL_LENGTH = 384, /* tokens of a window, question included */
  USUAL_STRIDE = 128,
  MOST_ANSWERS = 1000,
  MOST_PARTS = 1 << 18 /* different texts of one row that are kept, whatever its windows give */
};

/* A part of the context: code points, and the sum of the scores of all spans that read so. */
typedef struct {
  int32_t begin, end;
  double score;
  int64_t order; /* of finding */
} part;

/* What begin() settles. */
typedef struct {
  int32_t cls_id;
  size_t stride;
} settings;

typedef struct {
  const tfm_task_context *context;
  const settings *settings;
  tfm_points points;
  tfm_spans spans;
  bool *allowed; /* [tokens of the longest window] */
  part *v;       /* [n] */
  int64_t n, cap;
  int64_t found;   /* so far */
  tfm_map by_text; /* of v, by the text in lower case */
  tfm_buf lower;
  double none; /* the smallest score of "there is no answer" of a window */
} reading;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "the answers to a question");
}

/* ---- places ---- */

/* The first and last token that the window has of a word of the context. */
static bool find_word(const tfm_sequence *s, int32_t word, int64_t *first, int64_t *last)
{
  const tfm_places *at = &s->places;
  bool found = false;
  for (int64_t i = 0; i < s->n; ++i) {
    if (!at->special[i] && at->which[i] == 1 && at->word[i] == word) {
      *first = found ? *first : i;
      *last = i;
      found = true;
    }
  }
  return found;
}

/* Where a span of tokens stands, widened to whole words where both ends are of words. */
static void place_span(const reading *r, const tfm_sequence *s, const tfm_token_span *span,
                       part *out)
{
  const tfm_places *at = &s->places;
  int64_t first = span->first;
  int64_t last = span->last;
  int64_t a = 0;
  int64_t b = 0;
  if (r->context->options->align_to_words && find_word(s, at->word[first], &a, &b)) {
    const int64_t begin = a;
    if (find_word(s, at->word[last], &a, &b)) {
      first = begin;
      last = b;
    }
  }
  const int32_t most = r->points.n; /* a token of the question may stand beyond the context */
  out->begin = at->begin[first] < most ? at->begin[first] : most;
  out->end = at->end[last] < most ? at->end[last] : most;
}

static tfm_span text_of(const reading *r, const part *p)
{
  return p->begin < p->end ? tfm_points_slice(&r->points, p->begin, p->end) : (tfm_span){"", 0};
}

/* ---- answers ---- */

static int better_first(const void *left, const void *right)
{
  const part *a = left;
  const part *b = right;
  if (a->score > b->score || a->score < b->score) {
    return a->score > b->score ? -1 : 1;
  }
  return a->order < b->order ? -1 : a->order > b->order;
}

/* Of texts that differ in case alone the first has the place. */
static tfm_status look_up(reading *r, const part *p, bool *there, int64_t *at, tfm_err *err)
{
  tfm_buf_clear(&r->lower);
  return tfm_text_lower(text_of(r, p), &r->lower) == TFM_OK &&
                 tfm_map_add(&r->by_text, tfm_buf_view(&r->lower), r->n, there, at) == TFM_OK
             ? TFM_OK
             : no_memory(err);
}

/* Too many to keep: forget the worse half. */
static tfm_status forget(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t half = r->n / 2;
  qsort(r->v, (size_t)r->n, sizeof *r->v, better_first);
  tfm_map_fini(&r->by_text);
  for (r->n = 0; r->n < half; ++r->n) {
    bool there = false;
    int64_t at = 0;
    TFM_TRY(look_up(r, &r->v[r->n], &there, &at, err));
  }

fail:
  return st;
}

static tfm_status grow(reading *r, tfm_err *err)
{
  if (r->n < r->cap) {
    return TFM_OK;
  }
  if (r->n >= MOST_PARTS) {
    return forget(r, err);
  }
  const int64_t cap = r->cap ? 2 * r->cap : 16;
  part *v = tfm_realloc(r->v, (size_t)cap, sizeof *v);
  if (!v) {
    return no_memory(err);
  }
  r->v = v;
  r->cap = cap;
  return TFM_OK;
}

static tfm_status add_part(reading *r, const part *p, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool there = false;
  int64_t at = 0;
  TFM_TRY(grow(r, err));
  TFM_TRY(look_up(r, p, &there, &at, err));
  if (there) {
    r->v[at].score += p->score;
  } else {
    r->v[r->n] = *p;
    r->v[r->n++].order = r->found++;
  }

fail:
  return st;
}

/* The context's tokens, and what begins a text wherever it stands: some models point there when
 * there is no answer. */
static void allow(const reading *r, const tfm_sequence *s)
{
  for (int64_t i = 0; i < s->n; ++i) {
    r->allowed[i] =
        (!s->places.special[i] && s->places.which[i] == 1) || s->ids[i] == r->settings->cls_id;
  }
}

static tfm_status read_window(reading *r, const tfm_sequence *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = r->context->options;
  const int64_t asked = o->top_k ? o->top_k : 1;
  /* Some read the same once they are whole words. */
  const int64_t most = o->align_to_words ? 2 * asked + 10 : asked;
  allow(r, s);
  TFM_TRY(tfm_spans_find(&r->spans, s->values, r->allowed, s->n, o->max_answer_len, most, err));
  if ((double)r->spans.none < r->none) {
    r->none = (double)r->spans.none;
  }
  for (int64_t i = 0; i < r->spans.n; ++i) {
    part p = {.score = (double)r->spans.v[i].score};
    place_span(r, s, &r->spans.v[i], &p);
    TFM_TRY(add_part(r, &p, err));
  }

fail:
  return st;
}

static tfm_status read_item(reading *r, const tfm_item *item, tfm_err *err)
{
  tfm_status st = TFM_OK;
  r->none = 1e6; /* as the reference has it: above every score */
  r->allowed = tfm_calloc((size_t)item->longest, sizeof *r->allowed);
  if (!r->allowed) {
    return no_memory(err);
  }
  for (int64_t s = 0; s < item->nseq; ++s) {
    TFM_TRY(read_window(r, &item->seqs[s], err));
  }
  if (r->context->options->handle_impossible_answer) {
    TFM_TRY(grow(r, err));
    r->v[r->n++] = (part){.score = r->none, .order = r->found++};
  }
  if (r->n) {
    qsort(r->v, (size_t)r->n, sizeof *r->v, better_first);
  }

fail:
  return st;
}

/* ---- the task ---- */

static void put_places(const reading *r, const part *p, tfm_buf *start, tfm_buf *end)
{
  (void)tfm_buf_printf(start, "%d", tfm_points_place(&r->points, p->begin));
  (void)tfm_buf_printf(end, "%d", tfm_points_place(&r->points, p->end));
}

static void put_predictions(const reading *r, tfm_buf *out)
{
  const int64_t asked = r->context->options->top_k;
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < r->n && i < asked; ++i) {
    (void)tfm_buf_str(out, i ? ",{\"score\":" : "{\"score\":");
    (void)tfm_buf_float(out, (float)r->v[i].score);
    (void)tfm_buf_printf(out, ",\"start\":%d,\"end\":%d,\"answer\":",
                         tfm_points_place(&r->points, r->v[i].begin),
                         tfm_points_place(&r->points, r->v[i].end));
    (void)tfm_buf_json_string(out, text_of(r, &r->v[i]));
    (void)tfm_buf_char(out, '}');
  }
  (void)tfm_buf_char(out, ']');
}

/* Start or end logits: a list, or of several windows a list of lists. */
static void put_logits(const tfm_item *item, int which, tfm_buf *out)
{
  const bool many = item->nseq > 1;
  (void)tfm_buf_str(out, many ? "[" : "");
  for (int64_t s = 0; s < item->nseq; ++s) {
    const tfm_sequence *seq = &item->seqs[s];
    (void)tfm_buf_str(out, s ? ",[" : "[");
    for (int64_t i = 0; i < seq->rows; ++i) {
      (void)tfm_buf_str(out, i ? "," : "");
      (void)tfm_buf_float(out, seq->values[2 * i + which]);
    }
    (void)tfm_buf_char(out, ']');
  }
  (void)tfm_buf_str(out, many ? "]" : "");
}

/* The fields of the answer, in the order of question_fields(). */
static void put_fields(const reading *r, const tfm_item *item, tfm_answer *answer)
{
  tfm_buf *out = answer->value;
  if (r->context->options->top_k) {
    put_predictions(r, out++);
  } else {
    (void)tfm_buf_float(out++, (float)r->v[0].score);
    put_places(r, &r->v[0], &out[0], &out[1]);
    (void)tfm_buf_json_string(&out[2], text_of(r, &r->v[0]));
    out += 3;
  }
  if (r->context->options->return_logits) {
    put_logits(item, 0, out++);
    put_logits(item, 1, out);
  }
}

static int question_fields(const tfm_task_context *context, const char **names)
{
  static const char *const best[] = {"score", "start", "end", "answer"};
  int n = 0;
  if (context->options->top_k) {
    names[n++] = "predictions";
  } else {
    memcpy(names, best, sizeof best);
    n = sizeof best / sizeof best[0];
  }
  if (context->options->return_logits) {
    names[n++] = "start_logits";
    names[n++] = "end_logits";
  }
  return n;
}

static void finish(reading *r)
{
  tfm_points_fini(&r->points);
  tfm_spans_fini(&r->spans);
  tfm_map_fini(&r->by_text);
  tfm_buf_fini(&r->lower);
  tfm_free(r->allowed);
  tfm_free(r->v);
}

static tfm_status question_answer(const tfm_task_context *context, const tfm_item *item,
                                  tfm_answer *answer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  reading r = {.context = context, .settings = context->own};
  TFM_TRY(tfm_points_find(&r.points, item->row->pair, context->options->offsets, err));
  TFM_TRY(read_item(&r, item, err));
  if (r.n == 0) {
    tfm_answer_fail(answer, TFM_E_FORMAT, "the context has no token that could be an answer");
  } else {
    put_fields(&r, item, answer);
  }
  for (int f = 0; f < TFM_ANSWER_MAX_FIELDS; ++f) {
    st = answer->value[f].failed ? no_memory(err) : st;
  }

fail:
  finish(&r);
  return st;
}

static int64_t stride_of(const tfm_task_context *context)
{
  const int64_t asked = context->options->doc_stride;
  const int64_t usual = context->max_length / 2;
  return asked >= 0 ? asked : usual < USUAL_STRIDE ? usual : USUAL_STRIDE;
}

static tfm_status question_ask(tfm_task_context *context, tfm_err *err)
{
  const int64_t top_k = context->options->top_k;
  return top_k >= 0 && top_k <= MOST_ANSWERS
             ? TFM_OK
             : tfm_fail(err, TFM_E_USAGE,
                        "--top-k: a context has many spans; want at most %d answers",
                        MOST_ANSWERS);
}

static tfm_status question_begin(tfm_task_context *context, tfm_err *err)
{
  const int64_t asked = context->options->max_seq_len;
  const tfm_tokenizer_facts facts = tfm_tokenizer_describe(context->tokenizer);
  settings *own = tfm_calloc(1, sizeof *own);
  context->own = own;
  if (!own) {
    return no_memory(err);
  }
  if (asked > context->max_length) {
    return tfm_fail(err, TFM_E_USAGE, "--max-seq-len %lld: want at most the --max-length, %lld",
                    (long long)asked, (long long)context->max_length);
  }
  if (asked || context->max_length > USUAL_LENGTH) {
    context->max_length = asked ? asked : USUAL_LENGTH;
  }
  const int64_t room = context->max_length - (int64_t)facts.added_pair;
  const int64_t stride = stride_of(context);
  if (stride >= room) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--doc-stride %lld: windows of %lld tokens, of which %zu are special, can share "
        "at most %lld",
        (long long)stride, (long long)context->max_length, facts.added_pair,
        (long long)room - 1);
  }
  *own = (settings){.cls_id = facts.cls_id, .stride = (size_t)stride};
  return TFM_OK;
}

static void question_end(tfm_task_context *context)
{
  tfm_free(context->own);
}

static tfm_status question_row(const tfm_encoder *encoder, tfm_item *item,
                               tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_row *row = item->row;
  const settings *own = context->own;
  const tfm_window_options windows = {.stride = own->stride, .second = true};
  if (row->text.n == 0 || row->pair.n == 0) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_FORMAT, "the %s is empty",
                   row->text.n == 0 ? "question" : "context");
    return tfm_encoder_failed(item, &bad);
  }
  tfm_status st =
      tfm_encoder_add_windows(encoder, item, row->text, row->pair, &windows, scratch, err);
  tfm_encoder_no_room(item, "the question leaves no room for the context");
  return st;
}

const tfm_task_ops tfm_task_question = {
    .name = "question-answering",
    .head = TFM_TASK_QUESTION_ANSWERING,
    .wants = {.pair = true,
              .pair_needed = true,
              .text_name = "question",
              .pair_name = "context"},
    .places = true,
    .windows = true,
    .ask = question_ask,
    .begin = question_begin,
    .end = question_end,
    .row = question_row,
    .fields = question_fields,
    .answer = question_answer,
};
