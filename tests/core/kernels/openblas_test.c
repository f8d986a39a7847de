/* The openblas backend: a real linear layer, and a probe that tells whether it may be trusted.
 *
 *  Run twice by ctest: as OpenBLAS chooses its kernels here, and with OPENBLAS_CORETYPE=Haswell as
 *  the negative control, whose kernels give a row other bits at another position.
 */
#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>

static bool is_core(const char *name)
{
  return strcmp(tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS) + strlen("openblas-"), name) == 0;
}

static bool is_avx512_core(void)
{
  return is_core("SkylakeX") || is_core("Cooperlake") || is_core("SapphireRapids");
}

static float *want_floats(int64_t count, float scale)
{
  static noise n = {21};
  float *p = tfm_alloc_aligned((size_t)count, sizeof *p);
  assert_non_null(p);
  noise_fill(&n, scale, p, count);
  return p;
}

static tfm_linear *layer_of(const float *weight, const float *bias, int64_t N, int64_t K)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(
      tfm_linear_open(&lin, TFM_BACKEND_OPENBLAS, TFM_FLOAT32, weight, bias, N, K, &err),
      TFM_OK);
  return lin;
}

/* More K than one call takes, a last tile that is not full, a residual that is y itself. */
static void is_a_linear_layer(void **state)
{
  (void)state;
  enum { M = 130, N = 400, K = 900 };
  float *weight = want_floats(N * K, 0.1f);
  float *bias = want_floats(N, 1.0f);
  float *x = want_floats(M * K, 2.0f);
  float *residual = want_floats(M * N, 1.0f);
  float *y = want_floats(M * N, 1.0f);
  memcpy(y, residual, (size_t)(M * N) * sizeof *y);
  tfm_linear *lin = layer_of(weight, bias, N, K);
  const tfm_epilogue relu = {TFM_ACT_RELU, y, N};
  tfm_linear_run(lin, x, K, M, y, N, &relu, NULL);
  double worst = 0.0;
  for (int64_t i = 0; i < M * N; ++i) {
    double magnitude = 0.0;
    const double sum = ref_dot(x + i / N * K, weight + i % N * K, K, &magnitude);
    const double want = ref_relu(sum + (double)bias[i % N]) + (double)residual[i];
    const double off = fabs((double)y[i] - want) / (magnitude + 1.0);
    worst = off > worst ? off : worst;
  }
  print_message("worst %.2e of %.2e\n", worst, TOL_LINEAR);
  assert_true(worst <= TOL_LINEAR);
  tfm_linear_close(lin);
  tfm_free(weight);
  tfm_free(bias);
  tfm_free(x);
  tfm_free(residual);
  tfm_free(y);
}

/* Heads narrower than 32 columns run on native: its bits, and trusted without a run. */
static void narrow_layers_are_native(void **state)
{
  (void)state;
  enum { M = 7, N = 28, K = 300 };
  float *weight = want_floats(N * K, 0.1f);
  float *x = want_floats(M * K, 2.0f);
  float *got = want_floats(M * N, 1.0f);
  float *want = want_floats(M * N, 1.0f);
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  tfm_linear *lin = layer_of(weight, NULL, N, K);
  tfm_linear_run(lin, x, K, M, got, N, &none, NULL);
  assert_true(tfm_linear_probe(lin));
  tfm_linear_close(lin);
  tfm_err err = {0};
  assert_int_equal(
      tfm_linear_open(&lin, TFM_BACKEND_REF, TFM_FLOAT32, weight, NULL, N, K, &err), TFM_OK);
  tfm_linear_run(lin, x, K, M, want, N, &none, NULL);
  tfm_linear_close(lin);
  check_same_bits(got, want, M * N, "28 columns");
  tfm_free(weight);
  tfm_free(x);
  tfm_free(got);
  tfm_free(want);
}

static const int64_t shapes[][2] = {{768, 768}, {256, 1024}, {1024, 256}, {384, 400}, {64, 33}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static int trusted_shapes(void)
{
  int trusted = 0;
  for (int s = 0; s < SHAPES; ++s) {
    const int64_t K = shapes[s][0];
    const int64_t N = shapes[s][1];
    float *weight = want_floats(N * K, 0.1f);
    tfm_linear *lin = layer_of(weight, NULL, N, K);
    trusted += tfm_linear_probe(lin);
    tfm_linear_close(lin);
    tfm_free(weight);
  }
  return trusted;
}

/* AVX-512 kernels are known not to depend on the position: a probe that fails there is itself
 * broken. */
static void probe_trusts_avx512_kernels(void **state)
{
  (void)state;
  if (!is_avx512_core()) {
    print_message("skipped: OpenBLAS runs as %s\n",
                  tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS));
    skip();
  }
  assert_int_equal(trusted_shapes(), SHAPES);
}

/* The negative control: a probe that trusts Haswell's kernels tests nothing. */
static void probe_catches_haswell_kernels(void **state)
{
  (void)state;
  if (!is_core("Haswell")) {
    print_message("skipped: OpenBLAS runs as %s\n",
                  tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS));
    skip();
  }
  assert_int_equal(trusted_shapes(), 0);
}

/* Where the probe trusts a shape, a row really has the same bits for every M and at every place. */
static void trusted_rows_do_not_move(void **state)
{
  (void)state;
  enum { M = 200, N = 40, K = 800 };
  float *weight = want_floats(N * K, 0.1f);
  float *x = want_floats(M * K, 2.0f);
  float *y = want_floats(M * N, 1.0f);
  float *one = want_floats(N, 1.0f);
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  tfm_linear *lin = layer_of(weight, NULL, N, K);
  const bool trusted = tfm_linear_probe(lin);
  if (trusted) {
    tfm_linear_run(lin, x, K, M, y, N, &none, NULL);
  }
  for (int64_t m = 0; trusted && m < M; m += 3) {
    tfm_linear_run(lin, x + m * K, K, 1, one, N, &none, NULL);
    check_same_bits(one, y + m * N, N, "row %d", (int)m);
  }
  tfm_linear_close(lin);
  tfm_free(weight);
  tfm_free(x);
  tfm_free(y);
  tfm_free(one);
  if (!trusted) {
    print_message("skipped: not trusted\n");
    skip();
  }
}

int main(void)
{
  print_message("%s\n", tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS));
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_a_linear_layer),
      cmocka_unit_test(narrow_layers_are_native),
      cmocka_unit_test(probe_trusts_avx512_kernels),
      cmocka_unit_test(probe_catches_haswell_kernels),
      cmocka_unit_test(trusted_rows_do_not_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
