/* What follows from counts, and how it is said; no clock is looked at. */
#include "coordinator/report/progress.h"
#include "tests/support/check.h"

#include <math.h>

static void rates_follow_from_counts(void **state)
{
  (void)state;
  const tfm_progress_counts now = {
      .rows = 300, .rows_read = 300, .tokens = 4500, .share = 0.25};
  tfm_progress_rates r = tfm_progress_rate(&now, 0, 15);
  assert_true(fabs(r.rows_per_s - 20) < 1e-9);
  assert_true(fabs(r.tokens_per_s - 300) < 1e-9);
  assert_true(fabs(r.eta_s - 45) < 1e-9);
  r = tfm_progress_rate(&now, 0.2, 15); /* a resumed attempt read a twentieth in that time */
  assert_true(fabs(r.eta_s - 225) < 1e-9);
}

/* A short input is read long before its rows are through. */
static void rows_under_way_take_time_too(void **state)
{
  (void)state;
  tfm_progress_counts now = {.rows = 300, .rows_read = 1200, .tokens = 4500, .share = 1};
  assert_true(fabs(tfm_progress_rate(&now, 0, 15).eta_s - 45) < 1e-9);
  now.rows = 1200;
  assert_true(fabs(tfm_progress_rate(&now, 0, 15).eta_s) < 1e-9);
}

static void what_is_not_known_is_not_told(void **state)
{
  (void)state;
  const tfm_progress_counts pipe = {.rows = 10, .tokens = 20, .share = -1};
  assert_true(tfm_progress_rate(&pipe, -1, 2).eta_s < 0);
  const tfm_progress_counts early = {.rows = 10, .tokens = 20, .share = 0.001};
  assert_true(tfm_progress_rate(&early, 0, 2).eta_s < 0);
  const tfm_progress_counts none = {.rows = 0, .share = 0.5};
  assert_true(tfm_progress_rate(&none, 0, 2).eta_s < 0);
  assert_true(fabs(tfm_progress_rate(&pipe, 0, 0).rows_per_s) < 1e-12);
}

static void check_said(tfm_progress_counts now, double seconds, const char *text,
                       const char *members)
{
  tfm_buf out = {0};
  const tfm_progress_rates rates = tfm_progress_rate(&now, 0, seconds);
  tfm_progress_text(&now, &rates, &out);
  assert_string_equal(tfm_buf_cstr(&out), text);
  tfm_buf_clear(&out);
  tfm_progress_members(&now, &rates, &out);
  assert_string_equal(tfm_buf_cstr(&out), members);
  tfm_buf_fini(&out);
}

static void a_line_says_all(void **state)
{
  (void)state;
  check_said(
      (tfm_progress_counts){
          .rows = 400, .rows_read = 400, .row_errors = 2, .tokens = 8000, .share = 0.4},
      40, "40 % read, 400 rows in 40 s: 10 rows/s, 200 tokens/s, eta 1:00, errors 2",
      "\"rows\":400,\"row_errors\":2,\"tokens\":8000,\"seconds\":40.000,"
      "\"rows_per_s\":10,\"tokens_per_s\":200,\"share\":0.4,\"eta_s\":60");
  check_said((tfm_progress_counts){.rows = 1, .tokens = 3, .share = -1}, 1,
             "1 rows in 1 s: 1 rows/s, 3 tokens/s, errors 0",
             "\"rows\":1,\"row_errors\":0,\"tokens\":3,\"seconds\":1.000,"
             "\"rows_per_s\":1,\"tokens_per_s\":3,\"share\":null,\"eta_s\":null");
}

static void clocks_are_short(void **state)
{
  (void)state;
  const struct {
    double seconds;
    const char *text;
  } cases[] = {
      {0, "0:00"}, {66, "1:06"}, {59.7, "1:00"}, {3661, "1:01:01"}, {90000, "1 d 01:00:00"}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_buf out = {0};
    tfm_progress_clock(cases[i].seconds, &out);
    assert_string_equal(tfm_buf_cstr(&out), cases[i].text);
    tfm_buf_fini(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_follow_from_counts),
      cmocka_unit_test(rows_under_way_take_time_too),
      cmocka_unit_test(what_is_not_known_is_not_told),
      cmocka_unit_test(a_line_says_all),
      cmocka_unit_test(clocks_are_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
