/* DeBERTa-v2 and v3: scores that also meet relative positions, a convolution beside the first layer
 * in some. Source: He et al. 2020 (arXiv 2006.03654), 2021 (2111.09543); names and order of
 * operations as in transformers, models/deberta_v2/modeling_deberta_v2.py. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/model/shown.h"

#include <ctype.h>
#include <string.h>

enum { MOST_POSITIONS = 1 << 20, MOST_TYPES = 1 << 16, MOST_CONVOLUTION = 255, WORD = 32 };

/* The next word of "a|b", lower case, without spaces; false after the last. */
static bool next_word(const char **text, char *word)
{
  size_t n = 0;
  if (!*text) {
    return false;
  }
  for (; **text && **text != '|'; ++*text) {
    if (!isspace((unsigned char)**text) && n + 1 < WORD) {
      word[n++] = (char)tolower((unsigned char)**text);
    }
  }
  word[n] = '\0';
  *text = **text ? *text + 1 : NULL;
  return true;
}

static tfm_status unknown_word(const char *key, const char *word, const char *known,
                               tfm_err *err)
{
  return tfm_fail(err, TFM_E_UNSUPPORTED,
                  "config.json: %s: \"%s\" is not supported, only %s are", key,
                  tfm__shown_of(word).text, known);
}

static tfm_status add_meeting(tfm_config *config, const char *text, tfm_err *err)
{
  char word[WORD];
  while (next_word(&text, word)) {
    if (strcmp(word, "c2p") == 0) {
      config->meets_key_rows = true;
    } else if (strcmp(word, "p2c") == 0) {
      config->meets_query_rows = true;
    } else if (word[0]) {
      return unknown_word("pos_att_type", word, "c2p and p2c", err);
    }
  }
  return TFM_OK;
}

/* pos_att_type is a text "p2c|c2p" or a list of such. It counts in the scale of scores even where
 * relative_attention is off. */
static tfm_status read_meetings(tfm_config *config, const tfm_json *json, bool relative,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *types = tfm_json_get(tfm_json_root(json), "pos_att_type");
  if (tfm_json_text(types)) {
    TFM_TRY(add_meeting(config, tfm_json_text(types), err));
  } else if (types && tfm_json_kind_of(types) != TFM_JSON_ARRAY) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: pos_att_type: want a text or an array of texts"));
  } else {
    for (const tfm_json_node *n = tfm_json_first(types); n; n = tfm_json_next(n)) {
      const char *text = tfm_json_text(n);
      TFM_TRY(text ? add_meeting(config, text, err)
                   : tfm_fail(err, TFM_E_FORMAT, "config.json: pos_att_type: want texts"));
    }
  }
  config->score_terms =
      1 + (config->meets_key_rows ? 1 : 0) + (config->meets_query_rows ? 1 : 0);
  if (!relative) {
    config->meets_key_rows = config->meets_query_rows = false;
  }

fail:
  return st;
}

/* Whether rows of relative positions are normalised. */
static tfm_status read_row_norm(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *text = "none";
  char word[WORD];
  bool norm = false;
  TFM_TRY(tfm_json_opt_string(json, tfm_json_root(json), "norm_rel_ebd", &text, err));
  while (next_word(&text, word)) {
    if (strcmp(word, "layer_norm") == 0) {
      norm = true;
    } else if (strcmp(word, "none") != 0) {
      TFM_TRY(unknown_word("norm_rel_ebd", word, "layer_norm and none", err));
    }
  }
  if (!norm) {
    tfm__config_without(config, TFM__MODULE_POSITION_NORM);
  }

fail:
  return st;
}

/* How far relative positions go, and how many rows they have. */
static tfm_status read_reach(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  int64_t farthest = -1;
  int64_t buckets = -1;
  TFM_TRY(tfm_json_opt_int(json, root, "max_relative_positions", -MOST_POSITIONS,
                           MOST_POSITIONS, &farthest, err));
  TFM_TRY(tfm_json_opt_int(json, root, "position_buckets", -MOST_POSITIONS, MOST_POSITIONS,
                           &buckets, err));
  config->farthest = farthest < 1 ? config->positions : farthest;
  config->buckets = buckets < 1 ? 0 : buckets;
  config->relative = 2 * (config->buckets ? config->buckets : config->farthest);
  if (config->buckets && (buckets < 2 || config->farthest - 1 <= buckets / 2)) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: position_buckets: want 2 or more, and less than twice the "
                     "%lld relative positions, got %lld",
                     (long long)config->farthest, (long long)buckets));
  }

fail:
  return st;
}

static tfm_status read_relative(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  bool relative = false;
  bool shared = false;
  TFM_TRY(tfm_json_opt_bool(json, root, "relative_attention", &relative, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "share_att_key", &shared, err));
  TFM_TRY(read_meetings(config, json, relative, err));
  TFM_TRY(read_row_norm(config, json, err));
  if (config->meets_key_rows || config->meets_query_rows) {
    TFM_TRY(read_reach(config, json, err));
  } else {
    tfm__config_without(config, TFM__MODULE_POSITION_ROWS);
    tfm__config_without(config, TFM__MODULE_POSITION_NORM);
  }
  if (shared || !config->meets_key_rows) {
    tfm__config_without(config, TFM__MODULE_POSITION_KEY);
  }
  if (shared || !config->meets_query_rows) {
    tfm__config_without(config, TFM__MODULE_POSITION_QUERY);
  }

fail:
  return st;
}

static tfm_status read_convolution(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t width = 0;
  TFM_TRY(tfm_json_opt_int(json, tfm_json_root(json), "conv_kernel_size", -1, MOST_CONVOLUTION,
                           &width, err));
  if (width < 1) {
    tfm__config_without(config, TFM__MODULE_CONVOLUTION);
    tfm__config_without(config, TFM__MODULE_CONVOLUTION_NORM);
    return TFM_OK;
  }
  config->convolution = width;
  config->convolution_act = TFM_ACT_TANH;
  TFM_TRY(tfm__config_act(json, "conv_act", &config->convolution_act, err));
  TFM_TRY(tfm__config_only_number(json, "conv_groups", 1.0, err));
  if (width % 2 == 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: conv_kernel_size: want an odd number, got %lld",
                     (long long)width));
  }

fail:
  return st;
}

static tfm_status read_embeddings(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  bool absolute = true;
  TFM_TRY(tfm_json_opt_bool(json, root, "position_biased_input", &absolute, err));
  TFM_TRY(tfm__config_not_null(json, "type_vocab_size", err));
  TFM_TRY(tfm_json_opt_int(json, root, "type_vocab_size", 0, MOST_TYPES, &config->types, err));
  TFM_TRY(tfm__config_embedding(config, json, config->H, err));
  if (!absolute) {
    tfm__config_without(config, TFM__MODULE_POSITION);
  }
  if (config->types == 0) {
    tfm__config_without(config, TFM__MODULE_TYPE);
  }
  if (config->E == config->H) {
    tfm__config_without(config, TFM__MODULE_PROJECT);
  }
  tfm__config_without_bias(config, TFM__MODULE_PROJECT);

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "pooler.dense",
     .config_act = true,
     .out = "classifier"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, .out = "qa_outputs"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "cls.predictions.transform.dense",
     .config_act = true,
     .norm = "cls.predictions.transform.LayerNorm",
     .out = "cls.predictions.decoder",
     .out_bias = "cls.predictions.bias",
     .narrow = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

/* legacy false: the masked-language head DeBERTa-v3 was trained with, always tied. */
static const tfm__head_row other_heads[] = {
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "lm_predictions.lm_head.dense",
     .config_act = true,
     .norm = "lm_predictions.lm_head.LayerNorm",
     .out = "lm_predictions.lm_head",
     .out_bias = "lm_predictions.lm_head.bias",
     .tied = true},
    {.task = TFM_TASK_NONE},
};

static const tfm_arch other_masks;

static tfm_status read_heads(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool legacy = true;
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "legacy", &legacy, err));
  if (config->task == TFM_TASK_TEXT_CLASSIFICATION) {
    config->head_act = TFM_ACT_GELU;
    TFM_TRY(tfm__config_act(json, "pooler_hidden_act", &config->head_act, err));
    TFM_TRY(tfm__config_only_number(json, "pooler_hidden_size", (double)config->H, err));
  }
  if (config->task == TFM_TASK_FILL_MASK && !legacy) {
    config->arch = &other_masks;
    config->tied = true;
    TFM_TRY(tfm__config_only_number(json, "embedding_size", (double)config->H, err));
  }

fail:
  return st;
}

static tfm_status read_deberta(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_only_number(json, "attention_head_size", (double)config->D, err));
  TFM_TRY(read_embeddings(config, json, err));
  TFM_TRY(read_relative(config, json, err));
  TFM_TRY(read_convolution(config, json, err));
  TFM_TRY(read_heads(config, json, err));

fail:
  return st;
}

#define DEBERTA                                                                                \
  .model_type = "deberta-v2", .prefix = "deberta.",                                            \
  .keys = {.hidden = "hidden_size",                                                            \
           .layers = "num_hidden_layers",                                                      \
           .heads = "num_attention_heads",                                                     \
           .ffn = "intermediate_size",                                                         \
           .vocab = "vocab_size",                                                              \
           .positions = "max_position_embeddings",                                             \
           .norm_eps = "layer_norm_eps",                                                       \
           .act = "hidden_act"},                                                               \
  .norm_eps = 1e-7, .act = TFM_ACT_GELU, .read = read_deberta,                                 \
  .module =                                                                                    \
      {                                                                                        \
          [TFM__MODULE_WORD] = "@embeddings.word_embeddings",                                  \
          [TFM__MODULE_POSITION] = "@embeddings.position_embeddings",                          \
          [TFM__MODULE_TYPE] = "@embeddings.token_type_embeddings",                            \
          [TFM__MODULE_EMBED_NORM] = "@embeddings.LayerNorm",                                  \
          [TFM__MODULE_PROJECT] = "@embeddings.embed_proj",                                    \
          [TFM__MODULE_POSITION_ROWS] = "@encoder.rel_embeddings",                             \
          [TFM__MODULE_POSITION_NORM] = "@encoder.LayerNorm",                                  \
          [TFM__MODULE_POSITION_KEY] = "@encoder.layer.#.attention.self.pos_key_proj",         \
          [TFM__MODULE_POSITION_QUERY] = "@encoder.layer.#.attention.self.pos_query_proj",     \
          [TFM__MODULE_QUERY] = "@encoder.layer.#.attention.self.query_proj",                  \
          [TFM__MODULE_KEY] = "@encoder.layer.#.attention.self.key_proj",                      \
          [TFM__MODULE_VALUE] = "@encoder.layer.#.attention.self.value_proj",                  \
          [TFM__MODULE_CONTEXT] = "@encoder.layer.#.attention.output.dense",                   \
          [TFM__MODULE_ATTENTION_NORM] = "@encoder.layer.#.attention.output.LayerNorm",        \
          [TFM__MODULE_UP] = "@encoder.layer.#.intermediate.dense",                            \
          [TFM__MODULE_DOWN] = "@encoder.layer.#.output.dense",                                \
          [TFM__MODULE_FFN_NORM] = "@encoder.layer.#.output.LayerNorm",                        \
          [TFM__MODULE_CONVOLUTION] = "@encoder.conv.conv",                                    \
          [TFM__MODULE_CONVOLUTION_NORM] = "@encoder.conv.LayerNorm",                          \
  },                                                                                           \
  .project_first = true,                                                                       \
  .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_TYPE, TFM__MODULE_COUNT},        \
  .block = &tfm__block_post_norm

const tfm_arch tfm__arch_deberta_v2 = {DEBERTA, .heads = heads};

static const tfm_arch other_masks = {DEBERTA, .heads = other_heads};
