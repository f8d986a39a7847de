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
  void (*rows)(const tfm__norm_rows *norm);
} norm_job;

static void norm_task(void *arg, int task, int thread)
{
  (void)thread;
  const norm_job *job = arg;
  const int64_t first = tfm__share(job->R, job->ntask, task);
  const tfm__norm_rows norm = {.x = job->x + first * job->ldx,
                               .ldx = job->ldx,
                               .rows = tfm__share(job->R, job->ntask, task + 1) - first,
                               .H = job->H,
                               .gain = job->norm->gain,
                               .bias = job->norm->bias,
                               .eps = job->norm->eps,
                               .y = job->y + first * job->ldy,
                               .ldy = job->ldy};
  job->rows(&norm);
}

static void norm_rows(norm_job *job, tfm_par *par)
{
  /* About 16k elements a task: some microseconds, worth handing to another thread. */
  const int64_t rows = job->H >= 16384 ? 1 : 16384 / job->H;
  job->ntask = (job->R + rows - 1) / rows;
  tfm_par_for(par, (int)job->ntask, norm_task, job);
}

void tfm_layernorm(const float *x, int64_t ldx, int64_t R, int64_t H, const tfm_norm *norm,
                   float *y, int64_t ldy, tfm_par *par)
{
  norm_job job = {x, ldx, R, H, norm, y, ldy, 0, tfm__kernels_used()->norm_rows};
  norm_rows(&job, par);
}

void tfm_rmsnorm(const float *x, int64_t ldx, int64_t R, int64_t H, const tfm_norm *norm,
                 float *y, int64_t ldy, tfm_par *par)
{
  norm_job job = {x, ldx, R, H, norm, y, ldy, 0, tfm__kernels_used()->rms_rows};
  norm_rows(&job, par);
}
