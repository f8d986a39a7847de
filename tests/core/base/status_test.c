#include "core/base/status.h"

#include "tests/support/check.h"

#include <stdbool.h>

/* Numbers travel between ranks of possibly different builds, and exit codes are a promise to
 * scripts: both are written down here a second time. */
static void numbers_and_exit_codes_are_the_promised_ones(void **state)
{
  (void)state;
  static const struct {
    tfm_status st;
    int number, exit_code;
  } rows[] = {
      {TFM_OK, 0, 0},         {TFM_E_USAGE, 1, 64},       {TFM_E_FORMAT, 2, 65},
      {TFM_E_MISSING, 3, 66}, {TFM_E_UNSUPPORTED, 4, 69}, {TFM_E_INTERNAL, 5, 70},
      {TFM_E_NOMEM, 6, 71},   {TFM_E_OUTPUT, 7, 73},      {TFM_E_IO, 8, 74},
      {TFM_E_STOPPED, 9, 75}, {TFM_E_ERRORS, 10, 76},     {TFM_E_VERIFY, 11, 77},
      {TFM_E_CONFIG, 12, 78}, {TFM_E_PEER, 13, 70},
  };
  assert_int_equal(COUNT_OF(rows), TFM_STATUS_COUNT);
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    assert_int_equal(rows[i].st, rows[i].number);
    assert_int_equal(tfm_status_exit(rows[i].st), rows[i].exit_code);
    assert_true(strlen(tfm_status_text(rows[i].st)) > 3);
  }
}

/* A number from a damaged frame must not index outside the table. */
static void numbers_outside_the_table_are_internal_faults(void **state)
{
  (void)state;
  static const int numbers[] = {TFM_STATUS_COUNT, 1000, -1, INT32_MIN};
  for (size_t i = 0; i < COUNT_OF(numbers); ++i) {
    assert_int_equal(tfm_status_exit((tfm_status)numbers[i]), 70);
    assert_string_equal(tfm_status_text((tfm_status)numbers[i]), "unknown status");
  }
}

static void a_failure_carries_its_text(void **state)
{
  (void)state;
  tfm_err err = {0};
  assert_int_equal(tfm_fail(&err, TFM_E_IO, "%s: %d", "disk", 5), TFM_E_IO);
  assert_int_equal(err.status, TFM_E_IO);
  assert_string_equal(err.text, "disk: 5");
  assert_int_equal(tfm_fail(NULL, TFM_E_IO, "nobody listens"), TFM_E_IO);
}

static void prefixes_go_in_front(void **state)
{
  (void)state;
  tfm_err err = {0};
  (void)tfm_fail(&err, TFM_E_FORMAT, "want 3");
  assert_int_equal(tfm_err_prefix(&err, "layer %d", 7), TFM_E_FORMAT);
  assert_string_equal(err.text, "layer 7: want 3");
}

/* Texts are cut to their room, whatever lengths meet. */
static void long_texts_are_cut(void **state)
{
  (void)state;
  static char long_text[3 * TFM_ERR_TEXT];
  memset(long_text, 'x', sizeof long_text - 1);
  for (int before = 0; before < TFM_ERR_TEXT + 20; before += 17) {
    struct {
      tfm_err err;
      char guard;
    } e = {.guard = 7};
    (void)tfm_fail(&e.err, TFM_E_FORMAT, "%s", long_text);
    assert_int_equal(strlen(e.err.text), TFM_ERR_TEXT - 1);
    (void)tfm_err_prefix(&e.err, "%.*s", before, long_text);
    assert_int_equal(strlen(e.err.text), TFM_ERR_TEXT - 1);
    assert_int_equal(e.guard, 7);
  }
}

static int steps;

static tfm_status step(tfm_status st)
{
  ++steps;
  return st;
}

static tfm_status try_three(tfm_status second, bool *reached_end)
{
  tfm_status st = TFM_OK;
  *reached_end = false;
  TFM_TRY(step(TFM_OK));
  TFM_TRY(step(second));
  TFM_TRY(step(TFM_OK));
  *reached_end = true;
  return TFM_OK;

fail:
  return st;
}

/* A file's name may hold any bytes, and a text may be cut within a character. */
static void texts_are_utf8(void **state)
{
  (void)state;
  tfm_err err = {0};
  (void)tfm_fail(&err, TFM_E_USAGE, "no \xc3\xa9 \x8c\xff here");
  assert_string_equal(err.text, "no \xc3\xa9 ?? here");
  (void)tfm_err_prefix(&err, "\xf0\x9f");
  assert_string_equal(err.text, "??: no \xc3\xa9 ?? here");
  static char wide[2 * TFM_ERR_TEXT];
  for (size_t at = 0; at + 3 < sizeof wide; at += 3) {
    memcpy(wide + at, "\xe5\x8c\x97", 3);
  }
  for (int before = 0; before < 3; ++before) {
    (void)tfm_fail(&err, TFM_E_USAGE, "%.*s%s", before, "xx", wide);
    size_t n = strlen(err.text);
    assert_true(n > TFM_ERR_TEXT - 4 && (n - (size_t)before) % 3 == 0);
  }
}

static void try_stops_at_the_first_failure(void **state)
{
  (void)state;
  bool reached_end = false;
  steps = 0;
  assert_int_equal(try_three(TFM_E_IO, &reached_end), TFM_E_IO);
  assert_false(reached_end);
  assert_int_equal(steps, 2);
  assert_int_equal(try_three(TFM_OK, &reached_end), TFM_OK);
  assert_true(reached_end);
}

static void fail_assert(void *arg)
{
  TFM_ASSERT(arg != NULL);
}

static void leave_with_33(void)
{
  _exit(33);
}

static void fail_assert_with_hook(void *arg)
{
  tfm_assert_set_hook(leave_with_33);
  TFM_ASSERT(arg != NULL);
}

/* Without a hook an assertion aborts; the hook goes first, so that it can stop all ranks. */
static void assertions_stop_the_process_through_the_hook(void **state)
{
  (void)state;
  int there = 0;
  assert_true(check_aborts(fail_assert, NULL));
  assert_false(check_aborts(fail_assert, &there));
  assert_false(check_aborts(fail_assert_with_hook, NULL)); /* left with 33 instead */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_exit_codes_are_the_promised_ones),
      cmocka_unit_test(numbers_outside_the_table_are_internal_faults),
      cmocka_unit_test(a_failure_carries_its_text),
      cmocka_unit_test(prefixes_go_in_front),
      cmocka_unit_test(long_texts_are_cut),
      cmocka_unit_test(texts_are_utf8),
      cmocka_unit_test(try_stops_at_the_first_failure),
      cmocka_unit_test(assertions_stop_the_process_through_the_hook),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
