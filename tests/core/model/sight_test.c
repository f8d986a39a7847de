/* Which row of a table a distance has, beyond what the short sequences of golden_test.c reach. The
 * numbers are the reference library's (MPNetEncoder.relative_position_bucket, and DeBERTa's). */
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

/* T5Attention._relative_position_bucket() of the reference, for a decoder. */
static void distances_behind_have_the_reference_buckets(void **state)
{
  (void)state;
  static const struct {
    int64_t distance, bucket;
  } want[] = {{0, 0},    {1, 1},    {7, 7},    {8, 8},    {15, 15},  {16, 16},
              {17, 16},  {20, 17},  {21, 18},  {22, 18},  {30, 20},  {31, 21},
              {45, 23},  {63, 26},  {100, 30}, {112, 30}, {113, 31}, {127, 31},
              {128, 31}, {511, 31}, {-1, 0},   {-40, 0}};
  for (size_t i = 0; i < sizeof want / sizeof *want; ++i) {
    assert_int_equal(tfm__sight_bucket_behind(want[i].distance, 32, 128), want[i].bucket);
  }
}

/* make_log_bucket_position() of the reference, for 256 buckets of 512 and for 7 of 50. */
static void distances_have_the_reference_log_buckets(void **state)
{
  (void)state;
  static const struct {
    int64_t distance, bucket;
  } wide[] = {{0, 0},     {127, 127}, {128, 128},   {129, 129},   {131, 131},   {200, 169},
              {255, 192}, {257, 192}, {362, 224},   {400, 233},   {511, 255},   {512, 256},
              {700, 284}, {-1, -1},   {-129, -129}, {-256, -192}, {-511, -255}, {-512, -256}};
  static const struct {
    int64_t distance, bucket;
  } narrow[] = {{3, 3},  {4, 4},  {5, 4},   {9, 4},   {20, 5},
                {49, 5}, {50, 6}, {120, 6}, {-4, -4}, {-49, -5}};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; ++i) {
    assert_int_equal(tfm__sight_log_bucket(wide[i].distance, 256, 512), wide[i].bucket);
  }
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; ++i) {
    assert_int_equal(tfm__sight_log_bucket(narrow[i].distance, 7, 50), narrow[i].bucket);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_have_the_reference_buckets),
      cmocka_unit_test(distances_behind_have_the_reference_buckets),
      cmocka_unit_test(distances_have_the_reference_log_buckets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
