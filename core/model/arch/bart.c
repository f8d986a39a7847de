/* BART and what is built like it: mBART (norms first, and one more at the end of each side), Marian
 * (fixed positions, no norm behind the embeddings), Pegasus (both) and M2M100, whose form NLLB has
 * (as Pegasus, positions counted without pad tokens). Source: Lewis et al. 2019 (arXiv 1910.13461),
 * Liu et al. 2020 (2001.08210), Junczys-Dowmunt et al. 2018 (1804.00344), Zhang et al. 2019
 * (1912.08777), Fan et al. 2020 (2010.11125); names and order of operations as in transformers,
 * models/{bart,mbart,marian,pegasus,m2m_100}. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

#include <math.h>

enum {
  FIRST = 2, /* learned tables of positions begin with two rows nothing uses */
  MOST_FFN = 1 << 20
};

static tfm_status read_common(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  bool scaled = false;
  int64_t heads = config->N;
  TFM_TRY(tfm_json_opt_bool(json, root, "scale_embedding", &scaled, err));
  config->word_scale = scaled ? (float)sqrt((double)config->H) : 1.0f;
  TFM_TRY(tfm__config_dim(json, "decoder_ffn_dim", MOST_FFN, &config->decoder_F, err));
  TFM_TRY(tfm__config_dim(json, "decoder_attention_heads", INT32_MAX, &heads, err));
  if (heads != config->N) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: decoder_attention_heads: only as many as the encoder's %lld "
                     "are supported, got %lld",
                     (long long)config->N, (long long)heads));
  }
  if (config->task == TFM_TASK_FEATURE_EXTRACTION) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: model_type: vectors of %s models are not supported",
                     config->model_type));
  }
  TFM_TRY(tfm__config_second(config, json, "decoder_layers", 0, err));

fail:
  return st;
}

static tfm_status read_learned(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->position_offset = FIRST;
  config->positions += FIRST;
  return read_common(config, json, err);
}

static tfm_status read_fixed(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->sinusoidal = true; /* files may have the table all the same */
  tfm__config_without(config, TFM__MODULE_POSITION);
  return read_common(config, json, err);
}

static tfm_status read_m2m_100(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->sines_to_end = true;
  config->skip_pad = true;
  config->position_offset = config->pad_id + 1;
  config->positions += config->position_offset;
  return read_fixed(config, json, err);
}

/* Both sides read and write the same words in all models that are published without saying so. */
static tfm_status read_marian(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool shared = true;
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "share_encoder_decoder_embeddings",
                            &shared, err));
  if (!shared) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: share_encoder_decoder_embeddings: false is not supported"));
  }
  TFM_TRY(tfm__config_only_number(json, "decoder_vocab_size", (double)config->V, err));
  TFM_TRY(read_fixed(config, json, err));

fail:
  return st;
}

#define LANGUAGE_HEAD                                                                          \
  {                                                                                            \
    .task = TFM_TASK_TEXT_GENERATION, .view = TFM__VIEW_LM, .out = "lm_head",                  \
    .out_bias = "final_logits_bias", .out_bias_maybe = true, .tied = true                      \
  }

static const tfm__head_row bart_heads[] = {
    LANGUAGE_HEAD,
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .view = TFM__VIEW_LAST,
     .dense = "classification_head.dense",
     .act = TFM_ACT_TANH,
     .out = "classification_head.out_proj"},
    {.task = TFM_TASK_NONE},
};

static const tfm__head_row m2m_100_heads[] = {
    {.task = TFM_TASK_TEXT_GENERATION,
     .view = TFM__VIEW_LM,
     .out = "lm_head",
     .plain = true,
     .tied = true},
    {.task = TFM_TASK_NONE},
};

static const tfm__head_row other_heads[] = {LANGUAGE_HEAD, {.task = TFM_TASK_NONE}};

#define BART_MODULES                                                                           \
  [TFM__MODULE_WORD] = "@shared", [TFM__MODULE_QUERY] = "@$.layers.#.self_attn.q_proj",        \
  [TFM__MODULE_KEY] = "@$.layers.#.self_attn.k_proj",                                          \
  [TFM__MODULE_VALUE] = "@$.layers.#.self_attn.v_proj",                                        \
  [TFM__MODULE_CONTEXT] = "@$.layers.#.self_attn.out_proj",                                    \
  [TFM__MODULE_ATTENTION_NORM] = "@$.layers.#.self_attn_layer_norm",                           \
  [TFM__MODULE_CROSS_QUERY] = "@$.layers.#.encoder_attn.q_proj",                               \
  [TFM__MODULE_CROSS_KEY] = "@$.layers.#.encoder_attn.k_proj",                                 \
  [TFM__MODULE_CROSS_VALUE] = "@$.layers.#.encoder_attn.v_proj",                               \
  [TFM__MODULE_CROSS_CONTEXT] = "@$.layers.#.encoder_attn.out_proj",                           \
  [TFM__MODULE_CROSS_NORM] = "@$.layers.#.encoder_attn_layer_norm",                            \
  [TFM__MODULE_UP] = "@$.layers.#.fc1", [TFM__MODULE_DOWN] = "@$.layers.#.fc2",                \
  [TFM__MODULE_FFN_NORM] = "@$.layers.#.final_layer_norm"

#define POSITIONS  [TFM__MODULE_POSITION] = "@$.embed_positions"
#define EMBED_NORM [TFM__MODULE_EMBED_NORM] = "@$.layernorm_embedding"
#define FINAL_NORM [TFM__MODULE_FINAL_NORM] = "@$.layer_norm"

#define BART_PARTS                                                                             \
  .prefix = "model.",                                                                          \
  .keys = {.hidden = "d_model",                                                                \
           .layers = "encoder_layers",                                                         \
           .heads = "encoder_attention_heads",                                                 \
           .ffn = "encoder_ffn_dim",                                                           \
           .vocab = "vocab_size",                                                              \
           .positions = "max_position_embeddings",                                             \
           .act = "activation_function"},                                                      \
  .norm_eps = 1e-5, .act = TFM_ACT_GELU, .pad_id = 1,                                          \
  .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_COUNT}

const tfm_arch tfm__arch_bart = {.model_type = "bart",
                                 .read = read_learned,
                                 .module = {BART_MODULES, POSITIONS, EMBED_NORM},
                                 .block = &tfm__block_post_norm,
                                 .heads = bart_heads,
                                 BART_PARTS};

const tfm_arch tfm__arch_mbart = {.model_type = "mbart",
                                  .read = read_learned,
                                  .module = {BART_MODULES, POSITIONS, EMBED_NORM, FINAL_NORM},
                                  .block = &tfm__block_pre_norm,
                                  .heads = bart_heads,
                                  BART_PARTS};

const tfm_arch tfm__arch_marian = {.model_type = "marian",
                                   .read = read_marian,
                                   .module = {BART_MODULES, POSITIONS},
                                   .block = &tfm__block_post_norm,
                                   .heads = other_heads,
                                   BART_PARTS};

const tfm_arch tfm__arch_pegasus = {.model_type = "pegasus",
                                    .read = read_fixed,
                                    .module = {BART_MODULES, POSITIONS, FINAL_NORM},
                                    .block = &tfm__block_pre_norm,
                                    .heads = other_heads,
                                    BART_PARTS};

const tfm_arch tfm__arch_m2m_100 = {.model_type = "m2m_100",
                                    .read = read_m2m_100,
                                    .module = {BART_MODULES, FINAL_NORM},
                                    .block = &tfm__block_pre_norm,
                                    .heads = m2m_100_heads,
                                    BART_PARTS};
