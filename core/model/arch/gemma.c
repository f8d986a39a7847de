/* Gemma (Llama with wide heads, scaled words and norms whose gains are stored less 1) and Gemma 2
 * (norms behind the halves of a layer too, windows in every second layer, capped scores). Source:
 * Gemma Team 2024 (arXiv 2403.08295, 2408.00118); names and order of operations as in transformers,
 * models/{gemma,gemma2}. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

#include <math.h>

enum { HEAD = 256 /* head_dim, and query_pre_attn_scalar, where config.json has none */ };

static const double SCORE_CAP = 50.0; /* likewise, the caps of scores and of logits */
static const double LOGIT_CAP = 30.0;
static const double CAP_LEAST = 1e-3;
static const double CAP_MOST = 1e6;

static tfm_status read_common(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module products[] = {TFM__MODULE_QUERY, TFM__MODULE_KEY, TFM__MODULE_VALUE,
                                         TFM__MODULE_CONTEXT};
  bool biased = false;
  TFM_TRY(tfm__config_only_false(json, "use_bidirectional_attention", err));
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "attention_bias", &biased, err));
  for (int i = 0; !biased && i < 4; ++i) {
    tfm__config_without_bias(config, products[i]);
  }
  tfm__config_without_bias(config, TFM__MODULE_GATE);
  tfm__config_without_bias(config, TFM__MODULE_UP);
  tfm__config_without_bias(config, TFM__MODULE_DOWN);
  config->word_scale = (float)sqrt((double)config->H);
  TFM_TRY(tfm__config_heads(config, json, HEAD, err));
  TFM_TRY(tfm__config_rotation(config, json, err));

fail:
  return st;
}

/* The first files say gelu and mean its tanh form. */
static tfm_status read_gemma(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->act = config->act == TFM_ACT_GELU ? TFM_ACT_GELU_NEW : config->act;
  return read_common(config, json, err);
}

/* A cap: what the key says, `missing` without it, none where it is null. */
static tfm_status read_cap(const tfm_json *json, const char *key, double missing, float *cap,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  double x = missing;
  *cap = 0.0f;
  if (!tfm__config_is_null(json, key)) {
    TFM_TRY(tfm_json_opt_double(json, tfm_json_root(json), key, CAP_LEAST, CAP_MOST, &x, err));
    *cap = (float)x;
  }

fail:
  return st;
}

static tfm_status read_gemma2(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->score_width = HEAD;
  TFM_TRY(read_common(config, json, err));
  TFM_TRY(tfm_json_opt_double(json, tfm_json_root(json), "query_pre_attn_scalar", 1e-6, 1e9,
                              &config->score_width, err));
  TFM_TRY(read_cap(json, "attn_logit_softcapping", SCORE_CAP, &config->score_cap, err));
  TFM_TRY(read_cap(json, "final_logit_softcapping", LOGIT_CAP, &config->logit_cap, err));
  TFM_TRY(tfm__config_window(config, json, 0, 2, err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .view = TFM__VIEW_LAST,
     .out = "score",
     .plain = true},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "score"},
    {.task = TFM_TASK_TEXT_GENERATION,
     .view = TFM__VIEW_LM,
     .out = "lm_head",
     .plain = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

#define GEMMA_MODULES                                                                          \
  [TFM__MODULE_WORD] = "@embed_tokens", [TFM__MODULE_QUERY] = "@layers.#.self_attn.q_proj",    \
  [TFM__MODULE_KEY] = "@layers.#.self_attn.k_proj",                                            \
  [TFM__MODULE_VALUE] = "@layers.#.self_attn.v_proj",                                          \
  [TFM__MODULE_CONTEXT] = "@layers.#.self_attn.o_proj",                                        \
  [TFM__MODULE_ATTENTION_NORM] = "@layers.#.input_layernorm",                                  \
  [TFM__MODULE_GATE] = "@layers.#.mlp.gate_proj", [TFM__MODULE_UP] = "@layers.#.mlp.up_proj",  \
  [TFM__MODULE_DOWN] = "@layers.#.mlp.down_proj", [TFM__MODULE_FINAL_NORM] = "@norm"

/* What both share. */
#define GEMMA_PARTS                                                                            \
  .prefix = "model.", .norm_eps = 1e-6, .act = TFM_ACT_GELU_NEW, .pad_id = 0, .causal = true,  \
  .rms = true, .gain_less_one = true, .sum = {TFM__MODULE_WORD, TFM__MODULE_COUNT},            \
  .block = &tfm__block_pre_norm, .heads = heads

#define GEMMA_KEYS                                                                             \
  .hidden = "hidden_size", .layers = "num_hidden_layers", .heads = "num_attention_heads",      \
  .ffn = "intermediate_size", .vocab = "vocab_size", .positions = "max_position_embeddings",   \
  .norm_eps = "rms_norm_eps"

const tfm_arch tfm__arch_gemma = {
    .model_type = "gemma",
    .read = read_gemma,
    .keys = {GEMMA_KEYS, .act = "hidden_act"},
    .module = {GEMMA_MODULES, [TFM__MODULE_FFN_NORM] = "@layers.#.post_attention_layernorm"},
    GEMMA_PARTS};

const tfm_arch tfm__arch_gemma2 = {
    .model_type = "gemma2",
    .read = read_gemma2,
    .keys = {GEMMA_KEYS, .act = "hidden_activation"},
    .module =
        {GEMMA_MODULES, [TFM__MODULE_ATTENTION_AFTER] = "@layers.#.post_attention_layernorm",
         [TFM__MODULE_FFN_NORM] = "@layers.#.pre_feedforward_layernorm",
         [TFM__MODULE_FFN_AFTER] = "@layers.#.post_feedforward_layernorm"},
    GEMMA_PARTS};
