/* Attention weights of every family: what a run used, told without changing a bit of it. That they
 * are the reference's is tests/pipeline/explain.py's to show. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"

#include <math.h>
#include <string.h>

enum { MOST_LAYERS = 64 };

/* A slice of a model over x, with weights where look is there. */
static void run_slice(const tfm_model *model, int64_t first, int64_t last, const golden *g,
                      float *x, const tfm_slice_look *look)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice *slice = NULL;
  const tfm_slice_options options = {.first = first,
                                     .last = last,
                                     .engine = native_float32,
                                     .max_tokens = g->T,
                                     .max_sequences = 1,
                                     .nthread = 1};
  const tfm_batch batch = {.B = 1, .T = g->T, .cu_len = g->cu_len, .x = x};
  want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
  tfm_slice_watch(slice, look);
  tfm_slice_run(slice, &batch, NULL);
  tfm_slice_close(slice);
}

static void embed(const tfm_model *model, const golden *g, float *x)
{
  tfm_err err = {.status = TFM_OK};
  tfm_embed *embed = NULL;
  const tfm_ids ids = golden_ids(g);
  want_ok(tfm_embed_open(&embed, model, NULL, &err), &err);
  tfm_embed_run(embed, &ids, x, NULL);
  tfm_embed_close(embed);
}

static void check_rows(const tfm_model *model, const float *weights, int64_t T)
{
  for (int64_t i = 0; i < model->config.L * model->config.N * T; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < T; ++k) {
      const float w = weights[i * T + k];
      assert_true(w >= 0.0f && w <= 1.0f);
      assert_true(!model->config.causal || k <= i % T || !(w > 0.0f));
      sum += (double)w;
    }
    assert_true(fabs(sum - 1) < 1e-5);
  }
}

/* In two slices, wherever the cut is, every layer is seen by one of them, with the same bits. */
static void check_cuts(const tfm_model *model, const golden *g, const float *weights)
{
  const int64_t units = 2 * model->config.L;
  const int64_t layer_floats = model->config.N * g->T * g->T;
  float *x = want_floats(g->T * g->H);
  for (int64_t cut = 1; cut < units; ++cut) {
    float *first = want_floats(model->config.L * layer_floats);
    float *second = want_floats(model->config.L * layer_floats);
    bool seen[2][MOST_LAYERS] = {{false}};
    embed(model, g, x);
    run_slice(model, 0, cut, g, x, &(tfm_slice_look){first, seen[0]});
    run_slice(model, cut, units, g, x, &(tfm_slice_look){second, seen[1]});
    for (int64_t l = 0; l < model->config.L; ++l) {
      const int64_t at = l - cut / 2; /* in the second */
      const bool by_second = at >= 0 && seen[1][at];
      assert_true((l < (cut + 1) / 2 && seen[0][l]) != by_second);
      check_bits("weights", by_second ? second + at * layer_floats : first + l * layer_floats,
                 weights + l * layer_floats, layer_floats);
    }
    tfm_free(first);
    tfm_free(second);
  }
  tfm_free(x);
}

static void check_model(const char *name)
{
  tfm_model model = open_model(name);
  golden all = open_golden(name);
  golden g = pick_sequences(&all, (const int[]){1}, 1);
  const int64_t L = model.config.L;
  const int64_t floats = L * model.config.N * g.T * g.T;
  float *plain = want_floats(g.T * g.H);
  float *looked = want_floats(g.T * g.H);
  float *weights = want_floats(floats);
  bool seen[MOST_LAYERS] = {false};
  assert_in_range(L, 1, MOST_LAYERS);
  embed(&model, &g, plain);
  embed(&model, &g, looked);
  run_slice(&model, 0, 2 * L, &g, plain, NULL);
  run_slice(&model, 0, 2 * L, &g, looked, &(tfm_slice_look){weights, seen});
  check_bits(name, looked, plain, g.T * g.H);
  check_rows(&model, weights, g.T);
  check_cuts(&model, &g, weights);
  tfm_free(plain);
  tfm_free(looked);
  tfm_free(weights);
  close_golden(&g);
  close_golden(&all);
  tfm_model_fini(&model);
}

static void every_family_can_be_looked_at(void **state)
{
  (void)state;
  check_model("tiny");
  for (const char *const *name = family_models; *name; ++name) {
    check_model(*name);
  }
  for (const char *const *name = decoder_models; *name; ++name) {
    check_model(*name);
  }
}

/* Several sequences at once have no weights, and no harm comes to them. */
static void one_sequence_alone_is_looked_at(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model("tiny");
  golden g = open_golden("tiny");
  tfm_slice *slice = NULL;
  bool seen[MOST_LAYERS] = {false};
  float nothing = 7.0f;
  float *x = want_floats(g.T * g.H);
  const tfm_slice_options options = {.first = 0,
                                     .last = 2,
                                     .engine = native_float32,
                                     .max_tokens = g.T,
                                     .max_sequences = g.B,
                                     .nthread = 1};
  const tfm_batch batch = {.B = g.B, .T = g.T, .cu_len = g.cu_len, .x = x};
  assert_true(g.B > 1);
  embed(&model, &g, x);
  want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
  tfm_slice_watch(slice, &(tfm_slice_look){&nothing, seen});
  tfm_slice_run(slice, &batch, NULL);
  assert_true(!seen[0] && nothing > 6.5f);
  tfm_slice_close(slice);
  tfm_free(x);
  close_golden(&g);
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_family_can_be_looked_at),
      cmocka_unit_test(one_sequence_alone_is_looked_at),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
