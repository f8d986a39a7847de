/* The definition of float32 linear layers, in the order linear.h states. */
#include "core/kernels/linear_private.h"

#include <math.h>

static float row_product(const float *x, const float *w, int64_t K)
{
  float total = 0.0f;
  for (int64_t first = 0; first < K; first += TFM_LINEAR_K_BLOCK) {
    const int64_t last = first + TFM_LINEAR_K_BLOCK < K ? first + TFM_LINEAR_K_BLOCK : K;
    float sum = 0.0f;
    for (int64_t k = first; k < last; ++k) {
      sum = fmaf(x[k], w[k], sum);
    }
    total = first == 0 ? sum : total + sum;
  }
  return total;
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
    float v = row_product(x, lin->weight + n * lin->K, lin->K) + lin->bias[n];
    tfm_activate(job->epilogue.act, &v, 1, &v);
    y[n] = residual ? residual[(int64_t)task * job->epilogue.ldr + n] + v : v;
  }
}

void tfm__linear_run_ref(const tfm__linear_job *job, tfm_par *par)
{
  tfm__linear_job copy = *job;
  tfm_par_for(par, (int)job->M, ref_task, &copy);
}
