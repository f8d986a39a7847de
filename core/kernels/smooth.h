/** Where the factors come from that even out what int8 layers are given.
 *
 *  An int8 layer rounds a row of its inputs in steps of the row's largest; where some inputs are
 *  always large, the others are left few steps. Smoothing divides each input by a scale of its own
 *  before the row is rounded, and multiplies what the weights have for that input by it before they
 *  are: the same product in real numbers (Xiao et al., arXiv 2211.10438). */
#ifndef TFM_CORE_KERNELS_SMOOTH_H
#define TFM_CORE_KERNELS_SMOOTH_H

#include <stdint.h>

enum { TFM_SMOOTH_ID = 72 };

/** The largest magnitude that each input of one layer was seen to have. */
typedef struct {
  char *name; /* core/model/smooth.h */
  int64_t width;
  float *reach; /* [width] */
} tfm_smooth_layer;

/** Plain data. */
typedef struct {
  char id
      [TFM_SMOOTH_ID]; /* decides bits, so part of numeric_id: "weights" or a file's SHA-256 */
  tfm_smooth_layer *layers; /* of a file; NULL: the weights alone say */
  int64_t nlayer;
} tfm_smooth;

#endif
