#include "core/model/arch/decoder.h"

#include "core/model/arch/keys.h"
#include "core/model/shown.h"
#include "core/tensor/dims.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 4096 /* where config.json does not say */ };

enum { MOST_HEADS = 1 << 12, MOST_WIDTH = 1 << 16, MOST_PLACES = 1 << 30 };

static const double ROPE_LEAST = 1.0; /* below, angles would grow along a head */
static const double ROPE_MOST = 1e12;
static const double FACTOR_MOST = 1e6;

tfm_status tfm__config_heads(tfm_config *config, const tfm_json *json, int64_t missing,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  config->D = missing ? missing : config->D;
  TFM_TRY(tfm__config_dim(json, "num_key_value_heads", MOST_HEADS, &config->G, err));
  TFM_TRY(tfm__config_dim(json, "head_dim", MOST_WIDTH, &config->D, err));
  if (config->N % config->G != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: num_key_value_heads: want a divisor of the %lld heads, got "
                     "%lld",
                     (long long)config->N, (long long)config->G));
  }
  if (config->N * config->D > MOST_WIDTH) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: head_dim: want at most %d for %lld heads together, got %lld",
                     MOST_WIDTH, (long long)config->N, (long long)config->D));
  }
  config->turned = config->D;

fail:
  return st;
}

static tfm_status read_yarn(tfm_config *config, const tfm_json *json, const tfm_json_node *rope,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_rope_scaling *s = &config->scaling;
  double mscale = 0.0;
  double mscale_all = 0.0;
  s->low = 1.0;
  s->high = 32.0;
  s->whole = true;
  TFM_TRY(tfm_json_opt_double(json, rope, "beta_slow", 1e-6, FACTOR_MOST, &s->low, err));
  TFM_TRY(tfm_json_opt_double(json, rope, "beta_fast", 1e-6, FACTOR_MOST, &s->high, err));
  TFM_TRY(tfm_json_opt_bool(json, rope, "truncate", &s->whole, err));
  TFM_TRY(tfm_json_opt_double(json, rope, "mscale", 0.0, FACTOR_MOST, &mscale, err));
  TFM_TRY(
      tfm_json_opt_double(json, rope, "mscale_all_dim", 0.0, FACTOR_MOST, &mscale_all, err));
  const double growth = s->factor > 1.0 ? 0.1 * log(s->factor) : 0.0;
  s->attention = mscale > 0.0 && mscale_all > 0.0
                     ? (mscale * growth + 1.0) / (mscale_all * growth + 1.0)
                     : growth + 1.0;
  TFM_TRY(tfm_json_opt_double(json, rope, "attention_factor", 0.0, FACTOR_MOST, &s->attention,
                              err));

fail:
  return st;
}

static tfm_status read_scaling(tfm_config *config, const tfm_json *json,
                               const tfm_json_node *rope, const char *type, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_rope_scaling *s = &config->scaling;
  const bool dynamic = strcmp(type, "dynamic") == 0;
  s->original = config->positions;
  s->dynamic = dynamic;
  if (strcmp(type, "linear") == 0) {
    s->kind = TFM_ROPE_LINEAR;
  } else if (strcmp(type, "llama3") == 0) {
    s->kind = TFM_ROPE_LLAMA3;
  } else if (strcmp(type, "yarn") == 0) {
    s->kind = TFM_ROPE_YARN;
  } else if (!dynamic) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: rope_type: \"%s\" is not supported; default, linear, "
                     "dynamic, llama3 and yarn are",
                     tfm__shown_of(type).text));
  }
  TFM_TRY(tfm_json_want_double(json, rope, "factor", 1e-6, FACTOR_MOST, &s->factor, err));
  TFM_TRY(tfm_json_opt_int(json, rope, "original_max_position_embeddings", 1, MOST_PLACES,
                           &s->original, err));
  if (s->kind == TFM_ROPE_LLAMA3) {
    TFM_TRY(
        tfm_json_want_double(json, rope, "low_freq_factor", 1e-6, FACTOR_MOST, &s->low, err));
    TFM_TRY(
        tfm_json_want_double(json, rope, "high_freq_factor", 1e-6, FACTOR_MOST, &s->high, err));
  } else if (s->kind == TFM_ROPE_YARN) {
    TFM_TRY(read_yarn(config, json, rope, err));
  }

fail:
  return st;
}

static tfm_status read_rope(tfm_config *config, const tfm_json *json, const tfm_json_node *rope,
                            double *part, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *type = "default";
  if (tfm_json_kind_of(rope) != TFM_JSON_OBJECT) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: rope_parameters: want an object"));
  }
  TFM_TRY(tfm_json_opt_string(json, rope, "type", &type, err));
  TFM_TRY(tfm_json_opt_string(json, rope, "rope_type", &type, err));
  TFM_TRY(
      tfm_json_opt_double(json, rope, "rope_theta", ROPE_LEAST, ROPE_MOST, &config->rope, err));
  TFM_TRY(tfm_json_opt_double(json, rope, "partial_rotary_factor", 0.0, 1.0, part, err));
  if (strcmp(type, "default") != 0) {
    TFM_TRY(read_scaling(config, json, rope, type, err));
  }

fail:
  return st;
}

tfm_status tfm__config_rotation(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  return tfm__config_rotation_of(config, json, "rope_theta", "partial_rotary_factor", 1.0, err);
}

tfm_status tfm__config_rotation_of(tfm_config *config, const tfm_json *json, const char *base,
                                   const char *part_key, double missing, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  const tfm_json_node *rope = tfm_json_get(root, "rope_scaling");
  double part = missing;
  rope = rope ? rope : tfm_json_get(root, "rope_parameters");
  config->rope = 10000.0;
  TFM_TRY(tfm_json_opt_double(json, root, base, ROPE_LEAST, ROPE_MOST, &config->rope, err));
  TFM_TRY(tfm_json_opt_double(json, root, part_key, 0.0, 1.0, &part, err));
  if (rope) {
    TFM_TRY(read_rope(config, json, rope, &part, err));
  }
  config->turned = (int64_t)((double)config->D * part);
  if (config->turned < 2 || config->turned % 2 != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: heads of %lld, %lld of it turned: rotary positions want an "
                     "even width",
                     (long long)config->D, (long long)config->turned));
  }

fail:
  return st;
}

bool tfm__config_is_null(const tfm_json *json, const char *key)
{
  const tfm_json_node *n = tfm_json_first(tfm_json_root(json));
  while (n && strcmp(tfm_json_key(n), key) != 0) {
    n = tfm_json_next(n);
  }
  return tfm_json_kind_of(n) == TFM_JSON_NULL;
}

tfm_status tfm__config_layer_types(const tfm_config *config, const tfm_json_node *types,
                                   bool *local, tfm_err *err)
{
  const tfm_json_node *type = tfm_json_first(types);
  if (tfm_json_kind_of(types) != TFM_JSON_ARRAY || tfm_json_count(types) != config->L) {
    return tfm_fail(err, TFM_E_FORMAT, "config.json: layer_types: want an array of %lld",
                    (long long)config->L);
  }
  for (int64_t l = 0; l < config->L; ++l, type = tfm_json_next(type)) {
    const char *name = tfm_json_text(type);
    local[l] = name && strcmp(name, "sliding_attention") == 0;
    if (!local[l] && (!name || strcmp(name, "full_attention") != 0)) {
      return tfm_fail(err, TFM_E_UNSUPPORTED,
                      "config.json: layer_types: want \"full_attention\" or "
                      "\"sliding_attention\", got \"%s\"",
                      name ? tfm__shown_of(name).text : "another kind of value");
    }
  }
  return TFM_OK;
}

tfm_status tfm__config_window(tfm_config *config, const tfm_json *json, int64_t first,
                              int64_t every, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *types = tfm_json_get(tfm_json_root(json), "layer_types");
  if (tfm__config_is_null(json, "sliding_window")) {
    return TFM_OK;
  }
  config->window = WINDOW;
  TFM_TRY(tfm__config_dim(json, "sliding_window", MOST_PLACES, &config->window, err));
  bool *local = tfm_arena_alloc(&config->arena, (size_t)config->L * sizeof *local);
  if (!local) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "config.json: %lld layers", (long long)config->L));
  }
  for (int64_t l = 0; l < config->L; ++l) {
    local[l] = l >= first && (l - first) % every == 0;
  }
  if (types) {
    TFM_TRY(tfm__config_layer_types(config, types, local, err));
  }
  config->local = local;

fail:
  return st;
}

tfm_status tfm__config_second(tfm_config *config, const tfm_json *json, const char *key,
                              int64_t missing, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  int64_t layers = missing;
  double eos = 0.0;
  if (missing) {
    TFM_TRY(tfm_json_opt_int(json, root, key, 1, TFM_MAX_LAYERS, &layers, err));
  } else {
    TFM_TRY(tfm_json_want_int(json, root, key, 1, TFM_MAX_LAYERS, &layers, err));
  }
  TFM_TRY(tfm_json_opt_int(json, root, "decoder_start_token_id", 0, config->V - 1,
                           &config->start_id, err));
  if (tfm_json_number(tfm_json_get(root, "eos_token_id"), &eos)) { /* there may be several */
    TFM_TRY(
        tfm_json_opt_int(json, root, "eos_token_id", 0, config->V - 1, &config->eos_id, err));
  }
  if (config->task == TFM_TASK_FEATURE_EXTRACTION) {
    return TFM_OK;
  }
  if (config->L + layers > TFM_MAX_LAYERS) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: %s: want at most %lld, got %lld", key,
                     (long long)(TFM_MAX_LAYERS - config->L), (long long)layers));
  }
  config->encoder = config->L;
  config->L += layers;

fail:
  return st;
}
