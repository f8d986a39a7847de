#include "core/kernels/gather.h"

#include <string.h>

void tfm_gather(const float *table, const int32_t *ids, int64_t T, int64_t H, int add, float *y,
                int64_t ldy)
{
  for (int64_t t = 0; t < T; ++t) {
    const float *row = table + (int64_t)ids[t] * H;
    float *out = y + t * ldy;
    if (!add) {
      memcpy(out, row, (size_t)H * sizeof *row);
      continue;
    }
    for (int64_t h = 0; h < H; ++h) {
      out[h] += row[h];
    }
  }
}
