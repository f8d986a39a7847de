/** Rows out of tables. */
#ifndef TFM_CORE_KERNELS_GATHER_H
#define TFM_CORE_KERNELS_GATHER_H

#include <stdint.h>

/** y[t] = table[ids[t]], T rows of H floats; add != 0 adds to y instead (one float addition
 * each). ids must be inside the table: the caller has checked them. */
void tfm_gather(const float *table, const int32_t *ids, int64_t T, int64_t H, int add, float *y,
                int64_t ldy);

#endif
