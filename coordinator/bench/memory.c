/* Memory's bandwidth, as the threads of rank 0's process see it. */
#include "core/topo/memory.h"
#include "coordinator/bench/bench.h"
#include "core/base/log.h"
#include "core/kernels/stream.h"
#include "core/topo/machine.h"

enum { ARRAY_BYTES = 64 << 20 /* of a thread: more than the caches one core has to itself */ };

static const tfm_bench_column columns[] = {
    {"threads", "threads", 0},
    {"array_mib", "array MiB", 0},
    {"copy_mb_per_s", "copy MB/s", 0},
    {"scale_mb_per_s", "scale MB/s", 0},
    {"add_mb_per_s", "add MB/s", 0},
    {"triad_mb_per_s", "triad MB/s", 0},
    {"triad_a_thread", "triad a thread", 0},
};

/* Three arrays a thread; a control group that they do not fit would kill the process. */
static tfm_status check_room(int threads, tfm_err *err)
{
  const int64_t wanted = 3 * (int64_t)ARRAY_BYTES * threads;
  const int64_t left = tfm_memory_available("");
  return left < 0 || wanted <= left
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM,
                        "bench memory: %d threads want %lld MB, here are %lld MB; pass fewer "
                        "(--threads)",
                        threads, (long long)(wanted / 1000000), (long long)(left / 1000000));
}

static tfm_status measure(int threads, int64_t passes, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_stream s = {0};
  TFM_TRY(check_room(threads, err));
  TFM_TRY(tfm_stream_measure(&s, threads, ARRAY_BYTES, (int)passes, err));
  const double cells[] = {
      threads,      ARRAY_BYTES >> 20, s.copy * 1e-6,           s.scale * 1e-6,
      s.add * 1e-6, s.triad * 1e-6,    s.triad * 1e-6 / threads};
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; ++i) {
    if (tfm_bench_table_number(table, cells[i]) != TFM_OK) {
      TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the table"));
    }
  }

fail:
  return st;
}

tfm_status tfm_bench_memory(const tfm_options *options, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  *table = (tfm_bench_table){.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  if (options->threads > 0) {
    return measure((int)options->threads, options->repetitions, table, err);
  }
  TFM_TRY(tfm_machine_open(&machine, err));
  for (int threads = 1;; threads = 2 * threads < machine.ncore ? 2 * threads : machine.ncore) {
    tfm_err why = {0};
    if (threads > 1 && check_room(threads, &why) != TFM_OK) {
      tfm_log(TFM_LOG_WARN, "%s", why.text); /* what fits is worth a table */
      break;
    }
    TFM_TRY(measure(threads, options->repetitions, table, err));
    if (threads >= machine.ncore) {
      break;
    }
  }

fail:
  tfm_machine_fini(&machine);
  return st;
}
