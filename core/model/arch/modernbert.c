/* ModernBERT: layers that normalise before each half, see all keys or a window of them, turn
 * queries and keys by rope, and gate their ffn. Source: Warner et al. 2024 (arXiv 2412.13663);
 * names and order of operations as in transformers, models/modernbert/modeling_modernbert.py. */
#include "core/model/arch/decoder.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/model/shown.h"
#include "core/tensor/dims.h"

#include <string.h>

enum { WINDOW = 128 /* local_attention of older files */, MOST_WINDOW = 1 << 24 };

/* A switch that gives or takes the bias of some modules. */
static tfm_status read_bias(tfm_config *config, const tfm_json *json, const char *key,
                            bool missing, const tfm__module *modules, tfm_err *err)
{
  bool on = missing;
  const tfm_status st = tfm_json_opt_bool(json, tfm_json_root(json), key, &on, err);
  for (int i = 0; st == TFM_OK && !on && modules[i] != TFM__MODULE_COUNT; ++i) {
    tfm__config_without_bias(config, modules[i]);
  }
  return st;
}

static tfm_status read_biases(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  static const tfm__module norms[] = {TFM__MODULE_EMBED_NORM, TFM__MODULE_ATTENTION_NORM,
                                      TFM__MODULE_FFN_NORM,   TFM__MODULE_FINAL_NORM,
                                      TFM__MODULE_HEAD_NORM,  TFM__MODULE_COUNT};
  static const tfm__module attention[] = {TFM__MODULE_QKV, TFM__MODULE_CONTEXT,
                                          TFM__MODULE_COUNT};
  static const tfm__module ffn[] = {TFM__MODULE_GATE_UP, TFM__MODULE_DOWN, TFM__MODULE_COUNT};
  static const tfm__module head[] = {TFM__MODULE_HEAD_DENSE, TFM__MODULE_COUNT};
  static const tfm__module decoder[] = {TFM__MODULE_HEAD_OUT, TFM__MODULE_COUNT};
  tfm_status st = TFM_OK;
  TFM_TRY(read_bias(config, json, "norm_bias", false, norms, err));
  TFM_TRY(read_bias(config, json, "attention_bias", false, attention, err));
  TFM_TRY(read_bias(config, json, "mlp_bias", false, ffn, err));
  TFM_TRY(read_bias(config, json, "classifier_bias", false, head, err));
  if (config->task == TFM_TASK_FILL_MASK) {
    TFM_TRY(read_bias(config, json, "decoder_bias", true, decoder, err));
  }

fail:
  return st;
}

/* Older files say that every n-th layer sees all, the first among them. local_attention is the
 * whole window; its half goes to either side of the query's own token, which config.window counts.
 */
static tfm_status read_layers(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t every = 3;
  int64_t whole = WINDOW;
  const tfm_json_node *types = tfm_json_get(tfm_json_root(json), "layer_types");
  bool *local = tfm_arena_alloc(&config->arena, (size_t)config->L * sizeof *local);
  if (!local) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "config.json: %lld layers", (long long)config->L));
  }
  TFM_TRY(tfm__config_dim(json, "global_attn_every_n_layers", TFM_MAX_LAYERS, &every, err));
  for (int64_t l = 0; l < config->L; ++l) {
    local[l] = l % every != 0;
  }
  if (types) {
    TFM_TRY(tfm__config_layer_types(config, types, local, err));
  }
  TFM_TRY(tfm__config_dim(json, "local_attention", MOST_WINDOW, &whole, err));
  config->local = local;
  config->window = whole / 2 + 1;

fail:
  return st;
}

/* rope_parameters has an object for each kind of layer; older files a base for each. */
static tfm_status read_ropes(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const char *const names[] = {"full_attention", "sliding_attention"};
  static const char *const older[] = {"global_rope_theta", "local_rope_theta"};
  const tfm_json_node *both = tfm_json_get(tfm_json_root(json), "rope_parameters");
  TFM_TRY(tfm__config_only_null(json, "rope_scaling", err));
  if (both && tfm_json_kind_of(both) != TFM_JSON_OBJECT) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: rope_parameters: want an object"));
  }
  for (const tfm_json_node *n = tfm_json_first(both); n; n = tfm_json_next(n)) {
    if (strcmp(tfm_json_key(n), names[0]) != 0 && strcmp(tfm_json_key(n), names[1]) != 0) {
      TFM_TRY(
          tfm_fail(err, TFM_E_UNSUPPORTED,
                   "config.json: rope_parameters: \"%s\" is not supported, only %s and %s are",
                   tfm__shown_of(tfm_json_key(n)).text, names[0], names[1]));
    }
  }
  config->rope = 160000.0;
  config->rope_local = 10000.0;
  for (int i = 0; i < 2; ++i) {
    double *base = i == 0 ? &config->rope : &config->rope_local;
    TFM_TRY(tfm__config_not_null(json, older[i], err));
    TFM_TRY(tfm__config_rope_key(json, older[i], base, err));
    TFM_TRY(tfm__config_rope(config, json, tfm_json_get(both, names[i]), base, err));
  }

fail:
  return st;
}

static tfm_status read_modernbert(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *pooling = "cls";
  TFM_TRY(tfm__config_encoder(json, err));
  TFM_TRY(tfm__config_only_number(json, "head_dim", (double)config->D, err));
  TFM_TRY(read_biases(config, json, err));
  TFM_TRY(read_layers(config, json, err));
  TFM_TRY(read_ropes(config, json, err));
  config->head_act = TFM_ACT_GELU;
  TFM_TRY(tfm__config_act(json, "classifier_activation", &config->head_act, err));
  TFM_TRY(tfm_json_opt_string(json, tfm_json_root(json), "classifier_pooling", &pooling, err));
  config->head_mean = strcmp(pooling, "mean") == 0;
  if (!config->head_mean && strcmp(pooling, "cls") != 0) {
    TFM_TRY(
        tfm_fail(err, TFM_E_UNSUPPORTED,
                 "config.json: classifier_pooling: \"%s\" is not supported, only \"cls\" and "
                 "\"mean\" are",
                 tfm__shown_of(pooling).text));
  }

fail:
  return st;
}

#define HEAD .dense = "head.dense", .config_act = true, .norm = "head.norm"

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION, HEAD, .out = "classifier"},
    {.task = TFM_TASK_TOKEN_CLASSIFICATION, .view = TFM__VIEW_EACH, HEAD, .out = "classifier"},
    {.task = TFM_TASK_QUESTION_ANSWERING, .view = TFM__VIEW_EACH, HEAD, .out = "classifier"},
    {.task = TFM_TASK_FILL_MASK,
     .view = TFM__VIEW_MARKED,
     HEAD,
     .out = "decoder",
     .out_bias = "decoder.bias",
     .tied = true},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_modernbert = {
    .model_type = "modernbert",
    .prefix = "model.",
    .keys = {.hidden = "hidden_size",
             .layers = "num_hidden_layers",
             .heads = "num_attention_heads",
             .ffn = "intermediate_size",
             .vocab = "vocab_size",
             .positions = "max_position_embeddings",
             .norm_eps = "norm_eps",
             .act = "hidden_activation"},
    .norm_eps = 1e-5,
    .act = TFM_ACT_GELU,
    .read = read_modernbert,
    .module =
        {
            [TFM__MODULE_WORD] = "@embeddings.tok_embeddings",
            [TFM__MODULE_EMBED_NORM] = "@embeddings.norm",
            [TFM__MODULE_QKV] = "@layers.#.attn.Wqkv",
            [TFM__MODULE_CONTEXT] = "@layers.#.attn.Wo",
            [TFM__MODULE_ATTENTION_NORM] = "@layers.#.attn_norm",
            [TFM__MODULE_GATE_UP] = "@layers.#.mlp.Wi",
            [TFM__MODULE_DOWN] = "@layers.#.mlp.Wo",
            [TFM__MODULE_FFN_NORM] = "@layers.#.mlp_norm",
            [TFM__MODULE_FINAL_NORM] = "@final_norm",
        },
    .first_bare = true,
    .sum = {TFM__MODULE_WORD, TFM__MODULE_COUNT},
    .block = &tfm__block_pre_norm,
    .heads = heads,
};
