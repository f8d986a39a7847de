/** Attention weights, for whoever wants to see them: off by default, and then at no cost.
 *
 *  They are not computed by a second formula: the attention that the model ran runs again with
 *  unit vectors for values, D keys at a time, so that what comes out are the weights themselves,
 *  whatever mask, bias, positions, cap or numbers the family has. Room-private. */
#ifndef TFM_CORE_MODEL_LOOK_H
#define TFM_CORE_MODEL_LOOK_H

#include "core/kernels/attention.h"

#include <stdbool.h>

/** Where one layer's weights go. */
typedef struct {
  float *weights; /* [N, T, T]: head, query, key */
  bool seen;      /* they are there */
} tfm__look;

/** What an attention has just run on; wide and context are overwritten. */
typedef struct {
  const tfm_heads *heads;
  float *wide;               /* [T, (N+2G)*D] queries, keys, values */
  float *context;            /* [T, N*D] */
  const tfm_sequences *seqs; /* one sequence, whole */
  void *scratch;
} tfm__looked_at;

void tfm__look_at(tfm__look *look, const tfm__looked_at *at, tfm_par *par);

#endif
