/* Products of tiles: every kind of register against the instructions' manual, layers of bfloat16
 * pieces and of int8 against the definition and against double precision. The loops that AMX runs
 * run here over models of it; AMX itself where the CPU has it, else that one is skipped by name. */
#include "core/kernels/amx.h"

#include "core/base/mem.h"
#include "core/kernels/linear.h"
#include "core/kernels/linear_private.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <float.h>
#include <math.h>

/* Hashes under numeric contract v1. */
#define BF16X3_HASH 0xb0ecdfbe3201d440u
#define BF16X2_HASH 0x15779f053a2a5d87u
#define BF16X1_HASH 0xc6686db300ad86b1u

enum { MOST_M = 290, MOST_N = 530, MOST_K = 2300 };

typedef struct {
  float weight[MOST_N * MOST_K];
  float bias[MOST_N];
  float x[MOST_M * MOST_K];
  float want[MOST_M * MOST_N];
  float got[MOST_M * MOST_N];
} layer;

static layer *layer_open(uint64_t seed)
{
  noise n = {seed};
  layer *l = tfm_alloc_aligned(sizeof *l, 1);
  assert_non_null(l);
  noise_fill(&n, 0.1f, l->weight, (int64_t)MOST_N * MOST_K);
  noise_fill(&n, 1.0f, l->bias, MOST_N);
  noise_fill(&n, 2.0f, l->x, (int64_t)MOST_M * MOST_K);
  return l;
}

static tfm_linear *open_one(const layer *l, tfm_backend backend, tfm_precision precision,
                            int64_t N, int64_t K)
{
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  assert_int_equal(tfm_linear_open(&lin, backend, precision, l->weight, l->bias, N, K, &err),
                   TFM_OK);
  return lin;
}

static void run(const layer *l, tfm_backend backend, tfm_precision precision, int64_t M,
                int64_t N, int64_t K, float *y, tfm_par *par)
{
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  tfm_linear *lin = open_one(l, backend, precision, N, K);
  tfm_linear_run(lin, l->x, K, M, y, N, &gelu, par);
  tfm_linear_close(lin);
}

/* ---- the instructions -------------------------------------------------------------------- */

typedef struct {
  const char *name;
  const tfm__amx *amx; /* NULL where it cannot run */
} way;

enum { WAYS = TFM_ISA_COUNT };

static way way_of(tfm_isa isa)
{
  way w = {tfm_isa_name(isa), NULL};
  if (tfm_isa_available(isa)) {
    assert_int_equal(tfm_isa_use(isa, NULL), TFM_OK);
    w.amx = tfm__amx_used();
    assert_int_equal(tfm_isa_use(tfm_isa_best(), NULL), TFM_OK);
  }
  return w;
}

static float half_of(uint32_t word, int half)
{
  const uint32_t u = half ? word & 0xffff0000u : word << 16;
  float f = 0.0f;
  memcpy(&f, &u, sizeof f);
  return f;
}

static float flushed(float x)
{
  return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

/* c += a b for tiles of words, as the manual has TDPBF16PS. */
static void by_the_manual(float *c, const uint32_t *a, const uint32_t *b)
{
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 16; ++n) {
      float sum[2] = {0.0f, 0.0f};
      for (int k = 0; k < 16; ++k) {
        for (int half = 0; half < 2; ++half) {
          sum[half] = flushed(
              fmaf(half_of(a[m * 16 + k], half), half_of(b[k * 16 + n], half), sum[half]));
        }
      }
      c[m * 32 + n] = flushed(c[m * 32 + n] + flushed(sum[0] + sum[1]));
    }
  }
}

/* Words without NaN, infinities and denormals, their products near 1 or near the denormals. */
static void fill_words(noise *n, uint32_t *words, int count, int low)
{
  for (int i = 0; i < count; ++i) {
    const uint32_t e = (uint32_t)(low + (int)(noise_bits(n) % 30));
    const uint32_t f = (uint32_t)(low + (int)(noise_bits(n) % 30));
    words[i] = (noise_bits(n) & 0x807f807fu) | e << 7 | f << 23;
  }
}

/* One tile of rows, one of columns, two steps of K, sums that go on. */
static void tile_multiplies_as_the_manual_says(const way *w)
{
  enum { STEPS = 2, TILE = 256 };
  static _Alignas(64) uint32_t a[2 * TILE * STEPS];
  static _Alignas(64) uint32_t b[TILE * STEPS];
  static _Alignas(64) float want[32 * 32];
  static _Alignas(64) float got[32 * 32];
  noise n = {11};
  for (int round = 0; round < 100; ++round) {
    uint32_t turned[TILE];
    fill_words(&n, a, 2 * TILE * STEPS, round % 2 ? 40 : 110);
    fill_words(&n, b, TILE * STEPS, round % 2 ? 40 : 110);
    noise_fill(&n, round % 2 ? 1e-37f : 1.0f, want, 32 * 32);
    memcpy(got, want, sizeof got);
    for (int s = 0; s < STEPS; ++s) {
      for (int i = 0; i < TILE; ++i) {
        turned[i] = a[i / 16 * 16 * STEPS + s * 16 + i % 16];
      }
      by_the_manual(want, turned, b + s * TILE);
    }
    const float *words = (const float *)(const void *)b;
    const tfm__amx_panel panel = {.a = (const float *)(const void *)a,
                                  .a_row = 16 * STEPS,
                                  .b = {words, NULL},
                                  .last = {words + TILE, NULL},
                                  .b_row = TFM__LANES,
                                  .last_row = TFM__LANES,
                                  .ahead = words,
                                  .steps = STEPS,
                                  .c = got,
                                  .rows = 16,
                                  .go_on = true};
    w->amx->begin();
    w->amx->pieces[0](&panel);
    w->amx->end();
    for (int m = 0; m < 16; ++m) {
      check_same_bits(got + m * 32, want + m * 32, 16, "%s round %d row %d", w->name, round, m);
    }
  }
}

static void models_multiply_as_the_manual_says(void **state)
{
  (void)state;
  for (int isa = 0; isa < TFM_ISA_AMX; ++isa) {
    const way w = way_of((tfm_isa)isa);
    if (w.amx) {
      tile_multiplies_as_the_manual_says(&w);
    }
  }
}

static void amx_multiplies_as_the_manual_says(void **state)
{
  (void)state;
  const way w = way_of(TFM_ISA_AMX);
  if (!w.amx) {
    print_message("skipped: this CPU or this build has no AMX\n");
    skip();
  }
  tile_multiplies_as_the_manual_says(&w);
}

/* ---- trying ---- */

static const tfm__amx *model_of(tfm_isa isa)
{
  return way_of(isa).amx;
}

static void models_agree(void **state)
{
  (void)state;
  FOR_EACH_ISA(isa)
  {
    const tfm__amx *model = model_of(isa);
    if (model) {
      assert_true(tfm__amx_agrees(model, &tfm__amx_portable));
    }
  }
}

/* Registers that do one thing otherwise: a bit of a sum, in one way of multiplying, of the last
 * row. */
static int64_t spoilt_at;
static void (*spoilt)(const tfm__amx_panel *panel);

static void spoil(const tfm__amx_panel *panel)
{
  spoilt(panel);
  if (panel->rows == spoilt_at) {
    uint32_t u = 0;
    float *c = panel->c + (panel->rows - 1) * TFM__AMX_GROUP + (panel->wide ? 31 : 15);
    memcpy(&u, c, sizeof u);
    u ^= 1;
    memcpy(c, &u, sizeof u);
  }
}

static void what_differs_is_seen(void **state)
{
  (void)state;
  for (int p = 0; p <= TFM__AMX_PIECES; ++p) {
    tfm__amx other = tfm__amx_portable;
    spoilt = p == 0 ? other.int8 : other.pieces[p - 1];
    *(p == 0 ? &other.int8 : &other.pieces[p - 1]) = spoil;
    for (int64_t rows = 1; rows <= 64; ++rows) {
      spoilt_at = rows;
      const bool tried = rows == 1 || rows == 17 || rows == 37 || rows == 64;
      assert_int_equal(tfm__amx_agrees(&other, &tfm__amx_portable), !tried);
    }
  }
}

/* ---- layers ------------------------------------------------------------------------------ */

static const int64_t shapes[][3] = {
    /* M, N, K: odd halves, lone tiles of rows and columns, several tasks, blocks and slabs */
    {1, 1, 1},       {2, 16, 2},    {15, 17, 31},  {16, 32, 32},  {17, 33, 33},
    {31, 48, 127},   {33, 49, 128}, {45, 83, 129}, {48, 20, 257}, {270, 18, 300},
    {5, MOST_N, 70}, {9, 40, 1100}, {34, 19, 2100}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void pieces_equal_ref(void **state)
{
  (void)state;
  layer *l = layer_open(2);
  for (int p = TFM_PRECISION_DTYPES; p <= TFM_BF16X1; ++p) {
    for (int s = 0; s < SHAPES; ++s) {
      const int64_t M = shapes[s][0];
      const int64_t N = shapes[s][1];
      const int64_t K = shapes[s][2];
      run(l, TFM_BACKEND_REF, (tfm_precision)p, M, N, K, l->want, NULL);
      FOR_EACH_ISA(isa)
      {
        backwards_par three = backwards_par_of(3);
        run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, M, N, K, l->got,
            s % 2 ? &three.par : NULL);
        check_same_bits(l->got, l->want, M * N, "%s isa %s M %d N %d K %d",
                        tfm_precision_name((tfm_precision)p), tfm_isa_name(isa), (int)M, (int)N,
                        (int)K);
      }
    }
  }
  tfm_free(l);
}

/* The loops of int8, which only AMX uses, over every kind of register. */
static void int8_tiles_equal_ref(void **state)
{
  (void)state;
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  layer *l = layer_open(3);
  for (int s = 0; s < SHAPES; ++s) {
    const int64_t M = shapes[s][0];
    const int64_t N = shapes[s][1];
    const int64_t K = shapes[s][2];
    run(l, TFM_BACKEND_REF, TFM_INT8, M, N, K, l->want, NULL);
    tfm_linear *lin = open_one(l, TFM_BACKEND_NATIVE, TFM_INT8, N, K);
    for (int isa = 0; isa < TFM_ISA_COUNT; ++isa) {
      const way w = way_of((tfm_isa)isa);
      const tfm__linear_job job = {
          .lin = lin, .x = l->x, .ldx = K, .M = M, .y = l->got, .ldy = N, .epilogue = gelu};
      memset(l->got, 0, sizeof l->got);
      if (w.amx) {
        tfm__linear_run_amx(&job, w.amx, NULL);
        check_same_bits(l->got, l->want, M * N, "%s M %d N %d K %d", w.name, (int)M, (int)N,
                        (int)K);
      }
    }
    tfm_linear_close(lin);
  }
  tfm_free(l);
}

/* ---- how exact --------------------------------------------------------------------------- */

/* The worst distance from double precision, relative to the sum of magnitudes. */
static double worst_of(layer *l, tfm_precision precision, int64_t M, int64_t N, int64_t K)
{
  const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};
  double worst = 0.0;
  tfm_linear *lin = open_one(l, TFM_BACKEND_NATIVE, precision, N, K);
  tfm_linear_run(lin, l->x, K, M, l->got, N, &plain, NULL);
  tfm_linear_close(lin);
  for (int64_t i = 0; i < M * N; ++i) {
    double magnitude = 0.0;
    const double sum = ref_dot(l->x + i / N * K, l->weight + i % N * K, K, &magnitude);
    const double off = fabs((double)l->got[i] - sum - (double)l->bias[i % N]) / magnitude;
    worst = off > worst ? off : worst;
  }
  return worst;
}

/* Two pieces leave 2^-18 of a number, whose product with the first piece of the other is lost.
 * Three leave next to nothing: what remains are six roundings of the whole sum for 32 numbers,
 * where float32 in blocks of 192 rounds partial sums. */
static void pieces_cost_what_they_should(void **state)
{
  (void)state;
  static const double limit[TFM_PRECISION_COUNT] = {
      [TFM_BF16X3] = TOL_LINEAR, [TFM_BF16X2] = 0x1p-16, [TFM_BF16X1] = 0x1p-8};
  layer *l = layer_open(4);
  memset(l->bias, 0, sizeof l->bias);
  const double exact = worst_of(l, TFM_FLOAT32, 40, 60, 1000);
  for (int p = TFM_PRECISION_DTYPES; p <= TFM_BF16X1; ++p) {
    const double worst = worst_of(l, (tfm_precision)p, 40, 60, 1000);
    print_message("%s: worst %.2e of %.2e; float32: %.2e\n",
                  tfm_precision_name((tfm_precision)p), worst, limit[p], exact);
    assert_true(worst <= limit[p]);
    assert_true(p == TFM_BF16X3 || worst > 8 * exact); /* it really is that mode */
  }
  tfm_free(l);
}

/* Weights of trained models scaled down until pieces of x or w fall among the denormals, which are
 * zeros here: exact as long as a weight is far above 2^-102, then no worse than what is lost. */
static void tiny_numbers_lose_what_is_below_float32(void **state)
{
  (void)state;
  layer *l = layer_open(5);
  memset(l->bias, 0, sizeof l->bias);
  static const int powers[] = {-10, -40, -80};
  const double exact = worst_of(l, TFM_BF16X3, 20, 30, 400);
  for (size_t i = 0; i < sizeof powers / sizeof powers[0]; ++i) {
    layer *small = layer_open(5);
    memset(small->bias, 0, sizeof small->bias);
    for (int64_t k = 0; k < 30 * 400; ++k) {
      small->weight[k] = ldexpf(l->weight[k], powers[i]);
    }
    const double worst = worst_of(small, TFM_BF16X3, 20, 30, 400);
    print_message("weights times 2^%d: worst %.2e; else %.2e\n", powers[i], worst, exact);
    assert_true(worst <= 1.01 * exact);
    tfm_free(small);
  }
  tfm_free(l);
}

/* A row that is not finite stays so, and its neighbours do not notice. */
static void rows_do_not_meet(void **state)
{
  (void)state;
  enum { M = 45, N = 40, K = 100 };
  layer *l = layer_open(6);
  for (int p = TFM_PRECISION_DTYPES; p <= TFM_BF16X1; ++p) {
    run(l, TFM_BACKEND_REF, (tfm_precision)p, M, N, K, l->want, NULL);
    FOR_EACH_ISA(isa)
    {
      const float kept = l->x[13 * K + 7];
      l->x[13 * K + 7] = p == TFM_BF16X2 ? INFINITY : NAN;
      run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, M, N, K, l->got, NULL);
      l->x[13 * K + 7] = kept;
      assert_false(isfinite(l->got[13 * N]));
      check_same_bits(l->got, l->want, 13 * N, "rows before");
      check_same_bits(l->got + 14 * N, l->want + 14 * N, (M - 14) * N, "rows behind");
    }
  }
  tfm_free(l);
}

static void bits_are_those_of_the_contract(void **state)
{
  (void)state;
  enum { M = 45, N = 83, K = 1001 };
  static const uint64_t hash[TFM_PRECISION_COUNT] = {
      [TFM_BF16X3] = BF16X3_HASH, [TFM_BF16X2] = BF16X2_HASH, [TFM_BF16X1] = BF16X1_HASH};
  layer *l = layer_open(7);
  for (int p = TFM_PRECISION_DTYPES; p <= TFM_BF16X1; ++p) {
    FOR_EACH_ISA(isa)
    {
      run(l, TFM_BACKEND_NATIVE, (tfm_precision)p, M, N, K, l->got, NULL);
      const uint64_t got = hash_floats(hash_begin, l->got, M * N);
      print_message("%s hash %016llx\n", tfm_precision_name((tfm_precision)p),
                    (unsigned long long)got);
      assert_true(got == hash[p]);
    }
  }
  tfm_free(l);
}

static void libraries_have_no_pieces(void **state)
{
  (void)state;
  layer *l = layer_open(8);
  for (int b = TFM_BACKEND_OPENBLAS; b <= TFM_BACKEND_ONEDNN; ++b) {
    tfm_err err = {0};
    tfm_linear *lin = NULL;
    assert_int_equal(
        tfm_linear_open(&lin, (tfm_backend)b, TFM_BF16X3, l->weight, NULL, 64, 64, &err),
        TFM_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "--backend native"));
    assert_null(lin);
  }
  tfm_free(l);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(models_multiply_as_the_manual_says),
      cmocka_unit_test(amx_multiplies_as_the_manual_says),
      cmocka_unit_test(models_agree),
      cmocka_unit_test(what_differs_is_seen),
      cmocka_unit_test(pieces_equal_ref),
      cmocka_unit_test(int8_tiles_equal_ref),
      cmocka_unit_test(pieces_cost_what_they_should),
      cmocka_unit_test(tiny_numbers_lose_what_is_below_float32),
      cmocka_unit_test(rows_do_not_meet),
      cmocka_unit_test(bits_are_those_of_the_contract),
      cmocka_unit_test(libraries_have_no_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
