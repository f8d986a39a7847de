/* ALBERT: narrow embedding tables, and layers that share the weights of a few groups. Source: Lan
 * et al. 2019 (arXiv 1909.11942); names and order of operations as in transformers,
 * models/albert/modeling_albert.py. A group of inner_group_num blocks is so many layers here. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/tensor/dims.h"

static tfm_status read_albert(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->position_offset = 0;
  config->groups = 1;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_only_text(json, "position_embedding_type", "absolute", err));
  TFM_TRY(tfm__config_embedding(config, json, 128, err));
  TFM_TRY(tfm__config_dim(json, "num_hidden_groups", TFM_MAX_LAYERS, &config->groups, err));
  TFM_TRY(tfm__config_dim(json, "inner_group_num", TFM_MAX_LAYERS, &config->inner, err));
  if (config->L * config->inner > TFM_MAX_LAYERS) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: num_hidden_layers (%lld) times inner_group_num (%lld): want "
                     "at most %d blocks",
                     (long long)config->L, (long long)config->inner, TFM_MAX_LAYERS));
  }
  config->L *= config->inner;

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "@pooler",
     .act = TFM_ACT_TANH,
     .out = "classifier"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, .out = "qa_outputs"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "predictions.dense",
     .config_act = true,
     .norm = "predictions.LayerNorm",
     .out = "predictions.decoder",
     .out_bias = "predictions.bias",
     .narrow = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

#define IN_GROUP "@encoder.albert_layer_groups.#.albert_layers.%."

const tfm_arch tfm__arch_albert = {
    .model_type = "albert",
    .prefix = "albert.",
    .keys = {.hidden = "hidden_size",
             .layers = "num_hidden_layers",
             .heads = "num_attention_heads",
             .ffn = "intermediate_size",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings",
             .types = "type_vocab_size",
             .norm_eps = "layer_norm_eps",
             .act = "hidden_act"},
    .norm_eps = 1e-12,
    .act = TFM_ACT_GELU_NEW,
    .read = read_albert,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.word_embeddings",
            [TFM__MODULE_POSITION] = "@embeddings.position_embeddings",
            [TFM__MODULE_TYPE] = "@embeddings.token_type_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@embeddings.LayerNorm",
            [TFM__MODULE_PROJECT] = "@encoder.embedding_hidden_mapping_in",
            [TFM__MODULE_QUERY] = IN_GROUP "attention.query",
            [TFM__MODULE_KEY] = IN_GROUP "attention.key",
            [TFM__MODULE_VALUE] = IN_GROUP "attention.value",
            [TFM__MODULE_CONTEXT] = IN_GROUP "attention.dense",
            [TFM__MODULE_ATTENTION_NORM] = IN_GROUP "attention.LayerNorm",
            [TFM__MODULE_UP] = IN_GROUP "ffn",
            [TFM__MODULE_DOWN] = IN_GROUP "ffn_output",
            [TFM__MODULE_FFN_NORM] = IN_GROUP "full_layer_layer_norm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_TYPE, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
