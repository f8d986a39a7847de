#include "coordinator/task/generation.h"

#include "coordinator/task/openai.h"
#include "coordinator/task/said.h"
#include "coordinator/task/sentence_files.h"
#include "core/base/mem.h"

#include <string.h>

enum {
  NEW_TOKENS = 256,  /* where nobody says: the pipeline's own */
  SAMPLED_FROM = 50, /* the reference's top_k where nobody says */
  BEAMS_MOST = TFM_BRANCHES_MOST
};

/* What is settled before it is known what it means together. */
typedef struct {
  tfm_generation *g;
  tfm_task_context *context;
  tfm_head_spec *spec;
  const tfm_json *json; /* generation_config.json; NULL: there is none */
  int64_t beams, returned;
} reading;

/* eos_token_id: a number, or an array of them. */
static tfm_status read_ends(reading *r, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_head_spec *spec = r->spec;
  const tfm_json_node *node = tfm_json_get(tfm_json_root(json), "eos_token_id");
  const bool list = tfm_json_kind_of(node) == TFM_JSON_ARRAY;
  int64_t id = 0;
  if (!node) {
    return TFM_OK;
  }
  spec->nonly = 0;
  for (node = list ? tfm_json_first(node) : node; node;
       node = list ? tfm_json_next(node) : NULL) {
    TFM_TRY(
        tfm_json_node_int(json, node, "eos_token_id", 0, r->context->config->V - 1, &id, err));
    if (spec->nonly == TFM_HEAD_ONLY_MOST) {
      TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED, "eos_token_id: want at most %d ids",
                       TFM_HEAD_ONLY_MOST));
    }
    spec->only[spec->nonly++] = (int32_t)id;
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
  } numbers[] = {{"num_beam_groups", 1},
                 {"diversity_penalty", 0},
                 {"penalty_alpha", 0},
                 {"guidance_scale", 1},
                 {"encoder_repetition_penalty", 1},
                 {"encoder_no_repeat_ngram_size", 0},
                 {"top_h", 0}};
  static const char *const others[] = {"constraints", "force_words_ids", "watermarking_config",
                                       "dola_layers", "forced_decoder_ids"};
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

/* An id that is forced, or a list of it alone; in the spec it is counted from 1. */
static tfm_status read_forced(const reading *r, const char *key, int64_t *out, tfm_err *err)
{
  int64_t id = -1;
  const tfm_json_node *node = tfm_json_get(tfm_json_root(r->json), key);
  if (tfm_json_kind_of(node) == TFM_JSON_ARRAY) {
    if (tfm_json_count(node) != 1) {
      return tfm_fail(err, TFM_E_UNSUPPORTED,
                      "generation_config.json: %s: %lld ids are not supported, one is", key,
                      (long long)tfm_json_count(node));
    }
    node = tfm_json_first(node);
  }
  const tfm_status st =
      node ? tfm_json_node_int(r->json, node, key, 0, r->context->config->V - 1, &id, err)
           : TFM_OK;
  *out = id + 1;
  return st;
}

/* [after so many tokens, factor] */
static tfm_status read_decay(const reading *r, tfm_err *err)
{
  tfm_choice *c = &r->spec->choice;
  const tfm_json_node *node =
      tfm_json_get(tfm_json_root(r->json), "exponential_decay_length_penalty");
  const tfm_json_node *after = tfm_json_first(node);
  if (!node) {
    return TFM_OK;
  }
  if (tfm_json_count(node) != 2 || !tfm_json_number(tfm_json_next(after), &c->decay) ||
      !(c->decay > 0.0)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "generation_config.json: exponential_decay_length_penalty: want a number "
                    "of tokens and a factor above 0");
  }
  return tfm_json_node_int(r->json, after, "exponential_decay_length_penalty", 0, INT32_MAX,
                           &c->decay_after, err);
}

/* How tokens are chosen: the file's word, where it has one. */
static tfm_status read_choice(const reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json *json = r->json;
  const tfm_json_node *root = tfm_json_root(json);
  tfm_choice *c = &r->spec->choice;
  const struct {
    const char *key;
    double high, *out;
  } reals[] = {{"temperature", 1e6, &c->temperature},
               {"top_p", 1.0, &c->top_p},
               {"min_p", 1.0, &c->min_p},
               {"typical_p", 1.0, &c->typical_p},
               {"epsilon_cutoff", 1.0, &c->epsilon_cutoff},
               {"eta_cutoff", 1.0, &c->eta_cutoff},
               {"repetition_penalty", 1e6, &c->repetition_penalty}};
  const struct {
    const char *key;
    int64_t *out;
  } ints[] = {{"top_k", &r->spec->top_k},
              {"no_repeat_ngram_size", &c->no_repeat_ngram},
              {"min_new_tokens", &c->min_new},
              {"min_length", &c->min_length}};
  TFM_TRY(tfm_json_opt_bool(json, root, "do_sample", &c->sample, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "renormalize_logits", &c->renormalize, err));
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; ++i) {
    TFM_TRY(
        tfm_json_opt_double(json, root, reals[i].key, 0.0, reals[i].high, reals[i].out, err));
  }
  for (size_t i = 0; i < sizeof ints / sizeof ints[0]; ++i) {
    TFM_TRY(tfm_json_opt_int(json, root, ints[i].key, 0, INT32_MAX, ints[i].out, err));
  }
  TFM_TRY(read_forced(r, "forced_bos_token_id", &c->force_first, err));
  TFM_TRY(read_forced(r, "forced_eos_token_id", &c->force_last, err));
  TFM_TRY(read_decay(r, err));

fail:
  return st;
}

/* early_stopping: true, false or "never" */
static tfm_status read_early(const reading *r, tfm_early *out, tfm_err *err)
{
  const tfm_json_node *node = tfm_json_get(tfm_json_root(r->json), "early_stopping");
  const char *text = tfm_json_text(node);
  bool yes = *out == TFM_EARLY_TRUE;
  if (text && strcmp(text, "never") == 0) {
    *out = TFM_EARLY_NEVER;
    return TFM_OK;
  }
  const tfm_status st =
      tfm_json_opt_bool(r->json, tfm_json_root(r->json), "early_stopping", &yes, err);
  *out = yes ? TFM_EARLY_TRUE : TFM_EARLY_FALSE;
  return st;
}

static tfm_status add_stop(tfm_generation *g, const char *text, tfm_err *err)
{
  char **more = tfm_realloc(g->stops, (size_t)g->nstop + 1, sizeof *more);
  if (more) {
    g->stops = more;
    g->stops[g->nstop] = tfm_strndup(text, strlen(text));
  }
  if (!more || !g->stops[g->nstop]) {
    return tfm_fail(err, TFM_E_NOMEM, "stop strings");
  }
  ++g->nstop;
  if (!*text || strlen(text) >= TFM_TAIL_MOST) {
    return tfm_fail(err, TFM_E_USAGE, "stop strings: want 1 to %d bytes, got %zu",
                    TFM_TAIL_MOST - 1, strlen(text));
  }
  return TFM_OK;
}

/* stop_strings: one, or an array of them. */
static tfm_status read_stops(const reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *node = tfm_json_get(tfm_json_root(r->json), "stop_strings");
  const bool list = tfm_json_kind_of(node) == TFM_JSON_ARRAY;
  for (node = list ? tfm_json_first(node) : node; node;
       node = list ? tfm_json_next(node) : NULL) {
    const char *text = tfm_json_text(node);
    TFM_TRY(text ? add_stop(r->g, text, err)
                 : tfm_fail(err, TFM_E_FORMAT,
                            "generation_config.json: stop_strings: want strings"));
  }

fail:
  return st;
}

/* What a decoder behind an encoder begins with: this file's word before config.json's. */
static tfm_status read_start(const reading *r, tfm_err *err)
{
  int64_t id = r->context->start_id;
  const tfm_status st =
      tfm_json_opt_int(r->json, tfm_json_root(r->json), "decoder_start_token_id", 0,
                       r->context->config->V - 1, &id, err);
  r->context->start_id = (int32_t)id;
  return st;
}

static tfm_status read_file(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json *json = r->json;
  const tfm_json_node *root = tfm_json_root(json);
  tfm_branching *how = &r->g->branching;
  TFM_TRY(read_ends(r, json, err));
  TFM_TRY(refuse_others(json, err));
  TFM_TRY(read_choice(r, err));
  TFM_TRY(read_early(r, &how->early, err));
  TFM_TRY(read_stops(r, err));
  TFM_TRY(tfm_said_of_file(r->spec, json, r->context->config->V, err));
  TFM_TRY(
      tfm_json_opt_double(json, root, "length_penalty", -1e6, 1e6, &how->length_penalty, err));
  TFM_TRY(tfm_json_opt_int(json, root, "num_beams", 1, BEAMS_MOST, &r->beams, err));
  TFM_TRY(
      tfm_json_opt_int(json, root, "num_return_sequences", 1, BEAMS_MOST, &r->returned, err));
  TFM_TRY(tfm_json_opt_int(json, root, "max_new_tokens", 1, INT32_MAX, &r->g->new_tokens, err));
  TFM_TRY(tfm_json_opt_int(json, root, "max_length", 1, INT32_MAX, &r->g->total, err));
  TFM_TRY(read_start(r, err));

fail:
  return st;
}

static bool is_given(const tfm_options *o, const char *name)
{
  return tfm_option_source_of(o, name) != TFM_FROM_DEFAULT;
}

/* The options' word goes before the file's. */
static tfm_status take_options(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = r->context->options;
  tfm_branching *how = &r->g->branching;
  tfm_choice *c = &r->spec->choice;
  c->sample = is_given(o, "do-sample") ? o->do_sample : c->sample;
  c->seed = o->seed;
  c->temperature = o->temperature > 0.0 ? o->temperature : c->temperature;
  c->top_p = o->top_p > 0.0 ? o->top_p : c->top_p;
  c->min_p = o->min_p > 0.0 ? o->min_p : c->min_p;
  c->typical_p = o->typical_p > 0.0 ? o->typical_p : c->typical_p;
  c->repetition_penalty =
      o->repetition_penalty > 0.0 ? o->repetition_penalty : c->repetition_penalty;
  c->no_repeat_ngram =
      o->no_repeat_ngram_size >= 0 ? o->no_repeat_ngram_size : c->no_repeat_ngram;
  c->min_new = o->min_new_tokens >= 0 ? o->min_new_tokens : c->min_new;
  r->spec->top_k = o->top_k > 0 ? o->top_k : o->top_k < 0 ? 0 : r->spec->top_k;
  r->beams = o->num_beams > 0 ? o->num_beams : r->beams;
  r->returned = o->num_return_sequences > 0 ? o->num_return_sequences : r->returned;
  how->length_penalty = is_given(o, "length-penalty") ? o->length_penalty : how->length_penalty;
  how->early = o->early_stopping > 0 ? (tfm_early)(o->early_stopping - 1) : how->early;
  r->g->new_tokens = o->max_new_tokens ? o->max_new_tokens : r->g->new_tokens;
  for (int i = 0; i < o->nstop_string; ++i) {
    TFM_TRY(add_stop(r->g, o->stop_strings[i], err));
  }
  TFM_TRY(tfm_said_of_options(r->spec, r->context, err));

fail:
  return st;
}

/* ---- what it means together ---- */

bool tfm_generation_is_end(const tfm_generation *g, int32_t id)
{
  for (int64_t i = 0; i < g->nend; ++i) {
    if (g->ends[i] == id) {
      return true;
    }
  }
  return false;
}

size_t tfm_generation_find(tfm_span text, tfm_span what)
{
  for (size_t i = 0; what.n > 0 && i + what.n <= text.n; ++i) {
    if (memcmp(text.p + i, what.p, what.n) == 0) {
      return i;
    }
  }
  return text.n;
}

/* Whether a stop string ends within the last token. Without memory nothing ends here. */
static bool stops_at(const tfm_generation *g, const int32_t *tail, int64_t n)
{
  tfm_buf before = {0};
  tfm_buf all = {0};
  tfm_err ignored = {0};
  bool found = false;
  const bool known =
      tfm_tokenizer_decode(g->tokenizer, tail, (size_t)n - 1, false, &before, &ignored) ==
          TFM_OK &&
      tfm_tokenizer_decode(g->tokenizer, tail, (size_t)n, false, &all, &ignored) == TFM_OK;
  for (int64_t i = 0; known && i < g->nstop && !found; ++i) {
    const size_t bytes = strlen(g->stops[i]) - 1;
    const size_t seen = before.n < all.n ? before.n : all.n;
    const size_t from = seen > bytes ? seen - bytes : 0;
    const tfm_span end = {all.data + from, all.n - from};
    found = end.n > 0 && tfm_generation_find(end, tfm_span_of(g->stops[i])) < end.n;
  }
  tfm_buf_fini(&before);
  tfm_buf_fini(&all);
  return found;
}

/* The same of the request's own strings. */
static bool request_stops(const tfm_generation *g, const tfm_sequence *text,
                          const int32_t *tail, int64_t n)
{
  tfm_buf stop = {0};
  bool found = false;
  if (!text->item->row || tfm_row_extra(text->item->row, "stop").n == 0) {
    return false;
  }
  for (size_t at = 0; !found && tfm_openai_stop(text->item->row, &at, &stop);) {
    char *one[] = {(char *)(uintptr_t)tfm_buf_cstr(&stop)};
    const tfm_generation only = {.tokenizer = g->tokenizer, .stops = one, .nstop = 1};
    const int64_t bytes = (int64_t)stop.n + 1;
    const int64_t from = n > bytes ? n - bytes : 0;
    found = stop.n > 0 && stops_at(&only, tail + from, n - from);
  }
  tfm_buf_fini(&stop);
  return found;
}

static bool text_ends(const void *arg, const tfm_sequence *text, const int32_t *tail, int64_t n)
{
  const tfm_generation *g = arg;
  return tfm_generation_is_end(g, tail[n - 1]) || (g->nstop > 0 && stops_at(g, tail, n)) ||
         (g->requests && request_stops(g, text, tail, n));
}

/* Continuations of all beams that are looked at: ids that end a text may take one of each. */
static int64_t candidates_of(const reading *r)
{
  const int64_t each = 1 + r->spec->nonly;
  return r->beams > 1 ? (each > 2 ? each : 2) * r->beams : 0;
}

static tfm_status check_together(const reading *r, tfm_err *err)
{
  const bool sampled = r->spec->choice.sample;
  if (r->returned > 1 && r->beams == 1 && !sampled) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--num-return-sequences %lld: the likeliest tokens make one text; pass "
                    "--do-sample on or --num-beams",
                    (long long)r->returned);
  }
  if (r->beams > 1 && r->returned > r->beams) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--num-return-sequences %lld: want at most --num-beams, %lld",
                    (long long)r->returned, (long long)r->beams);
  }
  if (r->returned > 1 && r->context->options->output_format == TFM_OUT_OPENAI) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--num-return-sequences %lld: a request of an OpenAI batch is answered "
                    "with one text",
                    (long long)r->returned);
  }
  const bool rounded = strcmp(r->context->options->kv_dtype, "float32") != 0;
  const tfm_options *o = r->context->options;
  if ((o->verb == TFM_VERB_VERIFY || o->verify_of) &&
      (r->beams > 1 || r->returned > 1 || rounded)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "%s: the oracle follows one text a row and keeps nothing of it; pass "
                    "--num-beams 1, --num-return-sequences 1 and --kv-dtype float32",
                    o->verify_of ? "--verify" : "verify");
  }
  return TFM_OK;
}

static int64_t tail_of(const tfm_generation *g)
{
  int64_t most = 1;
  for (int64_t i = 0; i < g->nstop; ++i) {
    const int64_t bytes = (int64_t)strlen(g->stops[i]) + 1; /* a token has a byte at least */
    most = bytes > most ? bytes : most;
  }
  return most;
}

static tfm_status settle(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_generation *g = r->g;
  tfm_choice *c = &r->spec->choice;
  TFM_TRY(check_together(r, err));
  if (!g->new_tokens && !g->total) {
    g->new_tokens = NEW_TOKENS;
  }
  g->nend = r->spec->nonly;
  g->ends = tfm_calloc((size_t)g->nend + 1, sizeof *g->ends);
  if (!g->ends) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "what generation_config.json says"));
  }
  memcpy(g->ends, r->spec->only, (size_t)g->nend * sizeof *g->ends);
  c->candidates = candidates_of(r);
  c->branches = r->beams > 1 ? r->beams : r->returned;
  c->last_new = g->new_tokens;
  c->last_length = g->new_tokens ? 0 : g->total;
  g->branching.width = c->branches;
  g->branching.candidates = c->candidates;
  g->branching.sampled = c->sample;
  g->branching.returned = r->returned;
  g->requests = r->context->options->output_format == TFM_OUT_OPENAI;
  g->branching.tail = g->requests ? TFM_TAIL_MOST : tail_of(g);
  g->branching.ends = text_ends;
  g->branching.arg = g;

fail:
  return st;
}

tfm_status tfm_generation_read(tfm_generation *g, tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  tfm_json *json = NULL;
  reading r = {.g = g, .context = context, .spec = context->spec, .beams = 1, .returned = 1};
  *g = (tfm_generation){.tokenizer = context->tokenizer,
                        .branching = {.length_penalty = 1.0},
                        .field = "generated_text",
                        .source_language = -1};
  r.spec->top_k = SAMPLED_FROM;
  TFM_TRY(tfm_sentence_file(context->model->folder, "config.json", &config, err));
  TFM_TRY(read_ends(&r, config, err));
  TFM_TRY(tfm_sentence_file(context->model->folder, "generation_config.json", &json, err));
  /* Older files of models with an encoder say it all in config.json. */
  r.json = json || !tfm_config_decoder(context->config) ? json : config;
  if (r.json) {
    TFM_TRY(read_file(&r, err));
  }
  TFM_TRY(take_options(&r, err));
  TFM_TRY(settle(&r, err));

fail:
  tfm_json_close(config);
  tfm_json_close(json);
  return st;
}

void tfm_generation_fini(tfm_generation *g)
{
  for (int64_t i = 0; i < g->nstop; ++i) {
    tfm_free(g->stops[i]);
  }
  tfm_free(g->stops);
  tfm_free(g->ends);
  tfm_free(g->prefix);
}

int64_t tfm_generation_room(const tfm_generation *g, int64_t n, int64_t places)
{
  const int64_t room = places - n + 1;
  const int64_t by_total = g->total > n ? g->total - n : 1;
  const int64_t asked = g->new_tokens ? g->new_tokens : by_total;
  return asked < room ? asked : room;
}
