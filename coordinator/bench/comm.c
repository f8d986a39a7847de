#include "proto/comm.h"
#include "coordinator/bench/bench.h"
#include "coordinator/bench/ranks.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const tfm_bench_column columns[] = {{"link", "link", -1},
                                           {"pair", "pair", -1},
                                           {"bytes", "bytes", 0},
                                           {"latency_us", "latency us", 2},
                                           {"waiting_us", "waiting us", 2},
                                           {"mb_per_s", "MB/s", 2}};

typedef struct {
  int a, b; /* a < b: a measures, b answers */
} pair;

/* ---- which pairs ---- */

/* Neighbours, as in a line of stages: 0-1, 1-2, ... */
static int make_neighbours(pair *pairs, int nrank)
{
  for (int i = 0; i + 1 < nrank; ++i) {
    pairs[i] = (pair){i, i + 1};
  }
  return nrank - 1;
}

/* "2-5"; a pair is measured one way, since both ends do the same. */
static tfm_status read_pair(const char *text, int nrank, pair *p, tfm_err *err)
{
  char *end = NULL;
  const long a = strtol(text, &end, 10);
  const bool dash = *end == '-' && end != text;
  const char *second = dash ? end + 1 : end;
  const long b = strtol(second, &end, 10);
  if (!dash || end == second || *end || a < 0 || b < 0 || a >= nrank || b >= nrank || a == b) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--pairs: want two different ranks of 0 to %d with '-' between, as in 0-1, "
                    "got %.32s",
                    nrank - 1, text);
  }
  *p = (pair){(int)(a < b ? a : b), (int)(a < b ? b : a)};
  return TFM_OK;
}

static tfm_status read_pairs(const tfm_options *o, pair *pairs, int nrank, int *n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *n = o->npair;
  if (o->npair == 0) {
    *n = make_neighbours(pairs, nrank);
  }
  for (int i = 0; i < o->npair; ++i) {
    TFM_TRY(read_pair(o->pairs[i], nrank, &pairs[i], err));
    for (int j = 0; j < i; ++j) {
      if (pairs[i].a == pairs[j].a && pairs[i].b == pairs[j].b) {
        TFM_TRY(tfm_fail(err, TFM_E_USAGE, "--pairs: %d-%d is there twice", pairs[i].a,
                         pairs[i].b));
      }
    }
  }

fail:
  return st;
}

/* ---- the ranks ---- */

static tfm_status say(tfm_world *world, int rank, const tfm_msg_comm *comm, tfm_err *err)
{
  tfm_buf payload = {0};
  (void)tfm_msg_comm_encode(comm, &payload);
  return tfm__bench_tell(world, rank, TFM_FRAME_COMM, &payload, err);
}

/* The next sample of a rank; what another says instead can only be that it failed. */
static tfm_status await_sample(tfm_world *world, pair p, tfm_comm_sample *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *frame = NULL;
  tfm_msg_sample sample = {0};
  TFM_TRY(tfm__bench_hear(world, p.a, p.b, TFM_FRAME_SAMPLE, &frame, err));
  st = tfm_msg_sample_decode(&sample, frame->bytes + TFM_FRAME_HEADER,
                             (size_t)frame->head.payload_bytes, err);
  tfm_link_release(frame);
  *s = (tfm_comm_sample){.bytes = sample.bytes,
                         .shared = sample.shared,
                         .latency_s = sample.latency_s,
                         .waiting_s = sample.waiting_s,
                         .bytes_per_s = sample.bytes_per_s};

fail:
  return st;
}

static tfm_status measure(tfm_world *world, pair p, int64_t passes, tfm_comm_sample *samples,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_msg_comm answers = {.peer = p.a, .passes = passes};
  const tfm_msg_comm measures = {.peer = p.b, .measures = true, .passes = passes};
  TFM_TRY(say(world, p.b, &answers, err));
  if (p.a == 0) {
    return tfm_comm_measure(world, p.b, passes, samples, err);
  }
  TFM_TRY(say(world, p.a, &measures, err));
  for (int i = 0; i < TFM_COMM_SAMPLES; ++i) {
    TFM_TRY(await_sample(world, p, &samples[i], err));
  }

fail:
  return st;
}

static tfm_status put_samples(const tfm_world *world, pair p, const tfm_comm_sample *samples,
                              tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char name[32];
  (void)snprintf(name, sizeof name, "%d-%d", p.a, p.b);
  for (int i = 0; i < TFM_COMM_SAMPLES && st == TFM_OK; ++i) {
    const tfm_comm_sample *s = &samples[i];
    const char *far = tfm_world_is_mpi(world) ? "mpi" : "local";
    (void)!tfm_bench_table_text(table, s->shared ? "shm" : far);
    (void)!tfm_bench_table_text(table, name);
    (void)!tfm_bench_table_number(table, (double)s->bytes);
    (void)!tfm_bench_table_number(table, s->latency_s * 1e6);
    (void)!tfm_bench_table_number(table, s->waiting_s * 1e6);
    st = tfm_bench_table_number(table, s->bytes_per_s * 1e-6);
  }
  return st == TFM_OK ? st : tfm_fail(err, st, "the table");
}

tfm_status tfm_bench_comm(tfm_world *world, const tfm_options *options, tfm_bench_table *table,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int nrank = tfm_world_size(world);
  int n = 0;
  tfm_comm_sample samples[TFM_COMM_SAMPLES];
  pair *pairs = tfm_calloc((size_t)(nrank + options->npair), sizeof *pairs);
  *table = (tfm_bench_table){.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  if (!pairs) {
    return tfm_fail(err, TFM_E_NOMEM, "pairs of %d ranks", nrank);
  }
  TFM_TRY(read_pairs(options, pairs, nrank, &n, err));
  for (int i = 0; i < n; ++i) {
    TFM_TRY(measure(world, pairs[i], options->repetitions, samples, err));
    TFM_TRY(put_samples(world, pairs[i], samples, table, err));
  }

fail:
  tfm_free(pairs);
  return st;
}
