/* Linear layers in bfloat16 and int8: the definition against double precision, and every way of
 * computing it against the definition. */
#include "core/kernels/precision.h"

#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "core/kernels/peak.h"
#include "core/kernels/table.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"

#include <math.h>
#include <stdlib.h>

/* Hashes under numeric contract v1. */
#define BFLOAT16_HASH 0xa678ed532cb33cf7u
#define INT8_HASH     0xab38502c006ad81cu

enum { M = 45, N = 83, K = 1001, DEEP = 3101 /* rows packed in several pieces */ };

typedef struct {
  float weight[N * DEEP];
  float bias[N];
  float x[M * DEEP];
  float want[M * N];
  float got[M * N];
} layer;

static layer *layer_open(uint64_t seed)
{
  noise n = {seed};
  layer *l = tfm_alloc_aligned(sizeof *l, 1);
  assert_non_null(l);
  noise_fill(&n, 0.1f, l->weight, (int64_t)N * K);
  noise_fill(&n, 1.0f, l->bias, N);
  noise_fill(&n, 2.0f, l->x, (int64_t)M * K);
  noise_fill(&n, 0.1f, l->weight + N * K, (int64_t)N * (DEEP - K));
  noise_fill(&n, 2.0f, l->x + M * K, (int64_t)M * (DEEP - K));
  return l;
}

static void run(const layer *l, tfm_backend backend, tfm_precision precision, int64_t rows,
                int64_t width, float *y)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  assert_int_equal(
      tfm_linear_open(&lin, backend, precision, l->weight, l->bias, N, width, &err), TFM_OK);
  tfm_linear_run(lin, l->x, width, rows, y, N, &gelu, NULL);
  tfm_linear_close(lin);
}

/* Relative to the sum of magnitudes: half a unit of 8 bits for each of two factors of bfloat16; for
 * int8 half a step of each, which is 1/254 of the largest value of its row. */
static void rounding_costs_what_it_should(void **state)
{
  (void)state;
  static const double limit[TFM_PRECISION_DTYPES] = {5e-7, 0x1p-8, 1.0 / 60};
  const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};
  layer *l = layer_open(1);
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    double worst = 0.0;
    tfm_err err = {0};
    tfm_linear *lin = NULL;
    assert_int_equal(tfm_linear_open(&lin, TFM_BACKEND_REF, (tfm_precision)p, l->weight,
                                     l->bias, N, K, &err),
                     TFM_OK);
    tfm_linear_run(lin, l->x, K, 4, l->got, N, &plain, NULL);
    tfm_linear_close(lin);
    for (int64_t i = 0; i < 4 * N; ++i) {
      double magnitude = 0.0;
      const double sum = ref_dot(l->x + i / N * K, l->weight + i % N * K, K, &magnitude);
      const double off = fabs((double)l->got[i] - sum - (double)l->bias[i % N]) / magnitude;
      worst = off > worst ? off : worst;
    }
    print_message("%s: worst %.2e of %.2e\n", tfm_precision_name((tfm_precision)p), worst,
                  limit[p]);
    assert_true(worst <= limit[p]);
    assert_true(p == 0 || worst > 1e-6); /* it really is that precision */
  }
  tfm_free(l);
}

/* Every edge: odd widths leave halves and quarters of a word, rows fill strips unevenly. */
static void native_equals_ref(void **state)
{
  (void)state;
  static const int64_t width[] = {1, 2, 3, 7, 64, 383, 384, 385, 767, 769, K, DEEP};
  layer *l = layer_open(2);
  memset(l->x + 5 * K, 0, K * sizeof *l->x); /* rows of nothing */
  for (int p = TFM_BFLOAT16; p < TFM_PRECISION_DTYPES; ++p) {
    for (size_t w = 0; w < sizeof width / sizeof width[0]; ++w) {
      run(l, TFM_BACKEND_REF, (tfm_precision)p, M, width[w], l->want);
      FOR_EACH_ISA(isa)
      {
        for (int64_t rows = 1; rows <= M; rows += 4) {
          run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, rows, width[w], l->got);
          check_same_bits(l->got, l->want, rows * N, "%s isa %s M %d K %d",
                          tfm_precision_name((tfm_precision)p), tfm_isa_name(isa), (int)rows,
                          (int)width[w]);
        }
      }
    }
  }
  tfm_free(l);
}

/* The tiles of an instruction set, with and without the instruction that does it at once, on words
 * of any content but NaN, infinities and denormals, sums among the denormals too. */
static void tiles_agree(void **state)
{
  (void)state;
  enum { STEPS = 37, ROWS = TFM__TILE_ROWS, COLS = TFM__TILE_VECS * TFM__LANES };
  static uint32_t a[STEPS * ROWS];
  static uint32_t b[STEPS * COLS];
  static float want[ROWS * COLS];
  static float got[ROWS * COLS];
  noise n = {3};
  for (int round = 0; round < 200; ++round) {
    const int low = round % 2 ? 40 : 110; /* products near 2^-170, or near 1 */
    for (size_t i = 0; i < sizeof a / sizeof a[0] + sizeof b / sizeof b[0]; ++i) {
      uint32_t *at = i < sizeof a / sizeof a[0] ? a + i : b + (i - sizeof a / sizeof a[0]);
      const uint32_t e = (uint32_t)(low + (int)(noise_bits(&n) % 30));
      const uint32_t f = (uint32_t)(low + (int)(noise_bits(&n) % 30));
      const uint32_t bits = noise_bits(&n);
      *at = (bits & 0x807f807fu) | e << 7 | f << 23;
    }
    FOR_EACH_ISA(isa)
    {
      const tfm__kernels *k = tfm__kernels_used();
      const tfm__operands from = {.a = (const float *)(const void *)a,
                                  .a_step = k->tile_rows,
                                  .b = (const float *)(const void *)b,
                                  .b_next = (int64_t)STEPS * TFM__LANES,
                                  .ahead = want};
      const int64_t ldc = (int64_t)k->tile_vecs * TFM__LANES;
      const tfm__tiles *pair[2][2] = {{k->tile_bfloat16, tfm__tiles_used(TFM_BFLOAT16)},
                                      {k->tile_int8, tfm__tiles_used(TFM_INT8)}};
      for (int p = 0; p < 2; ++p) {
        (*pair[p][0])[TFM__STRIP][k->tile_vecs - 1][k->tile_rows - 1](&from, STEPS, want, ldc,
                                                                      0);
        (*pair[p][1])[TFM__STRIP][k->tile_vecs - 1][k->tile_rows - 1](&from, STEPS, got, ldc,
                                                                      0);
        assert_memory_equal(want, got, (size_t)(k->tile_rows * ldc) * sizeof *want);
      }
    }
  }
}

/* Rows paired up are the two rounded rows, side by side. */
static void check_pairs(const float *x, const unsigned char *rounded, int64_t count)
{
  float words[128];
  unsigned char bytes[4];
  tfm__pair_bfloat16_used()(x, x + 97 - count, count, words);
  for (int64_t i = 0; i < count; ++i) {
    memcpy(bytes, words + i, sizeof bytes);
    assert_memory_equal(bytes, rounded + 2 * i, 2);
    assert_memory_equal(bytes + 2, rounded + 2 * (97 - count + i), 2);
  }
}

/* Any bits there are, NaN, infinities and denormals too, at every length. */
static void rounding_has_the_same_bits_everywhere(void **state)
{
  (void)state;
  enum { WIDTH = 97 };
  float x[WIDTH];
  unsigned char want[2 * WIDTH];
  unsigned char got[2 * WIDTH + 1];
  noise n = {7};
  for (int round = 0; round < 20000; ++round) {
    for (int i = 0; i < WIDTH; ++i) {
      const uint32_t keep = round % 3 ? 0xffffffffu : 0x80ffffffu; /* often denormal, or NaN: */
      const uint32_t bits = (noise_bits(&n) & keep) | (round % 5 ? 0 : 0x7f800000u);
      memcpy(&x[i], &bits, sizeof bits);
    }
    tfm__kernels_portable.to_bfloat16(x, 0, 1, WIDTH, want, 0);
    const int64_t count = round % WIDTH + 1;
    FOR_EACH_ISA(isa)
    {
      memset(got, 0x5a, sizeof got);
      tfm__to_bfloat16_used()(x, 0, 1, count, got, 0);
      assert_memory_equal(want, got, (size_t)(2 * count));
      assert_int_equal(got[2 * count], 0x5a);
      check_pairs(x, want, count);
    }
  }
}

/* Rows rounded at once are those rounded one by one; what lies between them stays. */
static void rows_are_rounded_where_they_are(void **state)
{
  (void)state;
  enum { WIDTH = 40, ROWS = 5, LD = 43, APART = 96 };
  float x[ROWS * LD];
  unsigned char want[2 * WIDTH];
  unsigned char got[ROWS * APART];
  noise n = {8};
  noise_fill(&n, 3.0f, x, ROWS * LD);
  FOR_EACH_ISA(isa)
  {
    for (int64_t count = 1; count <= WIDTH; ++count) {
      memset(got, 0x5a, sizeof got);
      tfm__to_bfloat16_used()(x, LD, ROWS, count, got, APART);
      for (int r = 0; r < ROWS; ++r) {
        tfm__kernels_portable.to_bfloat16(x + (ptrdiff_t)r * LD, 0, 1, count, want, 0);
        assert_memory_equal(want, got + (ptrdiff_t)r * APART, (size_t)(2 * count));
        assert_int_equal(got[r * APART + 2 * count], 0x5a);
      }
    }
  }
}

/* A row that is not finite stays so, and its neighbours do not notice. */
static void rows_do_not_meet(void **state)
{
  (void)state;
  layer *l = layer_open(4);
  for (int p = TFM_BFLOAT16; p < TFM_PRECISION_DTYPES; ++p) {
    run(l, TFM_BACKEND_REF, (tfm_precision)p, M, K, l->want);
    FOR_EACH_ISA(isa)
    {
      const float kept = l->x[13 * K + 7];
      l->x[13 * K + 7] = p == TFM_INT8 ? INFINITY : NAN;
      run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, M, K, l->got);
      l->x[13 * K + 7] = kept;
      for (int64_t m = 0; m < M; ++m) {
        if (m == 13) {
          assert_false(isfinite(l->got[m * N]));
          continue;
        }
        check_same_bits(l->got + m * N, l->want + m * N, N, "row %d", (int)m);
      }
    }
  }
  tfm_free(l);
}

static void bits_are_those_of_contract_v2(void **state)
{
  (void)state;
  static const uint64_t hash[TFM_PRECISION_DTYPES] = {0, BFLOAT16_HASH, INT8_HASH};
  layer *l = layer_open(5);
  for (int p = TFM_BFLOAT16; p < TFM_PRECISION_DTYPES; ++p) {
    FOR_EACH_ISA(isa)
    {
      run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, M, K, l->got);
      const uint64_t got = hash_floats(hash_begin, l->got, M * N);
      print_message("%s hash %016llx\n", tfm_precision_name((tfm_precision)p),
                    (unsigned long long)got);
      assert_true(got == hash[p]);
    }
  }
  tfm_free(l);
}

/* No claim about speed, which tests cannot make: it answers, and in operations. */
static void the_peak_is_a_number_of_operations(void **state)
{
  (void)state;
  FOR_EACH_ISA(isa)
  {
    for (int p = 0; p < TFM_PRECISION_COUNT; ++p) {
      const double peak = tfm_linear_peak((tfm_precision)p);
      assert_true(peak > 1e7 && peak < 1e15);
    }
  }
}

static void what_cannot_be_is_refused(void **state)
{
  (void)state;
  layer *l = layer_open(6);
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(
      tfm_linear_open(&lin, TFM_BACKEND_OPENBLAS, TFM_INT8, l->weight, l->bias, N, K, &err),
      TFM_E_UNSUPPORTED);
  assert_non_null(strstr(err.text, "openblas"));
  assert_null(lin);
  assert_int_equal(tfm_linear_open(&lin, TFM_BACKEND_NATIVE, TFM_INT8, l->weight, NULL, 1,
                                   TFM_LINEAR_INT8_K + 1, &err),
                   TFM_E_UNSUPPORTED);
  assert_non_null(strstr(err.text, "65536"));
  tfm_precision precision = TFM_FLOAT32;
  assert_true(tfm_precision_parse("int8", &precision));
  assert_int_equal(precision, TFM_INT8);
  assert_false(tfm_precision_parse("fp8", &precision));
  tfm_free(l);
}

/* What a checkpoint's reader does: pieces of whole panels, the last one short. */
static void pieces_pack_as_the_whole_does(void **state)
{
  (void)state;
  static const int64_t cuts[] = {0, 16, 64, N};
  const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};
  layer *l = layer_open(7);
  for (int i = 0; i < 2 * TFM_PRECISION_COUNT; ++i) {
    const tfm_backend backend = i % 2 ? TFM_BACKEND_REF : TFM_BACKEND_NATIVE;
    const tfm_precision precision = (tfm_precision)(i / 2);
    tfm_err err = {0};
    tfm_linear *whole = NULL;
    tfm_linear *pieces = NULL;
    assert_int_equal(
        tfm_linear_open(&whole, backend, precision, l->weight, l->bias, N, K, &err), TFM_OK);
    assert_int_equal(tfm_linear_begin(&pieces, backend, precision, N, K, &err), TFM_OK);
    for (int c = 2; c >= 0; --c) { /* in any order */
      tfm_linear_put(pieces, cuts[c], cuts[c + 1] - cuts[c], l->weight + cuts[c] * K,
                     l->bias + cuts[c]);
    }
    size_t bytes = 0;
    size_t same = 0;
    const void *want = tfm_linear_memory(whole, &bytes);
    assert_memory_equal(tfm_linear_memory(pieces, &same), want, bytes);
    assert_int_equal(same, bytes);
    tfm_linear_run(whole, l->x, K, 4, l->want, N, &plain, NULL);
    tfm_linear_run(pieces, l->x, K, 4, l->got, N, &plain, NULL);
    assert_memory_equal(l->got, l->want, sizeof(float) * 4 * N);
    tfm_linear_close(whole);
    tfm_linear_close(pieces);
  }
  tfm_free(l);
}

static tfm_linear *pack_of(tfm_precision precision, const float *weight, int64_t outputs,
                           int64_t width)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(
      tfm_linear_open(&lin, TFM_BACKEND_NATIVE, precision, weight, NULL, outputs, width, &err),
      TFM_OK);
  return lin;
}

/* What lies between two layers is rounded and ordered as the second one would do it: the bits of
 * one run and another, at every edge of rows, words and K blocks. */
static void two_layers_equal_one_and_one(void **state)
{
  (void)state;
  enum { ROWS = 230, IN = 40, OUT = 24, MOST = 400 };
  static const int64_t between[] = {1, 15, 37, 192, 193, 385, MOST};
  static float x[ROWS * IN], mid[ROWS * 588], want[ROWS * OUT], got[ROWS * OUT];
  static float weight[MOST * IN];
  noise n = {17};
  noise_fill(&n, 2.0f, x, ROWS * IN);
  noise_fill(&n, 0.1f, weight, MOST * IN);
  const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = x, .ldr = IN};
  const tfm_epilogue gelu = {.act = TFM_ACT_GELU};
  for (int i = 0; i < 7 * TFM_PRECISION_DTYPES; ++i) {
    const int64_t wide = between[i / TFM_PRECISION_DTYPES];
    const tfm_precision p = (tfm_precision)(i % TFM_PRECISION_DTYPES);
    assert_true(tfm_linear_between(wide, ROWS) <= (int64_t)(sizeof mid / sizeof mid[0]));
    FOR_EACH_ISA(isa)
    {
      tfm_linear *up = pack_of(p, weight, wide, IN);
      tfm_linear *down = pack_of(p, weight, OUT, wide);
      for (int64_t rows = 1; rows <= ROWS; rows += rows < 16 ? 1 : 107) {
        backwards_par par = backwards_par_of((int)(rows % 3 + 1));
        tfm_linear_run(up, x, IN, rows, mid, wide, &gelu, NULL);
        tfm_linear_run(down, mid, wide, rows, want, OUT, &add, NULL);
        memset(mid, 0xff, sizeof mid); /* NaN: only what was written may be read */
        const tfm_linear_two two = {up, down, TFM_ACT_GELU, mid, add};
        tfm_linear_run_two(&two, x, IN, rows, got, OUT, &par.par);
        check_same_bits(got, want, rows * OUT, "isa %s %s M %d N %d", tfm_isa_name(isa),
                        tfm_precision_name(p), (int)rows, (int)wide);
      }
      tfm_linear_close(up);
      tfm_linear_close(down);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rounding_costs_what_it_should),
      cmocka_unit_test(native_equals_ref),
      cmocka_unit_test(tiles_agree),
      cmocka_unit_test(rounding_has_the_same_bits_everywhere),
      cmocka_unit_test(rows_are_rounded_where_they_are),
      cmocka_unit_test(rows_do_not_meet),
      cmocka_unit_test(bits_are_those_of_contract_v2),
      cmocka_unit_test(the_peak_is_a_number_of_operations),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(pieces_pack_as_the_whole_does),
      cmocka_unit_test(two_layers_equal_one_and_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
