/* Heads beyond one classifier a sequence: masks, vectors, the best of many. The states they start
 * from are held to the reference elsewhere; here each head is held to its definition, and its
 * bits to independence of whatever shares the batch. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "core/model/pool.h"
#include "core/model/rank.h"
#include "tests/core/model/tolerance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the best of many ---- */

/* A full sort is the obvious way; ties and k of every size must agree with it. */
static void rank_is_the_head_of_a_full_sort(void **state)
{
  (void)state;
  enum { N = 97 };
  float p[N];
  float best[2 * N];
  srand(1);
  for (int i = 0; i < N; ++i) {
    p[i] = (float)(rand() % 20) / 20.0F; /* many ties */
  }
  for (int k = 1; k <= N; ++k) {
    bool used[N] = {false};
    tfm__rank(p, N, k, best);
    for (int r = 0; r < k; ++r) {
      int want = -1;
      for (int i = 0; i < N; ++i) {
        want = !used[i] && (want < 0 || p[i] > p[want]) ? i : want;
      }
      used[want] = true;
      assert_int_equal((int)best[k + r], want);
      assert_true(memcmp(&best[r], &p[want], sizeof best[r]) == 0);
    }
  }
}

static void a_nan_is_ranked_last(void **state)
{
  (void)state;
  const float p[] = {0.25F, NAN, 0.5F};
  float best[6];
  tfm__rank(p, 3, 3, best);
  assert_true((int)best[3] == 2 && (int)best[4] == 0 && (int)best[5] == 1);
  assert_true(isnan(best[2]));
}

/* ---- masks ---- */

static void masks_have_the_reference_probabilities(void **state)
{
  (void)state;
  check_masks("mask"); /* the decoder is the word table and not in the file */
  check_masks("mask-untied");
}

/* Only marked rows are answered, in their order; with `only` the scores of those tokens. */
static void marks_and_targets_pick_from_the_full_answer(void **state)
{
  (void)state;
  const tfm_head_spec all = {.task = TFM_TASK_FILL_MASK};
  const tfm_head_spec some = {.task = TFM_TASK_FILL_MASK, .nonly = 2, .only = {40, 3}};
  tfm_err err = {.status = TFM_OK};
  tfm_model models[2] = {open_model_for("mask", &all), open_model_for("mask", &some)};
  golden g = open_golden("mask");
  const int64_t V = g.C;
  int32_t marks[1024];
  tfm_ids ids = mark_all(&g, marks);
  float *full = want_floats(g.T * 2 * V);
  float picked[4];
  tfm_whole *whole[2] = {NULL};
  for (int i = 0; i < 2; ++i) {
    want_ok(tfm_whole_open(&whole[i], &models[i], native_float32, g.T, g.B, &err), &err);
  }
  tfm_whole_run(whole[0], &ids, full, NULL, NULL);
  const int32_t few[] = {4, 30};
  ids.nmark = 2;
  ids.marks = few;
  assert_int_equal(tfm_whole_width(whole[1]), 2);
  tfm_whole_run(whole[1], &ids, picked, NULL, NULL);
  for (int m = 0; m < 2; ++m) {
    const float *row = full + few[m] * 2 * V;
    for (int64_t k = 0; k < V; ++k) {
      for (int i = 0; i < 2; ++i) {
        if ((int32_t)row[V + k] == some.only[i]) {
          assert_true(memcmp(&row[k], &picked[2 * m + i], sizeof *row) == 0);
        }
      }
    }
  }
  tfm_free(full);
  for (int i = 0; i < 2; ++i) {
    tfm_whole_close(whole[i]);
    tfm_model_fini(&models[i]);
  }
  close_golden(&g);
}

/* ---- vectors ---- */

/* By definition, in double: the twin the head is compared with. */
static double pooled(tfm_pooling mode, const float *x, int64_t n, int64_t H, int64_t h)
{
  double sum = 0;
  double weights = 0;
  double best = -INFINITY;
  for (int64_t t = 0; t < n; ++t) {
    const double v = (double)x[t * H + h];
    const double w = mode == TFM_POOLING_WEIGHTED_MEAN ? (double)(t + 1) : 1.0;
    sum += w * v;
    weights += w;
    best = v > best ? v : best;
  }
  switch (mode) {
  case TFM_POOLING_CLS:
    return (double)x[h];
  case TFM_POOLING_LAST_TOKEN:
    return (double)x[(n - 1) * H + h];
  case TFM_POOLING_MAX:
    return best;
  case TFM_POOLING_MEAN_SQRT_LEN:
    return sum / sqrt(weights);
  default:
    return sum / weights;
  }
}

static void run_vectors(const tfm_head_spec *spec, const golden *g, int64_t *width, float **out)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model_for("encoder", spec);
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, g->T, g->B, &err), &err);
  const tfm_ids ids = golden_ids(g);
  *width = tfm_whole_width(whole);
  *out = want_floats(g->T * *width);
  tfm_whole_run(whole, &ids, *out, NULL, NULL);
  tfm_whole_close(whole);
  tfm_model_fini(&model);
}

static void every_pooling_is_its_definition(void **state)
{
  (void)state;
  golden g = open_golden("encoder");
  const float *x = g.hidden + (g.states - 1) * g.T * g.H; /* the reference's last state */
  for (int p = TFM_POOLING_AUTO + 1; p < TFM_POOLING_EACH; ++p) {
    const tfm_head_spec spec = {.pooling = (tfm_pooling)p};
    int64_t width = 0;
    float *got = NULL;
    run_vectors(&spec, &g, &width, &got);
    assert_int_equal(width, g.H);
    for (int64_t b = 0; b < g.B; ++b) {
      const int64_t n = g.cu_len[b + 1] - g.cu_len[b];
      for (int64_t h = 0; h < g.H; ++h) {
        const double want = pooled((tfm_pooling)p, x + g.cu_len[b] * g.H, n, g.H, h);
        assert_true(fabs((double)got[b * width + h] - want) <= 10 * TOL_MODEL);
      }
    }
    tfm_free(got);
  }
  close_golden(&g);
}

static void no_pooling_gives_the_states_themselves(void **state)
{
  (void)state;
  golden g = open_golden("encoder");
  const tfm_head_spec spec = {.pooling = TFM_POOLING_EACH};
  int64_t width = 0;
  float *got = NULL;
  run_vectors(&spec, &g, &width, &got);
  check_near("states", got, g.hidden + (g.states - 1) * g.T * g.H, g.T * g.H, TOL_MODEL);
  tfm_free(got);
  close_golden(&g);
}

static void vectors_are_cut_and_scaled_to_length_one(void **state)
{
  (void)state;
  golden g = open_golden("encoder");
  const tfm_head_spec plain = {.pooling = TFM_POOLING_MEAN};
  const tfm_head_spec cut = {
      .pooling = TFM_POOLING_MEAN, .dims = 7, .normalize = TFM_NORMALIZE_ON};
  int64_t width[2] = {0};
  float *got[2] = {NULL};
  run_vectors(&plain, &g, &width[0], &got[0]);
  run_vectors(&cut, &g, &width[1], &got[1]);
  assert_int_equal(width[1], 7);
  for (int64_t b = 0; b < g.B; ++b) {
    double length = 0;
    for (int i = 0; i < 7; ++i) {
      length += pow((double)got[0][b * width[0] + i], 2);
    }
    for (int i = 0; i < 7; ++i) {
      const double want = (double)got[0][b * width[0] + i] / sqrt(length);
      assert_true(fabs((double)got[1][b * 7 + i] - want) < 1e-6);
    }
  }
  tfm_free(got[0]);
  tfm_free(got[1]);
  close_golden(&g);
}

/* A prompt's tokens do not count, but places do: token t weighs t + 1 also behind a prompt. */
static void a_prompt_is_left_out(void **state)
{
  (void)state;
  const float x[] = {1, 10, 2, 20, 6, 80};
  float y[2];
  tfm__pool(TFM_POOLING_MEAN, x, 3, 1, 2, y);
  assert_true(fabsf(y[0] - 4) < 1e-6F && fabsf(y[1] - 50) < 1e-5F);
  tfm__pool(TFM_POOLING_WEIGHTED_MEAN, x, 3, 1, 2, y);
  assert_true(fabsf(y[0] - (2 * 2 + 3 * 6) / 5.0F) < 1e-6F);
  tfm__pool(TFM_POOLING_CLS, x, 3, 1, 2, y);
  assert_true(fabsf(y[1] - 20) < 1e-6F);
  tfm__pool(TFM_POOLING_MEAN, x, 3, 3, 2, y); /* nothing left */
  assert_true(fabsf(y[0]) < 1e-6F);
}

static void more_dimensions_than_there_are_is_refused(void **state)
{
  (void)state;
  const tfm_head_spec spec = {.dims = 25, .pooling = TFM_POOLING_MEAN};
  tfm_err err = {.status = TFM_OK};
  tfm_model model;
  assert_int_equal(tfm_model_open_for(&model, MODEL_FIXTURES "encoder", &spec, &err),
                   TFM_E_USAGE);
  assert_non_null(strstr(err.text, "24"));
}

/* ---- neighbours ---- */

/* Each sequence alone gives the bits it has among the others (DESIGN D3). */
static void check_alone(const char *name, const tfm_head_spec *spec)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model_for(name, spec);
  golden g = open_golden(name);
  int32_t marks[1024];
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, g.T, g.B, &err), &err);
  const tfm_head_shape shape = tfm_model_shape(&model);
  const tfm_ids all = mark_all(&g, marks);
  float *together = want_floats(g.T * shape.width);
  float *alone = want_floats(g.T * shape.width);
  tfm_whole_run(whole, &all, together, NULL, NULL);
  int64_t at = 0;
  for (int64_t b = 0; b < g.B; ++b) {
    const int32_t begin = g.cu_len[b];
    const int32_t cu_len[] = {0, g.cu_len[b + 1] - begin};
    const tfm_ids one = {.B = 1,
                         .T = cu_len[1],
                         .cu_len = cu_len,
                         .ids = g.ids + begin,
                         .type_ids = g.type_ids + begin,
                         .nmark = cu_len[1],
                         .marks = marks};
    const int64_t rows = tfm_head_rows(shape.rows, cu_len[1], cu_len[1]);
    tfm_whole_run(whole, &one, alone, NULL, NULL);
    check_bits(name, alone, together + at * shape.width, rows * shape.width);
    at += rows;
  }
  tfm_free(together);
  tfm_free(alone);
  tfm_whole_close(whole);
  close_golden(&g);
  tfm_model_fini(&model);
}

static void neighbours_change_no_bit(void **state)
{
  (void)state;
  const tfm_head_spec own = {.task = TFM_TASK_NONE};
  const tfm_head_spec few = {.top_k = 5};
  const tfm_head_spec max = {.pooling = TFM_POOLING_MAX, .normalize = TFM_NORMALIZE_ON};
  check_alone("token", &own);
  check_alone("span", &own);
  check_alone("mask", &few);
  check_alone("encoder", &own);
  check_alone("encoder", &max);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rank_is_the_head_of_a_full_sort),
      cmocka_unit_test(a_nan_is_ranked_last),
      cmocka_unit_test(masks_have_the_reference_probabilities),
      cmocka_unit_test(marks_and_targets_pick_from_the_full_answer),
      cmocka_unit_test(every_pooling_is_its_definition),
      cmocka_unit_test(no_pooling_gives_the_states_themselves),
      cmocka_unit_test(vectors_are_cut_and_scaled_to_length_one),
      cmocka_unit_test(a_prompt_is_left_out),
      cmocka_unit_test(more_dimensions_than_there_are_is_refused),
      cmocka_unit_test(neighbours_change_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
