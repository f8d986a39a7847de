#include "core/kernels/linear.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/noise.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>
#include <stdlib.h>

/* A layer, its input, and what `ref` makes of it. */
typedef struct {
  int64_t M, N, K;
  float *weight;
  float *bias;
  float *x;
  float *residual;
  float *want; /* [M,N] by ref */
  float *got;
} layer;

static void *want_memory(int64_t count)
{
  float *p = tfm_alloc_aligned((size_t)count, sizeof *p);
  assert_non_null(p);
  return p;
}

static layer layer_open(int64_t M, int64_t N, int64_t K, uint64_t seed)
{
  noise n = {seed};
  layer l = {M,
             N,
             K,
             want_memory(N * K),
             want_memory(N),
             want_memory(M * K),
             want_memory(M * N),
             want_memory(M * N),
             want_memory(M * N)};
  noise_fill(&n, 0.1f, l.weight, N * K);
  noise_fill(&n, 1.0f, l.bias, N);
  noise_fill(&n, 2.0f, l.x, M * K);
  noise_fill(&n, 1.0f, l.residual, M * N);
  return l;
}

static void layer_close(layer *l)
{
  tfm_free(l->weight);
  tfm_free(l->bias);
  tfm_free(l->x);
  tfm_free(l->residual);
  tfm_free(l->want);
  tfm_free(l->got);
}

static tfm_linear *pack(const layer *l, tfm_backend backend)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(
      tfm_linear_open(&lin, backend, TFM_FLOAT32, l->weight, l->bias, l->N, l->K, &err),
      TFM_OK);
  return lin;
}

static void run(const layer *l, tfm_backend backend, int64_t M, const tfm_epilogue *epilogue,
                float *y, tfm_par *par)
{
  tfm_linear *lin = pack(l, backend);
  tfm_linear_run(lin, l->x, l->K, M, y, l->N, epilogue, par);
  tfm_linear_close(lin);
}

static const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};

/* The definition itself against double precision, element by element: the blocked chain must be
 * a sum of products, with rounding errors in proportion to the products' magnitudes. */
static void ref_is_a_sum_of_products(void **state)
{
  (void)state;
  static const int64_t shape[][3] = {
      {3, 5, 1}, {4, 7, 191}, {3, 9, 192}, {2, 33, 193}, {3, 17, 3072}};
  double worst = 0.0;
  for (size_t s = 0; s < sizeof shape / sizeof shape[0]; ++s) {
    layer l = layer_open(shape[s][0], shape[s][1], shape[s][2], s + 1);
    run(&l, TFM_BACKEND_REF, l.M, &plain, l.want, NULL);
    for (int64_t m = 0; m < l.M; ++m) {
      for (int64_t n = 0; n < l.N; ++n) {
        double magnitude = 0.0;
        const double sum = ref_dot(l.x + m * l.K, l.weight + n * l.K, l.K, &magnitude);
        const double want = sum + (double)l.bias[n];
        const double off = fabs((double)l.want[m * l.N + n] - want);
        const double scaled = off / (magnitude + fabs((double)l.bias[n]));
        worst = scaled > worst ? scaled : worst;
      }
    }
    layer_close(&l);
  }
  print_message("worst %.2e of %.2e\n", worst, TOL_LINEAR);
  assert_true(worst <= TOL_LINEAR);
}

/* Native and ref must agree in every bit, for every M and every kind of edge in N and K, on
 * every instruction set: ref is run once at the largest M, and since its rows are independent
 * by construction, its first M rows are the answer for M. */
static void native_equals_ref(void **state)
{
  (void)state;
  static const int64_t shape[][3] = {
      /* most M, N, K */
      {300, 1, 1},   {300, 2, 191},  {300, 3, 192},  {300, 28, 193}, {300, 31, 17},
      {300, 33, 64}, {300, 48, 20},  {120, 65, 385}, {30, 96, 768},  {15, 130, 3072},
      {9, 1100, 40}, {230, 16, 200}, {29, 70, 769},  {15, 600, 960}};
  for (size_t s = 0; s < sizeof shape / sizeof shape[0]; ++s) {
    layer l = layer_open(shape[s][0], shape[s][1], shape[s][2], 100 + s);
    run(&l, TFM_BACKEND_REF, l.M, &plain, l.want, NULL);
    FOR_EACH_ISA(isa)
    {
      tfm_linear *lin = pack(&l, TFM_BACKEND_NATIVE);
      for (int64_t M = 1; M <= l.M; M += M < 40 ? 1 : 13) {
        tfm_linear_run(lin, l.x, l.K, M, l.got, l.N, &plain, NULL);
        check_same_bits(l.got, l.want, M * l.N, "isa %s M %d N %d K %d", tfm_isa_name(isa),
                        (int)M, (int)l.N, (int)l.K);
      }
      tfm_linear_close(lin);
    }
    layer_close(&l);
  }
}

/* A residual that is y itself must be read before it is overwritten, and rows farther apart
 * than they are long must not touch what lies between them. */
static void epilogues_agree_everywhere(void **state)
{
  (void)state;
  layer l = layer_open(37, 45, 400, 7);
  const int64_t ldy = 50;
  float *y = want_memory(l.M * ldy);
  for (int act = 0; act < TFM_ACT_COUNT; ++act) {
    const tfm_epilogue apart = {(tfm_activation)act, l.residual, l.N};
    run(&l, TFM_BACKEND_REF, l.M, &apart, l.want, NULL);
    FOR_EACH_ISA(isa)
    {
      for (int64_t i = 0; i < l.M * ldy; ++i) {
        y[i] = 1e30f;
      }
      for (int64_t m = 0; m < l.M; ++m) {
        memcpy(y + m * ldy, l.residual + m * l.N, (size_t)l.N * sizeof *y);
      }
      const tfm_epilogue self = {(tfm_activation)act, y, ldy};
      tfm_linear *lin = pack(&l, TFM_BACKEND_NATIVE);
      tfm_linear_run(lin, l.x, l.K, l.M, y, ldy, &self, NULL);
      tfm_linear_close(lin);
      for (int64_t m = 0; m < l.M; ++m) {
        check_same_bits(y + m * ldy, l.want + m * l.N, l.N, "isa %s act %d row %d",
                        tfm_isa_name(isa), act, (int)m);
        for (int64_t n = l.N; n < ldy; ++n) {
          assert_true(same_bits(y[m * ldy + n], 1e30f));
        }
      }
    }
  }
  tfm_free(y);
  layer_close(&l);
}

/* Cutting into tasks for other thread counts must not change a bit, nor may the order of tasks.
 */
static void threads_change_nothing(void **state)
{
  (void)state;
  layer l = layer_open(250, 500, 210, 9);
  run(&l, TFM_BACKEND_REF, l.M, &plain, l.want, NULL);
  for (int nthread = 1; nthread <= 7; nthread += 2) {
    backwards_par par = backwards_par_of(nthread);
    memset(l.got, 0, (size_t)(l.M * l.N) * sizeof *l.got);
    run(&l, TFM_BACKEND_NATIVE, l.M, &plain, l.got, &par.par);
    check_same_bits(l.got, l.want, l.M * l.N, "%d threads", nthread);
  }
  layer_close(&l);
}

/* A row's bits may not depend on what other rows hold, not even infinities and NaN. */
static void rows_do_not_meet(void **state)
{
  (void)state;
  layer l = layer_open(40, 40, 300, 11);
  run(&l, TFM_BACKEND_REF, l.M, &plain, l.want, NULL);
  for (int64_t k = 0; k < l.K; ++k) {
    l.x[13 * l.K + k] = k % 2 ? INFINITY : NAN;
  }
  FOR_EACH_ISA(isa)
  {
    run(&l, TFM_BACKEND_NATIVE, l.M, &plain, l.got, NULL);
    for (int64_t m = 0; m < l.M; ++m) {
      if (m == 13) {
        assert_true(!isfinite(l.got[m * l.N]));
        continue;
      }
      check_same_bits(l.got + m * l.N, l.want + m * l.N, l.N, "isa %s row %d",
                      tfm_isa_name(isa), (int)m);
    }
  }
  layer_close(&l);
}

/* The contract's bits as one number: any compiler, machine or change of kernel that alters them
 * is caught here, and must then change numeric_id as well. */
static void bits_are_those_of_contract_v1(void **state)
{
  (void)state;
  layer l = layer_open(19, 70, 500, 13);
  const tfm_epilogue gelu = {TFM_ACT_GELU, l.residual, l.N};
  FOR_EACH_ISA(isa)
  {
    run(&l, TFM_BACKEND_NATIVE, l.M, &gelu, l.got, NULL);
    const uint64_t hash = hash_floats(hash_begin, l.got, l.M * l.N);
    print_message("isa %s hash %016llx\n", tfm_isa_name(isa), (unsigned long long)hash);
    assert_true(hash == LINEAR_HASH);
  }
  layer_close(&l);
}

/* Some outputs alone have the bits they have among all, and nothing is written beside them. */
static void parts_have_the_bits_of_the_whole(void **state)
{
  (void)state;
  static const tfm_precision precisions[] = {TFM_FLOAT32, TFM_BFLOAT16, TFM_INT8,
                                             TFM_INT8_GROUPS};
  static const int64_t parts[][2] = {{0, 64},   {64, 64}, {64, 86},
                                     {128, 22}, {0, 150}, {0, 128}};
  layer l = layer_open(130, 150, 501, 29);
  for (size_t p = 0; p < sizeof precisions / sizeof *precisions; ++p) {
    tfm_err err = {0};
    tfm_linear *lin = NULL;
    assert_int_equal(tfm_linear_open(&lin, TFM_BACKEND_NATIVE, precisions[p], l.weight, l.bias,
                                     l.N, l.K, &err),
                     TFM_OK);
    const bool cuts = tfm_linear_cuts_at(lin, 64);
    assert_true(cuts || precisions[p] == TFM_INT8); /* which AMX makes whole */
    assert_false(tfm_linear_cuts_at(lin, 48));
    assert_true(tfm_linear_cuts_at(lin, 32) == (cuts && precisions[p] != TFM_INT8_GROUPS));
    tfm_linear_run(lin, l.x, l.K, l.M, l.want, l.N, &plain, NULL);
    for (size_t i = 0; cuts && i < sizeof parts / sizeof *parts; ++i) {
      for (int64_t M = 1; M <= l.M; M += 43) {
        for (int64_t j = 0; j < M * l.N; ++j) {
          l.got[j] = 77.0f;
        }
        const tfm_linear_part part = {lin, parts[i][0], parts[i][1]};
        tfm_linear_run_part(&part, l.x, l.K, M, l.got, l.N, NULL);
        for (int64_t j = 0; j < M * l.N; ++j) {
          const int64_t n = j % l.N - parts[i][0];
          const bool within = n >= 0 && n < parts[i][1];
          assert_true(same_bits(l.got[j], within ? l.want[j] : 77.0f));
        }
      }
    }
    tfm_linear_close(lin);
  }
  layer_close(&l);
  layer few = layer_open(3, 64, 8, 30);
  tfm_linear *lin = pack(&few, TFM_BACKEND_REF);
  assert_false(tfm_linear_cuts_at(lin, 32));
  tfm_linear_close(lin);
  layer_close(&few);
}

/* No bias is a bias of zeros, and the packed size is told with its padding. */
static void bias_may_be_missing(void **state)
{
  (void)state;
  layer l = layer_open(2, 17, 5, 15);
  memset(l.bias, 0, (size_t)l.N * sizeof *l.bias);
  run(&l, TFM_BACKEND_REF, l.M, &plain, l.want, NULL);
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(
      tfm_linear_open(&lin, TFM_BACKEND_NATIVE, TFM_FLOAT32, l.weight, NULL, l.N, l.K, &err),
      TFM_OK);
  tfm_linear_run(lin, l.x, l.K, l.M, l.got, l.N, &plain, NULL);
  check_same_bits(l.got, l.want, l.M * l.N, "no bias");
  assert_int_equal(tfm_linear_bytes(lin), (32 * 5 + 32) * sizeof(float));
  assert_true(tfm_linear_probe(lin));
  tfm_linear_close(lin);
  tfm_linear_close(NULL);
  layer_close(&l);
}

static void names_go_both_ways(void **state)
{
  (void)state;
  for (int i = 0; i < TFM_BACKEND_COUNT; ++i) {
    tfm_backend back = TFM_BACKEND_COUNT;
    assert_true(tfm_backend_parse(tfm_backend_name((tfm_backend)i), &back));
    assert_int_equal(back, i);
  }
  tfm_backend none = TFM_BACKEND_REF;
  assert_false(tfm_backend_parse("mkl", &none));
  assert_string_equal(tfm_backend_arithmetic(TFM_BACKEND_REF), "native");
  assert_string_equal(tfm_backend_arithmetic(TFM_BACKEND_NATIVE), "native");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ref_is_a_sum_of_products),
      cmocka_unit_test(native_equals_ref),
      cmocka_unit_test(epilogues_agree_everywhere),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(rows_do_not_meet),
      cmocka_unit_test(bits_are_those_of_contract_v1),
      cmocka_unit_test(parts_have_the_bits_of_the_whole),
      cmocka_unit_test(bias_may_be_missing),
      cmocka_unit_test(names_go_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
