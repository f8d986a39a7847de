/** Factors of int8's inputs: where they come from (kernels/smooth.h says what they do).
 *
 *  A layer's scale of input k is sqrt(reach[k] / column[k]) to the nearest power of two: reach is
 *  how large the input becomes, column the largest weight it meets, both as parts of the layer's
 *  largest. That is the middle way of Xiao et al. (arXiv 2211.10438, alpha 0.5); a power of two, so
 *  that neither what is divided nor what is multiplied by it loses a bit. reach is what a file
 *  says. From the weights alone only the inputs of attention have scales: 3 times the gain plus the
 *  bias of the norm they come from, magnitudes both, as a part of the largest, to the nearest power
 *  of two. Either way they are a matter of the whole checkpoint: neither ranks, cuts, threads nor
 *  instruction sets change them.
 *
 *  The file is JSON; deploy/docs/INTERFACE.md has its form. */
#ifndef TFM_CORE_MODEL_SMOOTH_H
#define TFM_CORE_MODEL_SMOOTH_H

#include "core/base/buf.h"
#include "core/kernels/smooth.h"
#include "core/model/model.h"
#include "core/model/whole.h"

/** Where factors come from by this word: "weights", or the path of a file; "" for nowhere. gives:
 *  *out, release with tfm_smooth_close(); NULL for nowhere. Errors: TFM_E_MISSING, TFM_E_IO,
 *  TFM_E_NOMEM, TFM_E_FORMAT (no such file, of another model, a layer missing or of another width).
 */
tfm_status tfm_smooth_open(tfm_smooth **out, const tfm_model *model, const char *word,
                           tfm_err *err) TFM_MUST_USE;

/** NULL is allowed. */
void tfm_smooth_close(tfm_smooth *smooth);

/** Let the layers of a whole model that int8 would round the inputs of note these inputs' largest
 *  magnitudes, from now on. gives: *out, with zeros so far, to be kept as long as the model runs;
 *  release with tfm_smooth_close() after the model, also when this failed. Errors: TFM_E_NOMEM. */
tfm_status tfm_smooth_watch(tfm_smooth **out, tfm_whole *whole, const tfm_model *model,
                            tfm_err *err) TFM_MUST_USE;

/** What was noted over so many rows, as a file. Errors: TFM_E_CONFIG (an input was not finite, by
 *  name), TFM_E_NOMEM, of tfm_model_digest(). */
tfm_status tfm_smooth_write(const tfm_smooth *seen, const tfm_model *model, int64_t rows,
                            tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
