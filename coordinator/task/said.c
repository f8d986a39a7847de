#include "coordinator/task/said.h"

#include <stdlib.h>
#include <string.h>

static bool is_end(const tfm_head_spec *spec, int32_t id)
{
  for (int32_t i = 0; i < spec->nonly; ++i) {
    if (spec->only[i] == id) {
      return true;
    }
  }
  return false;
}

/* A bad word that is nothing but the end of a text is none: the reference's rule. */
static tfm_status add(tfm_head_spec *spec, tfm_said kind, const int32_t *ids, int32_t n,
                      double bias, tfm_err *err)
{
  const float value = (float)bias;
  if (kind == TFM_SAID_BAD && n == 1 && is_end(spec, ids[0])) {
    return TFM_OK;
  }
  if (n > TFM_HEAD_ONLY_MOST - 3 - spec->nsaid) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "biases, bad words and suppressed tokens: want at most %d numbers in all",
                    TFM_HEAD_ONLY_MOST);
  }
  int32_t *p = spec->said + spec->nsaid;
  p[0] = (int32_t)kind;
  p[1] = n;
  memcpy(p + 2, ids, (size_t)n * sizeof *ids);
  memcpy(p + 2 + n, &value, sizeof value);
  spec->nsaid += n + 3;
  return TFM_OK;
}

/* ---- generation_config.json ---- */

enum { RUN_MOST = 256 /* tokens of one run */ };

/* An array of ids, or one alone. */
static tfm_status read_run(const tfm_json *json, const tfm_json_node *node, const char *key,
                           int64_t V, int32_t *ids, int32_t *n, tfm_err *err)
{
  const bool list = tfm_json_kind_of(node) == TFM_JSON_ARRAY;
  const tfm_json_node *at = list ? tfm_json_first(node) : node;
  *n = 0;
  for (; at; at = list ? tfm_json_next(at) : NULL) {
    int64_t id = 0;
    const tfm_status st = tfm_json_node_int(json, at, key, 0, V - 1, &id, err);
    if (st != TFM_OK) {
      return st;
    }
    if (*n == RUN_MOST) {
      return tfm_fail(err, TFM_E_UNSUPPORTED, "generation_config.json: %s: want at most %d ids",
                      key, RUN_MOST);
    }
    ids[(*n)++] = (int32_t)id;
  }
  return *n > 0 ? TFM_OK
                : tfm_fail(err, TFM_E_FORMAT, "generation_config.json: %s: want ids, got none",
                           key);
}

/* A list of runs of ids; of biases [run, bias] each. */
static tfm_status read_list(tfm_head_spec *spec, const tfm_json *json, const char *key,
                            tfm_said kind, int64_t V, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int32_t ids[RUN_MOST];
  int32_t n = 0;
  const tfm_json_node *list = tfm_json_get(tfm_json_root(json), key);
  if (list && tfm_json_kind_of(list) != TFM_JSON_ARRAY) {
    return tfm_fail(err, TFM_E_FORMAT, "generation_config.json: %s: want an array", key);
  }
  for (const tfm_json_node *at = tfm_json_first(list); at; at = tfm_json_next(at)) {
    const tfm_json_node *run = kind == TFM_SAID_BIAS ? tfm_json_first(at) : at;
    double bias = 0.0;
    if (kind == TFM_SAID_BIAS && !tfm_json_number(tfm_json_next(run), &bias)) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       "generation_config.json: %s: want pairs of ids and a number", key));
    }
    TFM_TRY(read_run(json, run, key, V, ids, &n, err));
    TFM_TRY(add(spec, kind, ids, n, bias, err));
  }

fail:
  return st;
}

tfm_status tfm_said_of_file(tfm_head_spec *spec, const tfm_json *json, int64_t V, tfm_err *err)
{
  static const struct {
    const char *key;
    tfm_said kind;
  } lists[] = {{"sequence_bias", TFM_SAID_BIAS},
               {"bad_words_ids", TFM_SAID_BAD},
               {"suppress_tokens", TFM_SAID_NEVER},
               {"begin_suppress_tokens", TFM_SAID_NOT_FIRST}};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; ++i) {
    const tfm_status st = read_list(spec, json, lists[i].key, lists[i].kind, V, err);
    if (st != TFM_OK) {
      return st;
    }
  }
  return TFM_OK;
}

/* ---- options ---- */

/* ID:BIAS */
static tfm_status add_bias(tfm_head_spec *spec, const char *text, int64_t V, tfm_err *err)
{
  char *colon = NULL;
  char *end = NULL;
  const long id = strtol(text, &colon, 10);
  const double bias = *colon == ':' ? strtod(colon + 1, &end) : 0.0;
  if (colon == text || *colon != ':' || end == colon + 1 || *end || id < 0 || id >= V ||
      !(bias >= -1e30 && bias <= 1e30)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--logit-bias: want ID:NUMBER with an id below %lld, got \"%.64s\"",
                    (long long)V, text);
  }
  const int32_t one = (int32_t)id;
  return add(spec, TFM_SAID_BIAS, &one, 1, bias, err);
}

/* A word within a text mostly stands behind a blank, which belongs to its first token. */
static tfm_status add_bad_word(tfm_head_spec *spec, const tfm_task_context *context,
                               const char *word, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_encode_options options = {.max_length = 0};
  tfm_encoding e = {0};
  tfm_buf text = {0};
  for (int blank = 0; blank < 2; ++blank) {
    tfm_buf_clear(&text);
    (void)tfm_buf_str(&text, blank ? " " : "");
    (void)tfm_buf_str(&text, word);
    if (text.failed) {
      TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "--bad-words"));
    }
    TFM_TRY(tfm_tokenizer_encode(context->tokenizer, tfm_buf_view(&text), (tfm_span){0},
                                 &options, &e, err));
    if (e.n > 0 && e.n <= RUN_MOST) {
      TFM_TRY(add(spec, TFM_SAID_BAD, e.ids, (int32_t)e.n, 0.0, err));
    }
  }

fail:
  tfm_encoding_fini(&e);
  tfm_buf_fini(&text);
  return st;
}

tfm_status tfm_said_of_options(tfm_head_spec *spec, const tfm_task_context *context,
                               tfm_err *err)
{
  const tfm_options *o = context->options;
  tfm_status st = TFM_OK;
  for (int i = 0; i < o->nlogit_bias; ++i) {
    TFM_TRY(add_bias(spec, o->logit_bias[i], context->config->V, err));
  }
  for (int i = 0; i < o->nbad_word; ++i) {
    TFM_TRY(add_bad_word(spec, context, o->bad_words[i], err));
  }

fail:
  return st;
}
