/* Text generation: a text and what a language model goes on with. Source: transformers,
 * pipelines/text_generation.py.
 */
#include "coordinator/task/generation.h"
#include "coordinator/task/openai.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

static tfm_status generate_ask(tfm_task_context *context, tfm_err *err)
{
  (void)err;
  context->spec->lm = TFM_LM_NEXT;
  return TFM_OK;
}

static tfm_status generate_begin(tfm_task_context *context, tfm_err *err)
{
  tfm_generation *g = tfm_calloc(1, sizeof *g);
  context->own = g;
  return g ? tfm_generation_read(g, context, err)
           : tfm_fail(err, TFM_E_NOMEM, "what generation_config.json says");
}

static void generate_end(tfm_task_context *context)
{
  if (context->own) {
    tfm_generation_fini(context->own);
    tfm_free(context->own);
  }
}

static bool says(tfm_span raw, double set, double usual)
{
  char digits[32] = "";
  memcpy(digits, raw.n ? raw.p : "", raw.n < sizeof digits ? raw.n : 0);
  const double got = strtod(digits, NULL);
  const double want = set > 0.0 ? set : usual;
  return raw.n == 0 || (got >= want && got <= want);
}

/* What a request wants: no more than so many tokens, and draws as the job's are. Temperature 0 is
 * no draw. */
static void hear_request(const tfm_task_context *context, tfm_item *item)
{
  const tfm_choice *c = &context->spec->choice;
  const tfm_row *row = item->row;
  const int64_t most = tfm_openai_most(row);
  tfm_sequence *text = &item->seqs[0];
  const tfm_span cold = tfm_row_extra(row, "temperature");
  const tfm_span top_p = tfm_row_extra(row, "top_p");
  const bool fits = c->sample ? says(cold, c->temperature, 1.0) && says(top_p, c->top_p, 1.0)
                              : says(cold, 0.0, 0.0);
  tfm_err bad = {0};
  if (context->options->output_format != TFM_OUT_OPENAI) {
    return;
  }
  text->grow = most > 0 && most < text->grow ? most : text->grow;
  if (!fits) {
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "body.temperature %.*s, body.top_p %.*s: all requests are answered as the "
                   "options say; pass --do-sample, --temperature, --top-p for them",
                   cold.n > 32 ? 32 : (int)cold.n, cold.n ? cold.p : "",
                   top_p.n > 32 ? 32 : (int)top_p.n, top_p.n ? top_p.p : "");
    tfm_item_fail(item, &bad);
  }
}

/* Whether so many tokens, the last of them this one, are no end but all that had room: the
 * reference would go on. */
static bool broken_off(const tfm_task_context *context, const tfm_sequence *text, int64_t made,
                       int32_t last)
{
  const tfm_generation *g = context->own;
  const int64_t room = tfm_generation_room(g, text->n, context->config->max_length);
  return context->config->endless && made == room &&
         room < tfm_generation_room(g, text->n, INT64_MAX - 1) &&
         !tfm_generation_is_end(g, last);
}

static bool any_broken_off(const tfm_task_context *context, const tfm_sequence *text)
{
  const tfm_generation *g = context->own;
  const float *pairs = text->values;
  bool any = false;
  if (g->branching.returned == 1) {
    return text->rows > 0 &&
           broken_off(context, text, text->rows, (int32_t)pairs[2 * text->rows - 2]);
  }
  for (int64_t i = 0; i < text->nend; ++i) {
    const int64_t rows = text->ends[i].rows;
    any = any || (rows > 0 && broken_off(context, text, rows, (int32_t)pairs[2 * rows - 2]));
    pairs += 2 * rows;
  }
  return any;
}

static void fail_broken_off(const tfm_task_context *context, const tfm_sequence *text,
                            tfm_answer *answer)
{
  tfm_err bad = {0};
  const int64_t room = tfm_generation_room(context->own, text->n, context->config->max_length);
  (void)tfm_fail(
      &bad, TFM_E_NOMEM,
      "a text of %lld tokens is not over after %lld more, and no more keys and values "
      "have room; raise --kv-budget or lower --max-new-tokens",
      (long long)tfm_sequence_rows(text), (long long)room);
  tfm_answer_fail(answer, bad.status, bad.text);
}

/* max_length counts the prompt's tokens too; --max-new-tokens goes before it. */
static void refuse_full(const tfm_generation *g, tfm_item *item)
{
  const int64_t n = item->seqs[0].n;
  tfm_err bad = {0};
  if (g->new_tokens == 0 && g->total <= n && !g->requests) {
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "the text has %lld tokens, which leaves none of generation_config.json's "
                   "max_length %lld; shorten it or pass --max-new-tokens",
                   (long long)n, (long long)g->total);
    tfm_item_fail(item, &bad);
  }
}

static tfm_status generate_row(const tfm_encoder *encoder, tfm_item *item,
                               tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_status st =
      tfm_encoder_add(encoder, item, item->row->text, item->row->pair, -1, scratch, err);
  if (st == TFM_OK && item->nseq > 0) {
    tfm_sequence *text = &item->seqs[0];
    text->grow = tfm_generation_room(context->own, text->n, context->config->max_length);
    hear_request(context, item);
    refuse_full(context->own, item);
  }
  return st;
}

static const tfm_branching *generate_grows(const tfm_task_context *context)
{
  const tfm_generation *g = context->own;
  return &g->branching;
}

static int generate_fields(const tfm_task_context *context, const char **names)
{
  const tfm_generation *g = context->own;
  int n = 0;
  if (g && g->branching.returned > 1) {
    names[n++] = "predictions";
    return n;
  }
  names[n++] = g ? g->field : "generated_text";
  if (context->options->return_tokens) {
    names[n++] = "token_ids";
    names[n++] = "token_log_probs";
  }
  return n;
}

/* One text that was made of a sequence: its pairs of id and log-probability. */
typedef struct {
  const float *pairs;
  int64_t n;
} made_text;

/* What the new tokens add to the text of the old ones: decoders look at neighbours. */
static tfm_status add_text(const tfm_task_context *context, const tfm_sequence *text,
                           made_text made, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf before = {0};
  tfm_buf after = {0};
  int32_t *ids = tfm_calloc((size_t)(text->n + made.n), sizeof *ids);
  const int64_t n = text->nsource > 0 ? 0 : text->n; /* what a decoder began with is no text */
  if (!ids) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a generated text"));
  }
  memcpy(ids, text->ids, (size_t)n * sizeof *ids);
  for (int64_t i = 0; i < made.n; ++i) {
    ids[n + i] = (int32_t)made.pairs[2 * i];
  }
  TFM_TRY(tfm_tokenizer_decode(context->tokenizer, ids, (size_t)n, true, &before, err));
  TFM_TRY(
      tfm_tokenizer_decode(context->tokenizer, ids, (size_t)(n + made.n), true, &after, err));
  const size_t cut = before.n < after.n ? before.n : after.n;
  (void)tfm_buf_append(out, after.data + cut, after.n - cut);

fail:
  tfm_free(ids);
  tfm_buf_fini(&before);
  tfm_buf_fini(&after);
  return st;
}

static tfm_status put_text(const tfm_task_context *context, const tfm_sequence *text,
                           made_text made, tfm_buf *out, tfm_err *err)
{
  tfm_buf all = {0};
  if (context->options->return_full_text && text->nsource == 0) {
    (void)tfm_buf_span(&all, text->item->row->text);
  }
  const tfm_status st = add_text(context, text, made, &all, err);
  (void)tfm_buf_json_string(out, tfm_buf_view(&all));
  tfm_buf_fini(&all);
  return st;
}

/* Of an answer to a request a stop string is no part, nor what stands behind it. */
static size_t before_stop(const tfm_generation *g, const tfm_row *row, tfm_span text,
                          bool *stopped)
{
  tfm_buf stop = {0};
  size_t n = text.n;
  for (size_t at = 0; tfm_openai_stop(row, &at, &stop);) {
    n = tfm_generation_find((tfm_span){text.p, n}, tfm_buf_view(&stop));
  }
  for (int64_t i = 0; i < g->nstop; ++i) {
    n = tfm_generation_find((tfm_span){text.p, n}, tfm_span_of(g->stops[i]));
  }
  *stopped = n < text.n;
  tfm_buf_fini(&stop);
  return n;
}

static tfm_status answer_request(const tfm_task_context *context, const tfm_item *item,
                                 tfm_answer *answer, tfm_err *err)
{
  const tfm_generation *g = context->own;
  const tfm_sequence *text = &item->seqs[0];
  const made_text made = {text->values, text->rows};
  const bool chat = tfm_span_is(tfm_row_extra(item->row, "url"), "/v1/chat/completions");
  bool stopped = false;
  tfm_buf added = {0};
  const tfm_status st = add_text(context, text, made, &added, err);
  const size_t n = before_stop(g, item->row, tfm_buf_view(&added), &stopped);
  const int32_t last = made.n > 0 ? (int32_t)made.pairs[2 * made.n - 2] : -1;
  const tfm_completion completion = {.text = {added.data, n},
                                     .ended = stopped || tfm_generation_is_end(g, last)};
  tfm_openai_completion(item, &completion, chat, &answer->value[0]);
  answer->made = made.n;
  tfm_buf_fini(&added);
  return st;
}

static void put_ids(made_text made, tfm_buf *out)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < made.n; ++i) {
    (void)tfm_buf_printf(out, "%s%d", i ? "," : "", (int32_t)made.pairs[2 * i]);
  }
  (void)tfm_buf_char(out, ']');
}

static void put_log_probs(made_text made, tfm_buf *out)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < made.n; ++i) {
    (void)tfm_buf_str(out, i ? "," : "");
    (void)tfm_buf_float(out, made.pairs[2 * i + 1]);
  }
  (void)tfm_buf_char(out, ']');
}

/* Several texts, best first. */
static tfm_status put_predictions(const tfm_task_context *context, const tfm_sequence *text,
                                  tfm_buf *out, tfm_err *err)
{
  const tfm_generation *g = context->own;
  made_text made = {.pairs = text->values};
  tfm_status st = TFM_OK;
  for (int64_t i = 0; i < text->nend && st == TFM_OK; ++i) {
    made.n = text->ends[i].rows;
    (void)tfm_buf_printf(out, "%s{\"%s\":", i ? "," : "[", g->field);
    st = put_text(context, text, made, out, err);
    if (g->branching.candidates > 0) {
      (void)tfm_buf_str(out, ",\"score\":");
      (void)tfm_buf_float(out, text->ends[i].score);
    }
    if (context->options->return_tokens) {
      (void)tfm_buf_str(out, ",\"token_ids\":");
      put_ids(made, out);
      (void)tfm_buf_str(out, ",\"token_log_probs\":");
      put_log_probs(made, out);
    }
    (void)tfm_buf_char(out, '}');
    made.pairs += 2 * made.n;
  }
  (void)tfm_buf_char(out, ']');
  return st;
}

static tfm_status generate_answer(const tfm_task_context *context, const tfm_item *item,
                                  tfm_answer *answer, tfm_err *err)
{
  const tfm_generation *g = context->own;
  const tfm_sequence *text = &item->seqs[0];
  if (context->options->output_format == TFM_OUT_OPENAI) {
    return answer_request(context, item, answer, err);
  }
  if (any_broken_off(context, text)) {
    fail_broken_off(context, text, answer);
    return TFM_OK;
  }
  if (g->branching.returned > 1) {
    return put_predictions(context, text, &answer->value[0], err);
  }
  const made_text made = {text->values, text->rows};
  const tfm_status st = put_text(context, text, made, &answer->value[0], err);
  if (st == TFM_OK && context->options->return_tokens) {
    put_ids(made, &answer->value[1]);
    put_log_probs(made, &answer->value[2]);
  }
  return st;
}

static const char *const generate_urls[] = {"/v1/completions", NULL};

const tfm_task_ops tfm_task_generate = {
    .name = "text-generation",
    .head = TFM_TASK_TEXT_GENERATION,
    .wants = {.urls = generate_urls},
    .ask = generate_ask,
    .begin = generate_begin,
    .end = generate_end,
    .row = generate_row,
    .fields = generate_fields,
    .answer = generate_answer,
    .grows = generate_grows,
};
