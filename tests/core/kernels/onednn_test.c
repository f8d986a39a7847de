/* The onednn backend against the definition, over edge sizes, in each precision. Skipped where the
 * build, the machine or the CPU does not have it, and says which. */
#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>

enum { MOST_M = 200, MOST_N = 530, MOST_K = 1100 };

typedef struct {
  float weight[MOST_N * MOST_K];
  float bias[MOST_N];
  float x[MOST_M * MOST_K];
  float residual[MOST_M * MOST_N];
  float want[MOST_M * MOST_N];
  float got[MOST_M * MOST_N];
} layer;

static layer *layer_open(void)
{
  static noise n = {31};
  layer *l = tfm_alloc_aligned(sizeof *l, 1);
  assert_non_null(l);
  noise_fill(&n, 0.1f, l->weight, (int64_t)MOST_N * MOST_K);
  noise_fill(&n, 1.0f, l->bias, MOST_N);
  noise_fill(&n, 2.0f, l->x, (int64_t)MOST_M * MOST_K);
  noise_fill(&n, 1.0f, l->residual, (int64_t)MOST_M * MOST_N);
  return l;
}

/* A layer of the backend, NULL where it has none of this kind here. */
static tfm_linear *open_one(const layer *l, tfm_backend backend, tfm_precision precision,
                            int64_t N, int64_t K)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  const tfm_status st =
      tfm_linear_open(&lin, backend, precision, l->weight, l->bias, N, K, &err);
  if (st != TFM_OK) {
    print_message("skipped: %s\n", err.text);
    assert_int_equal(st, TFM_E_UNSUPPORTED);
    assert_null(lin);
  }
  return lin;
}

/* The epilogue runs where the residual is y itself. */
static void run(const layer *l, const tfm_linear *lin, int64_t M, int64_t N, int64_t K,
                float *y, tfm_par *par)
{
  const tfm_epilogue relu = {TFM_ACT_RELU, y, N};
  memcpy(y, l->residual, (size_t)(M * N) * sizeof *y);
  tfm_linear_run(lin, l->x, K, M, y, N, &relu, par);
}

/* int8 is exact; the others sum the same products in another order. */
static void check_near_definition(const layer *l, tfm_precision precision, int64_t M, int64_t N,
                                  int64_t K)
{
  if (precision == TFM_INT8) {
    check_same_bits(l->got, l->want, M * N, "int8 M %d N %d K %d", (int)M, (int)N, (int)K);
    return;
  }
  for (int64_t i = 0; i < M * N; ++i) {
    double magnitude = 0.0;
    (void)ref_dot(l->x + i / N * K, l->weight + i % N * K, K, &magnitude);
    const double off = fabs((double)l->got[i] - (double)l->want[i]) / (magnitude + 1.0);
    if (off > TOL_LINEAR) {
      fail_msg("%s M %d N %d K %d: element %d: got %.9g, want %.9g",
               tfm_precision_name(precision), (int)M, (int)N, (int)K, (int)i, (double)l->got[i],
               (double)l->want[i]);
    }
  }
}

static void check_shapes(tfm_precision precision)
{
  static const int64_t shapes[][3] = {{1, 32, 1},    {2, 33, 3},        {95, 47, 64},
                                      {96, 48, 511}, {97, 255, 512},    {13, 256, 513},
                                      {5, 257, 65},  {MOST_M, 64, 129}, {100, MOST_N, MOST_K}};
  layer *l = layer_open();
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; ++s) {
    const int64_t M = shapes[s][0];
    const int64_t N = shapes[s][1];
    const int64_t K = shapes[s][2];
    tfm_linear *lin = open_one(l, TFM_BACKEND_ONEDNN, precision, N, K);
    tfm_linear *ref = open_one(l, TFM_BACKEND_REF, precision, N, K);
    if (!lin) {
      tfm_linear_close(ref);
      tfm_free(l);
      skip();
    }
    backwards_par three = backwards_par_of(3);
    run(l, ref, M, N, K, l->want, NULL);
    run(l, lin, M, N, K, l->got, &three.par);
    check_near_definition(l, precision, M, N, K);
    tfm_linear_close(lin);
    tfm_linear_close(ref);
  }
  tfm_free(l);
}

static void float32_is_a_linear_layer(void **state)
{
  (void)state;
  check_shapes(TFM_FLOAT32);
}

static void bfloat16_is_a_linear_layer(void **state)
{
  (void)state;
  check_shapes(TFM_BFLOAT16);
}

static void int8_has_the_bits_of_the_definition(void **state)
{
  (void)state;
  check_shapes(TFM_INT8);
}

/* Where the probe trusts a layer, a row has the same bits for every M and at every place. */
static void trusted_rows_do_not_move(void **state)
{
  (void)state;
  enum { N = 300, K = 900 };
  layer *l = layer_open();
  int tested = 0;
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    tfm_linear *lin = open_one(l, TFM_BACKEND_ONEDNN, (tfm_precision)p, N, K);
    const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
    if (!lin || !tfm_linear_probe(lin)) {
      print_message("skipped: %s\n", tfm_precision_name((tfm_precision)p));
      tfm_linear_close(lin);
      continue;
    }
    tfm_linear_run(lin, l->x, K, MOST_M, l->want, N, &none, NULL);
    for (int64_t m = 0; m < MOST_M; m += 7) {
      tfm_linear_run(lin, l->x + m * K, K, 1, l->got, N, &none, NULL);
      check_same_bits(l->got, l->want + m * N, N, "%s row %d",
                      tfm_precision_name((tfm_precision)p), (int)m);
    }
    tfm_linear_close(lin);
    ++tested;
  }
  tfm_free(l);
  if (tested == 0) {
    skip();
  }
}

static void rows_do_not_meet(void **state)
{
  (void)state;
  enum { M = 20, N = 64, K = 600 };
  layer *l = layer_open();
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    tfm_linear *lin = open_one(l, TFM_BACKEND_ONEDNN, (tfm_precision)p, N, K);
    if (!lin) {
      continue;
    }
    run(l, lin, M, N, K, l->want, NULL);
    const float kept = l->x[13 * K + 7];
    l->x[13 * K + 7] = NAN;
    const tfm_epilogue none = {TFM_ACT_NONE, l->residual, N};
    tfm_linear_run(lin, l->x, K, M, l->got, N, &none, NULL);
    assert_true(isnan(l->got[13 * N]));
    run(l, lin, M, N, K, l->got, NULL);
    l->x[13 * K + 7] = kept;
    check_same_bits(l->got, l->want, 13 * N, "rows before");
    check_same_bits(l->got + 14 * N, l->want + 14 * N, (M - 14) * N, "rows behind");
    tfm_linear_close(lin);
  }
  tfm_free(l);
}

/* A backend that cannot be says what to do. */
static void what_cannot_be_says_why(void **state)
{
  (void)state;
  tfm_err err = {0};
  assert_int_equal(tfm_backend_check(TFM_BACKEND_NATIVE, &err), TFM_OK);
  if (tfm_backend_check(TFM_BACKEND_ONEDNN, &err) == TFM_OK) {
    assert_non_null(strstr(tfm_backend_arithmetic(TFM_BACKEND_ONEDNN), "onednn-2."));
  } else {
    assert_non_null(strstr(err.text, "--backend native"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(float32_is_a_linear_layer),
      cmocka_unit_test(bfloat16_is_a_linear_layer),
      cmocka_unit_test(int8_has_the_bits_of_the_definition),
      cmocka_unit_test(trusted_rows_do_not_move),
      cmocka_unit_test(rows_do_not_meet),
      cmocka_unit_test(what_cannot_be_says_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
