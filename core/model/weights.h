/** A model's modules found in its checkpoint, checked and loaded. Room-private. */
#ifndef TFM_CORE_MODEL_WEIGHTS_H
#define TFM_CORE_MODEL_WEIGHTS_H

#include "core/model/arch/registry.h"
#include "core/model/loader.h"

#include <stdint.h>

/** The tensors of one module; bias is NULL where there is none. */
typedef struct {
  const tfm_tensor_info *weight;
  const tfm_tensor_info *bias;
} tfm__tensors;

/** Find a module of `layer` (any number for modules outside the layers) and check its shapes
 * and dtypes. The family must have it. Errors: TFM_E_FORMAT (not there, wrong shape: named,
 * want and got), TFM_E_UNSUPPORTED (a dtype weights cannot have). */
tfm_status tfm__tensors_find(const tfm_model *model, tfm__module module, int64_t layer,
                             tfm__tensors *out, tfm_err *err) TFM_MUST_USE;

/** A table of the family that a model does without, where the file has it all the same; else NULL,
 * also when its shape is another one. */
const tfm_tensor_info *tfm__table_spare(const tfm_model *model, tfm__module module,
                                        int64_t layer);

/** Find out what stands before the names of the body in this file and keep it in
 * model->prefix. */
tfm_status tfm__prefix_find(tfm_model *model, tfm_err *err) TFM_MUST_USE;

/** Read a linear layer and pack it. Several modules of the same width become one layer, their
 * outputs side by side; those the model does not have are left out. The convolution beside the
 * first layer becomes a linear layer [H, tokens*H] over a token's neighbours side by side, the
 * earliest first. Weights are read and packed a strip at a time by each of the loader's threads:
 * beside the packed form there is never more of them in memory than tfm__linear_passing(). Of
 * several strips that fail the first one's failure is told, whoever came upon it. gives: *out.
 * Errors: TFM_E_IO, TFM_E_FORMAT, TFM_E_UNSUPPORTED, TFM_E_NOMEM. */
tfm_status tfm__linear_load(tfm_linear **out, const tfm__loader *loader,
                            const tfm__module *modules, int nmodule, int64_t layer,
                            tfm_err *err) TFM_MUST_USE;

/** Bytes that loading a module's weights on so many threads takes for a while. */
int64_t tfm__linear_passing(const tfm_config *config, tfm__module module, int nthread);

/** Read a norm as [2,rows]: gain, then bias or zeros. gives: *out, unless it is on a shelf: release
 * with tfm_free(). */
tfm_status tfm__norm_load(float **out, const tfm__loader *loader, tfm__module module,
                          int64_t layer, tfm_err *err) TFM_MUST_USE;

/** Read a table [rows,width], of an encoder's side where layer is one of its, else of a decoder's.
 * gives: *out, likewise. */
tfm_status tfm__table_load(float **out, const tfm__loader *loader, tfm__module module,
                           int64_t layer, tfm_err *err) TFM_MUST_USE;

#endif
