#include "core/base/buf.h"

#include "core/base/json_reader.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

static void pieces_are_appended_in_order(void **state)
{
  (void)state;
  tfm_buf b = {0};
  assert_string_equal(tfm_buf_cstr(&b), "");
  (void)tfm_buf_str(&b, "one ");
  (void)tfm_buf_char(&b, '2');
  (void)tfm_buf_span(&b, SPAN(" \0 "));
  (void)tfm_buf_append(&b, NULL, 0);
  (void)tfm_buf_printf(&b, "%d-%s", 3, "four");
  assert_false(b.failed);
  CHECK_SPAN(tfm_buf_view(&b), SPAN("one 2 \0 3-four"));
  assert_int_equal(tfm_buf_cstr(&b)[b.n], '\0');
  tfm_buf_clear(&b);
  assert_int_equal(b.n, 0);
  tfm_buf_fini(&b);
  tfm_buf_fini(&b);
}

/* printf must not cut where its text meets the end of the capacity. */
static void printf_is_whole_at_every_capacity(void **state)
{
  (void)state;
  for (size_t before = 0; before < 200; ++before) {
    tfm_buf b = {0};
    for (size_t i = 0; i < before; ++i) {
      (void)tfm_buf_char(&b, '.');
    }
    (void)tfm_buf_printf(&b, "%s", "0123456789");
    assert_int_equal(b.n, before + 10);
    assert_memory_equal(b.data + before, "0123456789", 10);
    tfm_buf_fini(&b);
  }
}

static void running_out_of_memory_keeps_the_contents(void **state)
{
  (void)state;
  tfm_buf b = {0};
  (void)tfm_buf_str(&b, "kept");
  assert_int_equal(tfm_buf_reserve(&b, SIZE_MAX), TFM_E_NOMEM);
  assert_int_equal(tfm_buf_reserve(&b, SIZE_MAX / 2 + 9), TFM_E_NOMEM);
  assert_true(b.failed);
  CHECK_SPAN(tfm_buf_view(&b), SPAN("kept"));
  tfm_buf_clear(&b);
  assert_false(b.failed);
  tfm_buf_fini(&b);
}

static void strings_are_escaped_for_json(void **state)
{
  (void)state;
  static const struct {
    tfm_span from, to;
  } cases[] = {
      {BYTES(""), BYTES("\"\"")},
      {{NULL, 0}, BYTES("\"\"")},
      {BYTES("plain"), BYTES("\"plain\"")},
      {BYTES("a\"b\\c/d"), BYTES("\"a\\\"b\\\\c/d\"")},
      {BYTES("\n\r\t"), BYTES("\"\\n\\r\\t\"")},
      {BYTES("\0\x1f\x7f"), BYTES("\"\\u0000\\u001f\x7f\"")},
      {BYTES("\xc3\xa9\xf0\x9f\x98\x80"), BYTES("\"\xc3\xa9\xf0\x9f\x98\x80\"")},
      /* malformed: a lone continuation, a cut character, a surrogate in three bytes */
      {BYTES("\x80"), BYTES("\"\xef\xbf\xbd\"")},
      {BYTES("\xe2\x82"), BYTES("\"\xef\xbf\xbd\"")},
      {BYTES("\xed\xa0\x80"), BYTES("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_buf b = {0};
    assert_int_equal(tfm_buf_json_string(&b, cases[i].from), TFM_OK);
    CHECK_SPAN(tfm_buf_view(&b), cases[i].to);
    tfm_buf_fini(&b);
  }
}

/* Whatever bytes go in, the strict reader reads the result; valid UTF-8 comes back unchanged. */
static void any_bytes_become_strict_json(void **state)
{
  (void)state;
  uint64_t seed = 5;
  tfm_jread *r = tfm_jread_open("string", "", 0, TFM_JSON_STRICT);
  tfm_buf b = {0};
  for (int round = 0; round < 20000; ++round) {
    char bytes[24];
    size_t n = check_random(&seed) % sizeof bytes;
    bool ascii = round % 2;
    for (size_t i = 0; i < n; ++i) {
      bytes[i] = (char)(check_random(&seed) & (ascii ? 0x7f : 0xff));
    }
    tfm_buf_clear(&b);
    (void)tfm_buf_json_string(&b, (tfm_span){bytes, n});
    tfm_jread_restart(r, b.data, b.n);
    tfm_span back = tfm_jread_string(r);
    tfm_jread_end(r);
    assert_true(tfm_jread_ok(r));
    if (ascii) {
      CHECK_SPAN(back, ((tfm_span){bytes, n}));
    }
  }
  tfm_buf_fini(&b);
  tfm_jread_close(r);
}

/* ---- shortest decimals ---- */

static int digits_of(const char *text)
{
  char digits[64];
  int n = 0;
  for (const char *p = text; *p && *p != 'e'; ++p) {
    if (*p >= '0' && *p <= '9' && (n || *p != '0')) {
      digits[n++] = *p;
    }
  }
  while (n > 1 && digits[n - 1] == '0') {
    --n;
  }
  return n ? n : 1;
}

/* The oracle: the smallest number of digits whose nearest decimal reads back as x. */
static int float_digits(float x)
{
  for (int digits = 1; digits < 9; ++digits) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits - 1, (double)x);
    if (check_same_double((double)strtof(text, NULL), (double)x)) {
      return digits;
    }
  }
  return 9;
}

static int double_digits(double x)
{
  for (int digits = 1; digits < 17; ++digits) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", digits - 1, x);
    if (check_same_double(strtod(text, NULL), x)) {
      return digits;
    }
  }
  return 17;
}

static void check_json_number(tfm_span text)
{
  tfm_err err = {0};
  CHECK_OK(tfm_json_validate("number", text.p, text.n, &err), &err);
}

static void check_float(tfm_buf *b, float x)
{
  tfm_buf_clear(b);
  assert_int_equal(tfm_buf_float(b, x), TFM_OK);
  const char *text = tfm_buf_cstr(b);
  float back = strtof(text, NULL);
  if (memcmp(&back, &x, sizeof x) != 0 || digits_of(text) != float_digits(x)) {
    fail_msg("%.9g is written \"%s\", which is %.9g; %d digits would do", (double)x, text,
             (double)back, float_digits(x));
  }
  check_json_number(tfm_buf_view(b));
}

static void check_double(tfm_buf *b, double x)
{
  tfm_buf_clear(b);
  assert_int_equal(tfm_buf_double(b, x), TFM_OK);
  const char *text = tfm_buf_cstr(b);
  double back = strtod(text, NULL);
  if (memcmp(&back, &x, sizeof x) != 0 || digits_of(text) != double_digits(x)) {
    fail_msg("%.17g is written \"%s\", which is %.17g; %d digits would do", x, text, back,
             double_digits(x));
  }
  check_json_number(tfm_buf_view(b));
}

static void floats_of_every_exponent_come_back(void **state)
{
  (void)state;
  tfm_buf b = {0};
  uint64_t seed = 6;
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (int i = 0; i < 60; ++i) {
      static const uint32_t edges[] = {0, 1, 2, 0x7fffff, 0x7ffffe, 0x400000};
      uint32_t fraction = i < 6 ? edges[i] : (uint32_t)check_random(&seed) & 0x7fffff;
      uint32_t bits = (uint32_t)(i & 1) << 31 | exponent << 23 | fraction;
      float x = 0;
      memcpy(&x, &bits, sizeof x);
      check_float(&b, x);
    }
  }
  tfm_buf_fini(&b);
}

/* All kinds of bit patterns; that nothing shorter would do is asked of every 16th (it is slow). */
static void random_floats_come_back(void **state)
{
  (void)state;
  tfm_buf b = {0};
  uint64_t seed = 11;
  for (int i = 0; i < 300000; ++i) {
    uint32_t bits = (uint32_t)check_random(&seed);
    float x = 0;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x)) {
      continue;
    }
    if (i % 16 == 0) {
      check_float(&b, x);
      continue;
    }
    tfm_buf_clear(&b);
    (void)tfm_buf_float(&b, x);
    float back = strtof(tfm_buf_cstr(&b), NULL);
    if (memcmp(&back, &x, sizeof x) != 0) {
      fail_msg("%.9g is written \"%s\"", (double)x, tfm_buf_cstr(&b));
    }
  }
  tfm_buf_fini(&b);
}

/* Scores and probabilities, which is what the program writes. */
static void floats_between_0_and_1_come_back(void **state)
{
  (void)state;
  tfm_buf b = {0};
  uint64_t seed = 7;
  for (int i = 0; i < 10000; ++i) {
    check_float(&b, (float)((double)(check_random(&seed) >> 11) * 0x1p-53));
    check_float(&b, (float)(i / 1000.0));
  }
  tfm_buf_fini(&b);
}

static void doubles_come_back(void **state)
{
  (void)state;
  tfm_buf b = {0};
  uint64_t seed = 8;
  for (int i = 0; i < 6000; ++i) {
    uint64_t bits = check_random(&seed);
    double x = 0;
    memcpy(&x, &bits, sizeof x);
    if (isfinite(x)) {
      check_double(&b, x);
    }
    check_double(&b, i / 1000.0);
  }
  check_double(&b, 5e-324);
  check_double(&b, 1.7976931348623157e308);
  tfm_buf_fini(&b);
}

static void known_numbers_look_as_people_write_them(void **state)
{
  (void)state;
  static const struct {
    float x;
    const char *text;
  } cases[] = {{0.0f, "0"},           {-0.0f, "-0"},          {1.0f, "1"},
               {0.1f, "0.1"},         {-2.5f, "-2.5"},        {1e-5f, "1e-05"},
               {123456.0f, "123456"}, {0.9987f, "0.9987"},    {16777216.0f, "16777216"},
               {1e6f, "1000000"},     {1e10f, "10000000000"}, {9999998e9f, "9999998000000000"},
               {1e16f, "1e+16"},      {0.0001f, "0.0001"},    {-1.25e-7f, "-1.25e-07"},
               {1e-38f, "1e-38"},     {1e-45f, "1e-45"},      {3.4028235e38f, "3.4028235e+38"}};
  tfm_buf b = {0};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_buf_clear(&b);
    (void)tfm_buf_float(&b, cases[i].x);
    assert_string_equal(tfm_buf_cstr(&b), cases[i].text);
  }
  tfm_buf_fini(&b);
}

static void write_nan(void *arg)
{
  (void)tfm_buf_float(arg, NAN);
}

static void write_infinity(void *arg)
{
  (void)tfm_buf_double(arg, (double)INFINITY);
}

static void what_json_cannot_say_is_a_bug_of_ours(void **state)
{
  (void)state;
  tfm_buf b = {0};
  assert_true(check_aborts(write_nan, &b));
  assert_true(check_aborts(write_infinity, &b));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_appended_in_order),
      cmocka_unit_test(printf_is_whole_at_every_capacity),
      cmocka_unit_test(running_out_of_memory_keeps_the_contents),
      cmocka_unit_test(strings_are_escaped_for_json),
      cmocka_unit_test(any_bytes_become_strict_json),
      cmocka_unit_test(floats_of_every_exponent_come_back),
      cmocka_unit_test(random_floats_come_back),
      cmocka_unit_test(floats_between_0_and_1_come_back),
      cmocka_unit_test(doubles_come_back),
      cmocka_unit_test(known_numbers_look_as_people_write_them),
      cmocka_unit_test(what_json_cannot_say_is_a_bug_of_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
