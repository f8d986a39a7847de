/* BERT. Source: Devlin et al. 2018 (arXiv 1810.04805); names and order of operations as in
 * transformers, models/bert/modeling_bert.py. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

static tfm_status read_bert(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->position_offset = 0;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_only_text(json, "position_embedding_type", "absolute", err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "@pooler.dense",
     .act = TFM_ACT_TANH,
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
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_bert = {
    .model_type = "bert",
    .prefix = "bert.",
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
    .act = TFM_ACT_GELU,
    .read = read_bert,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.word_embeddings",
            [TFM__MODULE_POSITION] = "@embeddings.position_embeddings",
            [TFM__MODULE_TYPE] = "@embeddings.token_type_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@embeddings.LayerNorm",
            [TFM__MODULE_QUERY] = "@encoder.layer.#.attention.self.query",
            [TFM__MODULE_KEY] = "@encoder.layer.#.attention.self.key",
            [TFM__MODULE_VALUE] = "@encoder.layer.#.attention.self.value",
            [TFM__MODULE_CONTEXT] = "@encoder.layer.#.attention.output.dense",
            [TFM__MODULE_ATTENTION_NORM] = "@encoder.layer.#.attention.output.LayerNorm",
            [TFM__MODULE_UP] = "@encoder.layer.#.intermediate.dense",
            [TFM__MODULE_DOWN] = "@encoder.layer.#.output.dense",
            [TFM__MODULE_FFN_NORM] = "@encoder.layer.#.output.LayerNorm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_TYPE, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
