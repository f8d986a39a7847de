/* A few hundred moments of a run of any length. */
#include "coordinator/report/history.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

static void note(tfm_history *h, double seconds, bool last)
{
  const tfm_progress_counts now = {.rows = (int64_t)(seconds * 10),
                                   .tokens = (int64_t)(seconds * 100)};
  tfm_history_note(h, &now, seconds, last);
}

static void moments_are_apart(void **state)
{
  (void)state;
  tfm_history *h = tfm_calloc(1, sizeof *h);
  assert_non_null(h);
  note(h, 0.01, false);
  note(h, 0.05, false);
  note(h, 0.12, false);
  assert_int_equal(h->n, 2);
  note(h, 0.13, true); /* the last one counts */
  note(h, 0.13, true); /* but once */
  assert_int_equal(h->n, 3);
  assert_int_equal(h->at[2].tokens, 13);
  note(h, 0.125, true); /* by another clock */
  assert_int_equal(h->n, 3);
  assert_int_equal(h->at[2].tokens, 12);
  tfm_free(h);
}

/* The clock of the end may be read before the last moment is noted. */
static void the_last_moment_has_all(void **state)
{
  (void)state;
  tfm_history h = {0};
  const tfm_progress_counts end = {.rows = 9, .tokens = 90};
  note(&h, 0.4, false);
  tfm_history_note(&h, &end, 0.39, true);
  assert_int_equal(h.n, 1);
  assert_int_equal(h.at[0].rows, 9);
  assert_int_equal(h.at[0].tokens, 90);
}

/* A day in steps of ten milliseconds. */
static void long_runs_are_thinned_evenly(void **state)
{
  (void)state;
  tfm_history *h = tfm_calloc(1, sizeof *h);
  assert_non_null(h);
  for (int i = 0; i < 8640000; ++i) {
    note(h, i * 0.01, false);
  }
  assert_true(h->n > TFM_HISTORY_MOST / 3 && h->n <= TFM_HISTORY_MOST);
  for (int i = 1; i < h->n; ++i) {
    const double gap = h->at[i].seconds - h->at[i - 1].seconds;
    assert_true(gap > 0.45 * h->every_s && gap < 1.1 * h->every_s);
  }
  assert_true(h->at[h->n - 1].seconds > 86000 && h->at[0].seconds < 1);
  tfm_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(moments_are_apart),
      cmocka_unit_test(the_last_moment_has_all),
      cmocka_unit_test(long_runs_are_thinned_evenly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
