/** A checkpoint, opened: what every rank knows before any weight is read. */
#ifndef TFM_CORE_MODEL_MODEL_H
#define TFM_CORE_MODEL_MODEL_H

#include "core/model/config.h"
#include "core/model/safetensors.h"

/** Plain data. `prefix` is what stands before the names of the model's body in this file
 * ("bert." or ""), found once at opening. */
typedef struct {
  char *folder; /* owned */
  tfm_config config;
  tfm_checkpoint *checkpoint;
  char prefix[64];
} tfm_model;

/** Read config.json and the weights' headers, and check that every tensor the family needs is
 * there with the shape the config says (want/got in the message). No weight is read. gives:
 * *model, release with tfm_model_fini(). Errors: those of config.h and safetensors.h. */
tfm_status tfm_model_open(tfm_model *model, const char *folder, tfm_err *err) TFM_MUST_USE;

void tfm_model_fini(tfm_model *model);

/** The model's identity as hex: config.json's bytes, tensor headers, sizes and sampled blocks
 * of the weights; everything with full. (The tokenizer is not part of it: workers do not read
 * text.) */
tfm_status tfm_model_digest(const tfm_model *model, bool full, char out[TFM_SHA256_HEX],
                            tfm_err *err) TFM_MUST_USE;

#endif
