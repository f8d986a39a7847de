/** What the families' read() asks of config.json. Room-private.
 *
 *  A switch that is not supported is TFM_E_UNSUPPORTED, a value that cannot be is TFM_E_FORMAT;
 *  both texts name the key. */
#ifndef TFM_CORE_MODEL_ARCH_KEYS_H
#define TFM_CORE_MODEL_ARCH_KEYS_H

#include "core/base/json.h"
#include "core/base/status.h"
#include "core/kernels/activation.h"
#include "core/model/config.h"

#include <stdint.h>

/** The getters of json.h take null for missing; for keys with a default, null is a mistake worth
 * naming: the reference fails on it later and elsewhere. */
tfm_status tfm__config_not_null(const tfm_json *json, const char *key, tfm_err *err);

/** The switches no encoder may have on (is_decoder, add_cross_attention). */
tfm_status tfm__config_encoder(const tfm_json *json, tfm_err *err);

/** TFM_E_UNSUPPORTED unless the key is missing, null or false. */
tfm_status tfm__config_only_false(const tfm_json *json, const char *key, tfm_err *err);

/** The same for a key that may only hold one text. */
tfm_status tfm__config_only_text(const tfm_json *json, const char *key, const char *text,
                                 tfm_err *err);

/** An activation; *act stays what it is when the key is missing. */
tfm_status tfm__config_act(const tfm_json *json, const char *key, tfm_activation *act,
                           tfm_err *err);

/** An integer of 1..most; *out stays what it is when the key is missing. */
tfm_status tfm__config_dim(const tfm_json *json, const char *key, int64_t most, int64_t *out,
                           tfm_err *err);

/** embedding_size, `missing` where config.json has none. */
tfm_status tfm__config_embedding(tfm_config *config, const tfm_json *json, int64_t missing,
                                 tfm_err *err);

/** The same for a key that may only hold one number. */
tfm_status tfm__config_only_number(const tfm_json *json, const char *key, double number,
                                   tfm_err *err);

/** TFM_E_UNSUPPORTED unless the key is missing or null. */
tfm_status tfm__config_only_null(const tfm_json *json, const char *key, tfm_err *err);

/** The base of rotary positions from an object of rope_theta and rope_type ("default" only); NULL
 * for none. *base stays what it is when rope_theta is missing. Heads must have an even width. */
tfm_status tfm__config_rope(const tfm_config *config, const tfm_json *json,
                            const tfm_json_node *rope, double *base, tfm_err *err);

/** The same from one key at the top. */
tfm_status tfm__config_rope_key(const tfm_json *json, const char *key, double *base,
                                tfm_err *err);

#endif
