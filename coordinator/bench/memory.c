/* Memory's bandwidth: as the threads of one process see it, or as each of several ranks does. */
#include "core/topo/memory.h"
#include "coordinator/bench/bench.h"
#include "coordinator/bench/ranks.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/kernels/stream.h"
#include "core/topo/machine.h"

#include <stdio.h>
#include <string.h>

enum { ARRAY_BYTES = 64 << 20 /* of a thread: more than the caches one core has to itself */ };

/* Three arrays a thread; a control group that they do not fit would kill the process. */
static tfm_status check_room(int threads, int beside, tfm_err *err)
{
  char what[80];
  char ranks[32] = "";
  if (beside > 1) {
    (void)snprintf(ranks, sizeof ranks, " of each of %d ranks", beside);
  }
  (void)snprintf(what, sizeof what, "bench memory: %d threads%s want", threads, ranks);
  tfm_status st = tfm_memory_want(3 * (int64_t)ARRAY_BYTES * threads * beside, what, err);
  if (st != TFM_OK) {
    tfm_err why = *err;
    st = tfm_fail(err, st, "%.600s; pass fewer (--threads)", why.text);
  }
  return st;
}

static tfm_status measure(int threads, int beside, int64_t passes, tfm_stream *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_room(threads, beside, err));
  TFM_TRY(tfm_stream_measure(s, threads, ARRAY_BYTES, (int)passes, err));

fail:
  return st;
}

static tfm_status put_figures(int threads, const tfm_stream *s, tfm_bench_table *table,
                              tfm_err *err)
{
  const double cells[] = {
      threads,       ARRAY_BYTES >> 20, s->copy * 1e-6,           s->scale * 1e-6,
      s->add * 1e-6, s->triad * 1e-6,   s->triad * 1e-6 / threads};
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < sizeof cells / sizeof cells[0] && st == TFM_OK; ++i) {
    st = tfm_bench_table_number(table, cells[i]);
  }
  return st == TFM_OK ? st : tfm_fail(err, TFM_E_NOMEM, "the table");
}

/* ---- one process ---- */

/* Without the columns that tell ranks apart. */
enum { RANK_COLUMNS = 3 };

static const tfm_bench_column columns[] = {
    {"rank", "rank", -1},
    {"host", "host", -1},
    {"cores", "cores", -1},
    {"threads", "threads", 0},
    {"array_mib", "array MiB", 0},
    {"copy_mb_per_s", "copy MB/s", 0},
    {"scale_mb_per_s", "scale MB/s", 0},
    {"add_mb_per_s", "add MB/s", 0},
    {"triad_mb_per_s", "triad MB/s", 0},
    {"triad_a_thread", "triad a thread", 0},
};
enum { NCOLUMN = sizeof columns / sizeof columns[0] };

static tfm_status measure_threads(int threads, int64_t passes, tfm_bench_table *table,
                                  tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_stream s = {0};
  TFM_TRY(measure(threads, 1, passes, &s, err));
  TFM_TRY(put_figures(threads, &s, table, err));

fail:
  return st;
}

static tfm_status measure_process(const tfm_options *options, tfm_bench_table *table,
                                  tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  if (options->threads > 0) {
    return measure_threads((int)options->threads, options->repetitions, table, err);
  }
  TFM_TRY(tfm_machine_open(&machine, err));
  for (int threads = 1;; threads = 2 * threads < machine.ncore ? 2 * threads : machine.ncore) {
    tfm_err why = {0};
    if (threads > 1 && check_room(threads, 1, &why) != TFM_OK) {
      tfm_log(TFM_LOG_WARN, "%s", why.text); /* what fits is worth a table */
      break;
    }
    TFM_TRY(measure_threads(threads, options->repetitions, table, err));
    if (threads >= machine.ncore) {
      break;
    }
  }

fail:
  tfm_machine_fini(&machine);
  return st;
}

/* ---- ranks ---- */

typedef struct {
  tfm_world *world;
  const tfm_options *options;
  int nrank;
  tfm_msg_bandwidth *ranks; /* [nrank] of each alone; sums are of what they say together */
} study;

/* Rank 0 itself, as worker/memory.c does it for the others. */
static tfm_status measure_own(const study *s, const tfm_msg_memory *m, tfm_msg_bandwidth *out,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  tfm_buf set = {0};
  tfm_stream got = {0};
  TFM_TRY(tfm_machine_open(&machine, err));
  if (tfm_cpuset_print(&machine.allowed, &set) != TFM_OK) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the cores of rank 0"));
  }
  *out = (tfm_msg_bandwidth){.ncore = machine.ncore,
                             .threads = m->threads > 0 ? m->threads : machine.ncore};
  (void)snprintf(out->host, sizeof out->host, "%s", machine.host);
  (void)snprintf(out->cpuset, sizeof out->cpuset, "%s", tfm_buf_cstr(&set));
  TFM_TRY(measure(out->threads, m->beside, s->options->repetitions, &got, err));
  out->copy = got.copy;
  out->scale = got.scale;
  out->add = got.add;
  out->triad = got.triad;

fail:
  tfm_buf_fini(&set);
  tfm_machine_fini(&machine);
  return st;
}

static tfm_status tell(const study *s, int rank, const tfm_msg_memory *m, tfm_err *err)
{
  tfm_buf payload = {0};
  (void)tfm_msg_memory_encode(m, &payload);
  return tfm__bench_tell(s->world, rank, TFM_FRAME_MEMORY, &payload, err);
}

static tfm_status hear(const study *s, int rank, tfm_msg_bandwidth *out, tfm_err *err)
{
  tfm_frame *frame = NULL;
  tfm_status st = tfm__bench_hear(s->world, rank, rank, TFM_FRAME_BANDWIDTH, &frame, err);
  if (st == TFM_OK) {
    st = tfm_msg_bandwidth_decode(out, frame->bytes + TFM_FRAME_HEADER,
                                  (size_t)frame->head.payload_bytes, err);
    tfm_link_release(frame);
  }
  return st;
}

static tfm_msg_memory order_of(const study *s, int threads, int beside)
{
  return (tfm_msg_memory){.threads = threads,
                          .beside = beside,
                          .bytes = ARRAY_BYTES,
                          .passes = s->options->repetitions};
}

static tfm_status put_row(const char *name, const tfm_msg_bandwidth *b, tfm_bench_table *table,
                          tfm_err *err)
{
  const tfm_stream s = {.copy = b->copy, .scale = b->scale, .add = b->add, .triad = b->triad};
  (void)!tfm_bench_table_text(table, name);
  (void)!tfm_bench_table_text(table, b->host);
  (void)!tfm_bench_table_text(table, b->cpuset);
  return put_figures(b->threads, &s, table, err);
}

static tfm_status measure_alone(const study *s, int rank, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char name[16];
  tfm_msg_bandwidth *b = &s->ranks[rank];
  const tfm_msg_memory order = order_of(s, (int)s->options->threads, 1);
  if (rank == 0) {
    TFM_TRY(measure_own(s, &order, b, err));
  } else {
    TFM_TRY(tell(s, rank, &order, err));
    TFM_TRY(hear(s, rank, b, err));
  }
  (void)snprintf(name, sizeof name, "%d", rank);
  TFM_TRY(put_row(name, b, table, err));

fail:
  return st;
}

/* Ranks of its host, and those of them with its cores. */
static int count_beside(const study *s, int rank, int *sharing)
{
  int beside = 0;
  *sharing = 0;
  for (int other = 0; other < s->nrank; ++other) {
    const bool near = strcmp(s->ranks[rank].host, s->ranks[other].host) == 0;
    beside += near;
    *sharing += near && strcmp(s->ranks[rank].cpuset, s->ranks[other].cpuset) == 0;
  }
  return beside;
}

static tfm_msg_memory order_together(const study *s, int rank)
{
  int sharing = 1;
  const int beside = count_beside(s, rank, &sharing);
  const int share = s->ranks[rank].ncore / sharing;
  const int threads = s->options->threads > 0 ? (int)s->options->threads
                      : share > 1             ? share
                                              : 1;
  return order_of(s, threads, beside);
}

static void add(tfm_msg_bandwidth *sum, const tfm_msg_bandwidth *b)
{
  sum->threads += b->threads;
  sum->copy += b->copy;
  sum->scale += b->scale;
  sum->add += b->add;
  sum->triad += b->triad;
}

static tfm_status measure_together(const study *s, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_msg_bandwidth sum = {.threads = 0};
  tfm_msg_bandwidth b;
  const tfm_msg_memory own = order_together(s, 0);
  for (int rank = 1; rank < s->nrank; ++rank) {
    const tfm_msg_memory order = order_together(s, rank);
    TFM_TRY(tell(s, rank, &order, err));
  }
  TFM_TRY(measure_own(s, &own, &b, err));
  add(&sum, &b);
  for (int rank = 1; rank < s->nrank; ++rank) {
    TFM_TRY(hear(s, rank, &b, err));
    add(&sum, &b);
  }
  TFM_TRY(put_row("all", &sum, table, err));

fail:
  return st;
}

static tfm_status measure_ranks(tfm_world *world, const tfm_options *options,
                                tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int nrank = tfm_world_size(world);
  const study s = {world, options, nrank, tfm_calloc((size_t)nrank, sizeof(tfm_msg_bandwidth))};
  if (!s.ranks) {
    return tfm_fail(err, TFM_E_NOMEM, "what %d ranks say", nrank);
  }
  for (int rank = 0; rank < nrank; ++rank) {
    TFM_TRY(measure_alone(&s, rank, table, err));
  }
  TFM_TRY(measure_together(&s, table, err));

fail:
  tfm_free(s.ranks);
  return st;
}

tfm_status tfm_bench_memory(tfm_world *world, const tfm_options *options,
                            tfm_bench_table *table, tfm_err *err)
{
  const bool ranks = tfm_world_is_mpi(world) && tfm_world_size(world) > 1;
  const int skipped = ranks ? 0 : RANK_COLUMNS;
  *table = (tfm_bench_table){.column = columns + skipped, .ncolumn = NCOLUMN - (size_t)skipped};
  return ranks ? measure_ranks(world, options, table, err)
               : measure_process(options, table, err);
}
