#include "coordinator/scale/figures.h"

#include <math.h>

/* Run times are few: the k-th smallest by counting those before it. */
static double smallest(const double *x, int n, int k)
{
  for (int i = 0; i < n; ++i) {
    int before = 0;
    for (int j = 0; j < n; ++j) {
      before += x[j] < x[i] || (x[j] <= x[i] && j < i);
    }
    if (before == k) {
      return x[i];
    }
  }
  return (double)NAN; /* a time that is no number */
}

/* Seconds of the median run; of an even number the mean of both in the middle. */
static double median_s(const tfm_scale_runs *r)
{
  return (smallest(r->run_s, r->nrun, (r->nrun - 1) / 2) +
          smallest(r->run_s, r->nrun, r->nrun / 2)) /
         2;
}

/* Mean rate of so much a run, and how far rates are from it. */
static double mean_rate(const tfm_scale_runs *r, double amount, double *sd)
{
  double sum = 0;
  double square = 0;
  for (int i = 0; i < r->nrun; ++i) {
    sum += amount / r->run_s[i];
  }
  const double mean = sum / r->nrun;
  for (int i = 0; i < r->nrun; ++i) {
    const double off = amount / r->run_s[i] - mean;
    square += off * off;
  }
  *sd = r->nrun > 1 ? sqrt(square / (r->nrun - 1)) : 0;
  return mean;
}

static double busy_a_token(const tfm_scale_runs *r)
{
  double busy_s = 0;
  for (int i = 0; i < tfm_scale_layout_workers(&r->layout); ++i) {
    busy_s += r->stages[i].busy_s;
  }
  return busy_s / (r->tokens * r->nrun);
}

tfm_scale_figures tfm_scale_figures_of(const tfm_scale_runs *runs,
                                       const tfm_scale_runs *reference)
{
  double ignored = 0;
  const int workers = tfm_scale_layout_workers(&runs->layout);
  tfm_scale_figures f = {.pop = tfm_pop_of_stages(runs->stages, workers, runs->total_s)};
  f.rows_per_s = mean_rate(runs, runs->rows, &f.rows_sd);
  f.rows_median = runs->rows / median_s(runs);
  f.tokens_per_s = mean_rate(runs, runs->tokens, &ignored);
  f.speedup = f.rows_median / (reference->rows / median_s(reference));
  f.efficiency = f.speedup * tfm_scale_layout_workers(&reference->layout) / workers;
  f.computation = busy_a_token(reference) / busy_a_token(runs);
  f.peak_share = runs->possible > 0 ? runs->flops / runs->possible : (double)NAN;
  return f;
}
