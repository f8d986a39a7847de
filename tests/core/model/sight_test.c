/* Which row of a table a distance has, beyond what the short sequences of golden_test.c reach. The
 * numbers are the reference library's (MPNetEncoder.relative_position_bucket). */
#include "core/model/sight.h"
#include "tests/core/model/support.h"

static void distances_have_the_reference_buckets(void **state)
{
  (void)state;
  static const struct {
    int64_t distance, bucket;
  } want[] = {{0, 0},   {1, 1},   {7, 7},    {8, 8},    {11, 8},   {12, 9},    {15, 9},
              {16, 10}, {22, 10}, {23, 11},  {31, 11},  {32, 12},  {45, 12},   {46, 13},
              {63, 13}, {64, 14}, {90, 14},  {91, 15},  {128, 15}, {511, 15},  {-1, 17},
              {-7, 23}, {-8, 24}, {-16, 26}, {-90, 30}, {-91, 31}, {-128, 31}, {-511, 31}};
  for (size_t i = 0; i < sizeof want / sizeof *want; ++i) {
    assert_int_equal(tfm__sight_bucket(want[i].distance, 32, 128), want[i].bucket);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_have_the_reference_buckets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
