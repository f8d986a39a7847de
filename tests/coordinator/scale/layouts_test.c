/* Which layouts are run: by rule, by name, all of them; and what is refused. */
#include "coordinator/scale/layouts.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

enum { UNITS = 4, WORKERS = 8 };

/* A model of two layers: lines of at most four stages. */
static tfm_plan_request request(void)
{
  static const double cost[UNITS] = {1, 1, 1, 1};
  static const int64_t bytes[UNITS] = {1, 1, 1, 1};
  return (tfm_plan_request){
      .nunit = UNITS, .cost = cost, .bytes = bytes, .nworker = WORKERS, .typed = true};
}

/* "1x1 2x1 ..." of what is chosen. */
static const char *chosen(const tfm_options *o, int replicas, tfm_buf *text)
{
  tfm_err err = {0};
  tfm_scale_layout *l = NULL;
  int n = 0;
  tfm_plan_request asked = request();
  asked.replicas = replicas;
  CHECK_OK(tfm_scale_layouts(o, WORKERS, &asked, &l, &n, &err), &err);
  tfm_buf_clear(text);
  for (int i = 0; i < n; ++i) {
    (void)tfm_buf_printf(text, "%s%dx%d", i ? " " : "", l[i].stages, l[i].replicas);
  }
  tfm_free(l);
  return tfm_buf_cstr(text);
}

static void by_rule_workers_double(void **state)
{
  (void)state;
  tfm_buf text = {0};
  const char *automatic[] = {"auto"};
  const tfm_options o = {.layouts = automatic, .nlayout = 1};
  assert_string_equal(chosen(&o, 0, &text),
                      "1x1 2x1 2x2 2x4"); /* the plan's rule: W / L lines */
  tfm_buf_fini(&text);
}

static void ranks_are_workers_and_one(void **state)
{
  (void)state;
  tfm_buf text = {0};
  int64_t sweep[] = {2, 4, 5};
  const tfm_options o = {.sweep = sweep, .nsweep = 3};
  assert_string_equal(chosen(&o, 0, &text), "1x1 3x1 2x2");
  assert_string_equal(chosen(&o, 1, &text), "1x1 3x1 4x1");
  assert_int_equal(tfm_scale_layouts_workers(&o), 4);
  tfm_buf_fini(&text);
}

static void all_uses_every_worker(void **state)
{
  (void)state;
  tfm_buf text = {0};
  const char *all[] = {"all"};
  int64_t sweep[] = {2, 9};
  const tfm_options o = {.sweep = sweep, .nsweep = 2, .layouts = all, .nlayout = 1};
  assert_string_equal(chosen(&o, 0, &text), "1x1 1x8 2x4 4x2"); /* no line has 8 stages */
  tfm_buf_fini(&text);
}

static void named_ones_are_sorted_and_once(void **state)
{
  (void)state;
  tfm_buf text = {0};
  const char *named[] = {"4x2", "1x1", "2x1", "1x2", "1x1"};
  const tfm_options o = {.layouts = named, .nlayout = 5};
  assert_string_equal(chosen(&o, 0, &text), "1x1 1x2 2x1 4x2");
  assert_int_equal(tfm_scale_layouts_workers(&o), 8);
  tfm_buf_fini(&text);
}

static void what_cannot_be_is_refused(void **state)
{
  (void)state;
  static const struct {
    const char *layout;
    tfm_status status;
    const char *said;
  } wrong[] = {{"3x3", TFM_E_CONFIG, "-np 10"},   {"5x1", TFM_E_USAGE, "at most 4 stages"},
               {"2", TFM_E_USAGE, "4x2"},         {"2x", TFM_E_USAGE, "4x2"},
               {"x2", TFM_E_USAGE, "4x2"},        {"0x1", TFM_E_USAGE, "4x2"},
               {"2x1x1", TFM_E_USAGE, "4x2"},     {"-1x1", TFM_E_USAGE, "4x2"},
               {"1x99999999", TFM_E_USAGE, "4x2"}};
  tfm_err err = {0};
  tfm_scale_layout *l = NULL;
  int n = 0;
  const tfm_plan_request asked = request();
  for (size_t i = 0; i < COUNT_OF(wrong); ++i) {
    const char *named[] = {wrong[i].layout};
    const tfm_options o = {.layouts = named, .nlayout = 1};
    CHECK_FAILS(tfm_scale_layouts(&o, WORKERS, &asked, &l, &n, &err), wrong[i].status, &err,
                wrong[i].said);
    assert_null(l);
  }
  const char *one[] = {"1x1"};
  const tfm_options both = {.layouts = one, .nlayout = 1, .stages = 2};
  CHECK_FAILS(tfm_scale_layouts(&both, WORKERS, &asked, &l, &n, &err), TFM_E_USAGE, &err,
              "leave out");
  int64_t sweep[] = {10};
  const tfm_options far = {.sweep = sweep, .nsweep = 1};
  CHECK_FAILS(tfm_scale_layouts(&far, WORKERS, &asked, &l, &n, &err), TFM_E_CONFIG, &err,
              "-np 10");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_rule_workers_double), cmocka_unit_test(ranks_are_workers_and_one),
      cmocka_unit_test(all_uses_every_worker), cmocka_unit_test(named_ones_are_sorted_and_once),
      cmocka_unit_test(what_cannot_be_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
