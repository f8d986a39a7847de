/** Embeddings in fewer bits, as sentence-transformers' quantize_embeddings() makes them.
 *
 *  Values are scaled over [-1, 1], the range of vectors of length 1, whatever the other rows hold:
 * its `ranges` of -1 and 1 in every dimension. Values beyond are cut to it.
 */
#ifndef TFM_COORDINATOR_TASK_QUANTIZE_H
#define TFM_COORDINATOR_TASK_QUANTIZE_H

#include "coordinator/cli/options.h"

#include <stdint.h>

/** How many numbers n dimensions become: an eighth of them, rounded up, for the binary ones. */
int64_t tfm_quantized_width(tfm_number_type type, int64_t n);

/** x in half precision (IEEE 754 binary16), to the nearest, ties to even; its bits. */
uint16_t tfm_half_bits(float x);

/** The number that such bits are. */
float tfm_half_value(uint16_t bits);

/** The i-th of those numbers of x [n]; not for float32 and float16. int8 -128..127, uint8 0..255;
 *  ubinary: bit 7 - k of number i says whether x[8i + k] > 0, 0 past the end; binary: the same less
 *  128. */
int tfm_quantized(tfm_number_type type, const float *x, int64_t n, int64_t i);

#endif
