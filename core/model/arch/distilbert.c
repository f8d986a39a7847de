/* DistilBERT: BERT without token types and pooler. Source: Sanh et al. 2019 (arXiv 1910.01108);
 * names and order of operations as in transformers, models/distilbert/modeling_distilbert.py.
 * Sinusoidal positions are a table in the file like learned ones. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

static tfm_status read_distilbert(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->position_offset = 0;
  return tfm__config_encoder(json, err);
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "pre_classifier",
     .act = TFM_ACT_RELU,
     .out = "classifier"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, .out = "qa_outputs"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     .dense = "vocab_transform",
     .config_act = true,
     .norm = "vocab_layer_norm",
     .out = "vocab_projector",
     .out_bias = "vocab_projector.bias",
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_distilbert = {
    .model_type = "distilbert",
    .prefix = "distilbert.",
    .keys = {.hidden = "dim|hidden_size",
             .layers = "n_layers|num_hidden_layers",
             .heads = "n_heads|num_attention_heads",
             .ffn = "hidden_dim",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings",
             .act = "activation"},
    .norm_eps = 1e-12,
    .act = TFM_ACT_GELU,
    .read = read_distilbert,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.word_embeddings",
            [TFM__MODULE_POSITION] = "@embeddings.position_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@embeddings.LayerNorm",
            [TFM__MODULE_QUERY] = "@transformer.layer.#.attention.q_lin",
            [TFM__MODULE_KEY] = "@transformer.layer.#.attention.k_lin",
            [TFM__MODULE_VALUE] = "@transformer.layer.#.attention.v_lin",
            [TFM__MODULE_CONTEXT] = "@transformer.layer.#.attention.out_lin",
            [TFM__MODULE_ATTENTION_NORM] = "@transformer.layer.#.sa_layer_norm",
            [TFM__MODULE_UP] = "@transformer.layer.#.ffn.lin1",
            [TFM__MODULE_DOWN] = "@transformer.layer.#.ffn.lin2",
            [TFM__MODULE_FFN_NORM] = "@transformer.layer.#.output_layer_norm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
