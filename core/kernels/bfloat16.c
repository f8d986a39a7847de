#include "core/kernels/bfloat16.h"

#include "core/kernels/table.h"

enum {
  RUN = 1 << 15
}; /* values of a task: some microseconds, worth handing to another thread */

typedef struct {
  float *x;
  uint16_t *y;
  const float *wide;
  const uint16_t *narrow;
  int64_t n;
} bfloat16_job;

static int64_t run_of(const bfloat16_job *job, int task, int64_t *first)
{
  *first = (int64_t)task * RUN;
  return job->n - *first < RUN ? job->n - *first : RUN;
}

static void narrow_run(void *arg, int task, int thread)
{
  (void)thread;
  const bfloat16_job *job = arg;
  int64_t first = 0;
  const int64_t n = run_of(job, task, &first);
  tfm__kernels_used()->narrow(job->wide + first, n, job->y + first);
}

static void widen_run(void *arg, int task, int thread)
{
  (void)thread;
  const bfloat16_job *job = arg;
  int64_t first = 0;
  const int64_t n = run_of(job, task, &first);
  tfm__kernels_used()->widen(job->narrow + first, n, job->x + first);
}

static void round_run(void *arg, int task, int thread)
{
  (void)thread;
  const bfloat16_job *job = arg;
  int64_t first = 0;
  const int64_t n = run_of(job, task, &first);
  tfm__kernels_used()->round_narrow(job->x + first, n);
}

static int tasks_of(int64_t n)
{
  return (int)((n + RUN - 1) / RUN);
}

void tfm_bfloat16_narrow(const float *x, int64_t n, uint16_t *y, tfm_par *par)
{
  bfloat16_job job = {.wide = x, .y = y, .n = n};
  tfm_par_for(par, tasks_of(n), narrow_run, &job);
}

void tfm_bfloat16_widen(const uint16_t *x, int64_t n, float *y, tfm_par *par)
{
  bfloat16_job job = {.narrow = x, .x = y, .n = n};
  tfm_par_for(par, tasks_of(n), widen_run, &job);
}

void tfm_bfloat16_round(float *x, int64_t n, tfm_par *par)
{
  bfloat16_job job = {.x = x, .n = n};
  tfm_par_for(par, tasks_of(n), round_run, &job);
}
