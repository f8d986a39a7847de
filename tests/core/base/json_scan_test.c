#include "core/base/json_scan.h"

#include "core/base/sha256.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

static const char *scan(tfm_span text, tfm_json_unicode unicode, tfm_buf *room, tfm_span *out)
{
  const char *at = text.p;
  const char *problem = tfm__json_string(&at, text.p + text.n, unicode, room, out);
  if (!problem) {
    assert_ptr_equal(at, text.p + text.n); /* behind the closing quote */
  }
  return problem;
}

/* Plain strings are not copied: the result points into the text. The closing quote at every
 * distance covers the loop over eight bytes and its rest. */
static void plain_strings_are_borrowed_from_the_text(void **state)
{
  (void)state;
  tfm_buf room = {0};
  char text[80];
  for (size_t n = 0; n < 70; ++n) {
    memset(text, 'a', sizeof text);
    text[0] = text[n + 1] = '"';
    tfm_span out;
    assert_null(scan((tfm_span){text, n + 2}, TFM_JSON_STRICT, &room, &out));
    assert_ptr_equal(out.p, text + 1);
    assert_int_equal(out.n, n);
    assert_int_equal(room.cap, 0);
  }
}

/* Every byte value at every distance from the quote: exactly controls, quote, backslash and
 * bytes beyond ASCII are not plain. This is the proof of the eight-byte marks. */
static void every_byte_is_judged_alike_at_every_place(void **state)
{
  (void)state;
  tfm_buf room = {0};
  for (int c = 0; c < 256; ++c) {
    for (size_t place = 1; place < 30; ++place) {
      char text[33];
      memset(text, 'a', sizeof text);
      text[0] = text[32] = '"';
      text[place] = (char)c;
      const char *at = text;
      tfm_span out = {NULL, 0};
      const char *problem = tfm__json_string(&at, text + 33, TFM_JSON_STRICT, &room, &out);
      if (c == '"') {
        assert_null(problem);
        assert_int_equal(out.n, place - 1);
      } else if (c < 0x20 || c >= 0x80 || c == '\\') {
        assert_non_null(problem);
        assert_ptr_equal(at, text + place);
      } else {
        assert_null(problem);
        assert_int_equal(out.n, 31);
      }
    }
  }
  tfm_buf_fini(&room);
}

static void escapes_are_decoded(void **state)
{
  (void)state;
  static const struct {
    tfm_span text, decoded;
  } cases[] = {
      {BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), BYTES("\"\\/\b\f\n\r\t")},
      {BYTES("\"a\\u0000b\""), BYTES("a\0b")},
      {BYTES("\"\\u00e9\\u20AC\""), BYTES("\xc3\xa9\xe2\x82\xac")},
      {BYTES("\"\\ud83d\\ude00!\""), BYTES("\xf0\x9f\x98\x80!")},
      {BYTES("\"\\udbff\\udfff\""), BYTES("\xf4\x8f\xbf\xbf")},
      {BYTES("\"\\ud800\\udc00\""), BYTES("\xf0\x90\x80\x80")},
      {BYTES("\"\\uffff\\ud7ff\\ue000\""), BYTES("\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80")},
      {BYTES("\"x\xc3\xa9\\ny\""), BYTES("x\xc3\xa9\ny")},
  };
  tfm_buf room = {0};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_span out;
    assert_null(scan(cases[i].text, TFM_JSON_STRICT, &room, &out));
    CHECK_SPAN(out, cases[i].decoded);
    assert_null(scan(cases[i].text, TFM_JSON_LOSSY, &room, &out));
    CHECK_SPAN(out, cases[i].decoded);
  }
  tfm_buf_fini(&room);
}

/* Each is refused, at the byte given, with and without decoding. */
static void broken_strings_are_refused_where_they_break(void **state)
{
  (void)state;
  static const struct {
    tfm_span text;
    size_t at;
    const char *part;
    bool also_lossy;
  } cases[] = {
      {BYTES("\""), 1, "ends inside", true},
      {BYTES("\"abc"), 4, "ends inside", true},
      {BYTES("\"\\"), 1, "ends inside", true},
      {BYTES("\"\\x\""), 1, "unknown escape", true},
      {BYTES("\"\\'\""), 1, "unknown escape", true},
      {BYTES("\"\\U0041\""), 1, "unknown escape", true},
      {BYTES("\"\\u004\""), 1, "four hex", true},
      {BYTES("\"\\u00g0\""), 1, "four hex", true},
      {BYTES("\"\\u 041\""), 1, "four hex", true},
      {BYTES("\"\\u+041\""), 1, "four hex", true},
      {BYTES("\"\\u"), 1, "four hex", true},
      {BYTES("\"a\nb\""), 2, "control", true},
      {BYTES("\"a\0b\""), 2, "control", true},
      {BYTES("\"\\ud800\""), 1, "surrogate", false},
      {BYTES("\"\\udc00\""), 1, "surrogate", false},
      {BYTES("\"\\ud800\\u0041\""), 1, "surrogate", false},
      {BYTES("\"\\ud800\\ud800\\udc00\""), 1, "surrogate", false},
      {BYTES("\"\x80\""), 1, "UTF-8", false},
      {BYTES("\"\xc0\xaf\""), 1, "UTF-8", false},
      {BYTES("\"ab\xed\xa0\x80\""), 3, "UTF-8", false},
      {BYTES("\"\xe2\x82\""), 1, "UTF-8", false},
      {BYTES("\"\xf4\x90\x80\x80\""), 1, "UTF-8", false},
  };
  tfm_buf room = {0};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    for (int decode = 0; decode < 2; ++decode) {
      tfm_span out;
      const char *at = cases[i].text.p;
      const char *end = at + cases[i].text.n;
      const char *problem =
          tfm__json_string(&at, end, TFM_JSON_STRICT, &room, decode ? &out : NULL);
      assert_non_null(problem);
      assert_non_null(strstr(problem, cases[i].part));
      assert_int_equal(at - cases[i].text.p, cases[i].at);
      at = cases[i].text.p;
      problem = tfm__json_string(&at, end, TFM_JSON_LOSSY, &room, decode ? &out : NULL);
      assert_int_equal(problem != NULL, cases[i].also_lossy);
    }
  }
  tfm_buf_fini(&room);
}

static void lone_surrogates_become_one_replacement_each(void **state)
{
  (void)state;
  static const struct {
    tfm_span text, decoded;
  } cases[] = {
      {BYTES("\"\\ud800\""), BYTES("\xef\xbf\xbd")},
      {BYTES("\"\\udc00\\ud800\""), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
      {BYTES("\"\\ud800A\""), BYTES("\xef\xbf\xbd"
                                    "A")},
      {BYTES("\"\\ud800\\n\""), BYTES("\xef\xbf\xbd\n")},
      {BYTES("\"\\ud800\\ud83d\\ude00\""), BYTES("\xef\xbf\xbd\xf0\x9f\x98\x80")},
  };
  tfm_buf room = {0};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_span out;
    assert_null(scan(cases[i].text, TFM_JSON_LOSSY, &room, &out));
    CHECK_SPAN(out, cases[i].decoded);
  }
  tfm_buf_fini(&room);
}

/* The same 346,200 byte strings as in utf8_test.c, each inside a JSON string: the lossy scanner
 * gives what Python's decoder gives (same digest). 0x41 and 0x7f are the only ASCII bytes there,
 * so nothing needs escaping. */
static void malformed_bytes_are_replaced_as_python_does(void **state)
{
  (void)state;
  static const unsigned char edges[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                        0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
  enum { EDGES = COUNT_OF(edges) };
  tfm_sha256 s;
  tfm_buf room = {0};
  tfm_sha256_init(&s);
  for (size_t n = 1, all = EDGES; n <= 4; ++n, all *= EDGES) {
    for (size_t number = 0; number < all; ++number) {
      char text[6] = {'"'};
      size_t rest = number;
      for (size_t i = n; i > 0; --i, rest /= EDGES) {
        text[i] = (char)edges[rest % EDGES];
      }
      text[n + 1] = '"';
      tfm_span out;
      assert_null(scan((tfm_span){text, n + 2}, TFM_JSON_LOSSY, &room, &out));
      tfm_sha256_add(&s, out.p, out.n);
    }
  }
  char hex[TFM_SHA256_HEX];
  tfm_sha256_hex(&s, hex);
  assert_string_equal(hex, "ce41fcac055e3d42e47012d9169abb2fbc419d3929816023f66d6a382090ad74");
  tfm_buf_fini(&room);
}

static void numbers_follow_the_grammar(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int length; /* characters that belong to the number; -1: refused */
    bool integer;
  } cases[] = {
      {"0", 1, true},      {"-0", 2, true},     {"10", 2, true},     {"-12345", 6, true},
      {"0.0", 3, false},   {"1e5", 3, false},   {"1E+5", 4, false},  {"-1.25e-07", 9, false},
      {"0e0", 3, false},   {"7,", 1, true},     {"7]", 1, true},     {"1.5 ", 3, false},
      {"", -1, false},     {"-", -1, false},    {"+1", -1, false},   {".5", -1, false},
      {"01", -1, false},   {"-01", -1, false},  {"00", -1, false},   {"1.", -1, false},
      {"1.e5", -1, false}, {"1e", -1, false},   {"1e+", -1, false},  {"1e-", -1, false},
      {"-a", -1, false},   {"0x10", 1, true},   {"1.2.3", 3, false}, {"1e2e3", 3, false},
      {"NaN", -1, false},  {"-Inf", -1, false}, {"1_000", 1, true},  {"1e2.5", 3, false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    const char *at = cases[i].text;
    bool integer = false;
    const char *problem = tfm__json_number(&at, at + strlen(at), &integer);
    if (cases[i].length < 0) {
      assert_non_null(problem);
    } else {
      assert_null(problem);
      assert_int_equal(at - cases[i].text, cases[i].length);
      assert_int_equal(integer, cases[i].integer);
    }
  }
}

static void integers_are_exact_up_to_their_ends(void **state)
{
  (void)state;
  int64_t i = 0;
  uint64_t u = 0;
  assert_true(tfm__json_to_i64(SPAN("9223372036854775807"), &i) && i == INT64_MAX);
  assert_true(tfm__json_to_i64(SPAN("-9223372036854775808"), &i) && i == INT64_MIN);
  assert_false(tfm__json_to_i64(SPAN("9223372036854775808"), &i));
  assert_false(tfm__json_to_i64(SPAN("-9223372036854775809"), &i));
  assert_false(tfm__json_to_i64(SPAN("-0"), &i));
  assert_true(tfm__json_to_i64(SPAN("0"), &i) && i == 0);
  assert_true(tfm__json_to_u64(SPAN("18446744073709551615"), &u) && u == UINT64_MAX);
  assert_false(tfm__json_to_u64(SPAN("18446744073709551616"), &u));
  assert_false(tfm__json_to_u64(SPAN("100000000000000000000"), &u));
  assert_false(tfm__json_to_u64(SPAN("-1"), &u));
}

/* strtod of the C library rounds correctly; the fast way must agree with it in every bit. The
 * numbers have 1..19 digits, points anywhere and exponents around the limits of the fast way. */
static void doubles_are_the_nearest_ones(void **state)
{
  (void)state;
  uint64_t seed = 9;
  tfm_buf room = {0};
  for (int round = 0; round < 300000; ++round) {
    char text[64];
    uint64_t mantissa = check_random(&seed) >> check_random(&seed) % 60;
    int exponent = (int)(check_random(&seed) % 60) - 30;
    int n = 0;
    switch (round % 4) {
    case 0:
      n = snprintf(text, sizeof text, "%llu", (unsigned long long)mantissa);
      break;
    case 1:
      n = snprintf(text, sizeof text, "-%llue%d", (unsigned long long)mantissa, exponent);
      break;
    case 2:
      n = snprintf(text, sizeof text, "%llu.%03llu", (unsigned long long)mantissa % 100000,
                   (unsigned long long)(check_random(&seed) % 1000));
      break;
    default:
      n = snprintf(text, sizeof text, "0.%0*lluE+%d", 1 + abs(exponent) % 18,
                   (unsigned long long)mantissa, abs(exponent));
      break;
    }
    double want = strtod(text, NULL);
    double got = tfm__json_to_double((tfm_span){text, (size_t)n}, &room);
    if (memcmp(&got, &want, sizeof got) != 0) {
      fail_msg("%s: want %.17g, got %.17g", text, want, got);
    }
  }
  tfm_buf_fini(&room);
}

static void doubles_at_the_edges(void **state)
{
  (void)state;
  tfm_buf room = {0};
  static const char *const texts[] = {
      "0",
      "-0",
      "0.0",
      "-0e5",
      "1e22",
      "1e23",
      "1e-22",
      "1e-23",
      "123456789012345e22",
      "999999999999999",
      "9007199254740993",
      "5e-324",
      "2e-324",
      "1e-400",
      "1.7976931348623157e308",
      "0.000000000000000000000000000000000000000000000000001",
      "1000000000000000000000000000000000000000000000000000000e-54",
      "0e99999999999999999999",
      "1e-99999999999999999999"};
  for (size_t i = 0; i < COUNT_OF(texts); ++i) {
    double want = strtod(texts[i], NULL);
    double got = tfm__json_to_double(tfm_span_of(texts[i]), &room);
    assert_memory_equal(&got, &want, sizeof got);
  }
  assert_true(isinf(tfm__json_to_double(SPAN("1e999"), &room)));
  assert_true(isinf(tfm__json_to_double(SPAN("-1e99999999999999999999"), &room)));

  enum { DIGITS = 1000000 }; /* a number of a megabyte is read, and in no time */
  for (int i = 0; i < DIGITS; ++i) {
    (void)tfm_buf_char(&room, '3');
  }
  tfm_buf longer = room;
  room = (tfm_buf){0};
  memcpy(longer.data, "0.", 2);
  assert_true(check_same_double(tfm__json_to_double(tfm_buf_view(&longer), &room), 1.0 / 3));
  tfm_buf_fini(&longer);
  tfm_buf_fini(&room);
}

/* White space goes by words of 8 blanks; how long it is, what stands among the blanks and where
 * the text ends must not matter. */
static void white_space_of_any_length_is_stepped_over(void **state)
{
  (void)state;
  static const char spaces[] = " \n\r\t";
  for (size_t n = 0; n < 40; ++n) {
    for (size_t odd = 0; odd <= n; ++odd) {
      char text[48];
      memset(text, ' ', sizeof text);
      text[odd] = spaces[(n + odd) % 4];
      assert_ptr_equal(tfm__json_space(text, text + sizeof text), text + sizeof text);
      assert_ptr_equal(tfm__json_space(text, text + n), text + n);
      text[n] = n % 2 ? '!' : '\x1f'; /* next to a blank on either side */
      assert_ptr_equal(tfm__json_space(text, text + sizeof text), text + n);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_strings_are_borrowed_from_the_text),
      cmocka_unit_test(every_byte_is_judged_alike_at_every_place),
      cmocka_unit_test(escapes_are_decoded),
      cmocka_unit_test(broken_strings_are_refused_where_they_break),
      cmocka_unit_test(lone_surrogates_become_one_replacement_each),
      cmocka_unit_test(malformed_bytes_are_replaced_as_python_does),
      cmocka_unit_test(numbers_follow_the_grammar),
      cmocka_unit_test(integers_are_exact_up_to_their_ends),
      cmocka_unit_test(doubles_are_the_nearest_ones),
      cmocka_unit_test(doubles_at_the_edges),
      cmocka_unit_test(white_space_of_any_length_is_stepped_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
