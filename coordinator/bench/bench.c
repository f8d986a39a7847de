#include "coordinator/bench/bench.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
  const double *x = a;
  const double *y = b;
  return (*x > *y) - (*x < *y);
}

double tfm_bench_median(double *samples, size_t n)
{
  qsort(samples, n, sizeof *samples, by_size);
  return n % 2 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

tfm_status tfm_bench_run(tfm_world *world, const tfm_options *options, tfm_buf *out,
                         tfm_err *err)
{
  tfm_bench_table table = {0};
  tfm_status st = TFM_OK;
  switch (options->subject) {
  case TFM_BENCH_TOKENIZE:
    st = tfm_bench_tokenize(options, &table, err);
    break;
  case TFM_BENCH_ENCODE:
    st = tfm_bench_encode(options, &table, err);
    break;
  case TFM_BENCH_LINEAR:
  case TFM_BENCH_ATTENTION:
    st = tfm_bench_kernels(options, &table, err);
    break;
  case TFM_BENCH_COMM:
    st = tfm_bench_comm(world, options, &table, err);
    break;
  case TFM_BENCH_MEMORY:
    st = tfm_bench_memory(world, options, &table, err);
    break;
  case TFM_BENCH_COUNT:
    st = tfm_fail(err, TFM_E_USAGE, "bench what? See tfm-cluster help bench");
    break;
  }
  if (st == TFM_OK && tfm_bench_table_print(&table, options->bench_format, out) != TFM_OK) {
    st = tfm_fail(err, TFM_E_NOMEM, "the table");
  }
  tfm_bench_table_fini(&table);
  return st;
}
