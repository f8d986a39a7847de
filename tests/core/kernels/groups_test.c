/* Weights in groups of int8: bit for bit the float32 layer of the weights they stand for, made here
 * in plain C, whatever the shape, the rows, the threads and the instruction set. */
#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "tests/core/kernels/kernels_test.h"

#include <math.h>
#include <stdlib.h>

/* Under numeric contract v1. */
#define GROUPS_HASH 0x4a62863b131d65a3u

enum { MOST_M = 120, MOST_N = 200, MOST_K = 1601, GROUP = 64, K_BLOCK = 192 };

typedef struct {
  float weight[MOST_N * MOST_K];
  float plain[MOST_N * MOST_K]; /* what they stand for */
  float bias[MOST_N];
  float x[MOST_M * MOST_K];
  float residual[MOST_M * MOST_N];
  float want[MOST_M * MOST_N];
  float got[MOST_M * MOST_N];
} layer;

/* One group of an output, not by the library: the nearest step is lrintf's, ties to even. */
static void stand_for(const float *w, int64_t n, float *out)
{
  float top = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    top = fmaxf(top, fabsf(w[i]));
  }
  const float scale = top < 0x1p-100f ? 0.0f : top / 127.0f;
  const float inverse = top < 0x1p-100f ? 0.0f : 127.0f / top;
  for (int64_t i = 0; i < n; ++i) {
    out[i] = (float)lrintf(w[i] * inverse) * scale;
  }
}

static void make_plain(layer *l, int64_t N, int64_t K)
{
  for (int64_t o = 0; o < N; ++o) {
    for (int64_t k = 0; k < K; k += GROUP) {
      stand_for(l->weight + o * K + k, K - k < GROUP ? K - k : GROUP, l->plain + o * K + k);
    }
  }
}

/* Outputs of every size: a group of zeros, one too small to be told from zeros, a large one, and
 * one value that leaves its neighbours no steps. */
static layer *layer_open(uint64_t seed, int64_t N, int64_t K)
{
  noise n = {seed};
  layer *l = tfm_alloc_aligned(sizeof *l, 1);
  assert_non_null(l);
  noise_fill(&n, 0.1f, l->weight, N * K);
  noise_fill(&n, 1.0f, l->bias, N);
  noise_fill(&n, 2.0f, l->x, MOST_M * K);
  noise_fill(&n, 1.0f, l->residual, MOST_M * N);
  for (int64_t k = 0; k < K; ++k) {
    const int64_t kind = k / GROUP % 5;
    l->weight[k] *= kind == 0 ? 0.0f : kind == 1 ? 0x1p-105f : kind == 2 ? 0x1p60f : 1.0f;
  }
  l->weight[(N - 1) * K + K / 2] = 100.0f;
  make_plain(l, N, K);
  return l;
}

static tfm_linear *open_layer(const layer *l, tfm_backend backend, tfm_precision precision,
                              int64_t N, int64_t K)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  const float *weight = precision == TFM_FLOAT32 ? l->plain : l->weight;
  assert_int_equal(tfm_linear_open(&lin, backend, precision, weight, l->bias, N, K, &err),
                   TFM_OK);
  return lin;
}

/* The contract of linear.h for float32, in its own words. */
static void by_definition(layer *l, int64_t M, int64_t N, int64_t K)
{
  for (int64_t i = 0; i < M * N; ++i) {
    const float *x = l->x + i / N * K;
    const float *w = l->plain + i % N * K;
    float total = 0.0f;
    for (int64_t first = 0; first < K; first += K_BLOCK) {
      float sum = 0.0f;
      for (int64_t k = first; k < K && k < first + K_BLOCK; ++k) {
        sum = fmaf(x[k], w[k], sum);
      }
      total = first == 0 ? sum : total + sum;
    }
    total += l->bias[i % N];
    l->want[i] = l->residual[i] + fmaxf(total, 0.0f);
  }
}

static void check_rows(layer *l, const tfm_linear *lin, int64_t M, int64_t N, int64_t K,
                       tfm_par *par)
{
  const tfm_epilogue end = {TFM_ACT_RELU, l->residual, N};
  tfm_linear_run(lin, l->x, K, M, l->got, N, &end, par);
  check_same_bits(l->got, l->want, M * N, "isa %s M %d N %d K %d", tfm_isa_name(tfm_isa_used()),
                  (int)M, (int)N, (int)K);
}

static void check_shape(int64_t N, int64_t K)
{
  layer *l = layer_open((uint64_t)(N * 10007 + K), N, K);
  tfm_linear *ref = open_layer(l, TFM_BACKEND_REF, TFM_INT8_GROUPS, N, K);
  by_definition(l, 40, N, K);
  check_rows(l, ref, 40, N, K, NULL);
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = open_layer(l, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K);
    for (int64_t M = 1; M <= 40; ++M) {
      check_rows(l, lin, M, N, K, NULL);
    }
    tfm_linear_close(lin);
  }
  tfm_linear_close(ref);
  tfm_free(l);
}

/* K around groups, K blocks and what is packed at a time; N around panels and quads. */
static void groups_are_float32_over_what_they_stand_for(void **state)
{
  (void)state;
  static const int64_t wide[] = {1, 2, 63, 64, 65, 127, 191, 192, 193, 320, 769, MOST_K};
  static const int64_t many[] = {1, 15, 16, 17, 32, 33, 47, 63, 64, 65, 97, 130};
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; ++i) {
    check_shape(many[i], wide[i]);
    check_shape(many[sizeof many / sizeof many[0] - 1 - i], wide[i]);
  }
}

/* More rows than few, and more than a task has; float32's own layer is the oracle. */
static void many_rows_and_threads_change_no_bit(void **state)
{
  (void)state;
  enum { N = MOST_N, K = 833 };
  static const int64_t rows[] = {1, 13, 28, 29, 43, 111, 112, 113, MOST_M};
  layer *l = layer_open(7, N, K);
  const tfm_epilogue end = {TFM_ACT_RELU, l->residual, N};
  tfm_linear *plain = open_layer(l, TFM_BACKEND_NATIVE, TFM_FLOAT32, N, K);
  tfm_linear_run(plain, l->x, K, MOST_M, l->want, N, &end, NULL);
  tfm_linear_close(plain);
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = open_layer(l, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
      for (int nthread = 1; nthread <= 5; nthread += 2) {
        backwards_par threads = backwards_par_of(nthread);
        check_rows(l, lin, rows[i], N, K, &threads.par);
      }
    }
    tfm_linear_close(lin);
  }
  tfm_free(l);
}

/* Packing in pieces, in any order, by any instruction set, makes the same memory. */
static void the_form_depends_on_weights_alone(void **state)
{
  (void)state;
  enum { N = 93, K = 259 };
  layer *l = layer_open(11, N, K);
  tfm_linear *whole = open_layer(l, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K);
  size_t bytes = 0;
  const void *want = tfm_linear_memory(whole, &bytes);
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = NULL;
    tfm_err err = {0};
    size_t same = 0;
    assert_int_equal(tfm_linear_begin(&lin, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K, &err),
                     TFM_OK);
    for (int64_t first = 80; first >= 0; first -= 16) {
      const int64_t n = N - first < 16 ? N - first : 16;
      tfm_linear_put(lin, first, n, l->weight + first * K, l->bias + first);
    }
    assert_memory_equal(tfm_linear_memory(lin, &same), want, bytes);
    assert_int_equal(same, bytes);
    tfm_linear_close(lin);
  }
  /* Two quads; of each 259 lines of 64 bytes and five groups' scales. The bias of six panels. */
  assert_int_equal(bytes, 2 * (259 * 64 + 5 * 64 * 4));
  assert_int_equal(tfm_linear_bytes(whole), bytes + (size_t)6 * 16 * 4);
  tfm_linear_close(whole);
  tfm_free(l);
}

/* What lies between two layers stays floats. */
static void two_layers_are_two_runs(void **state)
{
  (void)state;
  enum { N = 130, K = 96, ROWS = 37 };
  layer *l = layer_open(13, N, K);
  layer *back = layer_open(17, K, N);
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  float *between = tfm_alloc_aligned((size_t)tfm_linear_between(N, ROWS), sizeof *between);
  assert_non_null(between);
  tfm_linear *up = open_layer(l, TFM_BACKEND_REF, TFM_INT8_GROUPS, N, K);
  tfm_linear *down = open_layer(back, TFM_BACKEND_REF, TFM_INT8_GROUPS, K, N);
  tfm_linear_run(up, l->x, K, ROWS, l->got, N, &gelu, NULL);
  tfm_linear_run(down, l->got, N, ROWS, l->want, K, &none, NULL);
  tfm_linear_close(up);
  tfm_linear_close(down);
  FOR_EACH_ISA(isa)
  {
    up = open_layer(l, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K);
    down = open_layer(back, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, K, N);
    const tfm_linear_two two = {up, down, TFM_ACT_GELU, between, none};
    for (int64_t M = 1; M <= ROWS; M += 6) {
      tfm_linear_run_two(&two, l->x, K, M, l->got, K, NULL);
      check_same_bits(l->got, l->want, M * K, "isa %s M %d", tfm_isa_name(isa), (int)M);
    }
    tfm_linear_close(up);
    tfm_linear_close(down);
  }
  tfm_free(between);
  tfm_free(back);
  tfm_free(l);
}

static void bits_are_those_of_contract_1(void **state)
{
  (void)state;
  enum { N = 83, K = 1001, ROWS = 45 };
  layer *l = layer_open(19, N, K);
  const tfm_epilogue gelu = {TFM_ACT_GELU, l->residual, N};
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = open_layer(l, TFM_BACKEND_NATIVE, TFM_INT8_GROUPS, N, K);
    tfm_linear_run(lin, l->x, K, ROWS, l->got, N, &gelu, NULL);
    tfm_linear_close(lin);
    const uint64_t got = hash_floats(hash_begin, l->got, ROWS * N);
    print_message("hash %016llx\n", (unsigned long long)got);
    assert_true(got == GROUPS_HASH);
  }
  tfm_free(l);
}

static void names_tell_the_group_and_others_refuse(void **state)
{
  (void)state;
  const tfm_engine engine = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_INT8_GROUPS};
  const tfm_engine dynamic = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_INT8};
  char id[TFM_NUMERIC_ID];
  tfm_engine_numeric_id(engine, id);
  assert_string_equal(id, "c1-native-int8-g64-k192");
  assert_string_not_equal(tfm_linear_packing(engine), tfm_linear_packing(dynamic));
  assert_int_equal(TFM_PRECISION_GROUP, GROUP);
  assert_int_equal(tfm_precision_dtype(TFM_INT8_GROUPS), TFM_INT8);
  assert_false(tfm_precision_narrow(TFM_INT8_GROUPS));

  static const float weight[64] = {1.0f};
  for (int b = TFM_BACKEND_OPENBLAS; b <= TFM_BACKEND_ONEDNN; ++b) {
    tfm_linear *lin = NULL;
    tfm_err err = {0};
    assert_int_equal(
        tfm_linear_open(&lin, (tfm_backend)b, TFM_INT8_GROUPS, weight, NULL, 1, 64, &err),
        TFM_E_UNSUPPORTED);
    assert_null(lin);
    assert_non_null(strstr(err.text, "int8-g64"));
    assert_non_null(strstr(err.text, "--backend native"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_are_float32_over_what_they_stand_for),
      cmocka_unit_test(many_rows_and_threads_change_no_bit),
      cmocka_unit_test(the_form_depends_on_weights_alone),
      cmocka_unit_test(two_layers_are_two_runs),
      cmocka_unit_test(bits_are_those_of_contract_1),
      cmocka_unit_test(names_tell_the_group_and_others_refuse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
