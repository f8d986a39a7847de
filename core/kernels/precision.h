/** The number format of a linear layer: what its weights are kept in and its input is rounded to.
 *  Sums, and everything around the products, are float32 in all of them. A dtype is what a user
 *  asks for; in pieces, its products are made of a number's bfloat16 pieces (linear.h): three or
 *  two of a float32, one of a bfloat16 where AMX multiplies it. In groups only weights are int8,
 *  with a scale for each TFM_PRECISION_GROUP along K; products are float32's. */
#ifndef TFM_CORE_KERNELS_PRECISION_H
#define TFM_CORE_KERNELS_PRECISION_H

#include <stdbool.h>

enum { TFM_PRECISION_GROUP = 64 };

/* X(NAME, "name", values of K of x in a word of four bytes) */
#define TFM_PRECISION_MAP(X)                                                                   \
  X(FLOAT32, "float32", 1)                                                                     \
  X(BFLOAT16, "bfloat16", 2)                                                                   \
  X(INT8, "int8", 4)                                                                           \
  X(BF16X3, "bf16x3", 2)                                                                       \
  X(BF16X2, "bf16x2", 2)                                                                       \
  X(BF16X1, "bfloat16-amx", 2)                                                                 \
  X(INT8_GROUPS, "int8-g64", 1)

#define TFM_PRECISION_ENUM(name, text, per_word) TFM_##name,
typedef enum { TFM_PRECISION_MAP(TFM_PRECISION_ENUM) TFM_PRECISION_COUNT } tfm_precision;
#undef TFM_PRECISION_ENUM

enum { TFM_PRECISION_DTYPES = TFM_INT8 + 1 }; /* the first ones are dtypes */

/** As --dtype or --float32-mode spells it; in groups with their length. Borrowed, static. */
const char *tfm_precision_name(tfm_precision precision);

/** By name; false for an unknown one. */
bool tfm_precision_parse(const char *name, tfm_precision *out);

/** How many values of K of x lie in four bytes of a piece: 1, 2 or 4. */
int tfm_precision_per_word(tfm_precision precision);

/** Of a number in pieces: how many there are; else 0. */
int tfm_precision_pieces(tfm_precision precision);

/** The dtype it computes. */
tfm_precision tfm_precision_dtype(tfm_precision precision);

/** Whether what layers are given is rounded to less than a float32, and attention with it. */
bool tfm_precision_narrow(tfm_precision precision);

/** How many values' weights lie in four bytes (in groups without the scales), and how many products
 *  of two values are made in the time of one in float32, when the instructions are there; both may
 *  be below 1. */
double tfm_precision_density(tfm_precision precision);
double tfm_precision_speed(tfm_precision precision);

#endif
