/* Is a row's result really independent of where it stands in its tile and of what stands around
 * it?
 *
 *  Three runs on the layer's own shape. All rows equal: any dependence on the position shows as
 * two different rows. Different rows, then the same rows turned by one place: a dependence on
 * the neighbours or on the position shows as a row that changed while it moved. A lone row, its
 * tile filled with zeros: must equal itself in a full tile.
 */
#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/linear_private.h"

#include <string.h>

typedef struct {
  const tfm_linear *lin;
  float *x;    /* [96,K] */
  float *y;    /* [96,N] */
  float *kept; /* [96,N] of the run before */
} probe;

static void fill_row(float *x, int64_t K, uint32_t seed)
{
  uint32_t s = seed * 2654435761u + 1u;
  for (int64_t k = 0; k < K; ++k) {
    s = s * 1664525u + 1013904223u;
    x[k] = (float)(int32_t)(s >> 8) * 0x1p-23f - 1.0f;
  }
}

static void run(const probe *p, int64_t M)
{
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  tfm_linear_run(p->lin, p->x, p->lin->K, M, p->y, p->lin->N, &none, NULL);
}

static bool same_row(const probe *p, const float *a, const float *b)
{
  return memcmp(a, b, (size_t)p->lin->N * sizeof *a) == 0;
}

static bool position_is_free(const probe *p)
{
  for (int64_t i = 0; i < TFM_LINEAR_TILE; ++i) {
    fill_row(p->x + i * p->lin->K, p->lin->K, 7);
  }
  run(p, TFM_LINEAR_TILE);
  for (int64_t i = 1; i < TFM_LINEAR_TILE; ++i) {
    if (!same_row(p, p->y, p->y + i * p->lin->N)) {
      return false;
    }
  }
  memcpy(p->kept, p->y, (size_t)p->lin->N * sizeof *p->y);
  run(p, 1);
  return same_row(p, p->kept, p->y);
}

static bool neighbours_are_free(const probe *p)
{
  const int64_t N = p->lin->N;
  const int64_t K = p->lin->K;
  for (int64_t turn = 0; turn < 2; ++turn) {
    for (int64_t i = 0; i < TFM_LINEAR_TILE; ++i) {
      fill_row(p->x + i * K, K, (uint32_t)((i + turn) % TFM_LINEAR_TILE));
    }
    run(p, TFM_LINEAR_TILE);
    if (turn == 0) {
      memcpy(p->kept, p->y, (size_t)(TFM_LINEAR_TILE * N) * sizeof *p->y);
    }
  }
  for (int64_t i = 0; i < TFM_LINEAR_TILE; ++i) {
    if (!same_row(p, p->kept + (i + 1) % TFM_LINEAR_TILE * N, p->y + i * N)) {
      return false;
    }
  }
  return true;
}

bool tfm_linear_probe(const tfm_linear *lin)
{
  if (lin->runs_on == TFM_BACKEND_REF || lin->runs_on == TFM_BACKEND_NATIVE) {
    return true;
  }
  bool ok = false;
  size_t in = 0;
  size_t out = 0;
  probe p = {.lin = lin};
  if (tfm_mul_size(TFM_LINEAR_TILE, (size_t)lin->K, &in) &&
      tfm_mul_size(TFM_LINEAR_TILE, (size_t)lin->N, &out)) {
    p.x = tfm_alloc_aligned(in, sizeof(float));
    p.y = tfm_alloc_aligned(out, sizeof(float));
    p.kept = tfm_alloc_aligned(out, sizeof(float));
  }
  if (p.x && p.y && p.kept) {
    ok = position_is_free(&p) && neighbours_are_free(&p);
  }
  tfm_free(p.x);
  tfm_free(p.y);
  tfm_free(p.kept);
  return ok;
}
