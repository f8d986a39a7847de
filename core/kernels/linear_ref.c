/* The definition of linear layers, in the order linear.h states. */
#include "core/kernels/linear_private.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- numbers ---- */

static float as_bfloat16(float x)
{
  unsigned char half[2];
  uint32_t u = 0;
  tfm__kernels_portable.to_bfloat16(&x, 0, 1, 1, half, 0);
  u = (uint32_t)half[0] << 16 | (uint32_t)half[1] << 24;
  memcpy(&x, &u, sizeof x);
  return x;
}

static int as_int8(float x, float inverse)
{
  return (int)nearbyintf(x * inverse);
}

static float reach_of(const float *x, int64_t n)
{
  float top = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    if (!isfinite(x[i])) {
      return NAN;
    }
  }
  return top;
}

/* What weights in groups stand for. */
static void round_groups(const float *from, int64_t K, float *to)
{
  for (int64_t first = 0; first < K; first += TFM_PRECISION_GROUP) {
    const int64_t n = K - first < TFM_PRECISION_GROUP ? K - first : TFM_PRECISION_GROUP;
    float inverse = 0.0f;
    const float scale = tfm__int8_step(reach_of(from + first, n), &inverse);
    for (int64_t k = first; k < first + n; ++k) {
      to[k] = (float)as_int8(from[k], inverse) * scale;
    }
  }
}

void tfm__linear_pack_ref(tfm_linear *lin, int64_t first, int64_t n, const float *weight)
{
  for (int64_t i = 0; i < n; ++i) {
    const float *from = weight + i * lin->K;
    float *to = lin->weight + (first + i) * lin->K;
    float inverse = 0.0f;
    if (lin->precision == TFM_INT8_GROUPS) {
      round_groups(from, lin->K, to);
      continue;
    }
    if (lin->precision == TFM_INT8) {
      lin->scale[first + i] = tfm__int8_step(reach_of(from, lin->K), &inverse);
    }
    for (int64_t k = 0; k < lin->K; ++k) {
      to[k] = lin->precision == TFM_BFLOAT16 ? as_bfloat16(from[k])
              : lin->precision == TFM_INT8   ? (float)as_int8(from[k], inverse)
                                             : from[k]; /* split where it is multiplied */
    }
  }
}

/* ---- products ---- */

static float float32_product(const float *x, const float *w, int64_t k)
{
  float sum = 0.0f;
  for (int64_t i = 0; i < k; ++i) {
    sum = fmaf(x[i], w[i], sum);
  }
  return sum;
}

static float without_denormals(float x)
{
  return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

static float bfloat16_product(const float *x, const float *w, int64_t k)
{
  float sum = 0.0f;
  for (int64_t i = 0; i < k; i += 2) {
    if (i + 1 < k) {
      sum = without_denormals(fmaf(as_bfloat16(x[i + 1]), w[i + 1], sum));
    } else {
      sum = without_denormals(sum + 0.0f); /* the pair's other half is zeros */
    }
    sum = without_denormals(fmaf(as_bfloat16(x[i]), w[i], sum));
  }
  return sum;
}

/* x as pieces, each the bfloat16 next to what the ones before left. */
static void split(float x, int pieces, float *piece)
{
  for (int p = 0; p < pieces; ++p) {
    piece[p] = as_bfloat16(x);
    x -= piece[p];
  }
}

enum { STEP = 2 * TFM__AMX_STEP }; /* values of K of a product of tiles */

typedef float pieces_of[TFM__AMX_PIECES];

/* One product of tiles: pieces p of x and q of w, the even numbers and the odd ones. */
static float step_product(pieces_of *x, pieces_of *w, int p, int q)
{
  float sum[2] = {0.0f, 0.0f};
  for (int i = 0; i < STEP; ++i) {
    sum[i % 2] = without_denormals(fmaf(x[i][p], w[i][q], sum[i % 2]));
  }
  return without_denormals(sum[0] + sum[1]);
}

static float split_product(const tfm_linear *lin, const float *x, const float *w)
{
  const int pieces = tfm_precision_pieces(lin->precision);
  float sum = 0.0f;
  for (int64_t first = 0; first < lin->K; first += STEP) {
    pieces_of a[STEP] = {{0}};
    pieces_of b[STEP] = {{0}};
    for (int64_t i = 0; i < STEP && first + i < lin->K; ++i) {
      split(x[first + i], pieces, a[i]);
      split(w[first + i], pieces, b[i]);
    }
    for (int q = pieces - 1; q >= 0; --q) {
      for (int p = pieces - 1 - q; p >= 0; --p) {
        sum = without_denormals(sum + step_product(a, b, p, q));
      }
    }
  }
  return sum;
}

static float row_product(const tfm_linear *lin, const float *x, const float *w)
{
  const int64_t block = TFM_LINEAR_K_BLOCK * tfm_precision_per_word(lin->precision);
  if (tfm_precision_pieces(lin->precision)) {
    return split_product(lin, x, w);
  }
  float total = 0.0f;
  for (int64_t first = 0; first < lin->K; first += block) {
    const int64_t k = first + block < lin->K ? block : lin->K - first;
    const float sum = tfm_precision_narrow(lin->precision)
                          ? bfloat16_product(x + first, w + first, k)
                          : float32_product(x + first, w + first, k);
    total = first == 0 ? sum : total + sum;
  }
  return total;
}

/* x[k] as an int8 layer sees it. */
static float input_of(const tfm_linear *lin, const float *x, int64_t k)
{
  return lin->factor ? x[k] * lin->factor[k] : x[k];
}

static float reach_of_inputs(const tfm_linear *lin, const float *x)
{
  float top = 0.0f;
  for (int64_t k = 0; k < lin->K; ++k) {
    const float v = input_of(lin, x, k);
    top = fabsf(v) > top ? fabsf(v) : top;
    if (!isfinite(v)) {
      return NAN;
    }
  }
  return top;
}

static float int8_product(const tfm_linear *lin, const float *x, int64_t n)
{
  float inverse = 0.0f;
  const float step = tfm__int8_step(reach_of_inputs(lin, x), &inverse);
  int32_t sum = 0;
  for (int64_t k = 0; k < lin->K && isfinite(step); ++k) {
    sum += as_int8(input_of(lin, x, k), inverse) * (int)lin->weight[n * lin->K + k];
  }
  return (float)sum * step * lin->scale[n];
}

static void ref_task(void *arg, int task, int thread)
{
  (void)thread;
  const tfm__linear_job *job = arg;
  const tfm_linear *lin = job->lin;
  const float *x = job->x + (int64_t)task * job->ldx;
  const float *residual = job->epilogue.residual;
  float *y = job->y + (int64_t)task * job->ldy;
  for (int64_t n = 0; n < lin->N; ++n) {
    float v = lin->precision == TFM_INT8 ? int8_product(lin, x, n)
                                         : row_product(lin, x, lin->weight + n * lin->K);
    v += lin->bias[n];
    tfm_activate_after(lin->precision, job->epilogue.act, &v, 1, &v);
    y[n] = residual ? residual[(int64_t)task * job->epilogue.ldr + n] + v : v;
  }
}

void tfm__linear_run_ref(const tfm__linear_job *job, tfm_par *par)
{
  tfm__linear_job copy = *job;
  tfm_par_for(par, (int)job->M, ref_task, &copy);
}
