/* Which rows --verify takes; what it does with them is tests/pipeline/spot.py's. */
#include "coordinator/task/spot.h"

#include "tests/support/check.h"

static int64_t chosen(int64_t first, int64_t n, int64_t of)
{
  int64_t count = 0;
  for (int64_t row = first; row < first + n; ++row) {
    count += tfm_spot_chosen(row, of);
  }
  return count;
}

static void one_in_so_many_rows_is_taken(void **state)
{
  (void)state;
  const int64_t of[] = {2, 10, 1000, 1024};
  for (int i = 0; i < 4; ++i) {
    const int64_t want = 1000000 / of[i];
    const int64_t got = chosen(0, 1000000, of[i]);
    assert_true(got > want * 8 / 10 && got < want * 12 / 10);
  }
  assert_int_equal(chosen(0, 1000, 1), 1000);
  assert_int_equal(chosen(0, 1000, 0), 0);
}

/* Rows that repeat in some rhythm are not all taken, or all left out. */
static void every_rhythm_has_its_share(void **state)
{
  (void)state;
  for (int64_t phase = 0; phase < 16; ++phase) {
    int64_t got = 0;
    for (int64_t i = 0; i < 16000; ++i) {
      got += tfm_spot_chosen(16 * i + phase, 16);
    }
    assert_true(got > 800 && got < 1200);
  }
}

static void nothing_was_counted_without_it(void **state)
{
  (void)state;
  tfm_err err = {0};
  assert_int_equal(tfm_spot_counted(NULL).rows, 0);
  CHECK_OK(tfm_spot_row(NULL, NULL, &err), &err);
  CHECK_OK(tfm_spot_vouch(NULL, &err), &err);
  tfm_spot_close(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_in_so_many_rows_is_taken),
      cmocka_unit_test(every_rhythm_has_its_share),
      cmocka_unit_test(nothing_was_counted_without_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
