/** Element types of checkpoints, and their way to float32. */
#ifndef TFM_CORE_TENSOR_DTYPE_H
#define TFM_CORE_TENSOR_DTYPE_H

#include "core/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  TFM_F32,
  TFM_F16,
  TFM_BF16,
  TFM_I64,
  TFM_I32,
  TFM_U8,
  TFM_DTYPE_COUNT
} tfm_dtype;

/** Bytes of one element. */
size_t tfm_dtype_bytes(tfm_dtype dtype);

/** The safetensors spelling: "F32", "F16", "BF16", "I64", "I32", "U8". */
const char *tfm_dtype_name(tfm_dtype dtype);

/** By exact safetensors spelling; false for anything else. */
bool tfm_dtype_parse(tfm_span name, tfm_dtype *out);

/** Whether weights may have this type (F32, F16, BF16). */
bool tfm_dtype_is_weight(tfm_dtype dtype);

/** Convert n weights at `from` (any alignment, little-endian) to float32; exact for every
 * value, denormals included. */
void tfm_dtype_to_f32(tfm_dtype dtype, const void *from, size_t n, float *to);

/** Whether all n floats are finite; *bad_at (when not NULL) is the first that is not. */
bool tfm_all_finite(const float *x, size_t n, size_t *bad_at);

#endif
