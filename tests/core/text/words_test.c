#include "core/text/algo/words.h"
#include "tests/core/text/support.h"

enum { MANY = 300000 };

static size_t make_word(char room[TFM__WORD_BYTES + 16], int i)
{
  memset(room, 'x', TFM__WORD_BYTES + 16);
  int n = snprintf(room, TFM__WORD_BYTES, "%d", i);
  room[n] = i % 3 ? '\0' : 'y'; /* words that end in NUL, or differ in it only */
  return (size_t)n + 1 + (size_t)(i % 7) * 6;
}

static void check_parts(const tfm__part *got, size_t count, int i)
{
  assert_int_equal(count, 1 + i % 5);
  for (size_t k = 0; k < count; ++k) {
    assert_int_equal(got[k].id, i + (int)k);
    assert_int_equal(got[k].bytes, k);
  }
}

/* More words than there is room for: what is known is right, the latest is known, and the memory
 * forgets instead of growing. */
static void what_is_remembered_is_right(void **state)
{
  (void)state;
  tfm__words w;
  char room[TFM__WORD_BYTES + 16];
  int known = 0;
  assert_int_equal(tfm__words_init(&w), TFM_OK);
  for (int i = 0; i < MANY; ++i) {
    tfm__part part[5] = {{0, 0}};
    size_t count = 0;
    for (int k = 0; k < 5; ++k) {
      part[k] = (tfm__part){i + k, (uint32_t)k};
    }
    size_t n = make_word(room, i);
    uint64_t hash = tfm__words_hash(room, n);
    assert_null(tfm__words_get(&w, hash, room, n, &count));
    tfm__words_put(&w, hash, room, n, part, 1 + (size_t)(i % 5));
    const tfm__part *got = tfm__words_get(&w, hash, room, n, &count);
    assert_non_null(got);
    check_parts(got, count, i);
    assert_true(w.used <= TFM__WORDS_ROOM / 8);
  }
  for (int i = 0; i < MANY; ++i) {
    size_t count = 0;
    size_t n = make_word(room, i);
    const tfm__part *got = tfm__words_get(&w, tfm__words_hash(room, n), room, n, &count);
    if (got) {
      ++known;
      check_parts(got, count, i);
    }
  }
  assert_in_range(known, 1000, MANY - 1);
  tfm__words_fini(&w);
}

/* The hash alone decides nothing: another word under the same one is not found. */
static void words_are_told_apart_by_their_bytes(void **state)
{
  (void)state;
  tfm__words w;
  const tfm__part part = {7, 3};
  size_t count = 0;
  static const char a[24] = "abc";
  static const char b[24] = "abd";
  assert_int_equal(tfm__words_init(&w), TFM_OK);
  tfm__words_put(&w, 99, a, 3, &part, 1);
  assert_non_null(tfm__words_get(&w, 99, a, 3, &count));
  assert_null(tfm__words_get(&w, 99, b, 3, &count));
  assert_null(tfm__words_get(&w, 99, a, 4, &count)); /* the same, with a NUL behind */
  tfm__words_fini(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_remembered_is_right),
                                     cmocka_unit_test(words_are_told_apart_by_their_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
