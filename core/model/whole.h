/** The oracle (DESIGN D2): the whole model in one call, in one process, one thread. Every
 * cluster result must equal it bit for bit. */
#ifndef TFM_CORE_MODEL_WHOLE_H
#define TFM_CORE_MODEL_WHOLE_H

#include "core/model/embed.h"
#include "core/model/slice.h"

typedef struct tfm_whole tfm_whole;

/** With the head when the family has one for the model's task. borrows: model until return.
 * gives: *out, release with tfm_whole_close(). Errors: those of slice.h and embed.h. */
tfm_status tfm_whole_open(tfm_whole **out, const tfm_model *model, tfm_engine engine,
                          int64_t max_tokens, int64_t max_sequences, tfm_err *err) TFM_MUST_USE;
void tfm_whole_close(tfm_whole *whole);

/** Called with the residual stream after the embeddings (unit -1) and after each unit: rows of
 * sources, where there are any, then T rows of tokens; T counts both. */
typedef void (*tfm_whole_watch)(void *arg, int64_t unit, const float *x, int64_t T, int64_t H);

/** Run ids through everything; result [rows, width] f32 out (NULL for a model without a head).
 *  watch may be NULL. */
void tfm_whole_run(tfm_whole *whole, const tfm_ids *ids, float *result, tfm_whole_watch watch,
                   void *arg);

/** All its units as one slice; borrowed. */
tfm_slice *tfm_whole_slice(tfm_whole *whole);

/** Floats a row of the result has; 0 without a head. */
int64_t tfm_whole_width(const tfm_whole *whole);

#endif
