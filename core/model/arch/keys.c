#include "core/model/arch/keys.h"

#include "core/model/embed.h"
#include "core/model/shown.h"

#include <string.h>

/* Bases of rotary positions; below 1 angles would grow along a head. */
static const double ROPE_LEAST = 1.0;
static const double ROPE_MOST = 1e12;

tfm_status tfm__config_not_null(const tfm_json *json, const char *key, tfm_err *err)
{
  for (const tfm_json_node *n = tfm_json_first(tfm_json_root(json)); n; n = tfm_json_next(n)) {
    if (strcmp(tfm_json_key(n), key) == 0 && tfm_json_kind_of(n) == TFM_JSON_NULL) {
      return tfm_fail(err, TFM_E_FORMAT, "config.json: %s: want a value, got null", key);
    }
  }
  return TFM_OK;
}

tfm_status tfm__config_only_false(const tfm_json *json, const char *key, tfm_err *err)
{
  bool on = false;
  const tfm_status st = tfm_json_opt_bool(json, tfm_json_root(json), key, &on, err);
  if (st != TFM_OK || !on) {
    return st;
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED, "config.json: %s: true is not supported", key);
}

tfm_status tfm__config_only_text(const tfm_json *json, const char *key, const char *text,
                                 tfm_err *err)
{
  const char *got = text;
  const tfm_status st = tfm_json_opt_string(json, tfm_json_root(json), key, &got, err);
  if (st != TFM_OK || strcmp(got, text) == 0) {
    return st;
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED,
                  "config.json: %s: \"%s\" is not supported, only \"%s\" is", key,
                  tfm__shown_of(got).text, text);
}

tfm_status tfm__config_encoder(const tfm_json *json, tfm_err *err)
{
  const tfm_status st = tfm__config_only_false(json, "is_decoder", err);
  return st == TFM_OK ? tfm__config_only_false(json, "add_cross_attention", err) : st;
}

tfm_status tfm__config_act(const tfm_json *json, const char *key, tfm_activation *act,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *name = tfm_activation_name(*act);
  TFM_TRY(tfm__config_not_null(json, key, err));
  TFM_TRY(tfm_json_opt_string(json, tfm_json_root(json), key, &name, err));
  if (!tfm_activation_parse(name, act)) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "config.json: %s: activation \"%s\" is not supported", key,
                     tfm__shown_of(name).text));
  }

fail:
  return st;
}

tfm_status tfm__config_dim(const tfm_json *json, const char *key, int64_t most, int64_t *out,
                           tfm_err *err)
{
  return tfm_json_opt_int(json, tfm_json_root(json), key, 1, most, out, err);
}

tfm_status tfm__config_embedding(tfm_config *config, const tfm_json *json, int64_t missing,
                                 tfm_err *err)
{
  config->E = missing;
  return tfm__config_dim(json, "embedding_size", TFM_EMBED_MOST, &config->E, err);
}

tfm_status tfm__config_only_number(const tfm_json *json, const char *key, double number,
                                   tfm_err *err)
{
  double got = number;
  const tfm_status st =
      tfm_json_opt_double(json, tfm_json_root(json), key, -1e300, 1e300, &got, err);
  if (st != TFM_OK || !(got < number || got > number)) {
    return st;
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED, "config.json: %s: %g is not supported, only %g is",
                  key, got, number);
}

tfm_status tfm__config_only_null(const tfm_json *json, const char *key, tfm_err *err)
{
  if (!tfm_json_get(tfm_json_root(json), key)) {
    return TFM_OK;
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED, "config.json: %s: only null is supported", key);
}

/* The members of one rope object. */
static tfm_status read_rope(const tfm_json *json, const tfm_json_node *rope, double *base,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *type = "default";
  double part = 1.0;
  if (tfm_json_kind_of(rope) != TFM_JSON_OBJECT) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: rope_parameters: want an object"));
  }
  TFM_TRY(tfm_json_opt_string(json, rope, "type", &type, err));
  TFM_TRY(tfm_json_opt_string(json, rope, "rope_type", &type, err));
  TFM_TRY(tfm_json_opt_double(json, rope, "partial_rotary_factor", 0.0, 1.0, &part, err));
  if (strcmp(type, "default") != 0 || part < 1.0) {
    TFM_TRY(
        tfm_fail(err, TFM_E_UNSUPPORTED,
                 "config.json: rope_parameters: only rope_type \"default\" over whole heads "
                 "is supported, got \"%s\" over %g of them",
                 tfm__shown_of(type).text, part));
  }
  TFM_TRY(tfm_json_opt_double(json, rope, "rope_theta", ROPE_LEAST, ROPE_MOST, base, err));

fail:
  return st;
}

tfm_status tfm__config_rope(const tfm_config *config, const tfm_json *json,
                            const tfm_json_node *rope, double *base, tfm_err *err)
{
  if (config->D % 2 != 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "config.json: heads of %lld: rotary positions want an even width",
                    (long long)config->D);
  }
  return rope ? read_rope(json, rope, base, err) : TFM_OK;
}

tfm_status tfm__config_rope_key(const tfm_json *json, const char *key, double *base,
                                tfm_err *err)
{
  return tfm_json_opt_double(json, tfm_json_root(json), key, ROPE_LEAST, ROPE_MOST, base, err);
}
