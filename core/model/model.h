/** A checkpoint, opened: what every rank knows before any weight is read. */
#ifndef TFM_CORE_MODEL_MODEL_H
#define TFM_CORE_MODEL_MODEL_H

#include "core/model/config.h"
#include "core/model/head_spec.h"
#include "core/model/safetensors.h"
#include "core/model/sentence.h"

/** Plain data. `prefix` is what stands before the names of the model's body in this file
 * ("bert." or ""), found once at opening. */
typedef struct {
  char *folder; /* owned; of config.json, the weights and the tokenizer */
  tfm_config config;
  tfm_checkpoint *checkpoint;
  char prefix[64];
  tfm_head_spec spec;    /* as asked, with what the model decides filled in */
  tfm_sentence sentence; /* modules.json, for embeddings */
} tfm_model;

/** Read config.json and the weights' headers, and check that every tensor the family needs is
 * there with the shape the config says (want/got in the message). No weight is read. gives:
 * *model, release with tfm_model_fini(). Errors: those of config.h and safetensors.h. */
tfm_status tfm_model_open(tfm_model *model, const char *folder, tfm_err *err) TFM_MUST_USE;

/** The same for a head that is not simply the model's own. With task NONE a folder with a
 * modules.json is for feature-extraction; its body may lie in a subfolder. Errors also:
 * TFM_E_UNSUPPORTED (the architecture names the head of another task), TFM_E_USAGE (the spec asks
 * for what the model does not have). */
tfm_status tfm_model_open_for(tfm_model *model, const char *folder, const tfm_head_spec *spec,
                              tfm_err *err) TFM_MUST_USE;

/** Ask something else of the head of the task the model was opened for: targets become known only
 * once there is a tokenizer. Errors: TFM_E_USAGE, TFM_E_FORMAT. */
tfm_status tfm_model_ask(tfm_model *model, const tfm_head_spec *spec,
                         tfm_err *err) TFM_MUST_USE;

void tfm_model_fini(tfm_model *model);

/** What a result looks like; rows NONE when the family has no head for the task. */
tfm_head_shape tfm_model_shape(const tfm_model *model);

/** The model's identity as hex: config.json's bytes, tensor headers, sizes and sampled blocks
 * of the weights, modules.json likewise; everything with full. (The tokenizer is not part of it:
 * workers do not read text.) */
tfm_status tfm_model_digest(const tfm_model *model, bool full, char out[TFM_SHA256_HEX],
                            tfm_err *err) TFM_MUST_USE;

#endif
