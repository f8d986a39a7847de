/* Weights as int8 in groups along K, each with a scale: how they are packed. Their products are
 * linear_native.c's, as if they were the floats they stand for.
 *
 *  A K block, which is whole groups but at the end of K, holds quads of panels one after the other;
 *  table.h says what a quad is. Columns behind the last one are zeros. */
#include "core/kernels/linear_private.h"

#include <string.h>

_Static_assert(TFM_LINEAR_K_BLOCK % TFM_PRECISION_GROUP == 0, "blocks are whole groups");

static int64_t groups_of(int64_t k)
{
  return (k + TFM_PRECISION_GROUP - 1) / TFM_PRECISION_GROUP;
}

static int64_t quads_of(const tfm_linear *lin)
{
  return (lin->panels + TFM__QUAD - 1) / TFM__QUAD;
}

int64_t tfm__group_words(int64_t k)
{
  return k * TFM__GROUP_LINE + groups_of(k) * TFM__GROUP_SCALES;
}

int64_t tfm__group_words_of(const tfm_linear *lin)
{
  return quads_of(lin) * tfm__group_words(lin->K);
}

float *tfm__group_block(const tfm_linear *lin, int64_t panel, int64_t k0, int64_t k)
{
  return lin->weight + quads_of(lin) * tfm__group_words(k0) +
         panel / TFM__QUAD * tfm__group_words(k);
}

/* n weights of a group as steps of its scale. */
static void round_group(const float *row, int64_t n, float *scale, int8_t *steps)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  float inverse = 0.0f;
  *scale = tfm__int8_step(kernels->reach(row, n), &inverse);
  kernels->to_int8(row, n, inverse, 0, (unsigned char *)steps);
}

/* One output's part of a K block; row NULL: zeros. */
static void pack_row(const tfm_linear *lin, int64_t output, const float *row, int64_t k0,
                     int64_t k)
{
  float *group = tfm__group_block(lin, output / TFM__LANES, k0, k);
  const int64_t col = output % (TFM__QUAD * TFM__LANES);
  for (int64_t at = 0; at < k; at += TFM_PRECISION_GROUP) {
    const int64_t n = k - at < TFM_PRECISION_GROUP ? k - at : TFM_PRECISION_GROUP;
    int8_t *lines = (int8_t *)(group + TFM__GROUP_SCALES);
    int8_t steps[TFM_PRECISION_GROUP] = {0};
    group[col] = 0.0f;
    if (row) {
      round_group(row + k0 + at, n, &group[col], steps);
    }
    for (int64_t i = 0; i < n; ++i) {
      lines[i * TFM__QUAD * TFM__LANES + col] = steps[i];
    }
    group += tfm__group_words(n);
  }
}

void tfm__linear_pack_groups(tfm_linear *lin, int64_t first, int64_t n, const float *weight)
{
  const int64_t columns = quads_of(lin) * TFM__QUAD * TFM__LANES;
  const int64_t end = first + n == lin->N ? columns : first + n;
  for (int64_t k0 = 0; k0 < lin->K; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t left = lin->K - k0;
    const int64_t k = left < TFM_LINEAR_K_BLOCK ? left : TFM_LINEAR_K_BLOCK;
    for (int64_t o = first; o < end; ++o) {
      pack_row(lin, o, o < first + n ? weight + (o - first) * lin->K : NULL, k0, k);
    }
  }
}
