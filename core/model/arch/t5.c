/* T5, its later form (a gated ffn, a head of its own) and mT5. Source: Raffel et al. 2019
 * (arXiv 1910.10683), Xue et al. 2020 (2010.11934); names and order of operations as in
 * transformers, models/t5/modeling_t5.py. Scores are not scaled; each side has one table of
 * biases by distance. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/model/shown.h"

#include <math.h>
#include <string.h>

enum {
  BUCKETS = 32,
  FARTHEST = 128,
  LEAST_BUCKETS = 4,
  MOST_BUCKETS = 1 << 16,
  MOST_DISTANCE = 1 << 24,
  MOST_TOKENS =
      2048 /* of a text unless more are asked for: no table of positions says how many */
};

static const tfm_arch gated_t5;

/* feed_forward_proj: an activation, behind "gated-" where the ffn is. */
static tfm_status read_ffn(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  static const char gated[] = "gated-";
  const char *said = "relu";
  const tfm_status st =
      tfm_json_opt_string(json, tfm_json_root(json), "feed_forward_proj", &said, err);
  if (st != TFM_OK) {
    return st;
  }
  const bool gates = strncmp(said, gated, sizeof gated - 1) == 0;
  const char *name = gates ? said + sizeof gated - 1 : said;
  name = gates && strcmp(name, "gelu") == 0 ? "gelu_new" : name; /* what the reference takes */
  if (!tfm_activation_parse(name, &config->act)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: feed_forward_proj: \"%s\" is not supported",
                    tfm__shown_of(said).text);
  }
  config->arch = gates ? &gated_t5 : config->arch;
  return TFM_OK;
}

static tfm_status read_distances(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->buckets = BUCKETS;
  config->farthest = FARTHEST;
  TFM_TRY(tfm__config_dim(json, "relative_attention_num_buckets", MOST_BUCKETS,
                          &config->buckets, err));
  TFM_TRY(tfm__config_dim(json, "relative_attention_max_distance", MOST_DISTANCE,
                          &config->farthest, err));
  config->relative = config->buckets;
  if (config->buckets < LEAST_BUCKETS || config->farthest <= config->buckets / 2) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: relative_attention_num_buckets: want at least %d and less "
                     "than twice relative_attention_max_distance (%lld), got %lld",
                     LEAST_BUCKETS, (long long)config->farthest, (long long)config->buckets));
  }

fail:
  return st;
}

static tfm_status read_t5(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module all[] = {
      TFM__MODULE_QUERY,       TFM__MODULE_KEY,          TFM__MODULE_VALUE,
      TFM__MODULE_CONTEXT,     TFM__MODULE_GATE,         TFM__MODULE_UP,
      TFM__MODULE_DOWN,        TFM__MODULE_CROSS_KEY,    TFM__MODULE_CROSS_VALUE,
      TFM__MODULE_CROSS_QUERY, TFM__MODULE_CROSS_CONTEXT};
  const bool multilingual = strcmp(config->model_type, "mt5") == 0;
  bool scaled = config->tied; /* older files say it so */
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    tfm__config_without_bias(config, all[i]);
  }
  config->positions = MOST_TOKENS;
  config->endless = true;
  config->scores_scaled = false;
  config->tied = true;
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "scale_decoder_outputs", &scaled, err));
  config->head_scale = scaled && !multilingual ? (float)(1.0 / sqrt((double)config->H)) : 1.0f;
  TFM_TRY(read_ffn(config, json, err));
  TFM_TRY(read_distances(config, json, err));
  TFM_TRY(tfm__config_second(config, json, "num_decoder_layers", config->L, err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_GENERATION,
     .view = TFM__VIEW_LM,
     .out = "lm_head",
     .plain = true,
     .tied = true,
     .own_first = true},
    {.task = TFM_TASK_NONE},
};

static const char *const sisters[] = {"mt5", NULL};

#define T5_MODULES                                                                             \
  [TFM__MODULE_WORD] = "@shared",                                                              \
  [TFM__MODULE_POSITION_BIAS] = "@$.block.0.layer.0.SelfAttention.relative_attention_bias",    \
  [TFM__MODULE_QUERY] = "@$.block.#.layer.0.SelfAttention.q",                                  \
  [TFM__MODULE_KEY] = "@$.block.#.layer.0.SelfAttention.k",                                    \
  [TFM__MODULE_VALUE] = "@$.block.#.layer.0.SelfAttention.v",                                  \
  [TFM__MODULE_CONTEXT] = "@$.block.#.layer.0.SelfAttention.o",                                \
  [TFM__MODULE_ATTENTION_NORM] = "@$.block.#.layer.0.layer_norm",                              \
  [TFM__MODULE_CROSS_QUERY] = "@$.block.#.layer.1.EncDecAttention.q",                          \
  [TFM__MODULE_CROSS_KEY] = "@$.block.#.layer.1.EncDecAttention.k",                            \
  [TFM__MODULE_CROSS_VALUE] = "@$.block.#.layer.1.EncDecAttention.v",                          \
  [TFM__MODULE_CROSS_CONTEXT] = "@$.block.#.layer.1.EncDecAttention.o",                        \
  [TFM__MODULE_CROSS_NORM] = "@$.block.#.layer.1.layer_norm",                                  \
  [TFM__MODULE_DOWN] = "@$.block.#.layer.&.DenseReluDense.wo",                                 \
  [TFM__MODULE_FFN_NORM] = "@$.block.#.layer.&.layer_norm",                                    \
  [TFM__MODULE_FINAL_NORM] = "@$.final_layer_norm"

#define T5_PARTS                                                                               \
  .model_type = "t5", .sisters = sisters, .prefix = "",                                        \
  .keys = {.hidden = "d_model",                                                                \
           .layers = "num_layers",                                                             \
           .heads = "num_heads",                                                               \
           .ffn = "d_ff",                                                                      \
           .head_dim = "d_kv",                                                                 \
           .vocab = "vocab_size",                                                              \
           .norm_eps = "layer_norm_epsilon"},                                                  \
  .norm_eps = 1e-6, .act = TFM_ACT_RELU, .pad_id = 0, .read = read_t5, .rms = true,            \
  .sum = {TFM__MODULE_WORD, TFM__MODULE_COUNT}, .block = &tfm__block_pre_norm, .heads = heads

const tfm_arch tfm__arch_t5 = {
    .module = {T5_MODULES, [TFM__MODULE_UP] = "@$.block.#.layer.&.DenseReluDense.wi"},
    T5_PARTS};

static const tfm_arch gated_t5 = {
    .module = {T5_MODULES, [TFM__MODULE_GATE] = "@$.block.#.layer.&.DenseReluDense.wi_0",
               [TFM__MODULE_UP] = "@$.block.#.layer.&.DenseReluDense.wi_1"},
    T5_PARTS};
