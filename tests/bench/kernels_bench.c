/* How fast the kernels are here: native against openblas on the shapes of common encoders, then
 * the functions around them. Not a test: run it by hand on a quiet, pinned core.
 *
 *   taskset -c 1 bench_kernels [--isa NAME] [--quick]
 *
 * Rates are medians of repeated runs; the backends take turns, so that a change of clock or a
 * noisy neighbour meets both. Weights are walked through a ring larger than L2, as a model's
 * layers are.
 */
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/attention.h"
#include "core/kernels/isa.h"
#include "core/kernels/layernorm.h"
#include "core/kernels/linear.h"
#include "tests/support/ref/noise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 15, RING_BYTES = 12 << 20, RING = 16 };

static double run_seconds = 0.02; /* of one measurement */

static float *floats(int64_t count, float scale)
{
  static noise n = {1};
  float *p = tfm_alloc_aligned((size_t)count, sizeof *p);
  if (!p) {
    (void)fprintf(stderr, "out of memory\n");
    exit(1);
  }
  noise_fill(&n, scale, p, count);
  return p;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, by_value);
  return x[n / 2];
}

typedef void (*work_fn)(void *arg);

/* Seconds of one call: as many calls as fill a measurement. */
static double seconds_of(work_fn fn, void *arg)
{
  int64_t calls = 0;
  const double begin = tfm_now_s();
  double end = begin;
  while (end - begin < run_seconds) {
    fn(arg);
    ++calls;
    end = tfm_now_s();
  }
  return (end - begin) / (double)calls;
}

/* ---- linear layers ---- */

typedef struct {
  tfm_linear *ring[RING];
  int layers;
  int turn;
  const float *x;
  float *y;
  int64_t M;
  int64_t N;
  int64_t K;
  tfm_epilogue epilogue;
} linear_case;

static void linear_once(void *arg)
{
  linear_case *c = arg;
  tfm_linear_run(c->ring[c->turn], c->x, c->K, c->M, c->y, c->N, &c->epilogue, NULL);
  c->turn = (c->turn + 1) % c->layers;
}

static void linear_fill(linear_case *c, tfm_backend backend, tfm_precision precision,
                        const float *weight)
{
  tfm_err err = {0};
  const int64_t bytes = c->N * c->K * (int64_t)sizeof(float);
  c->layers = (int)(RING_BYTES / bytes);
  c->layers = c->layers < 1 ? 1 : c->layers > RING ? RING : c->layers;
  for (int i = 0; i < c->layers; ++i) {
    if (tfm_linear_open(&c->ring[i], backend, precision, weight, NULL, c->N, c->K, &err) !=
        TFM_OK) {
      (void)fprintf(stderr, "%s\n", err.text);
      exit(1);
    }
  }
}

static const struct {
  tfm_backend backend;
  tfm_precision precision;
} contestant[] = {{.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32},
                  {.backend = TFM_BACKEND_OPENBLAS, .precision = TFM_FLOAT32},
                  {.backend = TFM_BACKEND_NATIVE, .precision = TFM_BFLOAT16},
                  {.backend = TFM_BACKEND_NATIVE, .precision = TFM_INT8},
                  {.backend = TFM_BACKEND_NATIVE, .precision = TFM_INT8_GROUPS}};
enum { CONTESTANTS = sizeof contestant / sizeof contestant[0] };

/* One cell: GFLOP/s of each, in turns. */
static void linear_rates(linear_case c[CONTESTANTS], int64_t M)
{
  double seconds[CONTESTANTS][RUNS];
  for (int i = 0; i < RUNS; ++i) {
    for (int j = 0; j < CONTESTANTS; ++j) {
      c[j].M = M;
      seconds[j][i] = seconds_of(linear_once, &c[j]);
    }
  }
  const double gflop = 2e-9 * (double)M * (double)c->N * (double)c->K;
  printf(" |");
  for (int j = 0; j < CONTESTANTS; ++j) {
    printf(" %4.0f", gflop / median(seconds[j], RUNS));
  }
  (void)fflush(stdout);
}

static void linear_shape(int64_t K, int64_t N, tfm_activation act)
{
  static const int64_t rows[] = {16, 64, 128, 512};
  float *weight = floats(N * K, 0.05f);
  float *x = floats(512 * K, 1.0f);
  float *y = floats(512 * N, 1.0f);
  linear_case c[CONTESTANTS] = {0};
  printf("%5lld x %-5lld %-5s", (long long)K, (long long)N, tfm_activation_name(act));
  for (int j = 0; j < CONTESTANTS; ++j) {
    c[j] = (linear_case){.x = x, .y = y, .N = N, .K = K, .epilogue = {act, NULL, 0}};
    linear_fill(&c[j], contestant[j].backend, contestant[j].precision, weight);
  }
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; ++r) {
    linear_rates(c, rows[r]);
  }
  printf("\n");
  for (int j = 0; j < CONTESTANTS; ++j) {
    for (int i = 0; i < c[j].layers; ++i) {
      tfm_linear_close(c[j].ring[i]);
    }
  }
  tfm_free(weight);
  tfm_free(x);
  tfm_free(y);
}

/* ---- the rest ---- */

typedef struct {
  tfm_activation act;
  const float *x;
  float *y;
  int64_t rows;
  int64_t width;
} row_case;

static void activate_once(void *arg)
{
  const row_case *c = arg;
  tfm_activate(c->act, c->x, c->rows * c->width, c->y);
}

static void softmax_once(void *arg)
{
  const row_case *c = arg;
  for (int64_t r = 0; r < c->rows; ++r) {
    tfm_softmax(c->x + r * c->width, c->width, c->y + r * c->width);
  }
}

static void norm_once(void *arg)
{
  const row_case *c = arg;
  const tfm_norm norm = {c->x, c->x, 1e-12f};
  tfm_layernorm(c->x, c->width, c->rows, c->width, &norm, c->y, c->width, NULL);
}

static void row_rate(const char *name, work_fn fn, tfm_activation act, int64_t rows,
                     int64_t width)
{
  double s[RUNS];
  row_case c = {act, floats(rows * width, 4.0f), floats(rows * width, 1.0f), rows, width};
  for (int i = 0; i < RUNS; ++i) {
    s[i] = seconds_of(fn, &c);
  }
  printf("%-10s %4lld x %-5lld %6.3f ns per element\n", name, (long long)rows, (long long)width,
         1e9 * median(s, RUNS) / (double)(rows * width));
  tfm_free((float *)(uintptr_t)c.x);
  tfm_free(c.y);
}

typedef struct {
  tfm_heads heads;
  float *qkv;
  float *out;
  int32_t cu_len[65];
  int64_t B;
  void *scratch;
} attention_case;

static void attention_once(void *arg)
{
  const attention_case *c = arg;
  const int64_t H = c->heads.N * c->heads.D;
  const tfm_sequences seqs = {.cu_len = c->cu_len, .B = c->B};
  tfm_attention(&c->heads, c->qkv, 3 * H, &seqs, c->out, H, c->scratch, NULL);
}

static void attention_rate(int64_t N, int64_t D, int64_t len)
{
  double s[RUNS];
  attention_case c = {.heads = {.N = N, .D = D, .scale = 0.125f},
                      .B = 512 / len < 1 ? 1 : 512 / len};
  for (int64_t b = 0; b < c.B; ++b) {
    c.cu_len[b + 1] = c.cu_len[b] + (int32_t)len;
  }
  c.qkv = floats(c.B * len * 3 * N * D, 1.0f);
  c.out = floats(c.B * len * N * D, 1.0f);
  c.scratch =
      floats((int64_t)(tfm_attention_scratch_bytes(&c.heads, len) / sizeof(float)), 1.0f);
  for (int i = 0; i < RUNS; ++i) {
    s[i] = seconds_of(attention_once, &c);
  }
  const double flop = 4.0 * (double)(c.B * N) * (double)(len * len) * (double)D;
  printf("attention  %2lld heads of %-3lld len %-5lld %6.1f GFLOP/s\n", (long long)N,
         (long long)D, (long long)len, 1e-9 * flop / median(s, RUNS));
  tfm_free(c.qkv);
  tfm_free(c.out);
  tfm_free(c.scratch);
}

static void run_all(void)
{
  static const int64_t shape[][2] = {{256, 768},  {256, 256},  {256, 1024},
                                     {1024, 256}, {768, 2304}, {768, 768},
                                     {768, 3072}, {3072, 768}, {384, 1536}};
  printf("isa %s, openblas as %s; GFLOP/s: native, openblas, native bfloat16, native int8\n",
         tfm_isa_name(tfm_isa_used()), tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS));
  printf(
      "    K x N     act     M = 16              | M = 64              | M = 128             "
      "| M = 512\n");
  for (size_t i = 0; i < sizeof shape / sizeof shape[0]; ++i) {
    linear_shape(shape[i][0], shape[i][1], TFM_ACT_NONE);
  }
  linear_shape(768, 3072, TFM_ACT_GELU);
  row_rate("gelu", activate_once, TFM_ACT_GELU, 4, 1024);
  row_rate("gelu_new", activate_once, TFM_ACT_GELU_NEW, 4, 1024);
  row_rate("tanh", activate_once, TFM_ACT_TANH, 4, 1024);
  row_rate("silu", activate_once, TFM_ACT_SILU, 4, 1024);
  row_rate("softmax", softmax_once, TFM_ACT_NONE, 64, 128);
  row_rate("softmax", softmax_once, TFM_ACT_NONE, 16, 512);
  row_rate("layernorm", norm_once, TFM_ACT_NONE, 64, 768);
  attention_rate(12, 64, 16);
  attention_rate(12, 64, 40);
  attention_rate(12, 64, 128);
  attention_rate(12, 64, 512);
  attention_rate(12, 64, 2000);
  attention_rate(12, 32, 128);
  attention_rate(8, 32, 64);
}

int main(int argc, char **argv)
{
  tfm_err err = {0};
  for (int i = 1; i < argc; ++i) {
    tfm_isa isa = TFM_ISA_PORTABLE;
    if (strcmp(argv[i], "--quick") == 0) {
      run_seconds = 0.003;
    } else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc &&
               tfm_isa_parse(argv[i + 1], &isa)) {
      ++i;
      if (tfm_isa_use(isa, &err) != TFM_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
      }
    } else {
      (void)fprintf(stderr, "usage: bench_kernels [--isa portable|avx2|avx512] [--quick]\n");
      return 64;
    }
  }
  tfm_fp_default();
  run_all();
  return 0;
}
