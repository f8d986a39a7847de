/** What the read() of decoder families, and of encoders made like them, asks of config.json besides
 * keys.h. Room-private. */
#ifndef TFM_CORE_MODEL_ARCH_DECODER_H
#define TFM_CORE_MODEL_ARCH_DECODER_H

#include "core/base/json.h"
#include "core/model/config.h"

/** num_key_value_heads (N where it is missing) and head_dim (`missing` where it is; 0: H/N).
 * Errors: TFM_E_FORMAT when heads cannot be shared evenly. */
tfm_status tfm__config_heads(tfm_config *config, const tfm_json *json, int64_t missing,
                             tfm_err *err);

/** The rotation of queries and keys, out of rope_scaling (where it is not null), rope_parameters
 * and the keys older files have at the top, for heads whose width is known. Of the published
 * scalings: default, linear, dynamic, llama3, yarn. Errors: TFM_E_UNSUPPORTED for another. */
tfm_status tfm__config_rotation(tfm_config *config, const tfm_json *json, tfm_err *err);

/** The same where the keys at the top have other names, and the part of a head that is turned
 * another default. */
tfm_status tfm__config_rotation_of(tfm_config *config, const tfm_json *json, const char *base,
                                   const char *part_key, double missing, tfm_err *err);

/** Whether the key is there and null, which getters take for missing. */
bool tfm__config_is_null(const tfm_json *json, const char *key);

/** layer_types: which layers are local, [L] out. Errors: TFM_E_FORMAT, TFM_E_UNSUPPORTED. */
tfm_status tfm__config_layer_types(const tfm_config *config, const tfm_json_node *types,
                                   bool *local, tfm_err *err);

/** sliding_window (4096 where it is missing) for the layers layer_types says or, without it, for
 * one of `every` from `first` on; none when it is null. Errors: TFM_E_FORMAT, TFM_E_UNSUPPORTED,
 * TFM_E_NOMEM. */
tfm_status tfm__config_window(tfm_config *config, const tfm_json *json, int64_t first,
                              int64_t every, tfm_err *err);

/** A decoder behind an encoder, whose layers and width are known: how many layers the key says it
 * has (`missing` where it is not there; 0: it must be) and its first token. For feature-extraction
 * there is the encoder alone. Errors: TFM_E_FORMAT. */
tfm_status tfm__config_second(tfm_config *config, const tfm_json *json, const char *key,
                              int64_t missing, tfm_err *err);

#endif
