/* MPNet: BERT whose scores also have a bias by distance, from one table for all layers. Source:
 * Song et al. 2020 (arXiv 2004.09297), with the buckets of Raffel et al. 2019 (1910.10683); names
 * and order of operations as in transformers, models/mpnet/modeling_mpnet.py. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

enum {
  PAD = 1,        /* whatever pad_token_id is: the reference counts positions around this id */
  BUCKETS = 32,   /* in use, however many rows the table has */
  FARTHEST = 128, /* likewise fixed */
  MOST_BUCKETS = 1 << 16
};

static tfm_status read_mpnet(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->pad_id = PAD;
  config->position_offset = PAD + 1;
  config->skip_pad = true;
  config->relative = BUCKETS;
  config->buckets = BUCKETS;
  config->farthest = FARTHEST;
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_dim(json, "relative_attention_num_buckets", MOST_BUCKETS,
                          &config->relative, err));
  if (config->relative < BUCKETS) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: relative_attention_num_buckets: want at least %d, got %lld",
                     BUCKETS, (long long)config->relative));
  }

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

const tfm_arch tfm__arch_mpnet = {
    .model_type = "mpnet",
    .prefix = "mpnet.",
    .keys = {.hidden = "hidden_size",
             .layers = "num_hidden_layers",
             .heads = "num_attention_heads",
             .ffn = "intermediate_size",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings",
             .norm_eps = "layer_norm_eps",
             .act = "hidden_act"},
    .norm_eps = 1e-12,
    .act = TFM_ACT_GELU,
    .pad_id = PAD,
    .read = read_mpnet,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.word_embeddings",
            [TFM__MODULE_POSITION] = "@embeddings.position_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@embeddings.LayerNorm",
            [TFM__MODULE_POSITION_BIAS] = "@encoder.relative_attention_bias",
            [TFM__MODULE_QUERY] = "@encoder.layer.#.attention.attn.q",
            [TFM__MODULE_KEY] = "@encoder.layer.#.attention.attn.k",
            [TFM__MODULE_VALUE] = "@encoder.layer.#.attention.attn.v",
            [TFM__MODULE_CONTEXT] = "@encoder.layer.#.attention.attn.o",
            [TFM__MODULE_ATTENTION_NORM] = "@encoder.layer.#.attention.LayerNorm",
            [TFM__MODULE_UP] = "@encoder.layer.#.intermediate.dense",
            [TFM__MODULE_DOWN] = "@encoder.layer.#.output.dense",
            [TFM__MODULE_FFN_NORM] = "@encoder.layer.#.output.LayerNorm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
