/* The products of a model's layers by themselves, at its shapes, on numbers made up. */
#include "coordinator/bench/bench.h"
#include "coordinator/engine.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/attention.h"
#include "core/kernels/isa.h"
#include "core/kernels/linear.h"
#include "core/kernels/peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  LENGTHS_MOST = 16,
  COPIES_MOST = 16,
  RING_BYTES = 12 << 20, /* of copies of a layer: larger than L2, as a model is */
  RUN_TOKENS = 384       /* of one call of attention, or one sequence */
};

static const double sample_s = 0.02; /* of processor time, at least */

typedef struct {
  const tfm_options *options;
  tfm_job job;
  int64_t length[LENGTHS_MOST];
  int nlength;
  double *sample; /* [repetitions] seconds of a call */
  tfm_precision precision;
  double peak;
  tfm_bench_table *table;
} bench;

typedef void (*call_fn)(void *arg);

/* ---- measuring ---- */

static double seconds_of(call_fn call, void *arg)
{
  int64_t calls = 0;
  const double begin = tfm_cpu_s();
  double took = 0;
  while (took < sample_s) {
    call(arg);
    calls += 1;
    took = tfm_cpu_s() - begin;
  }
  return took / (double)calls;
}

/* The last cells of a row: what a call of so many flops takes, and what share of the peak that is.
 */
static tfm_status put_speed(const bench *b, call_fn call, void *arg, double flops)
{
  tfm_status st = TFM_OK;
  const size_t n = (size_t)b->options->repetitions;
  (void)seconds_of(call, arg); /* warms up */
  for (size_t i = 0; i < n; ++i) {
    b->sample[i] = seconds_of(call, arg);
  }
  const double took = tfm_bench_median(b->sample, n);
  const double cells[] = {took * 1e6, flops / took * 1e-9, b->peak * 1e-9,
                          100 * flops / took / b->peak};
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; ++i) {
    TFM_TRY(tfm_bench_table_number(b->table, cells[i]));
  }

fail:
  return st;
}

/* n numbers within -1 and 1; NULL when memory is out. */
static float *made_up(int64_t n)
{
  uint32_t seed = 1;
  float *x = tfm_alloc_aligned((size_t)n, sizeof *x);
  for (int64_t i = 0; x && i < n; ++i) {
    seed = seed * 1664525U + 1013904223U;
    x[i] = (float)(int32_t)seed * 0x1p-31f;
  }
  return x;
}

static tfm_status out_of_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "a measurement");
}

/* ---- linear ---- */

static const tfm_bench_column linear_columns[] = {
    {"layer", "layer", -1},   {"dtype", "dtype", -1},     {"in", "in", 0},
    {"out", "out", 0},        {"rows", "rows", 0},        {"us", "us", 1},
    {"gflops", "GFLOP/s", 1}, {"peak_gflops", "peak", 1}, {"share_of_peak", "share %", 1},
};

typedef struct {
  tfm_linear *copy[COPIES_MOST];
  int count, turn;
  int64_t K, N, M;
  const float *x;
  float *y;
} layer;

static void run_layer(void *arg)
{
  layer *l = arg;
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  tfm_linear_run(l->copy[l->turn], l->x, l->K, l->M, l->y, l->N, &plain, NULL);
  l->turn = (l->turn + 1) % l->count;
}

static tfm_status open_copies(const bench *b, layer *l, const float *weight, tfm_err *err)
{
  tfm_status st = TFM_OK;
  do {
    TFM_TRY(tfm_linear_open(&l->copy[l->count], b->job.engine.backend, b->precision, weight,
                            NULL, l->N, l->K, err));
    l->count += 1;
  } while (l->count < COPIES_MOST &&
           tfm_linear_bytes(l->copy[0]) * (size_t)l->count < RING_BYTES);

fail:
  return st;
}

static tfm_status measure_layer(const bench *b, const char *name, int64_t K, int64_t N,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t most = b->length[b->nlength - 1];
  layer l = {.K = K, .N = N};
  float *weight = made_up(K * N);
  float *x = made_up(most * K);
  l.x = x;
  l.y = made_up(most * N);
  if (!weight || !x || !l.y) {
    TFM_TRY(out_of_memory(err));
  }
  TFM_TRY(open_copies(b, &l, weight, err));
  for (int i = 0; i < b->nlength; ++i) {
    l.M = b->length[i];
    TFM_TRY(tfm_bench_table_text(b->table, name));
    TFM_TRY(tfm_bench_table_text(b->table, tfm_precision_name(b->precision)));
    TFM_TRY(tfm_bench_table_number(b->table, (double)K));
    TFM_TRY(tfm_bench_table_number(b->table, (double)N));
    TFM_TRY(tfm_bench_table_number(b->table, (double)l.M));
    TFM_TRY(put_speed(b, run_layer, &l, 2.0 * (double)(K * N) * (double)l.M));
  }

fail:
  for (int i = 0; i < l.count; ++i) {
    tfm_linear_close(l.copy[i]);
  }
  tfm_free(weight);
  tfm_free(x);
  tfm_free(l.y);
  return st;
}

static tfm_status measure_layers(const bench *b, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *c = &b->job.model.config;
  const int64_t context = c->N * c->D;
  TFM_TRY(measure_layer(b, "query, key, value", c->H, context + 2 * c->G * c->D, err));
  TFM_TRY(measure_layer(b, "context", context, c->H, err));
  TFM_TRY(measure_layer(b, "up", c->H, c->F, err));
  TFM_TRY(measure_layer(b, "down", c->F, c->H, err));

fail:
  return st;
}

/* ---- attention ---- */

static const tfm_bench_column attention_columns[] = {
    {"heads", "heads", 0},
    {"head_width", "head width", 0},
    {"dtype", "dtype", -1},
    {"length", "length", 0},
    {"rows", "rows", 0},
    {"us", "us", 1},
    {"gflops", "GFLOP/s", 1},
    {"peak_gflops", "peak", 1},
    {"share_of_peak", "share %", 1},
};

typedef struct {
  tfm_heads heads;
  tfm_sequences seqs;
  int32_t cu_len[RUN_TOKENS + 1];
  const float *qkv;
  float *out;
  void *scratch;
} attention;

static void run_attention(void *arg)
{
  attention *a = arg;
  const int64_t context = a->heads.N * a->heads.D;
  const int64_t wide = context + 2 * a->heads.G * a->heads.D;
  tfm_attention(&a->heads, a->qkv, wide, &a->seqs, a->out, context, a->scratch, NULL);
}

/* As many sequences of n tokens as make a run. */
static tfm_status measure_length(const bench *b, attention *a, int64_t n)
{
  tfm_status st = TFM_OK;
  const int64_t context = a->heads.N * a->heads.D;
  const bool narrow = tfm_precision_narrow(b->precision);
  a->seqs.B = n < RUN_TOKENS ? RUN_TOKENS / n : 1;
  for (int64_t i = 0; i <= a->seqs.B; ++i) {
    a->cu_len[i] = (int32_t)(i * n);
  }
  TFM_TRY(tfm_bench_table_number(b->table, (double)a->heads.N));
  TFM_TRY(tfm_bench_table_number(b->table, (double)a->heads.D));
  TFM_TRY(tfm_bench_table_text(b->table, narrow ? "bfloat16" : "float32"));
  TFM_TRY(tfm_bench_table_number(b->table, (double)n));
  TFM_TRY(tfm_bench_table_number(b->table, (double)a->seqs.B));
  TFM_TRY(put_speed(b, run_attention, a,
                    4.0 * (double)(n * n) * (double)context * (double)a->seqs.B));

fail:
  return st;
}

static tfm_status measure_attention(const bench *b, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *c = &b->job.model.config;
  const int64_t longest = b->length[b->nlength - 1];
  const int64_t most = longest < RUN_TOKENS ? RUN_TOKENS : longest;
  attention a = {.heads = {.N = c->N,
                           .G = c->G,
                           .D = c->D,
                           .scale = (float)(1.0 / sqrt((double)c->D)),
                           .bfloat16 = tfm_precision_narrow(b->precision)}};
  float *qkv = made_up(most * (c->N + 2 * c->G) * c->D);
  a.qkv = qkv;
  a.out = made_up(most * c->N * c->D);
  a.scratch = tfm_alloc_aligned(1, tfm_attention_scratch_bytes(&a.heads, longest));
  a.seqs.cu_len = a.cu_len;
  if (!qkv || !a.out || !a.scratch) {
    TFM_TRY(out_of_memory(err));
  }
  for (int i = 0; i < b->nlength; ++i) {
    TFM_TRY(measure_length(b, &a, b->length[i]));
  }

fail:
  tfm_free(qkv);
  tfm_free(a.out);
  tfm_free(a.scratch);
  return st;
}

/* ---- the whole ---- */

static int by_size(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* --lengths, ascending; three of our own without. */
static tfm_status read_lengths(bench *b, tfm_err *err)
{
  static const int64_t usual[] = {16, 128, 384};
  const tfm_options *o = b->options;
  for (size_t i = 0; o->nlength == 0 && i < sizeof usual / sizeof usual[0]; ++i) {
    if (usual[i] <= b->job.max_length || i == 0) {
      b->length[b->nlength++] = usual[i];
    }
  }
  for (int i = 0; i < o->nlength; ++i) {
    char *end = NULL;
    const long n = strtol(o->lengths[i], &end, 10);
    if (i == LENGTHS_MOST || n < 1 || n > b->job.max_length || *end) {
      return tfm_fail(err, TFM_E_USAGE,
                      "--lengths: want at most %d numbers from 1 to %lld, got %.32s",
                      LENGTHS_MOST, (long long)b->job.max_length, o->lengths[i]);
    }
    b->length[b->nlength++] = n;
  }
  qsort(b->length, (size_t)b->nlength, sizeof b->length[0], by_size);
  return TFM_OK;
}

static tfm_status measure_dtypes(bench *b, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool attention_only = b->options->subject == TFM_BENCH_ATTENTION;
  const bool all = strcmp(b->options->dtype, "auto") == 0;
  const tfm_precision asked = tfm_precision_dtype(b->job.engine.precision);
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    if (all ? attention_only && p == TFM_INT8 : p != (int)asked) {
      continue; /* attention has two dtypes: int8's is bfloat16 */
    }
    b->precision = tfm_engine_precision(&b->job, (tfm_precision)p);
    const bool narrow = tfm_precision_narrow(b->precision);
    b->peak = tfm_linear_peak(!attention_only ? b->precision
                              : narrow        ? TFM_BFLOAT16
                                              : TFM_FLOAT32);
    TFM_TRY(attention_only ? measure_attention(b, err) : measure_layers(b, err));
  }

fail:
  return st;
}

tfm_status tfm_bench_kernels(const tfm_options *options, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bench *b = tfm_calloc(1, sizeof *b);
  if (options->subject == TFM_BENCH_LINEAR) {
    *table = (tfm_bench_table){.column = linear_columns,
                               .ncolumn = sizeof linear_columns / sizeof linear_columns[0]};
  } else {
    *table =
        (tfm_bench_table){.column = attention_columns,
                          .ncolumn = sizeof attention_columns / sizeof attention_columns[0]};
  }
  if (!b) {
    return out_of_memory(err);
  }
  b->options = options;
  b->table = table;
  TFM_TRY(tfm_job_open(&b->job, NULL, options, false, err));
  TFM_TRY(tfm_isa_use(tfm_engine_isa(&b->job), err));
  TFM_TRY(tfm_engine_choose(&b->job, tfm_isa_used(), err));
  TFM_TRY(read_lengths(b, err));
  b->sample = tfm_calloc((size_t)options->repetitions, sizeof *b->sample);
  if (!b->sample) {
    TFM_TRY(out_of_memory(err));
  }
  tfm_fp_default();
  TFM_TRY(measure_dtypes(b, err));

fail:
  tfm_free(b->sample);
  tfm_job_fini(&b->job);
  tfm_free(b);
  return st;
}
