/* NomicBERT: BERT with rotary positions in place of a table, a gated ffn and no biases in its
 * layers. Source: Nussbaum et al. 2024 (arXiv 2402.01613); names as save_pretrained writes them
 * (query, key and value in one, fc11 beside its gate fc12), order of operations as in transformers,
 * models/nomic_bert/modeling_nomic_bert.py. Files of the hub from before that have the spellings
 * of GPT-2's config.json. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/model/shown.h"

#include <string.h>

/* hidden_act names what gates; activation_function, the older key, names the whole ffn. */
static tfm_status read_gate(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *ffn = "swiglu";
  TFM_TRY(tfm_json_opt_string(json, tfm_json_root(json), "activation_function", &ffn, err));
  if (strcmp(ffn, "geglu") == 0) {
    config->act = TFM_ACT_GELU;
  } else if (strcmp(ffn, "swiglu") != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: activation_function: \"%s\" is not supported, only "
                     "\"swiglu\" and \"geglu\" are",
                     tfm__shown_of(ffn).text));
  }
  TFM_TRY(tfm__config_act(json, "hidden_act", &config->act, err));

fail:
  return st;
}

/* What older files can say of the layers, and only Nomic's own program computes. */
static tfm_status refuse_older(const tfm_json *json, tfm_err *err)
{
  static const char *const off[] = {
      "prenorm",      "use_rms_norm",           "parallel_block",
      "causal",       "qkv_proj_bias",          "mlp_fc1_bias",
      "mlp_fc2_bias", "rotary_emb_interleaved", "scale_attn_by_inverse_layer_idx"};
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < sizeof off / sizeof *off; ++i) {
    TFM_TRY(tfm__config_only_false(json, off[i], err));
  }
  TFM_TRY(tfm__config_only_number(json, "rotary_emb_fraction", 1.0, err));
  TFM_TRY(tfm__config_only_number(json, "moe_every_n_layers", 0.0, err));
  TFM_TRY(tfm__config_only_null(json, "rotary_scaling_factor", err));
  TFM_TRY(tfm__config_only_null(json, "rotary_emb_scale_base", err));

fail:
  return st;
}

static tfm_status read_nomic(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  static const tfm__module unbiased[] = {TFM__MODULE_QKV, TFM__MODULE_CONTEXT, TFM__MODULE_GATE,
                                         TFM__MODULE_UP, TFM__MODULE_DOWN};
  tfm_status st = TFM_OK;
  config->rope = 1000.0;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(refuse_older(json, err));
  TFM_TRY(read_gate(config, json, err));
  TFM_TRY(tfm__config_only_number(json, "head_dim", (double)config->D, err));
  TFM_TRY(tfm__config_only_null(json, "rope_scaling", err));
  TFM_TRY(tfm__config_rope_key(json, "rotary_emb_base", &config->rope, err));
  TFM_TRY(tfm__config_rope_key(json, "rope_theta", &config->rope, err));
  TFM_TRY(tfm__config_rope(config, json, tfm_json_get(tfm_json_root(json), "rope_parameters"),
                           &config->rope, err));
  for (size_t i = 0; i < sizeof unbiased / sizeof *unbiased; ++i) {
    tfm__config_without_bias(config, unbiased[i]);
  }

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "@pooler.dense",
     .act = TFM_ACT_TANH,
     .out = "classifier"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "cls.predictions.transform.dense",
     .config_act = true,
     .norm = "cls.predictions.transform.layer_norm",
     .out = "cls.predictions.decoder",
     .out_bias = "cls.predictions.bias",
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_nomic_bert = {
    .model_type = "nomic_bert",
    .prefix = "nomic_bert.",
    .keys = {.hidden = "hidden_size|n_embd",
             .layers = "num_hidden_layers|n_layer",
             .heads = "num_attention_heads|n_head",
             .ffn = "intermediate_size|n_inner",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings|n_positions",
             .types = "type_vocab_size",
             .norm_eps = "layer_norm_eps|layer_norm_epsilon"},
    .norm_eps = 1e-12,
    .act = TFM_ACT_SILU,
    .read = read_nomic,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.word_embeddings",
            [TFM__MODULE_TYPE] = "@embeddings.token_type_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@emb_ln",
            [TFM__MODULE_QKV] = "@encoder.layers.#.attn.Wqkv",
            [TFM__MODULE_CONTEXT] = "@encoder.layers.#.attn.out_proj",
            [TFM__MODULE_ATTENTION_NORM] = "@encoder.layers.#.norm1",
            [TFM__MODULE_GATE] = "@encoder.layers.#.mlp.fc12",
            [TFM__MODULE_UP] = "@encoder.layers.#.mlp.fc11",
            [TFM__MODULE_DOWN] = "@encoder.layers.#.mlp.fc2",
            [TFM__MODULE_FFN_NORM] = "@encoder.layers.#.norm2",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_TYPE, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
