#include "coordinator/bench/bench.h"
#include "tests/support/check.h"

#include <math.h>

static const tfm_bench_column columns[] = {
    {"name", "name", -1}, {"mb_per_s", "MB/s", 2}, {"rows", "rows", 0}};

static void fill(tfm_bench_table *t)
{
  *t = (tfm_bench_table){.column = columns, .ncolumn = COUNT_OF(columns)};
  assert_int_equal(tfm_bench_table_text(t, "na\xc3\xafve, a|\"b\"\n"), TFM_OK);
  assert_int_equal(tfm_bench_table_number(t, 12.345), TFM_OK);
  assert_int_equal(tfm_bench_table_number(t, 7), TFM_OK);
  assert_int_equal(tfm_bench_table_text(t, ""), TFM_OK);
  assert_int_equal(tfm_bench_table_number(t, 0), TFM_OK);
  assert_int_equal(tfm_bench_table_number(t, 123456), TFM_OK);
}

static void check_print(tfm_bench_format format, const char *wanted)
{
  tfm_bench_table t;
  tfm_buf out = {0};
  fill(&t);
  assert_int_equal(tfm_bench_table_print(&t, format, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out), wanted);
  tfm_buf_fini(&out);
  tfm_bench_table_fini(&t);
}

/* Columns are as wide as their widest cell in characters; nothing in a cell breaks the table. */
static void markdown_is_padded(void **state)
{
  (void)state;
  check_print(TFM_BENCH_MD, "| name          |  MB/s |   rows |\n"
                            "| :------------ | ----: | -----: |\n"
                            "| na\xc3\xafve, a__b__ | 12.35 |      7 |\n"
                            "|               |  0.00 | 123456 |\n");
}

static void csv_quotes_commas(void **state)
{
  (void)state;
  check_print(TFM_BENCH_CSV, "name,mb_per_s,rows\n\"na\xc3\xafve, a__b__\",12.35,7\n"
                             ",0.00,123456\n");
}

static void json_is_an_array_of_rows(void **state)
{
  (void)state;
  check_print(TFM_BENCH_JSON,
              "[{\"name\": \"na\xc3\xafve, a__b__\", \"mb_per_s\": 12.35, \"rows\": 7},\n"
              " {\"name\": \"\", \"mb_per_s\": 0.00, \"rows\": 123456}]\n");
}

/* What nobody knows is no number in any of them. */
static void unknown_numbers_are_left_out(void **state)
{
  (void)state;
  static const char *const wanted[] = {"|    x |\n| ---: |\n|      |\n", "x\n\n",
                                       "[{\"x\": null}]\n"};
  static const tfm_bench_column one[] = {{"x", "x", 1}};
  for (int format = TFM_BENCH_MD; format <= TFM_BENCH_JSON; ++format) {
    tfm_bench_table t = {.column = one, .ncolumn = 1};
    tfm_buf out = {0};
    assert_int_equal(tfm_bench_table_number(&t, NAN), TFM_OK);
    assert_int_equal(tfm_bench_table_print(&t, (tfm_bench_format)format, &out), TFM_OK);
    assert_string_equal(tfm_buf_cstr(&out), wanted[format]);
    tfm_buf_fini(&out);
    tfm_bench_table_fini(&t);
  }
}

static void the_median_is_the_middle(void **state)
{
  (void)state;
  double odd[] = {3, 1, 2};
  double even[] = {4, 1, 3, 2};
  assert_true(check_same_double(tfm_bench_median(odd, 3), 2));
  assert_true(check_same_double(tfm_bench_median(even, 4), 2.5));
  assert_true(check_same_double(odd[0], 1) && check_same_double(even[3], 4)); /* sorted */
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(markdown_is_padded),
                                     cmocka_unit_test(csv_quotes_commas),
                                     cmocka_unit_test(json_is_an_array_of_rows),
                                     cmocka_unit_test(unknown_numbers_are_left_out),
                                     cmocka_unit_test(the_median_is_the_middle)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
