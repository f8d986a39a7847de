#include "core/kernels/activation.h"

#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 4096 };

/* All float bit patterns from 0 in this step: odd, so that every exponent, both signs and all
 * low bits are met. Another step can be given as the argument; 1 is exhaustive. */
enum { USUAL_STEP = 20011 };
static uint32_t pattern_step = USUAL_STEP;

/* Called with a batch of inputs; the same inputs for every function and instruction set. */
typedef void (*batch_fn)(const float *x, int64_t n, void *arg);

static void for_sampled_floats(batch_fn fn, void *arg)
{
  static const float edge[] = {0.0f,   -0.0f,   0x1p-149f, -0x1p-149f, 0x1p-126f, -0x1p-126f,
                               0.625f, -0.625f, 87.0f,     -87.0f,     88.0f,     -88.0f,
                               88.5f,  -88.5f,  89.0f,     -104.0f,    13.0f,     -13.0f,
                               1e30f,  -1e30f,  3.4e38f,   -3.4e38f,   INFINITY,  -INFINITY,
                               NAN,    1.0f,    -1.0f,     6.0f,       -6.0f,     -5.0f};
  static float x[BATCH];
  int64_t n = 0;
  fn(edge, (int64_t)(sizeof edge / sizeof edge[0]), arg);
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += pattern_step) {
    x[n++] = float_of_bits((uint32_t)bits);
    if (n == BATCH) {
      fn(x, n, arg);
      n = 0;
    }
  }
  /* Where the functions live, evenly. */
  for (int i = -20000; i <= 20000; ++i) {
    x[n++] = (float)i * 0x1.01p-10f;
    if (n == BATCH) {
      fn(x, n, arg);
      n = 0;
    }
  }
  fn(x, n, arg);
}

/* ---- accuracy ---- */

typedef enum { SCALED, RELATIVE } measure;

typedef struct {
  const char *name;
  void (*fn)(const float *x, int64_t n, float *y);
  double (*ref)(double x);
  measure measure; /* SCALED: over max(1, |reference|) */
  double low;      /* the inputs looked at */
  double high;
  double limit;
  double worst;
  float worst_at;
} claim;

static void gelu(const float *x, int64_t n, float *y)
{
  tfm_activate(TFM_ACT_GELU, x, n, y);
}

static void gelu_new(const float *x, int64_t n, float *y)
{
  tfm_activate(TFM_ACT_GELU_NEW, x, n, y);
}

static void rough_gelu(const float *x, int64_t n, float *y)
{
  tfm_activate_after(TFM_INT8, TFM_ACT_GELU, x, n, y);
}

static void rough_gelu_new(const float *x, int64_t n, float *y)
{
  tfm_activate_after(TFM_BFLOAT16, TFM_ACT_GELU_NEW, x, n, y);
}

static void silu(const float *x, int64_t n, float *y)
{
  tfm_activate(TFM_ACT_SILU, x, n, y);
}

static void tanh_row(const float *x, int64_t n, float *y)
{
  tfm_activate(TFM_ACT_TANH, x, n, y);
}

static void relu(const float *x, int64_t n, float *y)
{
  tfm_activate(TFM_ACT_RELU, x, n, y);
}

static void measure_batch(const float *x, int64_t n, void *arg)
{
  claim *c = arg;
  static float y[BATCH];
  c->fn(x, n, y);
  for (int64_t i = 0; i < n; ++i) {
    if (!((double)x[i] >= c->low && (double)x[i] <= c->high)) {
      continue;
    }
    const double want = c->ref((double)x[i]);
    double scale = fabs(want);
    if (c->measure == SCALED && scale < 1.0) {
      scale = 1.0;
    }
    /* A result below the normal range has no relative accuracy to speak of. */
    const double off = fabs((double)y[i] - want) / (scale > 0x1p-125 ? scale : 0x1p-125);
    if (!(off <= c->worst)) {
      c->worst = off;
      c->worst_at = x[i];
    }
  }
}

/* The bounds activation.h states, against libm in double precision. The best instruction set
 * stands for all: the next test shows that they agree in every bit. */
static void errors_stay_in_their_bounds(void **state)
{
  (void)state;
  const double all = 3.5e38;
  claim claims[] = {
      {"gelu", gelu, ref_gelu, SCALED, -all, all, TOL_GELU_SCALED, 0, 0},
      {"gelu, negative tail", gelu, ref_gelu, RELATIVE, -5.0, -1e-30, TOL_GELU_TAIL, 0, 0},
      {"gelu_new", gelu_new, ref_gelu_new, SCALED, -all, all, TOL_GELU_NEW_SCALED, 0, 0},
      {"rough gelu", rough_gelu, ref_gelu, SCALED, -all, all, TOL_ROUGH_GELU, 0, 0},
      {"rough gelu_new", rough_gelu_new, ref_gelu_new, SCALED, -all, all, TOL_ROUGH_GELU, 0, 0},
      {"silu", silu, ref_silu, RELATIVE, -87.0, all, TOL_SILU, 0, 0},
      {"silu, far below", silu, ref_silu, SCALED, -all, -87.0, 1e-35, 0, 0},
      {"tanh", tanh_row, tanh, RELATIVE, -all, all, TOL_TANH, 0, 0},
      {"sigmoid", tfm_sigmoid, ref_sigmoid, RELATIVE, -87.0, all, TOL_SIGMOID, 0, 0},
      {"sigmoid, far below", tfm_sigmoid, ref_sigmoid, SCALED, -all, -87.0, 1e-37, 0, 0},
      {"relu", relu, ref_relu, RELATIVE, -all, all, 0.0, 0, 0},
  };
  int failed = 0;
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; ++i) {
    claim *c = &claims[i];
    for_sampled_floats(measure_batch, c);
    print_message("%-20s worst %.2e at %.9g, limit %.2e\n", c->name, c->worst,
                  (double)c->worst_at, c->limit);
    failed += !(c->worst <= c->limit);
  }
  assert_int_equal(failed, 0);
}

/* ---- bits ---- */

typedef void (*row_fn)(const float *x, int64_t n, float *y);

static const row_fn functions[] = {gelu, gelu_new,    silu,       tanh_row,
                                   relu, tfm_sigmoid, rough_gelu, rough_gelu_new};
enum { FUNCTIONS = 8, ROUGH = 6 /* from here on */ };

static void hash_batch(const float *x, int64_t n, void *arg)
{
  uint64_t *hash = arg;
  static float y[BATCH];
  for (int f = 0; f < FUNCTIONS; ++f) {
    functions[f](x, n, y);
    hash[f] = hash_floats(hash[f], y, n);
  }
}

/* Equal on every instruction set, and equal to the bits a contract had when it was fixed: v1, and
 * of the rough ones v2 of narrow layers. */
static void bits_are_those_of_the_contract(void **state)
{
  (void)state;
  uint64_t first = 0;
  FOR_EACH_ISA(isa)
  {
    uint64_t hash[FUNCTIONS];
    for (int f = 0; f < FUNCTIONS; ++f) {
      hash[f] = hash_begin;
    }
    for_sampled_floats(hash_batch, hash);
    uint64_t all = 0;
    uint64_t rough = 0;
    for (int f = 0; f < FUNCTIONS; ++f) {
      all = f < ROUGH ? all * 31 + hash[f] : all;
      rough = f < ROUGH ? 0 : rough * 31 + hash[f];
    }
    print_message("isa %s hash %016llx rough %016llx\n", tfm_isa_name(isa),
                  (unsigned long long)all, (unsigned long long)rough);
    first = first ? first : all ^ rough;
    assert_true((all ^ rough) == first);
    assert_true(pattern_step != USUAL_STEP ||
                (all == ACTIVATION_HASH && rough == ROUGH_ACTIVATION_HASH));
  }
}

/* The value at a place must not depend on the place: every length and every offset of a window
 * over one row gives the bits of the whole row, and nothing is written outside. */
static void position_changes_nothing(void **state)
{
  (void)state;
  enum { N = 53 };
  noise n = {3};
  float x[N];
  float whole[N];
  noise_fill(&n, 6.0f, x, N);
  FOR_EACH_ISA(isa)
  {
    for (int f = 0; f < FUNCTIONS; ++f) {
      functions[f](x, N, whole);
      for (int first = 0; first < 17; ++first) {
        for (int count = 0; first + count <= N; ++count) {
          float part[N + 1];
          part[count] = 77.0f;
          functions[f](x + first, count, part);
          check_same_bits(part, whole + first, count, "isa %s function %d first %d count %d",
                          tfm_isa_name(isa), f, first, count);
          assert_true(same_bits(part[count], 77.0f));
        }
      }
    }
  }
}

/* A gate is the activation and one product; what lies beside the rows is left alone. */
static void a_gate_is_an_activation_times_the_other_half(void **state)
{
  (void)state;
  enum { F = 37, R = 5, LD = 2 * F + 3 };
  noise n = {9};
  static const tfm_activation acts[] = {TFM_ACT_GELU, TFM_ACT_SILU, TFM_ACT_RELU};
  FOR_EACH_ISA(isa)
  {
    for (int k = 0; k < 3; ++k) {
      float x[R * LD];
      float was[R * LD];
      noise_fill(&n, 4.0f, x, R * LD);
      memcpy(was, x, sizeof x);
      tfm_gate(acts[k], x, LD, R, F, NULL);
      for (int r = 0; r < R; ++r) {
        float want[LD];
        memcpy(want, was + r * LD, sizeof want);
        tfm_activate(acts[k], want, F, want);
        for (int i = 0; i < F; ++i) {
          want[i] = want[i] * want[F + i];
        }
        check_same_bits(x + r * LD, want, LD, "isa %s row %d", tfm_isa_name(isa), r);
      }
    }
  }
}

/* What PyTorch gives at the edges where it matters: NaN is never lost, zero keeps its sign. */
static void edges(void **state)
{
  (void)state;
  FOR_EACH_ISA(isa)
  {
    const float in[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, -40.0f, 40.0f};
    float y[7];
    for (int f = 0; f < FUNCTIONS; ++f) {
      functions[f](in, 7, y);
      assert_true(isnan(y[0]));
    }
    gelu(in, 7, y);
    assert_true(!isfinite(y[1]) && !isfinite(y[2]));
    assert_true(same_bits(y[3], 0.0f) && same_bits(y[4], -0.0f));
    assert_true(fabsf(y[5]) <= 0.0f && same_bits(y[6], 40.0f));
    gelu_new(in, 7, y);
    assert_true(!isfinite(y[1]) && !isfinite(y[2]));
    for (int f = ROUGH; f < FUNCTIONS; ++f) {
      functions[f](in, 7, y);
      assert_true(!isfinite(y[1]) && !isfinite(y[2]));
      assert_true(fabsf(y[3]) <= 0.0f && fabsf(y[4]) <= 0.0f);
      assert_true(fabsf(y[5]) < 5e-5f && fabsf(y[6] - 40.0f) < 5e-5f);
    }
    silu(in, 7, y);
    assert_true(!isfinite(y[1]) && !isfinite(y[2]));
    tanh_row(in, 7, y);
    assert_true(same_bits(y[1], 1.0f) && same_bits(y[2], -1.0f));
    assert_true(same_bits(y[3], 0.0f) && same_bits(y[4], -0.0f));
    tfm_sigmoid(in, 7, y);
    assert_true(same_bits(y[1], 1.0f) && same_bits(y[2], 0.0f) && same_bits(y[3], 0.5f));
  }
}

static void names_go_both_ways(void **state)
{
  (void)state;
  tfm_activation back = TFM_ACT_COUNT;
  for (int i = 0; i < TFM_ACT_COUNT; ++i) {
    assert_true(tfm_activation_parse(tfm_activation_name((tfm_activation)i), &back));
    assert_int_equal(back, i);
  }
  assert_true(tfm_activation_parse("gelu_pytorch_tanh", &back));
  assert_int_equal(back, TFM_ACT_GELU_NEW);
  assert_true(tfm_activation_parse("gelu_fast", &back));
  assert_int_equal(back, TFM_ACT_GELU_NEW);
  assert_false(tfm_activation_parse("mish", &back));
}

int main(int argc, char **argv)
{
  if (argc == 2 && atoi(argv[1]) > 0) {
    pattern_step = (uint32_t)atoi(argv[1]);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_stay_in_their_bounds),
      cmocka_unit_test(bits_are_those_of_the_contract),
      cmocka_unit_test(position_changes_nothing),
      cmocka_unit_test(a_gate_is_an_activation_times_the_other_half),
      cmocka_unit_test(edges),
      cmocka_unit_test(names_go_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
