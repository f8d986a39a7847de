#include "core/text/trie.h"
#include "tests/core/text/support.h"

/* The value a plain list gives: the first of equal keys. */
static int32_t find_in_list(const tfm__trie_item *v, size_t n, tfm_span key)
{
  for (size_t i = 0; i < n; ++i) {
    if (tfm_span_eq(v[i].key, key)) {
      return v[i].value;
    }
  }
  return -1;
}

static int32_t find_in_trie(const tfm__trie *t, int32_t root, tfm_span key)
{
  int32_t v = root;
  for (size_t i = 0; i < key.n && v >= 0; ++i) {
    v = tfm__trie_child(t, v, (unsigned char)key.p[i]);
  }
  return v < 0 ? -1 : t->value[v];
}

enum { MOST = 3000, LONGEST = 20 }; /* keys of several windows of 8 bytes */

/* Random keys over few letters share prefixes at every depth and repeat; two tries in one pair of
 * arrays must answer for their own keys only. Every key, and every key cut or changed by one
 * byte, is looked up in both and compared with a list. */
static void tries_answer_as_lists_do(void **state)
{
  (void)state;
  static char room[MOST][LONGEST];
  static tfm__trie_item items[MOST], given[MOST];
  uint64_t seed = 3;
  for (int round = 0; round < 12; ++round) {
    size_t n = 1 + check_random(&seed) % (round < 6 ? 40 : 1000);
    size_t half = check_random(&seed) % n;
    unsigned letters = round % 3 ? (unsigned)(round % 3) : 256;
    for (size_t i = 0; i < n; ++i) {
      size_t len = 1 + check_random(&seed) % LONGEST;
      for (size_t k = 0; k < len; ++k) {
        room[i][k] = (char)(check_random(&seed) % letters);
      }
      items[i] = given[i] = (tfm__trie_item){{room[i], len}, (int32_t)(i * 7)};
    }
    tfm__trie t = {0};
    const size_t start[3] = {0, half, n};
    int32_t root[2];
    assert_int_equal(tfm__trie_build(&t, items, start, 2, root), TFM_OK);
    for (size_t i = 0; i < n; ++i) {
      char probe[LONGEST];
      memcpy(probe, given[i].key.p, given[i].key.n);
      tfm_span key = {probe, given[i].key.n};
      for (int turn = 0; turn < 3; ++turn) { /* as it is, cut, changed */
        for (int which = 0; which < 2; ++which) {
          const tfm__trie_item *v = given + start[which];
          assert_int_equal(find_in_trie(&t, root[which], key),
                           find_in_list(v, start[which + 1] - start[which], key));
        }
        key.n -= turn == 0 && key.n > 1;
        probe[0] = (char)(probe[0] + turn);
      }
    }
    tfm__trie_fini(&t);
  }
}

/* Parents must come before children, and by depth over all tries: failure links are made in this
 * order. */
static void nodes_are_listed_by_depth(void **state)
{
  (void)state;
  tfm__trie_item items[] = {
      {SPAN("abcd"), 0}, {SPAN("b"), 1}, {SPAN("ab"), 2}, {SPAN("zz"), 3}};
  const size_t start[3] = {0, 2, 4};
  int32_t root[2];
  tfm__trie t = {0};
  assert_int_equal(tfm__trie_build(&t, items, start, 2, root), TFM_OK);
  assert_int_equal(t.nodes, 2 + 5 + 4);
  assert_int_equal(t.levels, 5); /* the deepest node is that of "abcd" */
  size_t before = 0;
  for (size_t i = 0; i < t.nodes; ++i) {
    size_t depth = 0;
    for (int32_t v = t.order[i]; t.unit[v].check >= 0; v = t.unit[v].check) {
      ++depth;
    }
    assert_true(depth >= before);
    assert_true(i >= t.level[depth] && i < t.level[depth + 1]);
    before = depth;
  }
  tfm__trie_fini(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(tries_answer_as_lists_do),
                                     cmocka_unit_test(nodes_are_listed_by_depth)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
