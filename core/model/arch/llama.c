/* Llama and what is built like it: Mistral (Llama with a window), Qwen2 (biases on queries, keys
 * and values, windows in some layers) and Qwen3 (each head of queries and keys normalised). Source:
 * Touvron et al. 2023 (arXiv 2302.13971), Jiang et al. 2023 (2310.06825), Qwen Team 2024
 * (2407.10671), 2025 (2505.09388); names and order of operations as in transformers,
 * models/{llama,mistral,qwen2,qwen3}. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

enum { QWEN3_HEAD = 128 /* its head_dim where config.json has none */ };

static void without_biases(tfm_config *config, const tfm__module *modules, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    tfm__config_without_bias(config, modules[i]);
  }
}

static const tfm__module inputs[] = {TFM__MODULE_QUERY, TFM__MODULE_KEY, TFM__MODULE_VALUE};
static const tfm__module ffn[] = {TFM__MODULE_GATE, TFM__MODULE_UP, TFM__MODULE_DOWN};

/* Where files do not say so, nothing has a bias and the LM head is not the word table. */
static tfm_status read_common(tfm_config *config, const tfm_json *json, int64_t head_dim,
                              bool input_bias, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  bool output_bias = false;
  bool ffn_bias = false;
  config->tied = false;
  TFM_TRY(tfm_json_opt_bool(json, root, "tie_word_embeddings", &config->tied, err));
  if (!input_bias) {
    TFM_TRY(tfm_json_opt_bool(json, root, "attention_bias", &output_bias, err));
    TFM_TRY(tfm_json_opt_bool(json, root, "mlp_bias", &ffn_bias, err));
    input_bias = output_bias;
  }
  if (!input_bias) {
    without_biases(config, inputs, 3);
  }
  if (!output_bias) {
    tfm__config_without_bias(config, TFM__MODULE_CONTEXT);
  }
  if (!ffn_bias) {
    without_biases(config, ffn, 3);
  }
  TFM_TRY(tfm__config_heads(config, json, head_dim, err));
  TFM_TRY(tfm__config_rotation(config, json, err));

fail:
  return st;
}

static tfm_status read_llama(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  return read_common(config, json, 0, false, err);
}

static tfm_status read_mistral(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__config_only_false(json, "attention_bias", err));
  TFM_TRY(tfm__config_only_false(json, "mlp_bias", err));
  TFM_TRY(read_common(config, json, 0, false, err));
  TFM_TRY(tfm__config_only_null(json, "layer_types", err));
  TFM_TRY(tfm__config_window(config, json, 0, 1, err));

fail:
  return st;
}

/* A window only where use_sliding_window says so. */
static tfm_status read_qwen_window(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool windowed = false;
  int64_t first = 28;
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "use_sliding_window", &windowed, err));
  TFM_TRY(tfm_json_opt_int(json, tfm_json_root(json), "max_window_layers", 0, INT32_MAX, &first,
                           err));
  if (windowed) {
    TFM_TRY(tfm__config_window(config, json, first, 1, err));
  }

fail:
  return st;
}

static tfm_status read_qwen2(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__config_only_null(json, "head_dim", err));
  TFM_TRY(read_common(config, json, 0, true, err));
  TFM_TRY(read_qwen_window(config, json, err));

fail:
  return st;
}

static tfm_status read_qwen3(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__config_only_false(json, "mlp_bias", err));
  TFM_TRY(read_common(config, json, QWEN3_HEAD, false, err));
  TFM_TRY(read_qwen_window(config, json, err));

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

#define LLAMA_MODULES                                                                          \
  [TFM__MODULE_WORD] = "@embed_tokens", [TFM__MODULE_QUERY] = "@layers.#.self_attn.q_proj",    \
  [TFM__MODULE_KEY] = "@layers.#.self_attn.k_proj",                                            \
  [TFM__MODULE_VALUE] = "@layers.#.self_attn.v_proj",                                          \
  [TFM__MODULE_CONTEXT] = "@layers.#.self_attn.o_proj",                                        \
  [TFM__MODULE_ATTENTION_NORM] = "@layers.#.input_layernorm",                                  \
  [TFM__MODULE_GATE] = "@layers.#.mlp.gate_proj", [TFM__MODULE_UP] = "@layers.#.mlp.up_proj",  \
  [TFM__MODULE_DOWN] = "@layers.#.mlp.down_proj",                                              \
  [TFM__MODULE_FFN_NORM] = "@layers.#.post_attention_layernorm",                               \
  [TFM__MODULE_FINAL_NORM] = "@norm"

/* What the families of this file share. */
#define LLAMA_PARTS                                                                            \
  .prefix = "model.",                                                                          \
  .keys = {.hidden = "hidden_size",                                                            \
           .layers = "num_hidden_layers",                                                      \
           .heads = "num_attention_heads",                                                     \
           .ffn = "intermediate_size",                                                         \
           .vocab = "vocab_size",                                                              \
           .positions = "max_position_embeddings",                                             \
           .norm_eps = "rms_norm_eps",                                                         \
           .act = "hidden_act"},                                                               \
  .norm_eps = 1e-6, .act = TFM_ACT_SILU, .pad_id = -1, .causal = true, .rms = true,            \
  .sum = {TFM__MODULE_WORD, TFM__MODULE_COUNT}, .block = &tfm__block_pre_norm, .heads = heads

const tfm_arch tfm__arch_llama = {
    .model_type = "llama", .read = read_llama, .module = {LLAMA_MODULES}, LLAMA_PARTS};

const tfm_arch tfm__arch_mistral = {
    .model_type = "mistral", .read = read_mistral, .module = {LLAMA_MODULES}, LLAMA_PARTS};

const tfm_arch tfm__arch_qwen2 = {
    .model_type = "qwen2", .read = read_qwen2, .module = {LLAMA_MODULES}, LLAMA_PARTS};

const tfm_arch tfm__arch_qwen3 = {
    .model_type = "qwen3",
    .read = read_qwen3,
    .module = {LLAMA_MODULES, [TFM__MODULE_QUERY_NORM] = "@layers.#.self_attn.q_norm",
               [TFM__MODULE_KEY_NORM] = "@layers.#.self_attn.k_norm"},
    LLAMA_PARTS};
