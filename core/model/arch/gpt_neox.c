/* GPT-NeoX, of which the Pythia models are. Source: Black et al. 2022 (arXiv 2204.06745), section
 * 2.1; names, order of operations and the rows of query_key_value, a head's query, key and value
 * side by side, as in transformers, models/gpt_neox/modeling_gpt_neox.py. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

static const double TURNED = 0.25; /* of a head, where config.json does not say */

static tfm_status read_gpt_neox(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  bool biased = true;
  config->tied = false;
  config->parallel = true;
  TFM_TRY(tfm_json_opt_bool(json, root, "tie_word_embeddings", &config->tied, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "use_parallel_residual", &config->parallel, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "attention_bias", &biased, err));
  if (!biased) {
    tfm__config_without_bias(config, TFM__MODULE_QKV);
    tfm__config_without_bias(config, TFM__MODULE_CONTEXT);
  }
  TFM_TRY(tfm__config_rotation_of(config, json, "rotary_emb_base", "rotary_pct", TURNED, err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .view = TFM__VIEW_LAST,
     .out = "score",
     .plain = true},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, .out = "qa_outputs"},
    {.task = TFM_TASK_TEXT_GENERATION,
     .view = TFM__VIEW_LM,
     .out = "embed_out",
     .plain = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_gpt_neox = {
    .model_type = "gpt_neox",
    .prefix = "gpt_neox.",
    .keys = {.hidden = "hidden_size",
             .layers = "num_hidden_layers",
             .heads = "num_attention_heads",
             .ffn = "intermediate_size",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings",
             .norm_eps = "layer_norm_eps",
             .act = "hidden_act"},
    .norm_eps = 1e-5,
    .act = TFM_ACT_GELU,
    .pad_id = -1,
    .causal = true,
    .qkv_by_head = true,
    .read = read_gpt_neox,
    .module =
        {
            [TFM__MODULE_WORD] = "@embed_in",
            [TFM__MODULE_QKV] = "@layers.#.attention.query_key_value",
            [TFM__MODULE_CONTEXT] = "@layers.#.attention.dense",
            [TFM__MODULE_ATTENTION_NORM] = "@layers.#.input_layernorm",
            [TFM__MODULE_UP] = "@layers.#.mlp.dense_h_to_4h",
            [TFM__MODULE_DOWN] = "@layers.#.mlp.dense_4h_to_h",
            [TFM__MODULE_FFN_NORM] = "@layers.#.post_attention_layernorm",
            [TFM__MODULE_FINAL_NORM] = "@final_layer_norm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_COUNT},
    .block = &tfm__block_pre_norm,
    .heads = heads,
};
