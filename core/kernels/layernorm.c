#include "core/kernels/layernorm.h"

#include "core/kernels/table.h"

typedef struct {
  const float *x;
  int64_t ldx;
  int64_t R;
  int64_t H;
  const tfm_norm *norm;
  float *y;
  int64_t ldy;
  int64_t ntask;
} norm_job;

static void norm_task(void *arg, int task, int thread)
{
  (void)thread;
  const norm_job *job = arg;
  const tfm__kernels *kernels = tfm__kernels_used();
  const int64_t last = tfm__share(job->R, job->ntask, task + 1);
  for (int64_t r = tfm__share(job->R, job->ntask, task); r < last; ++r) {
    const tfm__norm_row row = {.x = job->x + r * job->ldx,
                               .gain = job->norm->gain,
                               .bias = job->norm->bias,
                               .eps = job->norm->eps,
                               .y = job->y + r * job->ldy};
    kernels->norm_row(&row, job->H);
  }
}

void tfm_layernorm(const float *x, int64_t ldx, int64_t R, int64_t H, const tfm_norm *norm,
                   float *y, int64_t ldy, tfm_par *par)
{
  /* About 16k elements a task: some microseconds, worth handing to another thread. */
  const int64_t rows = H >= 16384 ? 1 : 16384 / H;
  const int64_t ntask = (R + rows - 1) / rows;
  norm_job job = {x, ldx, R, H, norm, y, ldy, ntask};
  tfm_par_for(par, (int)ntask, norm_task, &job);
}
