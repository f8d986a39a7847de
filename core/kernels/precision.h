/** The number format of a linear layer: what its weights are kept in and its input is rounded to.
 *  Sums, and everything around the products, are float32 in all of them. */
#ifndef TFM_CORE_KERNELS_PRECISION_H
#define TFM_CORE_KERNELS_PRECISION_H

#include <stdbool.h>

/* X(NAME, "name", values of K in a word of four bytes) */
#define TFM_PRECISION_MAP(X)                                                                   \
  X(FLOAT32, "float32", 1)                                                                     \
  X(BFLOAT16, "bfloat16", 2)                                                                   \
  X(INT8, "int8", 4)

#define TFM_PRECISION_ENUM(name, text, per_word) TFM_##name,
typedef enum { TFM_PRECISION_MAP(TFM_PRECISION_ENUM) TFM_PRECISION_COUNT } tfm_precision;
#undef TFM_PRECISION_ENUM

/** As --dtype spells it. Borrowed, static. */
const char *tfm_precision_name(tfm_precision precision);

/** By name; false for an unknown one. */
bool tfm_precision_parse(const char *name, tfm_precision *out);

/** How many values of K lie in four bytes: 1, 2 or 4. */
int tfm_precision_per_word(tfm_precision precision);

#endif
