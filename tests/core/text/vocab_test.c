#include "core/text/vocab.h"
#include "tests/core/text/support.h"

enum { MANY = 60000 };

static tfm_span word(char room[32], int i)
{
  return (tfm_span){room, (size_t)snprintf(room, 32, "w%d", i)};
}

/* Through every growth of the three tables each token keeps its id and each id its text. */
static void tokens_and_ids_find_each_other(void **state)
{
  (void)state;
  tfm__vocab v;
  char room[32];
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_id(&v, SPAN("x")), -1);
  assert_null(tfm__vocab_text(&v, 0).p);
  for (int i = 0; i < MANY; ++i) {
    assert_int_equal(tfm__vocab_add(&v, word(room, i), 2 * i), TFM__ADDED);
  }
  for (int i = 0; i < MANY; ++i) {
    assert_int_equal(tfm__vocab_id(&v, word(room, i)), 2 * i);
    CHECK_SPAN(tfm__vocab_text(&v, 2 * i), word(room, i));
    assert_null(tfm__vocab_text(&v, 2 * i + 1).p); /* a hole */
  }
  assert_int_equal(v.highest, 2 * (MANY - 1));
  assert_int_equal(tfm__vocab_id(&v, word(room, MANY)), -1);
  assert_null(tfm__vocab_text(&v, -1).p);
  assert_null(tfm__vocab_text(&v, INT32_MAX).p);
  tfm__vocab_fini(&v);
}

static void texts_and_ids_are_given_once(void **state)
{
  (void)state;
  tfm__vocab v;
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a"), 5), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a"), 6), TFM__SAME_TEXT);
  assert_int_equal(tfm__vocab_add(&v, SPAN("b"), 5), TFM__SAME_ID);
  assert_int_equal(tfm__vocab_id(&v, SPAN("b")), -1);
  assert_int_equal(tfm__vocab_move(&v, SPAN("a"), 9), TFM__ADDED);
  assert_int_equal(tfm__vocab_id(&v, SPAN("a")), 9);
  assert_null(tfm__vocab_text(&v, 5).p);
  assert_int_equal(v.n, 1);
  tfm__vocab_fini(&v);
}

/* Appended all at once and looked up in groups, tokens are what they are one by one. */
static void many_tokens_are_found_together(void **state)
{
  (void)state;
  enum { ASKED = 77 }; /* whole groups and a rest */
  static char text[ASKED][32];
  tfm_span asked[ASKED];
  int32_t id[ASKED];
  tfm__vocab v;
  char room[32];
  size_t twice = 0;
  tfm__vocab_init(&v);
  tfm__vocab_ids(&v, &SPAN("x"), 1, id);
  assert_int_equal(id[0], -1);
  for (int i = 0; i < MANY; ++i) {
    assert_int_equal(tfm__vocab_append(&v, word(room, i), 2 * i), TFM__ADDED);
  }
  assert_int_equal(tfm__vocab_append(&v, SPAN("new"), 2), TFM__SAME_ID);
  assert_int_equal(tfm__vocab_index(&v, &twice), TFM__ADDED);
  for (int i = 0; i < MANY + ASKED; i += ASKED) {
    for (int k = 0; k < ASKED; ++k) {
      asked[k] = word(text[k], k % 5 ? i + k : -1); /* "w-1" is not there */
    }
    tfm__vocab_ids(&v, asked, ASKED, id);
    for (int k = 0; k < ASKED; ++k) {
      assert_int_equal(id[k], k % 5 && i + k < MANY ? 2 * (i + k) : -1);
      assert_int_equal(id[k], tfm__vocab_id(&v, asked[k]));
    }
  }
  assert_int_equal(tfm__vocab_add(&v, word(room, 7), 1), TFM__SAME_TEXT);
  assert_int_equal(tfm__vocab_add(&v, SPAN("new"), 1), TFM__ADDED);
  assert_int_equal(tfm__vocab_id(&v, SPAN("new")), 1);
  tfm__vocab_fini(&v);
}

static void a_text_appended_twice_is_noticed(void **state)
{
  (void)state;
  tfm__vocab v;
  size_t twice = 0;
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_append(&v, SPAN("a"), 5), TFM__ADDED);
  assert_int_equal(tfm__vocab_append(&v, SPAN("b"), 6), TFM__ADDED);
  assert_int_equal(tfm__vocab_append(&v, SPAN("a"), 7), TFM__ADDED);
  assert_int_equal(tfm__vocab_index(&v, &twice), TFM__SAME_TEXT);
  assert_int_equal(twice, 2);
  tfm__vocab_fini(&v);
}

/* A vocabulary of the empty token alone has that token. */
static void an_empty_token_is_one(void **state)
{
  (void)state;
  tfm__vocab v;
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_add(&v, SPAN(""), 0), TFM__ADDED);
  assert_non_null(tfm__vocab_text(&v, 0).p);
  assert_int_equal(tfm__vocab_text(&v, 0).n, 0);
  assert_int_equal(tfm__vocab_id(&v, SPAN("")), 0);
  tfm__vocab_fini(&v);
}

/* A token is its bytes: NULs count, and nothing is a token too. */
static void any_bytes_are_a_token(void **state)
{
  (void)state;
  tfm__vocab v;
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a"), 0), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a\0b"), 1), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a\0c"), 2), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN(""), 3), TFM__ADDED);
  assert_int_equal(tfm__vocab_id(&v, SPAN("a\0c")), 2);
  assert_int_equal(tfm__vocab_id(&v, SPAN("")), 3);
  CHECK_SPAN(tfm__vocab_text(&v, 1), SPAN("a\0b"));
  tfm__vocab_fini(&v);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_and_ids_find_each_other),
                                     cmocka_unit_test(texts_and_ids_are_given_once),
                                     cmocka_unit_test(many_tokens_are_found_together),
                                     cmocka_unit_test(a_text_appended_twice_is_noticed),
                                     cmocka_unit_test(an_empty_token_is_one),
                                     cmocka_unit_test(any_bytes_are_a_token)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
