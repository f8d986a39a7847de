#include "core/base/utf8.h"

#include "core/base/sha256.h"
#include "tests/support/check.h"

/* All rows of table 3-7 of the Unicode standard, by first and last byte of every column: what
 * is inside is valid, one step outside any column is not. */
static void table_3_7_is_exact(void **state)
{
  (void)state;
  static const struct {
    int n;
    unsigned char low[4], high[4];
  } rows[] = {
      {1, {0x00}, {0x7f}},
      {2, {0xc2, 0x80}, {0xdf, 0xbf}},
      {3, {0xe0, 0xa0, 0x80}, {0xe0, 0xbf, 0xbf}},
      {3, {0xe1, 0x80, 0x80}, {0xec, 0xbf, 0xbf}},
      {3, {0xed, 0x80, 0x80}, {0xed, 0x9f, 0xbf}},
      {3, {0xee, 0x80, 0x80}, {0xef, 0xbf, 0xbf}},
      {4, {0xf0, 0x90, 0x80, 0x80}, {0xf0, 0xbf, 0xbf, 0xbf}},
      {4, {0xf1, 0x80, 0x80, 0x80}, {0xf3, 0xbf, 0xbf, 0xbf}},
      {4, {0xf4, 0x80, 0x80, 0x80}, {0xf4, 0x8f, 0xbf, 0xbf}},
  };
  for (size_t r = 0; r < COUNT_OF(rows); ++r) {
    size_t n = (size_t)rows[r].n;
    assert_int_equal(tfm_utf8_valid_at((const char *)rows[r].low, n), n);
    assert_int_equal(tfm_utf8_valid_at((const char *)rows[r].high, n), n);
    assert_int_equal(tfm_utf8_valid_at((const char *)rows[r].low, n - 1), 0); /* cut */
    for (size_t i = 1; i < n; ++i) {
      char bytes[4];
      memcpy(bytes, rows[r].low, 4);
      bytes[i] = (char)(rows[r].low[i] - 1);
      assert_int_equal(tfm_utf8_valid_at(bytes, n), 0);
      bytes[i] = (char)(rows[r].high[i] + 1);
      assert_int_equal(tfm_utf8_valid_at(bytes, n), 0);
    }
  }
}

/* First bytes that begin nothing: continuations, overlong leads, beyond U+10FFFF. */
static void no_character_starts_with_a_forbidden_byte(void **state)
{
  (void)state;
  for (int first = 0x80; first < 0x100; ++first) {
    bool lead = first >= 0xc2 && first <= 0xf4;
    char bytes[4] = {(char)first, (char)0x90, (char)0x80, (char)0x80};
    if (first == 0xe0) {
      bytes[1] = (char)0xa0;
    } else if (first == 0xf4 || first == 0xed) {
      bytes[1] = (char)0x80;
    }
    assert_int_equal(tfm_utf8_valid_at(bytes, 4) != 0, lead);
  }
}

/* Every scalar value there is: 1,112,064 of them. */
static void every_scalar_value_survives_encode_and_decode(void **state)
{
  (void)state;
  for (uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) {
      continue;
    }
    char bytes[4];
    size_t len = 0;
    size_t n = tfm_utf8_encode(c, bytes);
    if (tfm_utf8_valid_at(bytes, n) != n || tfm_utf8_decode(bytes, &len) != c || len != n) {
      fail_msg("U+%04X does not survive", (unsigned)c);
    }
  }
}

static void add_replaced(tfm_sha256 *s, const char *p, size_t n)
{
  for (size_t i = 0; i < n;) {
    size_t len = tfm_utf8_valid_at(p + i, n - i);
    if (len) {
      tfm_sha256_add(s, p + i, len);
    } else {
      len = tfm_utf8_bad_at(p + i, n - i);
      tfm_sha256_add(s, "\xef\xbf\xbd", 3);
    }
    i += len;
  }
}

/* All strings of 1..4 bytes over the edges of table 3-7 (346,200 of them), each decoded with
 * replacement: one digest over all results, computed by Python's own decoder with
 *   for n in 1..4: for t in itertools.product(edges, repeat=n):
 *     h.update(bytes(t).decode("utf-8", "replace").encode()) */
static void replacement_is_what_python_does(void **state)
{
  (void)state;
  static const unsigned char edges[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                        0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                        0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
  enum { EDGES = COUNT_OF(edges) };
  tfm_sha256 s;
  tfm_sha256_init(&s);
  int valid = 0;
  for (int n = 1, all = EDGES; n <= 4; ++n, all *= EDGES) {
    for (int number = 0; number < all; ++number) {
      char bytes[4];
      int rest = number;
      for (int i = n - 1; i >= 0; --i, rest /= EDGES) {
        bytes[i] = (char)edges[rest % EDGES];
      }
      add_replaced(&s, bytes, (size_t)n);
      valid += tfm_utf8_valid(bytes, (size_t)n, NULL);
    }
  }
  char hex[TFM_SHA256_HEX];
  tfm_sha256_hex(&s, hex);
  assert_string_equal(hex, "ce41fcac055e3d42e47012d9169abb2fbc419d3929816023f66d6a382090ad74");
  assert_int_equal(valid, 1926); /* counted by Python too */
}

/* The scan of eight bytes at a time must not lose the offset of the bad byte, wherever it is. */
static void the_first_bad_byte_is_found_at_any_offset(void **state)
{
  (void)state;
  for (size_t n = 1; n < 40; ++n) {
    for (size_t bad = 0; bad < n; ++bad) {
      char bytes[40];
      memset(bytes, 'a', sizeof bytes);
      bytes[bad] = (char)0xff;
      bytes[n - 1] = bad == n - 1 ? (char)0xff : bytes[n - 1];
      size_t at = 99;
      assert_false(tfm_utf8_valid(bytes, n, &at));
      assert_int_equal(at, bad);
    }
  }
}

static void counting_counts_code_points(void **state)
{
  (void)state;
  tfm_span s = SPAN("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  assert_int_equal(tfm_utf8_count(s.p, s.n), 4);
  assert_int_equal(tfm_utf8_count("", 0), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(table_3_7_is_exact),
      cmocka_unit_test(no_character_starts_with_a_forbidden_byte),
      cmocka_unit_test(every_scalar_value_survives_encode_and_decode),
      cmocka_unit_test(replacement_is_what_python_does),
      cmocka_unit_test(the_first_bad_byte_is_found_at_any_offset),
      cmocka_unit_test(counting_counts_code_points),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
