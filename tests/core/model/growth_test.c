/* What texts that grow cost, as the plan says it, against what slices really have. */
#include "tests/core/model/support.h"

#include "core/kernels/pages.h"
#include "core/model/cost.h"
#include "core/model/slice.h"

#include <malloc.h>
#include <math.h>

enum { PAGES = 4096, HAND = 40 };

typedef struct {
  int64_t first, last;
} cut_units;

static tfm_slice_options options_for(cut_units units, tfm_precision kv, int64_t pages)
{
  return (tfm_slice_options){
      .first = units.first,
      .last = units.last,
      .engine = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32, .kv = kv},
      .max_tokens = 64,
      .max_sequences = 8,
      .nthread = 1,
      .slots = 4,
      .pages = pages};
}

/* Bytes the process takes for a slice that is open, where its allocator counts them (a sanitizer's
 * says 0), and those the slice tells of. */
typedef struct {
  bool counted;
  double taken, told;
} bytes_of;

static bytes_of open_one(const tfm_model *model, cut_units units, tfm_precision kv,
                         int64_t pages)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice *slice = NULL;
  const tfm_slice_options options = options_for(units, kv, pages);
  const struct mallinfo2 before = mallinfo2();
  want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
  const struct mallinfo2 after = mallinfo2();
  const size_t was = before.uordblks + before.hblkhd;
  const bytes_of got = {.counted = was > 0,
                        .taken = (double)(after.uordblks + after.hblkhd) - (double)was,
                        .told = (double)tfm_slice_scratch_bytes(slice)};
  tfm_slice_close(slice);
  return got;
}

/* Other things a slice has are there with few pages as with many: the difference is the pages. */
static void check_pages(const tfm_model *model, cut_units units, tfm_precision kv)
{
  const double want =
      (double)PAGES * (double)tfm_cost_page_bytes(&model->config, kv, units.first, units.last);
  const bytes_of few = open_one(model, units, kv, 1);
  const bytes_of many = open_one(model, units, kv, 1 + PAGES);
  const double told = many.told - few.told;
  const double taken = few.counted && many.counted ? many.taken - few.taken : told;
  if (fabs(told - want) > 0.02 * want || fabs(taken - want) > 0.02 * want) {
    fail_msg("%s: units %lld to %lld, %s: the plan has %.0f bytes, the slice tells of %.0f and "
             "took %.0f",
             model->config.model_type, (long long)units.first, (long long)units.last,
             tfm_precision_name(kv), want, told, taken);
  }
}

static void keys_and_values_take_what_the_plan_says(void **state)
{
  (void)state;
  static const char *const names[] = {"gpt2-lm", "llama-lm", "qwen2-lm"};
  static const tfm_precision kinds[] = {TFM_FLOAT32, TFM_BFLOAT16, TFM_INT8};
  for (size_t n = 0; n < sizeof names / sizeof *names; ++n) {
    char path[64];
    (void)snprintf(path, sizeof path, "families/%s", names[n]);
    tfm_model model = open_model(path);
    const int64_t units = 2 * model.config.L;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
      check_pages(&model, (cut_units){0, units}, kinds[k]);
      check_pages(&model, (cut_units){1, units}, kinds[k]); /* without the first attention */
      check_pages(&model, (cut_units){0, 1}, kinds[k]);
    }
    tfm_model_fini(&model);
  }
}

/* By hand: a product of H by V for every token, at the layers' speed, in the layers' bytes. */
static void the_words_are_costed_with_every_token(void **state)
{
  (void)state;
  tfm_model m = open_model("families/llama-lm");
  const tfm_config *c = &m.config;
  const double one = 2.0 * (double)c->H * (double)c->V;
  assert_int_equal(tfm_cost_head_precision(c, TFM_INT8), TFM_INT8);
  assert_int_equal(tfm_cost_head_precision(c, TFM_BF16X3), TFM_FLOAT32);
  assert_int_equal(tfm_cost_head_precision(c, TFM_BF16X1), TFM_BFLOAT16);
  assert_int_equal(tfm_cost_head_precision(c, TFM_INT8_GROUPS), TFM_INT8_GROUPS);
  assert_true(fabs(tfm_cost_head(c, TFM_FLOAT32, HAND) - HAND * one) < 0.5);
  assert_true(fabs(tfm_cost_head(c, TFM_BFLOAT16, HAND) - HAND * one / 2) < 0.5);
  assert_true(fabs(tfm_cost_head(c, TFM_INT8, HAND) - HAND * one / 4) < 0.5);
  assert_true(fabs(tfm_cost_head(c, TFM_INT8_GROUPS, HAND) - HAND * one) < 0.5);
  const int64_t wide = tfm_cost_head_bytes(c, TFM_FLOAT32);
  assert_int_equal(tfm_cost_head_bytes(c, TFM_BFLOAT16), wide - c->H * c->V * 2);
  assert_int_equal(tfm_cost_head_bytes(c, TFM_INT8), wide - c->H * c->V * 3 + 8 * c->V);
  tfm_model_fini(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_and_values_take_what_the_plan_says),
      cmocka_unit_test(the_words_are_costed_with_every_token),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
