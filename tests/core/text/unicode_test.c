/* Every code point: its classes, decomposition and lower case are the library's, which
 * tests/fixtures/text/unicode.jsonl lists. What no line lists must be without the class, so the
 * test sees too much as well as too little. */
#include "core/text/unicode.h"
#include "tests/core/text/support.h"

enum { LIMIT = 0x110000, HANGUL = 0xac00, HANGUL_END = 0xd7a4, IDEOGRAPH = 32, MOVES = 64 };

static uint8_t wanted[LIMIT];
static uint32_t mapped[2][LIMIT][TFM__NFD_MOST + 1]; /* lower, nfd: length, then code points */

static const struct {
  const char *name;
  unsigned bit;
} classes[] = {{"control", TFM__CONTROL},
               {"space", TFM__SPACE},
               {"punctuation", TFM__PUNCTUATION},
               {"nonspacing", TFM__NONSPACING},
               {"word", TFM__WORD},
               {"ideograph", IDEOGRAPH},
               {"moves", MOVES}};

static void read_ranges(tfm_jread *r, unsigned bit)
{
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    tfm_jread_array(r);
    assert_true(tfm_jread_element(r));
    int64_t first = tfm_jread_int(r, 0, LIMIT - 1);
    assert_true(tfm_jread_element(r));
    int64_t last = tfm_jread_int(r, first, LIMIT - 1);
    assert_false(tfm_jread_element(r));
    for (int64_t c = first; c <= last; ++c) {
      wanted[c] |= (uint8_t)bit;
    }
  }
}

static void read_pairs(tfm_jread *r, uint32_t (*map)[TFM__NFD_MOST + 1])
{
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    tfm_jread_array(r);
    assert_true(tfm_jread_element(r));
    int64_t c = tfm_jread_int(r, 0, LIMIT - 1);
    while (tfm_jread_element(r)) {
      assert_true(map[c][0] < TFM__NFD_MOST);
      map[c][++map[c][0]] = (uint32_t)tfm_jread_int(r, 0, LIMIT - 1);
    }
  }
}

static void read_line(tfm_jread *r)
{
  tfm_err err = {0};
  tfm_span key;
  char name[32] = "";
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "ranges")) {
      size_t i = 0;
      while (i < COUNT_OF(classes) && strcmp(classes[i].name, name) != 0) {
        ++i;
      }
      assert_true(i < COUNT_OF(classes));
      read_ranges(r, classes[i].bit);
    } else if (tfm_span_is(key, "pairs")) {
      read_pairs(r, mapped[strcmp(name, "nfd") == 0]);
    } else {
      tfm_span s = tfm_jread_string(r);
      (void)snprintf(name, sizeof name, "%.*s", (int)s.n, s.p);
    }
  }
  CHECK_OK(tfm_jread_status(r, &err), &err);
}

static int read_fixture(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf file = {0};
  int lines = 0;
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/unicode.jsonl", 1 << 24, &file, &err), &err);
  tfm_jread *r = tfm_jread_open("unicode.jsonl", "", 0, TFM_JSON_STRICT);
  for (size_t i = 0; i < file.n; ++lines) {
    const char *end = memchr(file.data + i, '\n', file.n - i);
    tfm_jread_restart(r, file.data + i, (size_t)(end - (file.data + i)));
    read_line(r);
    i = (size_t)(end - file.data) + 1;
  }
  tfm_jread_close(r);
  tfm_buf_fini(&file);
  return lines == (int)COUNT_OF(classes) + 2 ? 0 : 1;
}

static bool is_scalar(uint32_t c)
{
  return c < 0xd800 || c > 0xdfff;
}

static void classes_are_the_librarys(void **state)
{
  (void)state;
  for (uint32_t c = 0; c < LIMIT; ++c) {
    unsigned got = tfm__unicode_class(c) | (tfm__is_ideograph(c) ? IDEOGRAPH : 0u);
    /* The library answers "control" before it asks for "space", and cuts at either. */
    unsigned want = wanted[c] & ~(unsigned)MOVES;
    if (is_scalar(c) && got != want) {
      fail_msg("U+%04X: want classes %x, got %x", c, want, got);
    }
  }
}

static void check_map(int which, uint32_t c, const uint32_t *got, int n)
{
  const uint32_t *want = mapped[which][c];
  uint32_t itself[2] = {1, c};
  want = want[0] ? want : itself;
  if ((uint32_t)n != want[0] || memcmp(got, want + 1, (size_t)n * sizeof *got) != 0) {
    fail_msg("U+%04X: %s differs", c, which ? "decomposition" : "lower case");
  }
}

static void decompositions_and_lower_case_are_the_librarys(void **state)
{
  (void)state;
  for (uint32_t c = 0; c < LIMIT; ++c) {
    uint32_t out[TFM__NFD_MOST];
    if (!is_scalar(c)) {
      continue;
    }
    check_map(0, c, out, tfm__unicode_lower(c, out));
    if (c < HANGUL || c >= HANGUL_END) { /* these by rule, checked in normalize_test.c */
      check_map(1, c, out, tfm__unicode_nfd(c, out));
    }
  }
}

/* Whether a character is a starter; the classes among marks are compared by their order in the
 * golden rows. */
static void marks_that_move_are_the_librarys(void **state)
{
  (void)state;
  for (uint32_t c = 0; c < LIMIT; ++c) {
    uint32_t out[TFM__NFD_MOST];
    if (is_scalar(c) && tfm__unicode_nfd(c, out) == 1) {
      bool moves = tfm__unicode_combining(out[0]) != 0;
      if (moves != ((wanted[c] & MOVES) != 0)) {
        fail_msg("U+%04X: combining class %d", c, tfm__unicode_combining(out[0]));
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classes_are_the_librarys),
      cmocka_unit_test(decompositions_and_lower_case_are_the_librarys),
      cmocka_unit_test(marks_that_move_are_the_librarys)};
  return cmocka_run_group_tests(tests, read_fixture, NULL);
}
