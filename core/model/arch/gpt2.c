/* GPT-2. Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners; names,
 * Conv1D's transposed weights and order of operations as in transformers,
 * models/gpt2/modeling_gpt2.py. Its reorder_and_upcast_attn changes nothing in float32. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

enum { MOST_FFN = 1 << 20 };

static tfm_status read_gpt2(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  config->F = 4 * config->H;
  TFM_TRY(tfm__config_only_false(json, "add_cross_attention", err));
  TFM_TRY(tfm__config_dim(json, "n_inner", MOST_FFN, &config->F, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "scale_attn_weights", &config->scores_scaled, err));
  TFM_TRY(tfm_json_opt_bool(json, root, "scale_attn_by_inverse_layer_idx",
                            &config->scores_by_layer, err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .view = TFM__VIEW_LAST,
     .out = "score",
     .plain = true},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_TEXT_GENERATION,
     .view = TFM__VIEW_LM,
     .out = "lm_head",
     .plain = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_gpt2 = {
    .model_type = "gpt2",
    .prefix = "transformer.",
    .keys = {.hidden = "n_embd|hidden_size",
             .layers = "n_layer|num_hidden_layers",
             .heads = "n_head|num_attention_heads",
             .vocab = "vocab_size",
             .positions = "n_positions|max_position_embeddings",
             .norm_eps = "layer_norm_epsilon",
             .act = "activation_function"},
    .norm_eps = 1e-5,
    .act = TFM_ACT_GELU_NEW,
    .pad_id = -1,
    .causal = true,
    .transposed = true,
    .read = read_gpt2,
    .module =
        {
            [TFM__MODULE_WORD] = "@wte",
            [TFM__MODULE_POSITION] = "@wpe",
            [TFM__MODULE_QKV] = "@h.#.attn.c_attn",
            [TFM__MODULE_CONTEXT] = "@h.#.attn.c_proj",
            [TFM__MODULE_ATTENTION_NORM] = "@h.#.ln_1",
            [TFM__MODULE_UP] = "@h.#.mlp.c_fc",
            [TFM__MODULE_DOWN] = "@h.#.mlp.c_proj",
            [TFM__MODULE_FFN_NORM] = "@h.#.ln_2",
            [TFM__MODULE_FINAL_NORM] = "@ln_f",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_pre_norm,
    .heads = heads,
};
