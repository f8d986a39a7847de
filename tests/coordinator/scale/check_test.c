/* The check sees what differs: a letter, a bit, a number more, a row less. */
#include "coordinator/scale/check.h"
#include "tests/support/check.h"

#include <math.h>

enum { ROWS = 3, VALUES = 4 };

/* One run: rows of a line and two pieces of numbers. */
typedef struct {
  const char *line[ROWS];
  float value[ROWS][VALUES];
  int nvalue, nrow;
} run;

static const run plain = {.line = {"{\"id\":0}\n", "{\"id\":1}\n", "{\"id\":2}\n"},
                          .value = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, -0.0F, 11, 12}},
                          .nvalue = VALUES,
                          .nrow = ROWS};

static void play(tfm_scale_check *check, const run *r)
{
  tfm_err err = {0};
  tfm_scale_check_begin(check);
  for (int i = 0; i < r->nrow; ++i) {
    CHECK_OK(tfm_scale_check_row(check, r->line[i], strlen(r->line[i]), &err), &err);
    CHECK_OK(tfm_scale_check_values(check, r->value[i], 1, &err), &err);
    CHECK_OK(tfm_scale_check_values(check, r->value[i] + 1, (size_t)r->nvalue - 1, &err), &err);
  }
  tfm_scale_check_end(check, ROWS);
}

/* What is said of a run behind the plain one. */
static tfm_scale_verdict verdict_of(const run *second, bool *passed)
{
  tfm_err err = {0};
  tfm_scale_check *check = NULL;
  CHECK_OK(tfm_scale_check_open(&check, &err), &err);
  play(check, &plain);
  assert_false(tfm_scale_check_passed(check)); /* one run is no comparison */
  play(check, second);
  *passed = tfm_scale_check_passed(check);
  const tfm_scale_verdict v = tfm_scale_check_verdict(check);
  tfm_scale_check_close(check);
  return v;
}

static void the_same_passes(void **state)
{
  (void)state;
  bool passed = false;
  const tfm_scale_verdict v = verdict_of(&plain, &passed);
  assert_true(passed);
  assert_int_equal(v.differing, 0);
  assert_int_equal(v.rows, ROWS);
  assert_int_equal(v.runs, 1);
  assert_true(check_same_double(v.max_delta, 0));
  assert_string_equal(v.sha256,
                      "b6310a19f9b3f81c48db06bc2f10324145996336ef0d64692137d43b7ff76263");
}

static void what_differs_is_seen(void **state)
{
  (void)state;
  bool passed = true;
  run other = plain;
  other.value[1][3] = 8.5F;
  other.value[0][0] = 0.75F;
  tfm_scale_verdict v = verdict_of(&other, &passed);
  assert_true(!passed && v.differing == 2 && check_same_double(v.max_delta, 0.5));
  other = plain;
  other.value[2][1] = 0; /* the bits are others: -0 */
  v = verdict_of(&other, &passed);
  assert_true(!passed && v.differing == 1 && check_same_double(v.max_delta, 0));
  other.value[2][1] = NAN;
  v = verdict_of(&other, &passed);
  assert_true(!passed && isnan(v.max_delta));
  other = plain;
  other.line[2] = "{\"id\":3}\n";
  v = verdict_of(&other, &passed);
  assert_true(!passed && v.differing == 1 && check_same_double(v.max_delta, 0));
}

static void what_is_missing_is_seen(void **state)
{
  (void)state;
  bool passed = true;
  run other = plain;
  other.nvalue = VALUES - 1;
  tfm_scale_verdict v = verdict_of(&other, &passed);
  assert_true(!passed && v.differing == ROWS);
  other = plain;
  other.nrow = ROWS - 1;
  v = verdict_of(&other, &passed);
  assert_true(!passed && v.differing == 1);
}

/* A longer run's further rows are compared from the next run on (weak scaling). */
static void rows_that_are_new_become_known(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_scale_check *check = NULL;
  CHECK_OK(tfm_scale_check_open(&check, &err), &err);
  tfm_scale_check_begin(check);
  CHECK_OK(tfm_scale_check_row(check, plain.line[0], strlen(plain.line[0]), &err), &err);
  CHECK_OK(tfm_scale_check_values(check, plain.value[0], VALUES, &err), &err);
  tfm_scale_check_end(check, 1);
  play(check, &plain);
  assert_true(tfm_scale_check_passed(check));
  run other = plain;
  other.value[2][0] = 10;
  play(check, &other);
  const tfm_scale_verdict v = tfm_scale_check_verdict(check);
  assert_true(!tfm_scale_check_passed(check));
  assert_true(v.differing == 1 && v.rows == ROWS && check_same_double(v.max_delta, 1));
  tfm_scale_check_close(check);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_passes),
                                     cmocka_unit_test(what_differs_is_seen),
                                     cmocka_unit_test(what_is_missing_is_seen),
                                     cmocka_unit_test(rows_that_are_new_become_known)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
