/* Text generation: a text and what a language model goes on with.
 *
 *  What ends a text, and how long it may become, is the job's options', else
 * generation_config.json's. Source: transformers, generation/configuration_utils.py and
 * pipelines/text_generation.py.
 */
#include "coordinator/task/sentence_files.h"
#include "coordinator/task/task.h"
#include "core/base/mem.h"

#include <string.h>

enum {
  MOST_ENDS = 64,
  NEW_TOKENS = 256, /* where nobody says: the pipeline's own */
  SAMPLED_FROM = 50 /* the reference's top_k where nobody says */
};

/* What begin() settles. */
typedef struct {
  int32_t ends[MOST_ENDS]; /* ids that end a text */
  int64_t nend;
  int64_t new_tokens; /* at most; 0: as total says */
  int64_t total;      /* tokens of text and prompt together at most; 0: as the model can */
} settings;

static tfm_status generate_ask(tfm_task_context *context, tfm_err *err)
{
  (void)err;
  context->spec->lm = TFM_LM_NEXT;
  return TFM_OK;
}

/* eos_token_id: a number, or an array of them. */
static tfm_status read_ends(settings *s, const tfm_json *json, int64_t V, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *node = tfm_json_get(tfm_json_root(json), "eos_token_id");
  const bool list = tfm_json_kind_of(node) == TFM_JSON_ARRAY;
  int64_t id = 0;
  if (!node) {
    return TFM_OK;
  }
  s->nend = 0;
  for (node = list ? tfm_json_first(node) : node; node;
       node = list ? tfm_json_next(node) : NULL) {
    TFM_TRY(tfm_json_node_int(json, node, "eos_token_id", 0, V - 1, &id, err));
    if (s->nend == MOST_ENDS) {
      TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED, "eos_token_id: want at most %d ids", MOST_ENDS));
    }
    s->ends[s->nend++] = (int32_t)id;
  }

fail:
  return st;
}

/* What generation_config.json may ask for and nobody here does. */
static tfm_status refuse_others(const tfm_json *json, tfm_err *err)
{
  static const struct {
    const char *key;
    double only;
  } numbers[] = {{"num_beams", 1},      {"num_return_sequences", 1},
                 {"typical_p", 1},      {"epsilon_cutoff", 0},
                 {"eta_cutoff", 0},     {"penalty_alpha", 0},
                 {"guidance_scale", 1}, {"encoder_repetition_penalty", 1},
                 {"min_length", 0},     {"top_h", 0}};
  static const char *const others[] = {"bad_words_ids",
                                       "suppress_tokens",
                                       "begin_suppress_tokens",
                                       "sequence_bias",
                                       "stop_strings",
                                       "forced_eos_token_id",
                                       "exponential_decay_length_penalty"};
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    double got = numbers[i].only;
    TFM_TRY(tfm_json_opt_double(json, root, numbers[i].key, -1e300, 1e300, &got, err));
    if (got < numbers[i].only || got > numbers[i].only) {
      TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                       "generation_config.json: %s: %g is not supported, only %g is",
                       numbers[i].key, got, numbers[i].only));
    }
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
    if (tfm_json_get(root, others[i])) {
      TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                       "generation_config.json: %s: only null is supported", others[i]));
    }
  }

fail:
  return st;
}

/* How tokens are chosen: the file's word, where it has one. */
static tfm_status read_choice(tfm_head_spec *spec, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  tfm_choice *c = &spec->choice;
  TFM_TRY(tfm_json_opt_bool(json, root, "do_sample", &c->sample, err));
  TFM_TRY(tfm_json_opt_double(json, root, "temperature", 0.0, 1e6, &c->temperature, err));
  TFM_TRY(tfm_json_opt_int(json, root, "top_k", 0, INT32_MAX, &spec->top_k, err));
  TFM_TRY(tfm_json_opt_double(json, root, "top_p", 0.0, 1.0, &c->top_p, err));
  TFM_TRY(tfm_json_opt_double(json, root, "min_p", 0.0, 1.0, &c->min_p, err));
  TFM_TRY(tfm_json_opt_double(json, root, "repetition_penalty", 0.0, 1e6,
                              &c->repetition_penalty, err));
  TFM_TRY(tfm_json_opt_int(json, root, "no_repeat_ngram_size", 0, INT32_MAX,
                           &c->no_repeat_ngram, err));
  TFM_TRY(tfm_json_opt_int(json, root, "min_new_tokens", 0, INT32_MAX, &c->min_new, err));

fail:
  return st;
}

/* The options' word goes before the file's. */
static void take_options(const tfm_options *o, tfm_head_spec *spec)
{
  tfm_choice *c = &spec->choice;
  c->sample =
      tfm_option_source_of(o, "do-sample") == TFM_FROM_DEFAULT ? c->sample : o->do_sample;
  c->seed = o->seed;
  c->temperature = o->temperature > 0.0 ? o->temperature : c->temperature;
  c->top_p = o->top_p > 0.0 ? o->top_p : c->top_p;
  c->min_p = o->min_p > 0.0 ? o->min_p : c->min_p;
  c->repetition_penalty =
      o->repetition_penalty > 0.0 ? o->repetition_penalty : c->repetition_penalty;
  c->no_repeat_ngram =
      o->no_repeat_ngram_size >= 0 ? o->no_repeat_ngram_size : c->no_repeat_ngram;
  c->min_new = o->min_new_tokens >= 0 ? o->min_new_tokens : c->min_new;
  spec->top_k = o->top_k > 0 ? o->top_k : o->top_k < 0 ? 0 : spec->top_k;
}

/* The file may not be there; what it says of ends counts before config.json's. */
static tfm_status read_generation(tfm_task_context *context, settings *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  TFM_TRY(tfm_sentence_file(context->model->folder, "generation_config.json", &json, err));
  if (json) {
    const tfm_json_node *root = tfm_json_root(json);
    TFM_TRY(read_ends(s, json, context->config->V, err));
    TFM_TRY(refuse_others(json, err));
    TFM_TRY(read_choice(context->spec, json, err));
    TFM_TRY(tfm_json_opt_int(json, root, "max_new_tokens", 1, INT32_MAX, &s->new_tokens, err));
    TFM_TRY(tfm_json_opt_int(json, root, "max_length", 1, INT32_MAX, &s->total, err));
  }

fail:
  tfm_json_close(json);
  return st;
}

static tfm_status read_settings(tfm_task_context *context, settings *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  context->spec->top_k = SAMPLED_FROM;
  TFM_TRY(tfm_sentence_file(context->model->folder, "config.json", &json, err));
  TFM_TRY(read_ends(s, json, context->config->V, err));
  TFM_TRY(read_generation(context, s, err));
  take_options(context->options, context->spec);
  context->spec->nonly = (int32_t)s->nend;
  memcpy(context->spec->only, s->ends, (size_t)s->nend * sizeof *s->ends);
  if (context->options->max_new_tokens) {
    s->new_tokens = context->options->max_new_tokens;
  }
  if (!s->new_tokens && !s->total) {
    s->new_tokens = NEW_TOKENS;
  }

fail:
  tfm_json_close(json);
  return st;
}

static tfm_status generate_begin(tfm_task_context *context, tfm_err *err)
{
  settings *s = tfm_calloc(1, sizeof *s);
  context->own = s;
  return s ? read_settings(context, s, err)
           : tfm_fail(err, TFM_E_NOMEM, "what generation_config.json says");
}

static void generate_end(tfm_task_context *context)
{
  tfm_free(context->own);
}

/* The model has places for so many tokens; the last one that is added needs none. */
static int64_t room_of(const settings *s, int64_t n, int64_t places)
{
  int64_t room = places - n + 1;
  if (s->new_tokens) {
    return s->new_tokens < room ? s->new_tokens : room;
  }
  const int64_t left = s->total > n ? s->total - n : 1;
  return left < room ? left : room;
}

static tfm_status generate_row(const tfm_encoder *encoder, tfm_item *item,
                               tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_status st =
      tfm_encoder_add(encoder, item, item->row->text, item->row->pair, -1, scratch, err);
  if (st == TFM_OK && item->nseq > 0) {
    tfm_sequence *text = &item->seqs[0];
    text->grow = room_of(context->own, text->n, context->config->max_length);
  }
  return st;
}

static bool generate_ends(const void *arg, const tfm_sequence *text)
{
  const tfm_task_context *context = arg;
  const settings *s = context->own;
  const int32_t id = (int32_t)text->values[2 * (text->rows - 1)];
  for (int64_t i = 0; i < s->nend; ++i) {
    if (s->ends[i] == id) {
      return true;
    }
  }
  return false;
}

static int generate_fields(const tfm_task_context *context, const char **names)
{
  int n = 0;
  names[n++] = "generated_text";
  if (context->options->return_tokens) {
    names[n++] = "token_ids";
    names[n++] = "token_log_probs";
  }
  return n;
}

/* What the new tokens add to the text of the old ones: decoders look at neighbours. */
static tfm_status put_text(const tfm_task_context *context, const tfm_sequence *text,
                           tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf before = {0};
  tfm_buf after = {0};
  int32_t *ids = tfm_calloc((size_t)(text->n + text->rows), sizeof *ids);
  const bool whole = context->options->return_full_text;
  if (!ids) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a generated text"));
  }
  memcpy(ids, text->ids, (size_t)text->n * sizeof *ids);
  for (int64_t i = 0; i < text->rows; ++i) {
    ids[text->n + i] = (int32_t)text->values[2 * i];
  }
  TFM_TRY(tfm_tokenizer_decode(context->tokenizer, ids, (size_t)text->n, true, &before, err));
  TFM_TRY(tfm_tokenizer_decode(context->tokenizer, ids, (size_t)(text->n + text->rows), true,
                               &after, err));
  const size_t cut = before.n < after.n ? before.n : after.n;
  tfm_buf_clear(&before);
  if (whole) {
    (void)tfm_buf_span(&before, text->item->row->text);
  }
  (void)tfm_buf_append(&before, after.data + cut, after.n - cut);
  (void)tfm_buf_json_string(out, tfm_buf_view(&before));

fail:
  tfm_free(ids);
  tfm_buf_fini(&before);
  tfm_buf_fini(&after);
  return st;
}

static tfm_status generate_answer(const tfm_task_context *context, const tfm_item *item,
                                  tfm_answer *answer, tfm_err *err)
{
  const tfm_sequence *text = &item->seqs[0];
  const tfm_status st = put_text(context, text, &answer->value[0], err);
  if (st != TFM_OK || !context->options->return_tokens) {
    return st;
  }
  for (int field = 1; field <= 2; ++field) {
    tfm_buf *out = &answer->value[field];
    (void)tfm_buf_char(out, '[');
    for (int64_t i = 0; i < text->rows; ++i) {
      if (i) {
        (void)tfm_buf_char(out, ',');
      }
      if (field == 1) {
        (void)tfm_buf_printf(out, "%d", (int32_t)text->values[2 * i]);
      } else {
        (void)tfm_buf_float(out, text->values[2 * i + 1]);
      }
    }
    (void)tfm_buf_char(out, ']');
  }
  return TFM_OK;
}

const tfm_task_ops tfm_task_generate = {
    .name = "text-generation",
    .head = TFM_TASK_TEXT_GENERATION,
    .ask = generate_ask,
    .begin = generate_begin,
    .end = generate_end,
    .row = generate_row,
    .fields = generate_fields,
    .answer = generate_answer,
    .ends = generate_ends,
};
