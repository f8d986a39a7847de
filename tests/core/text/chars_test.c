/* The table of characters against the `tokenizers` library, all code points: a SHA-256 over one
 * byte each (classes.jsonl, made by make_front_goldens.py); normal forms against the rules. */
#include "core/base/sha256.h"
#include "core/text/chars.h"
#include "core/text/unicode.h"
#include "tests/core/text/support.h"

enum { LARGEST = 1 << 16 };

static uint8_t value_of(tfm_span property, uint32_t c)
{
  static const struct {
    const char *name;
    uint32_t flag;
  } flags[] = {{"digit", TFM__C_DIGIT}, {"word", TFM__C_WORD},
               {"space", TFM__C_SPACE}, {"punctuation", TFM__C_PUNCTUATION},
               {"mark", TFM__C_MARK},   {"upper", TFM__C_UPPER}};
  uint32_t look = tfm__char(c);
  if (tfm_span_is(property, "category")) {
    return look & TFM__C_CATEGORY;
  }
  if (tfm_span_is(property, "cluster")) {
    return (uint8_t)tfm__char_cluster(look);
  }
  if (tfm_span_is(property, "script")) {
    return (uint8_t)tfm__char_script(look);
  }
  for (size_t i = 0; i < COUNT_OF(flags); ++i) {
    if (tfm_span_is(property, flags[i].name)) {
      return (look & flags[i].flag) != 0;
    }
  }
  fail_msg("a property nobody knows: %.*s", (int)property.n, property.p);
  return 0;
}

static void check_property(tfm_span property, tfm_span want)
{
  static uint8_t all[0x110000 - 0x800];
  size_t n = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c < 0xd800 || c >= 0xe000) {
      all[n++] = value_of(property, c);
    }
  }
  char hex[TFM_SHA256_HEX];
  tfm_sha256 sum;
  tfm_sha256_init(&sum);
  tfm_sha256_add(&sum, all, n);
  tfm_sha256_hex(&sum, hex);
  if (!tfm_span_is(want, hex)) {
    fail_msg("%.*s: run make_text_tables.py and make_front_goldens.py again", (int)property.n,
             property.p);
  }
}

static void every_property_of_every_character(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_buf file = {0};
  tfm_buf name = {0};
  int seen = 0;
  tfm__chars_ready();
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/text/classes.jsonl", LARGEST, &file, &err), &err);
  tfm_jread *r = tfm_jread_open("classes.jsonl", "", 0, TFM_JSON_STRICT);
  for (size_t i = 0; i < file.n; ++seen) {
    tfm_span key;
    const char *end = memchr(file.data + i, '\n', file.n - i);
    size_t n = (size_t)(end - (file.data + i));
    tfm_jread_restart(r, file.data + i, n);
    tfm_jread_object(r);
    assert_true(tfm_jread_key(r, &key));
    tfm_buf_clear(&name);
    assert_int_equal(tfm_buf_span(&name, tfm_jread_string(r)), TFM_OK);
    assert_true(tfm_jread_key(r, &key));
    check_property(tfm_buf_view(&name), tfm_jread_string(r));
    i += n + 1;
  }
  assert_int_equal(seen, 9);
  tfm_jread_close(r);
  tfm_buf_fini(&name);
  tfm_buf_fini(&file);
}

/* The letter and number flags are groups of categories: nothing else sets them. */
static void groups_go_by_category(void **state)
{
  (void)state;
  tfm__chars_ready();
  for (uint32_t c = 0; c < 0x110000; ++c) {
    uint32_t look = tfm__char(c);
    uint32_t k = look & TFM__C_CATEGORY;
    bool letter = k == TFM__Lu || k == TFM__Ll || k == TFM__Lt || k == TFM__Lm || k == TFM__Lo;
    bool number = k == TFM__Nd || k == TFM__Nl || k == TFM__No;
    assert_int_equal((look & TFM__C_LETTER) != 0, letter);
    assert_int_equal((look & TFM__C_NUMBER) != 0, number);
  }
}

/* A pair composes exactly when what it composes to decomposes to it: so no pair is lost, as the
 * goldens of NFD and NFC hold the decompositions. */
static void compositions_undo_decompositions(void **state)
{
  (void)state;
  tfm__chars_ready();
  int pairs = 0;
  for (uint32_t c = 0xc0; c < 0x30000; ++c) {
    uint32_t d[TFM__NFD_MOST];
    int n = tfm__unicode_nfd(c, d);
    uint32_t made = d[0];
    for (int i = 1; i < n; ++i) {
      made = tfm__char_compose(made, d[i]);
    }
    bool calm = !(tfm__char(c) & TFM__C_NFC);
    assert_true(!calm || made == c);
    pairs += n > 1 && made == c;
  }
  assert_int_equal(pairs, 940 + 11172); /* Unicode 9, and Hangul */
  assert_int_equal(tfm__char_compose('A', 0x30a), 0xc5);
  assert_int_equal(tfm__char_compose(0x3b1, 0x301), 0x3ac);
  assert_int_equal(tfm__char_compose(0x1100, 0x1161), 0xac00);
  assert_int_equal(tfm__char_compose(0xac00, 0x11a7), 0);
  assert_int_equal(tfm__char_compose(0xac01, 0x11a8), 0);
  assert_int_equal(tfm__char_compose(0x915, 0x93c), 0); /* excluded */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_property_of_every_character),
      cmocka_unit_test(groups_go_by_category),
      cmocka_unit_test(compositions_undo_decompositions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
