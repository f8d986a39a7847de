#include "core/kernels/peak.h"

#include "core/base/clock.h"
#include "core/kernels/linear_private.h"

enum { STEPS = 384, CALLS = 1000, RUNS = 12 };

double tfm_linear_peak(tfm_precision precision)
{
  /* The same rows for every step and the same panel for both: 24 KiB, read in order. */
  static _Alignas(64) float panel[STEPS * TFM__LANES];
  static _Alignas(64) float rows[TFM__TILE_ROWS];
  static _Alignas(64) float sums[TFM__TILE_ROWS * TFM__TILE_VECS * TFM__LANES];
  if (tfm_precision_pieces(precision) || (precision == TFM_INT8 && tfm__amx_is_silicon())) {
    return tfm__amx_peak(precision);
  }
  const tfm__kernels *k = tfm__kernels_used();
  const tfm__tile_fn tile =
      (*tfm__tiles_used(precision))[TFM__STRIP][k->tile_vecs - 1][k->tile_rows - 1];
  const tfm__operands from = {.a = rows, .b = panel, .ahead = panel};
  const int64_t ldc = (int64_t)k->tile_vecs * TFM__LANES;
  double best_s = 0;
  for (int run = 0; run < RUNS; ++run) {
    const double begin = tfm_thread_cpu_s();
    for (int i = 0; i < CALLS; ++i) {
      tile(&from, STEPS, sums, ldc, 0);
    }
    const double took = tfm_thread_cpu_s() - begin;
    best_s = run == 0 || took < best_s ? took : best_s;
  }
  const double words = (double)k->tile_rows * (double)ldc * STEPS * CALLS;
  return best_s > 0 ? 2 * words * tfm_precision_per_word(precision) / best_s : 0;
}
