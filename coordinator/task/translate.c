/* Translation and summarization: what a model with an encoder and a decoder answers to a text. The
 * names of their fields, and what comes before a text, are transformers' (pipelines of version 4);
 * all else is text generation.
 */
#include "coordinator/task/generation.h"
#include "coordinator/task/sentence_files.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- languages ---- */

/* en_XX, pt_XX, eng_Latn, __en__: how mBART, NLLB and M2M100 name languages. */
static bool is_language(tfm_span token)
{
  size_t small = 0;
  if (token.n > 4 && token.n <= 7 && memcmp(token.p, "__", 2) == 0 &&
      memcmp(token.p + token.n - 2, "__", 2) == 0) {
    return true;
  }
  while (small < token.n && token.p[small] >= 'a' && token.p[small] <= 'z') {
    ++small;
  }
  const bool named = (small == 2 || small == 3) && token.n > small + 2 && token.n <= small + 5;
  return named && token.p[small] == '_' && token.p[small + 1] >= 'A' &&
         token.p[small + 1] <= 'Z';
}

static tfm_status find_language(const tfm_task_context *context, const char *option,
                                const char *name, int32_t *id, tfm_err *err)
{
  char between[16];
  tfm_span token = tfm_span_of(name);
  *id = is_language(token) ? tfm_tokenizer_id(context->tokenizer, token) : -1;
  if (*id < 0 && token.n <= 3) { /* M2M100's own tokenizer puts the lines around it */
    (void)snprintf(between, sizeof between, "__%s__", name);
    *id = tfm_tokenizer_id(context->tokenizer, tfm_span_of(between));
  }
  return *id >= 0
             ? TFM_OK
             : tfm_fail(err, TFM_E_USAGE,
                        "--%s %.40s: the tokenizer has no such language; mBART's are like "
                        "en_XX, NLLB's like eng_Latn, M2M100's like en, T5's pairs are those "
                        "of task_specific_params in config.json",
                        option, name);
}

/* Where the tokenizer puts the language of a text: before it or behind it. */
static int64_t language_at(const tfm_tokenizer *tokenizer, const tfm_sequence *text)
{
  const int64_t places[] = {0, text->nsource - 1};
  for (int i = 0; i < 2; ++i) {
    if (is_language(tfm_tokenizer_token(tokenizer, text->source[places[i]]))) {
      return places[i];
    }
  }
  return -1;
}

static void say_language(const tfm_generation *g, tfm_item *item)
{
  tfm_sequence *text = &item->seqs[0];
  const int64_t at = language_at(g->tokenizer, text);
  if (at >= 0) {
    const int32_t own = text->source[at];
    if (at > 0 && g->language_first) {
      memmove(text->source + 1, text->source, (size_t)at * sizeof *text->source);
    }
    text->source[g->language_first ? 0 : at] =
        g->source_language >= 0 ? g->source_language : own;
    return;
  }
  if (g->source_language < 0) {
    return;
  }
  tfm_err bad = {0};
  (void)tfm_fail(&bad, TFM_E_FORMAT,
                 "--src-lang: this tokenizer adds no language to a text; leave it out");
  tfm_item_fail(item, &bad);
}

/* NLLB's tokenizers have the language before the text, whatever their file says, unless they are
 * said to behave as once. Source: transformers, models/nllb. */
static tfm_status read_order(tfm_generation *g, const tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  const char *kind = NULL;
  bool legacy = false;
  TFM_TRY(tfm_sentence_file(context->model->folder, "tokenizer_config.json", &json, err));
  if (json) {
    const tfm_json_node *root = tfm_json_root(json);
    TFM_TRY(tfm_json_opt_string(json, root, "tokenizer_class", &kind, err));
    TFM_TRY(tfm_json_opt_bool(json, root, "legacy_behaviour", &legacy, err));
  }
  g->language_first = !legacy && kind && strncmp(kind, "Nllb", 4) == 0;

fail:
  tfm_json_close(json);
  return st;
}

static tfm_status read_languages(tfm_generation *g, tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = context->options;
  int32_t target = 0;
  g->source_language = -1;
  TFM_TRY(read_order(g, context, err));
  if (o->src_lang) {
    TFM_TRY(find_language(context, "src-lang", o->src_lang, &g->source_language, err));
  }
  if (o->tgt_lang) {
    TFM_TRY(find_language(context, "tgt-lang", o->tgt_lang, &target, err));
    context->spec->choice.force_first = target + 1;
  }

fail:
  return st;
}

/* ---- what comes before a text ---- */

/* The parameters of a task in config.json's task_specific_params; NULL for none. */
static const tfm_json_node *parameters_of(const tfm_json *json, const tfm_task_context *context,
                                          bool translates)
{
  const tfm_options *o = context->options;
  const tfm_json_node *all = tfm_json_get(tfm_json_root(json), "task_specific_params");
  tfm_buf name = {0};
  if (!all || tfm_json_kind_of(all) != TFM_JSON_OBJECT ||
      (translates && (!o->src_lang || !o->tgt_lang))) {
    return NULL;
  }
  (void)tfm_buf_str(&name, translates ? "translation" : "summarization");
  if (translates) {
    (void)tfm_buf_printf(&name, "_%s_to_%s", o->src_lang, o->tgt_lang);
  }
  const tfm_json_node *node = tfm_json_get(all, tfm_buf_cstr(&name));
  tfm_buf_fini(&name);
  return tfm_json_kind_of(node) == TFM_JSON_OBJECT ? node : NULL;
}

/* A task of the model's own has a prefix, languages that are no task are tokens. */
static tfm_status read_prefix(tfm_generation *g, tfm_task_context *context, bool translates,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  const char *prefix = NULL;
  TFM_TRY(tfm_sentence_file(context->model->folder, "config.json", &json, err));
  const tfm_json_node *own = parameters_of(json, context, translates);
  TFM_TRY(tfm_json_opt_string(json, tfm_json_root(json), "prefix", &prefix, err));
  if (own) {
    TFM_TRY(tfm_json_opt_string(json, own, "prefix", &prefix, err));
  }
  if (translates && !own) {
    TFM_TRY(read_languages(g, context, err));
  }
  g->prefix = prefix && *prefix ? tfm_strndup(prefix, strlen(prefix)) : NULL;
  if (prefix && *prefix && !g->prefix) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a prefix"));
  }

fail:
  tfm_json_close(json);
  return st;
}

/* ---- the tasks ---- */

static tfm_status answer_begin(tfm_task_context *context, const char *field, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!tfm_config_decoder(context->config)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: model_type: %s models have no encoder to read a text with: "
                    "use generate",
                    context->config->model_type);
  }
  TFM_TRY(tfm_task_generate.begin(context, err));
  tfm_generation *g = context->own;
  g->field = field;
  g->source_language = -1;

fail:
  return st;
}

static tfm_status translate_begin(tfm_task_context *context, tfm_err *err)
{
  const tfm_status st = answer_begin(context, "translation_text", err);
  return st == TFM_OK ? read_prefix(context->own, context, true, err) : st;
}

static tfm_status summarize_begin(tfm_task_context *context, tfm_err *err)
{
  const tfm_status st = answer_begin(context, "summary_text", err);
  return st == TFM_OK ? read_prefix(context->own, context, false, err) : st;
}

static tfm_status answer_ask(tfm_task_context *context, tfm_err *err)
{
  return tfm_task_generate.ask(context, err);
}

static void answer_end(tfm_task_context *context)
{
  tfm_task_generate.end(context);
}

/* The row's text is what comes before it and the text while it is encoded. */
static tfm_status answer_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                             tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_generation *g = context->own;
  const tfm_span text = item->row->text;
  tfm_buf whole = {0};
  if (g->prefix) {
    (void)tfm_buf_str(&whole, g->prefix);
    (void)tfm_buf_span(&whole, text);
    item->row->text = tfm_buf_view(&whole);
  }
  const tfm_status st = whole.failed ? tfm_fail(err, TFM_E_NOMEM, "a text behind its prefix")
                                     : tfm_task_generate.row(encoder, item, scratch, err);
  item->row->text = text;
  if (st == TFM_OK && item->nseq > 0 && (g->source_language >= 0 || g->language_first)) {
    say_language(g, item);
  }
  tfm_buf_fini(&whole);
  return st;
}

static int answer_fields(const tfm_task_context *context, const char **names)
{
  return tfm_task_generate.fields(context, names);
}

static tfm_status answer_answer(const tfm_task_context *context, const tfm_item *item,
                                tfm_answer *answer, tfm_err *err)
{
  return tfm_task_generate.answer(context, item, answer, err);
}

static const tfm_branching *answer_grows(const tfm_task_context *context)
{
  return tfm_task_generate.grows(context);
}

#define ANSWERING                                                                              \
  .head = TFM_TASK_TEXT_GENERATION, .ask = answer_ask, .end = answer_end, .row = answer_row,   \
  .fields = answer_fields, .answer = answer_answer, .grows = answer_grows

const tfm_task_ops tfm_task_translate = {
    .name = "translation", .begin = translate_begin, ANSWERING};

const tfm_task_ops tfm_task_summarize = {
    .name = "summarization", .begin = summarize_begin, ANSWERING};
