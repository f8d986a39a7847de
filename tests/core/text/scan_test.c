/* Every scanner against PCRE2 with the same expression: a group around it keeps it from being
 * recognised. On texts of every code point beside others, and on random ones of hard characters. */
#include "core/base/utf8.h"
#include "core/text/chars.h"
#include "core/text/regex.h"
#include "core/text/scan.h"
#include "tests/core/text/support.h"

static tfm__loader loader;
static tfm_arena memory;

static tfm__pattern *open_pattern(const char *before, const char *pattern, const char *after)
{
  tfm_buf json = {0};
  tfm_buf whole = {0};
  tfm_err err = {0};
  assert_int_equal(tfm_buf_printf(&whole, "%s%s%s", before, pattern, after), TFM_OK);
  assert_int_equal(tfm_buf_str(&json, "{\"Regex\":"), TFM_OK);
  assert_int_equal(tfm_buf_json_string(&json, tfm_buf_view(&whole)), TFM_OK);
  assert_int_equal(tfm_buf_str(&json, "}"), TFM_OK);
  loader.memory = &memory;
  loader.r = tfm_jread_open("pattern", json.data, json.n, TFM_JSON_STRICT);
  tfm__pattern *p = tfm__pattern_read(&loader);
  CHECK_OK(tfm_jread_status(loader.r, &err), &err);
  tfm_jread_close(loader.r);
  tfm_buf_fini(&json);
  tfm_buf_fini(&whole);
  return p;
}

static void check_same(tfm__matches *a, tfm__matches *b, const char *p, size_t n,
                       const char *pattern)
{
  bool found = true;
  tfm__matches_start(a, p, n);
  tfm__matches_start(b, p, n);
  while (found) {
    bool want = false;
    size_t at[4] = {0};
    assert_int_equal(tfm__matches_next(a, &found, &at[0], &at[1]), TFM_OK);
    assert_int_equal(tfm__matches_next(b, &want, &at[2], &at[3]), TFM_OK);
    if (found != want || at[0] != at[2] || at[1] != at[3]) {
      fail_msg("%s: [%zu, %zu), PCRE2 has [%zu, %zu) of: %.*s", pattern, at[0], at[1], at[2],
               at[3], (int)n, p);
    }
  }
}

static size_t put_all(char *to, const uint32_t *c, size_t n)
{
  size_t bytes = 0;
  for (size_t i = 0; i < n; ++i) {
    bytes += tfm_utf8_encode(c[i], to + bytes);
  }
  return bytes;
}

/* Each code point between characters of every kind that the expressions tell apart. */
static void check_code_points(tfm__matches *a, tfm__matches *b, const char *pattern)
{
  for (uint32_t c = 1; c < 0x110000; c += c < 0x3100 ? 1 : 41) {
    if (c < 0xd800 || c >= 0xe000) {
      const uint32_t text[] = {'a',  c, 'A', ' ', c,   'b', c, c,
                               '\n', c, '.', c,   '1', ' ', c, '\''};
      char p[128];
      check_same(a, b, p, put_all(p, text, COUNT_OF(text)), pattern);
    }
  }
}

static uint32_t roll(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void check_hard(tfm__matches *a, tfm__matches *b, const char *pattern)
{
  static const uint32_t hard[] = {
      'a',   'b',   'S',   'T',    'l',    'L',    'r',    'e',     'v',    'd',    'm',
      '1',   '2',   ' ',   ' ',    '\n',   '\r',   '\t',   '\'',    '\'',   '.',    ',',
      '-',   '/',   '<',   '|',    '>',    '(',    '$',    '~',     0xe9,   0xc9,   0x17f,
      0x301, 0x903, 0x5d0, 0xa0,   0x3000, 0x4e00, 0x304b, 0x1f600, 0x1c5,  0x2b0,  0x660,
      0xb2,  0x85,  0x7f,  0x200d, 0x2028, 0x2160, 0x964,  0x2026,  0x3002, 0x10400};
  uint32_t state = 5;
  for (int round = 0; round < 6000; ++round) {
    uint32_t text[24];
    char p[128];
    size_t n = roll(&state) % COUNT_OF(text);
    for (size_t i = 0; i < n; ++i) {
      text[i] = hard[roll(&state) % COUNT_OF(hard)];
      if (i && roll(&state) % 3 == 0) {
        text[i] = text[i - 1];
      }
    }
    check_same(a, b, p, put_all(p, text, n), pattern);
  }
}

static void scanners_do_what_their_expressions_do(void **state)
{
  (void)state;
  size_t n = 0;
  tfm__chars_ready();
  for (; tfm__scanner_pattern(n); ++n) {
    const char *pattern = tfm__scanner_pattern(n);
    tfm__pattern *mine = open_pattern("", pattern, "");
    tfm__pattern *theirs = open_pattern("(?:", pattern, ")");
    tfm__matches a = tfm__matches_of(mine);
    tfm__matches b = tfm__matches_of(theirs);
    check_code_points(&a, &b, pattern);
    check_hard(&a, &b, pattern);
    tfm__matches_fini(&a);
    tfm__matches_fini(&b);
    tfm__pattern_close(mine);
    tfm__pattern_close(theirs);
    tfm_arena_fini(&memory);
  }
  assert_true(n >= 15);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scanners_do_what_their_expressions_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
