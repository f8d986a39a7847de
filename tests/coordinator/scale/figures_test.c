/* The numbers of the table, from times that are made by hand. */
#include "coordinator/scale/figures.h"
#include "tests/support/check.h"

#include <math.h>

/* One stage, 100 rows of 10 tokens, three runs of 10, 8 and 12.5 s: it computes for 9 of 10. */
static tfm_scale_runs one_stage(void)
{
  static double run_s[] = {10, 8, 12.5};
  static tfm_pop_stage stages[] = {{.busy_s = 0.9 * 30.5}};
  return (tfm_scale_runs){.layout = {1, 1},
                          .nrun = 3,
                          .rows = 100,
                          .tokens = 1000,
                          .run_s = run_s,
                          .total_s = 30.5,
                          .stages = stages,
                          .flops = 3,
                          .possible = 4};
}

/* Two lines of two stages, twice the rows of each worker's: 400 rows in 12, 14, 11 and 13 s. */
static tfm_scale_runs four_workers(void)
{
  static double run_s[] = {12, 14, 11, 13};
  static tfm_pop_stage stages[] = {
      {.busy_s = 45}, {.busy_s = 40, .send_s = 5}, {.busy_s = 30}, {.busy_s = 35}};
  return (tfm_scale_runs){.layout = {2, 2},
                          .nrun = 4,
                          .rows = 400,
                          .tokens = 4000,
                          .run_s = run_s,
                          .total_s = 50,
                          .stages = stages};
}

static void rates_have_mean_spread_and_median(void **state)
{
  (void)state;
  const tfm_scale_runs r = one_stage();
  const tfm_scale_figures f = tfm_scale_figures_of(&r, &r);
  const double mean = (10 + 12.5 + 8) / 3;
  const double square =
      (10 - mean) * (10 - mean) + (12.5 - mean) * (12.5 - mean) + (8 - mean) * (8 - mean);
  CHECK_NEAR(f.rows_per_s, mean);
  CHECK_NEAR(f.rows_sd, sqrt(square / 2));
  CHECK_NEAR(f.rows_median, 10);
  CHECK_NEAR(f.tokens_per_s, 10 * mean);
  CHECK_NEAR(f.peak_share, 0.75);
}

static void the_reference_is_one(void **state)
{
  (void)state;
  const tfm_scale_runs r = one_stage();
  const tfm_scale_figures f = tfm_scale_figures_of(&r, &r);
  CHECK_NEAR(f.speedup, 1);
  CHECK_NEAR(f.efficiency, 1);
  CHECK_NEAR(f.computation, 1);
}

/* 400 rows in 12.5 s (the median of four runs) are 32 rows/s against 10: 3.2 times, of 4 workers.
 */
static void efficiency_is_by_workers(void **state)
{
  (void)state;
  const tfm_scale_runs one = one_stage();
  const tfm_scale_runs four = four_workers();
  const tfm_scale_figures f = tfm_scale_figures_of(&four, &one);
  CHECK_NEAR(f.rows_median, 32);
  CHECK_NEAR(f.speedup, 3.2);
  CHECK_NEAR(f.efficiency, 0.8);
  assert_true(isnan(f.peak_share));
}

/* The identity the legend tells, where all runs took the same: efficiency is what is lost to
 * waiting, balance and frames, times what computing itself lost. */
static void efficiency_is_the_product_of_its_parts(void **state)
{
  (void)state;
  double ten_s[] = {10};
  double four_s[] = {4};
  tfm_pop_stage busy[] = {{.busy_s = 9.5}};
  tfm_pop_stage lines[] = {{.busy_s = 3.5, .send_s = 0.2}, {.busy_s = 3}, {.busy_s = 2.5}};
  const tfm_scale_runs one = {.layout = {1, 1},
                              .nrun = 1,
                              .rows = 100,
                              .tokens = 1000,
                              .run_s = ten_s,
                              .total_s = 10,
                              .stages = busy};
  const tfm_scale_runs three = {.layout = {3, 1},
                                .nrun = 1,
                                .rows = 100,
                                .tokens = 1000,
                                .run_s = four_s,
                                .total_s = 4,
                                .stages = lines};
  const tfm_scale_figures a = tfm_scale_figures_of(&one, &one);
  const tfm_scale_figures b = tfm_scale_figures_of(&three, &one);
  CHECK_NEAR(b.efficiency, 10.0 / 4 / 3);
  CHECK_NEAR(b.computation, 9.5 / 9);
  CHECK_NEAR(b.efficiency, b.computation * b.pop.parallel / a.pop.parallel);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(rates_have_mean_spread_and_median),
                                     cmocka_unit_test(the_reference_is_one),
                                     cmocka_unit_test(efficiency_is_by_workers),
                                     cmocka_unit_test(efficiency_is_the_product_of_its_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
