#include "core/model/cost.h"
#include "core/model/speed.h"
#include "tests/core/model/support.h"

#include <string.h>

static tfm_slice_options options_of(const tfm_model *model, int64_t first, int64_t last)
{
  return (tfm_slice_options){.first = first,
                             .last = last,
                             .head = last == 2 * model->config.L,
                             .engine = native_float32,
                             .max_tokens = 40, /* less than measuring would like */
                             .max_sequences = 2,
                             .nthread = 1};
}

static tfm_speed measure(const char *name, int64_t first, int64_t last)
{
  tfm_model model = open_model(name);
  tfm_err err = {0};
  tfm_slice *slice = NULL;
  tfm_speed speed = {0};
  const int64_t end = last < 0 ? 2 * model.config.L : last;
  const tfm_slice_options options = options_of(&model, first, end);
  want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
  want_ok(tfm_speed_measure(&speed, slice, &model, &options, &err), &err);
  tfm_slice_close(slice);
  tfm_model_fini(&model);
  return speed;
}

/* What a slice has is measured, and what it has not is left at 0. */
static void slices_say_what_they_have(void **state)
{
  (void)state;
  const tfm_speed attention = measure("tiny", 0, 1);
  assert_true(attention.attention > 0 && attention.scores > 0);
  assert_true(attention.ffn <= 0 && attention.head <= 0);
  const tfm_speed ffn = measure("tiny", 1, 2);
  assert_true(ffn.ffn > 0 && ffn.attention <= 0 && ffn.scores <= 0 && ffn.head <= 0);
  const tfm_speed all = measure("tiny", 0, -1);
  assert_true(all.attention > 0 && all.scores > 0 && all.ffn > 0 && all.head > 0);
}

/* Every family can be measured, whatever its units and its head look at. */
static void every_family_is_measured(void **state)
{
  (void)state;
  for (int i = 0; family_models[i]; ++i) {
    const tfm_speed speed = measure(family_models[i], 0, -1);
    assert_true(speed.attention > 0 && speed.scores > 0);
  }
}

/* The units and the head of a slice cost what they did, in any order. */
static void measuring_changes_no_result(void **state)
{
  (void)state;
  golden g = open_golden("tiny");
  tfm_model model = open_model("tiny");
  tfm_err err = {0};
  float *result[2] = {NULL, NULL};
  float *states[2] = {NULL, NULL};
  model.config.wanted =
      TFM_WANTED_FIRST; /* measuring makes all rows, and what follows does not */
  for (int measured = 0; measured < 2; ++measured) {
    tfm_slice *slice = NULL;
    tfm_speed speed = {0};
    tfm_slice_options options = options_of(&model, 0, 2 * model.config.L);
    options.max_tokens = g.T;
    options.max_sequences = g.B;
    want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
    if (measured) {
      want_ok(tfm_speed_measure(&speed, slice, &model, &options, &err), &err);
    }
    float *x = test_calloc((size_t)(g.T * g.H), sizeof *x);
    for (int64_t i = 0; i < g.T * g.H; ++i) {
      x[i] = (float)(i % 17) / 17.0F - 0.5F;
    }
    const tfm_batch batch = {.B = g.B, .T = g.T, .cu_len = g.cu_len, .x = x};
    result[measured] = test_calloc((size_t)(g.B * g.C), sizeof(float));
    tfm_slice_run(slice, &batch, NULL);
    tfm_slice_head(slice, &batch, result[measured], NULL);
    states[measured] = x;
    tfm_slice_close(slice);
  }
  check_bits("results", result[1], result[0], g.B * g.C);
  check_bits("states", states[1], states[0], g.T * g.H);
  test_free(states[0]);
  test_free(states[1]);
  test_free(result[0]);
  test_free(result[1]);
  tfm_model_fini(&model);
  close_golden(&g);
}

/* Passes through all units tell each kind's speed too: of rows of several lengths, and of rows of
 * one, where products and scores cannot be told apart and count alike. */
static void walking_measures_all_kinds(void **state)
{
  (void)state;
  const int32_t ids[40] = {0};
  const int32_t mixed[] = {0, 30, 33, 40};
  const int32_t even[] = {0, 10, 20, 30, 40};
  for (int alike = 0; alike < 2; ++alike) {
    tfm_model model = open_model("tiny");
    tfm_err err = {0};
    tfm_slice *slice = NULL;
    tfm_speed speed = {0};
    tfm_slice_options options = options_of(&model, 0, 2 * model.config.L);
    options.max_sequences = 4;
    const tfm_ids batch = {.B = alike ? 4 : 3,
                           .T = 40,
                           .ids = ids,
                           .type_ids = ids,
                           .cu_len = alike ? even : mixed};
    const tfm_speed_rows of = {.batches = &batch, .n = 1, .enough_s = 0.01};
    want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
    want_ok(tfm_speed_walk(&speed, slice, &model, &options, &of, &err), &err);
    assert_true(speed.attention > 0 && speed.scores > 0 && speed.ffn > 0 && speed.head > 0);
    assert_true(!alike || (speed.attention >= speed.scores && speed.attention <= speed.scores));
    tfm_slice_close(slice);
    tfm_model_fini(&model);
  }
}

/* Seconds are flops by kind, each at its own speed; nothing else. */
static void seconds_add_up(void **state)
{
  (void)state;
  tfm_model model = open_model("tiny");
  const tfm_config *c = &model.config;
  tfm_speed speed = {.attention = 1, .scores = 2, .ffn = 4};
  const tfm_speed other = {.attention = 9, .scores = 9, .ffn = 9, .head = 8};
  const tfm_cost_parts parts = tfm_cost_unit_parts(c, TFM_FLOAT32, 0, 10);
  tfm_speed_fill(&speed, &other);
  assert_true(parts.products > 0 && parts.scores > 0);
  assert_true(tfm_speed_unit_s(&speed, c, TFM_FLOAT32, 0, 10) >=
              parts.products + 2 * parts.scores);
  assert_true(tfm_speed_unit_s(&speed, c, TFM_FLOAT32, 0, 10) <=
              parts.products + 2 * parts.scores);
  assert_true(tfm_speed_unit_s(&speed, c, TFM_FLOAT32, 1, 10) >=
                  4 * tfm_cost_unit(c, TFM_FLOAT32, 1, 10) &&
              tfm_speed_unit_s(&speed, c, TFM_FLOAT32, 1, 10) <=
                  4 * tfm_cost_unit(c, TFM_FLOAT32, 1, 10));
  assert_true(
      tfm_speed_head_s(&speed, c, TFM_FLOAT32, 10) >= 8 * tfm_cost_head(c, TFM_FLOAT32, 10) &&
      tfm_speed_head_s(&speed, c, TFM_FLOAT32, 10) <= 8 * tfm_cost_head(c, TFM_FLOAT32, 10));
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_say_what_they_have),
      cmocka_unit_test(every_family_is_measured),
      cmocka_unit_test(measuring_changes_no_result),
      cmocka_unit_test(walking_measures_all_kinds),
      cmocka_unit_test(seconds_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
