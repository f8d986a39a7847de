/* The instructions of amx_silicon.c as they were compiled, on a CPU without AMX: a trap does what
 * each means (amx_trap.h). Where the CPU has AMX, it does them itself. */
#include "tests/core/kernels/amx_trap.h"

#include "core/base/mem.h"
#include "core/kernels/amx.h"
#include "core/kernels/linear.h"
#include "core/kernels/linear_private.h"
#include "tests/core/kernels/kernels_test.h"

#if TFM_WITH_AMX

enum { MOST_M = 270, MOST_N = 530, MOST_K = 2100 };

typedef struct {
  float weight[MOST_N * MOST_K];
  float bias[MOST_N];
  float x[MOST_M * MOST_K];
  float want[MOST_M * MOST_N];
  float got[MOST_M * MOST_N];
} layer;

/* Why the instructions around tiles cannot run here, or NULL. */
static const char *missing(void)
{
  if (!tfm_isa_available(TFM_ISA_AVX512)) {
    return "this CPU has no AVX-512, which the compiler uses beside AMX";
  }
  return tfm__amx_permitted() || amx_trap_open() ? NULL : "no trap on this system";
}

static void begin(void)
{
  const char *why = missing();
  if (why) {
    print_message("skipped: %s\n", why);
    skip();
  }
}

/* For what only the trap can tell. */
static void begin_trapped(void)
{
  begin();
  if (tfm__amx_permitted()) {
    print_message("skipped: this CPU does AMX's instructions itself\n");
    skip();
  }
}

/* Nothing happened that a CPU would have refused. */
static void end(void)
{
  const amx_trapped *t = amx_trap_counts();
  if (!tfm__amx_permitted()) {
    amx_trap_close();
    if (t->refused != 0) {
      fail_msg("%lld instructions refused: %s", (long long)t->refused, t->refusal);
    }
    assert_true(t->seen[AMX_LDTILECFG] > 0);
    assert_int_equal(t->seen[AMX_LDTILECFG], t->seen[AMX_TILERELEASE]);
  }
}

static void tiles_are_those_of_the_model(void **state)
{
  (void)state;
  begin();
  assert_true(tfm__amx_agrees(&tfm__amx_silicon, &tfm__amx_portable));
  end();
}

/* Layers of bfloat16 in 1..3 pieces and of int8: odd halves, lone tiles of rows and columns,
 * several tasks, blocks and slabs. */
static void layers_equal_ref(void **state)
{
  static const int64_t shapes[][3] = {{1, 1, 1},       {15, 17, 31},   {33, 49, 128},
                                      {48, 20, 257},   {270, 18, 300}, {5, MOST_N, 70},
                                      {34, 19, MOST_K}};
  static const tfm_precision precisions[] = {TFM_INT8, TFM_BF16X1, TFM_BF16X2, TFM_BF16X3};
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  (void)state;
  begin();
  noise n = {9};
  layer *l = tfm_alloc_aligned(sizeof *l, 1);
  assert_non_null(l);
  noise_fill(&n, 0.1f, l->weight, (int64_t)MOST_N * MOST_K);
  noise_fill(&n, 1.0f, l->bias, MOST_N);
  noise_fill(&n, 2.0f, l->x, (int64_t)MOST_M * MOST_K);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] * 4; ++i) {
    const int64_t M = shapes[i / 4][0];
    const int64_t N = shapes[i / 4][1];
    const int64_t K = shapes[i / 4][2];
    tfm_err err = {0};
    tfm_linear *ref = NULL;
    tfm_linear *lin = NULL;
    assert_int_equal(tfm_linear_open(&ref, TFM_BACKEND_REF, precisions[i % 4], l->weight,
                                     l->bias, N, K, &err),
                     TFM_OK);
    assert_int_equal(tfm_linear_open(&lin, TFM_BACKEND_NATIVE, precisions[i % 4], l->weight,
                                     l->bias, N, K, &err),
                     TFM_OK);
    tfm_linear_run(ref, l->x, K, M, l->want, N, &gelu, NULL);
    backwards_par three = backwards_par_of(3);
    const tfm__linear_job job = {
        .lin = lin, .x = l->x, .ldx = K, .M = M, .y = l->got, .ldy = N, .epilogue = gelu};
    memset(l->got, 0, sizeof l->got);
    tfm__linear_run_amx(&job, &tfm__amx_silicon, i % 2 ? &three.par : NULL);
    check_same_bits(l->got, l->want, M * N, "%s M %d N %d K %d",
                    tfm_precision_name(precisions[i % 4]), (int)M, (int)N, (int)K);
    tfm_linear_close(lin);
    tfm_linear_close(ref);
  }
  tfm_free(l);
  end();
}

/* 33 rows by two panels, two steps in three pieces: a strip of two tiles by two and one of one by
 * two; 18 loads for the 24 products of a step of the first. */
static void loads_are_shared(void **state)
{
  enum { STEPS = 2, ROW = STEPS * TFM__AMX_STEP, PADDED = 2 * TFM__AMX_STRIP };
  static _Alignas(64) float a[3 * PADDED * ROW];
  static _Alignas(64) float b[2][3 * ROW * TFM__AMX_STEP];
  static _Alignas(64) float c[PADDED * TFM__AMX_GROUP];
  (void)state;
  begin_trapped();
  const tfm__amx_panel panel = {.a = a,
                                .a_row = ROW,
                                .a_piece = PADDED * ROW,
                                .b = {b[0], b[1]},
                                .last = {b[0], b[1]},
                                .b_row = TFM__AMX_STEP,
                                .last_row = TFM__AMX_STEP,
                                .b_piece = ROW * TFM__AMX_STEP,
                                .ahead = a,
                                .steps = STEPS,
                                .c = c,
                                .rows = 33,
                                .wide = true};
  tfm__amx_silicon.begin();
  tfm__amx_silicon.pieces[2](&panel);
  tfm__amx_silicon.end();
  const amx_trapped *t = amx_trap_counts();
  assert_int_equal(t->seen[AMX_TILEZERO], 4 + 2);
  assert_int_equal(t->seen[AMX_TILELOADD], STEPS * (18 + 12));
  assert_int_equal(t->seen[AMX_TDPBF16PS], STEPS * (24 + 12));
  assert_int_equal(t->seen[AMX_TDPBUSD], 0);
  assert_int_equal(t->seen[AMX_TILESTORED], 4 + 2);
  end();
}

/* Products without the shapes that begin() sets: the trap says so. */
static void a_missing_shape_is_refused(void **state)
{
  static _Alignas(64) float words[TFM__AMX_STRIP * TFM__AMX_STEP];
  static _Alignas(64) float c[TFM__AMX_STRIP * TFM__AMX_GROUP];
  (void)state;
  begin_trapped();
  const tfm__amx_panel panel = {.a = words,
                                .a_row = TFM__AMX_STEP,
                                .b = {words, words},
                                .last = {words, words},
                                .b_row = TFM__AMX_STEP,
                                .last_row = TFM__AMX_STEP,
                                .ahead = words,
                                .steps = 1,
                                .c = c,
                                .rows = 1};
  tfm__amx_silicon.int8(&panel);
  amx_trap_close();
  const amx_trapped *t = amx_trap_counts();
  assert_int_equal(t->refused, 5); /* zero, two loads, a product, a store */
  assert_string_equal(t->refusal, "a tile without a shape");
}

#else

static void tiles_are_those_of_the_model(void **state)
{
  (void)state;
  print_message("skipped: this build has no AMX\n");
  skip();
}
#endif

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(tiles_are_those_of_the_model),
#if TFM_WITH_AMX
    cmocka_unit_test(layers_equal_ref),
    cmocka_unit_test(loads_are_shared),
    cmocka_unit_test(a_missing_shape_is_refused),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
