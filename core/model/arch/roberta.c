/* RoBERTa, and XLM-RoBERTa and CamemBERT, which are RoBERTa over other text. Source: Liu et al.
 * 2019 (arXiv 1907.11692), Conneau et al. 2019 (1911.02116), Martin et al. 2019 (1911.03894);
 * names and order of operations as in transformers, models/roberta/modeling_roberta.py. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

/* Positions are counted from the row after the pad token's. */
static tfm_status read_roberta(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->position_offset = config->pad_id + 1;
  config->skip_pad = true;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_only_text(json, "position_embedding_type", "absolute", err));

fail:
  return st;
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "classifier.dense",
     .act = TFM_ACT_TANH,
     .out = "classifier.out_proj"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, .out = "qa_outputs"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "lm_head.dense",
     .act = TFM_ACT_GELU,
     .norm = "lm_head.layer_norm",
     .out = "lm_head.decoder",
     .out_bias = "lm_head.bias",
     .tied = true},
    {.task = TFM_TASK_NONE},
};

static const char *const sisters[] = {"xlm-roberta", "camembert", NULL};

const tfm_arch tfm__arch_roberta = {
    .model_type = "roberta",
    .sisters = sisters,
    .prefix = "roberta.",
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
    .pad_id = 1,
    .read = read_roberta,
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
