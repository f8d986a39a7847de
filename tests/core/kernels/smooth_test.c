/* int8 layers with factors: the definition of linear.h in plain C, written here once more, for
 * every instruction set, the loops of tiles on their model, and every size around words, blocks,
 * panels and strips. */
#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "core/kernels/linear_private.h"
#include "tests/core/kernels/kernels_test.h"

#include <math.h>

/* Under numeric contract v1. */
#define SMOOTH_HASH 0xcdd8559c22a16a36u

enum { MOST_M = 120, MOST_N = 132, MOST_K = 3201 };

static const tfm_smooth smooth = {.id = "weights"};
static const tfm_engine engines[] = {
    {TFM_BACKEND_REF, TFM_INT8, TFM_FLOAT32, TFM_FLOAT32, &smooth},
    {TFM_BACKEND_NATIVE, TFM_INT8, TFM_FLOAT32, TFM_FLOAT32, &smooth},
    {TFM_BACKEND_ONEDNN, TFM_INT8, TFM_FLOAT32, TFM_FLOAT32, &smooth},
};

typedef struct {
  float weight[MOST_N * MOST_K];
  float bias[MOST_N];
  float factor[MOST_K];
  float x[MOST_M * MOST_K];
  float residual[MOST_M * MOST_N];
  float want[MOST_M * MOST_N];
  float got[MOST_M * MOST_N];
} layer;

/* Inputs of very different sizes, and factors that make them even again, more or less. Rows: one
 * of zeros, one too small to have steps, two that are not finite, one that becomes so. */
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
    l->factor[k] = ldexpf(1.5f + 0.5f * noise_float(&n), (int)(k % 13) - 6);
    for (int64_t i = 0; i < MOST_M; ++i) {
      l->x[i * K + k] *= ldexpf(1.0f, 6 - (int)(k % 13));
    }
    l->x[2 * K + k] = 0.0f;
    l->x[3 * K + k] *= 0x1p-110f;
  }
  l->x[5 * K + K / 2] = NAN;
  l->x[7 * K + K - 1] = -INFINITY;
  l->factor[K / 3] = 0x1p20f;
  l->x[11 * K + K / 3] = 0x1p120f; /* times its factor infinite */
  return l;
}

/* The steps of a row, and what they are of. */
static float round_row(const float *v, int64_t n, int32_t *steps)
{
  float top = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    top = fmaxf(top, fabsf(v[i]));
    if (!isfinite(v[i])) {
      return NAN;
    }
  }
  const float inverse = top < 0x1p-100f ? 0.0f : 127.0f / top;
  for (int64_t i = 0; i < n; ++i) {
    steps[i] = (int32_t)lrintf(v[i] * inverse);
  }
  return top < 0x1p-100f ? 0.0f : top / 127.0f;
}

static void by_definition(layer *l, int64_t M, int64_t N, int64_t K)
{
  static int32_t w[MOST_N][MOST_K], x[MOST_K];
  static float scale[MOST_N], v[MOST_K];
  for (int64_t j = 0; j < N; ++j) {
    scale[j] = round_row(l->weight + j * K, K, w[j]);
  }
  for (int64_t i = 0; i < M; ++i) {
    for (int64_t k = 0; k < K; ++k) {
      v[k] = l->x[i * K + k] * l->factor[k];
    }
    const float step = round_row(v, K, x);
    for (int64_t j = 0; j < N; ++j) {
      int32_t sum = 0;
      for (int64_t k = 0; k < K && isfinite(step); ++k) {
        sum += x[k] * w[j][k];
      }
      const float y = (float)sum * step * scale[j] + l->bias[j];
      l->want[i * N + j] = l->residual[i * N + j] + y;
    }
  }
}

static tfm_linear *open_layer(const layer *l, tfm_engine engine, int64_t N, int64_t K)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(tfm_linear_begin_on(&lin, engine, N, K, NULL, &err), TFM_OK);
  tfm_linear_smooth(lin, l->factor);
  tfm_linear_put(lin, 0, N, l->weight, l->bias);
  return lin;
}

static void check_rows(layer *l, const tfm_linear *lin, int64_t M, int64_t N, int64_t K,
                       tfm_par *par)
{
  const tfm_epilogue end = {TFM_ACT_NONE, l->residual, N};
  tfm_linear_run(lin, l->x, K, M, l->got, N, &end, par);
  check_same_bits(l->got, l->want, M * N, "isa %s M %d N %d K %d", tfm_isa_name(tfm_isa_used()),
                  (int)M, (int)N, (int)K);
}

/* The loops that AMX runs, over the model of it that goes with the instruction set. */
static void check_tiles(layer *l, const tfm_linear *lin, int64_t M, int64_t N, int64_t K)
{
  const tfm__linear_job job = {.lin = lin,
                               .x = l->x,
                               .ldx = K,
                               .M = M,
                               .y = l->got,
                               .ldy = N,
                               .epilogue = {TFM_ACT_NONE, l->residual, N}};
  tfm__linear_run_amx(&job, tfm__amx_used(), NULL);
  check_same_bits(l->got, l->want, M * N, "tiles, isa %s M %d N %d K %d",
                  tfm_isa_name(tfm_isa_used()), (int)M, (int)N, (int)K);
}

static void check_shape(int64_t N, int64_t K)
{
  enum { ROWS = 40 };
  layer *l = layer_open((uint64_t)(N * 10007 + K), N, K);
  by_definition(l, ROWS, N, K);
  for (size_t e = 0; e < sizeof engines / sizeof engines[0]; ++e) {
    if (tfm_backend_check(engines[e].backend, NULL) != TFM_OK) {
      continue; /* core.kernels.onednn says so by name */
    }
    FOR_EACH_ISA(isa)
    {
      tfm_linear *lin = open_layer(l, engines[e], N, K);
      for (int64_t M = 1; M <= ROWS; M += M < 16 ? 1 : 8) {
        check_rows(l, lin, M, N, K, NULL);
      }
      if (engines[e].backend == TFM_BACKEND_NATIVE) {
        check_tiles(l, lin, 33, N, K);
      }
      tfm_linear_close(lin);
    }
  }
  tfm_free(l);
}

static void layers_equal_the_definition(void **state)
{
  (void)state;
  static const int64_t wide[] = {1, 3, 4, 5, 63, 64, 65, 127, 255, 767, 768, 769, 3073, MOST_K};
  static const int64_t many[] = {1, 15, 16, 17, 33, 48, 64, 65, 31, 32, 97, MOST_N, 40, 16};
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; ++i) {
    check_shape(many[i], wide[i]);
  }
}

static void many_rows_and_threads_change_no_bit(void **state)
{
  (void)state;
  enum { N = 97, K = 833 };
  static const int64_t rows[] = {1, 14, 29, 111, 112, 113, MOST_M};
  layer *l = layer_open(7, N, K);
  by_definition(l, MOST_M, N, K);
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = open_layer(l, engines[1], N, K);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
      backwards_par threads = backwards_par_of(1 + 2 * (int)(i % 3));
      check_rows(l, lin, rows[i], N, K, &threads.par);
    }
    tfm_linear_close(lin);
  }
  tfm_free(l);
}

static void factors_of_one_change_no_bit(void **state)
{
  (void)state;
  enum { N = 33, K = 129, ROWS = 17 };
  layer *l = layer_open(11, N, K);
  tfm_engine plain = engines[1];
  plain.smooth = NULL;
  for (int64_t k = 0; k < K; ++k) {
    l->factor[k] = 1.0f;
  }
  tfm_linear *lin = NULL;
  tfm_err err = {0};
  const tfm_epilogue end = {TFM_ACT_NONE, l->residual, N};
  assert_int_equal(tfm_linear_begin_on(&lin, plain, N, K, NULL, &err), TFM_OK);
  tfm_linear_put(lin, 0, N, l->weight, l->bias);
  tfm_linear_run(lin, l->x, K, ROWS, l->want, N, &end, NULL);
  const size_t bytes = tfm_linear_bytes(lin);
  tfm_linear_close(lin);
  FOR_EACH_ISA(isa)
  {
    lin = open_layer(l, engines[1], N, K);
    check_rows(l, lin, ROWS, N, K, NULL);
    assert_int_equal(tfm_linear_bytes(lin), bytes + K * sizeof(float));
    assert_true(tfm_linear_probe(lin));
    tfm_linear_close(lin);
  }
  tfm_free(l);
}

static void bits_are_those_of_contract_v2(void **state)
{
  (void)state;
  enum { N = 83, K = 1001, ROWS = 45 };
  layer *l = layer_open(19, N, K);
  const tfm_epilogue gelu = {TFM_ACT_GELU, l->residual, N};
  FOR_EACH_ISA(isa)
  {
    tfm_linear *lin = open_layer(l, engines[1], N, K);
    tfm_linear_run(lin, l->x, K, ROWS, l->got, N, &gelu, NULL);
    tfm_linear_close(lin);
    const uint64_t got = hash_floats(hash_begin, l->got, ROWS * N);
    print_message("hash %016llx\n", (unsigned long long)got);
    assert_true(got == SMOOTH_HASH);
  }
  tfm_free(l);
}

/* ---- watching ---- */

static void watching_tells_each_inputs_largest(void **state)
{
  (void)state;
  enum { N = 20, K = 70, ROWS = 5 };
  layer *l = layer_open(23, N, K);
  static float largest[K], between[ROWS * 200], inner[N];
  tfm_err err = {0};
  tfm_linear *up = NULL;
  tfm_linear *down = NULL;
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  assert_int_equal(
      tfm_linear_open(&up, TFM_BACKEND_NATIVE, TFM_FLOAT32, l->weight, l->bias, N, K, &err),
      TFM_OK);
  assert_int_equal(
      tfm_linear_open(&down, TFM_BACKEND_NATIVE, TFM_FLOAT32, l->weight, NULL, K, N, &err),
      TFM_OK);
  const tfm_linear_two two = {up, down, TFM_ACT_RELU, between, none};
  tfm_linear_run_two(&two, l->x, K, ROWS, l->want, K, NULL);
  tfm_linear_watch(up, largest);
  tfm_linear_watch(down, inner);
  tfm_linear_run_two(&two, l->x, K, 2, l->got, K, NULL);
  tfm_linear_run_two(&two, l->x + 2 * K, K, ROWS - 2, l->got + 2 * K, K, NULL);
  check_same_bits(l->got, l->want, ROWS * K, "watched");
  const tfm_epilogue relu = {TFM_ACT_RELU, NULL, 0};
  tfm_linear_watch(up, NULL);
  tfm_linear_run(up, l->x, K, ROWS, l->want, N, &relu, NULL);
  for (int64_t k = 0; k < K; ++k) {
    float want = 0.0f;
    for (int64_t i = 0; i < ROWS; ++i) {
      want = fmaxf(want, fabsf(l->x[i * K + k]));
    }
    assert_true(same_bits(largest[k], want));
  }
  for (int64_t j = 0; j < N; ++j) {
    float want = 0.0f;
    for (int64_t i = 0; i < ROWS; ++i) {
      want = fmaxf(want, fabsf(l->want[i * N + j]));
    }
    assert_true(same_bits(inner[j], want));
  }
  tfm_linear_watch(up, largest);
  tfm_linear_run(up, l->x + 5 * K, K, 1, l->got, N, &none, NULL);
  assert_true(isinf(largest[K / 2])); /* of a NaN */
  tfm_linear_close(up);
  tfm_linear_close(down);
  tfm_free(l);
}

static void numeric_id_tells_whose_factors(void **state)
{
  (void)state;
  static const tfm_smooth file = {
      .id = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
  char id[TFM_NUMERIC_ID];
  tfm_engine_numeric_id(engines[1], id);
  assert_string_equal(id, "c2-native-int8-k192-smooth-weights");
  tfm_engine longest = {TFM_BACKEND_NATIVE, TFM_INT8, TFM_BFLOAT16, TFM_BFLOAT16, &file};
  tfm_engine_numeric_id(longest, id);
  assert_string_equal(id, "c2-native-int8-k192-kv-bfloat16-wire-bfloat16-smooth-"
                          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  longest.precision = TFM_BFLOAT16; /* has none */
  assert_false(tfm_engine_smooths(longest));
  tfm_engine_numeric_id(longest, id);
  assert_string_equal(id, "c2-native-bfloat16-k192-kv-bfloat16-wire-bfloat16");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_equal_the_definition),
      cmocka_unit_test(many_rows_and_threads_change_no_bit),
      cmocka_unit_test(factors_of_one_change_no_bit),
      cmocka_unit_test(bits_are_those_of_contract_v2),
      cmocka_unit_test(watching_tells_each_inputs_largest),
      cmocka_unit_test(numeric_id_tells_whose_factors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
