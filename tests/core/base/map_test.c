#include "core/base/map.h"

#include "core/base/hash.h"
#include "tests/support/check.h"

enum { MANY = 100000 };

static tfm_span key_of(char room[32], int i)
{
  return (tfm_span){room, (size_t)snprintf(room, 32, "token%d", i)};
}

static void an_empty_map_holds_nothing(void **state)
{
  (void)state;
  tfm_map map = {0};
  int64_t value = 7;
  assert_false(tfm_map_get(&map, SPAN("x"), &value));
  assert_false(tfm_map_get(&map, SPAN(""), &value));
  assert_int_equal(value, 7);
  tfm_map_fini(&map);
}

/* Each key keeps its own value through all growths, and keys that were never added are not
 * found. */
static void a_hundred_thousand_keys_keep_their_values(void **state)
{
  (void)state;
  tfm_map map = {0};
  char room[32];
  for (int i = 0; i < MANY; ++i) {
    bool found = true;
    assert_int_equal(tfm_map_add(&map, key_of(room, i), -i, &found, NULL), TFM_OK);
    assert_false(found);
  }
  assert_int_equal(map.count, MANY);
  for (int i = 0; i < MANY; ++i) {
    int64_t value = 1;
    assert_true(tfm_map_get(&map, key_of(room, i), &value));
    assert_int_equal(value, -i);
    assert_false(tfm_map_get(&map, key_of(room, MANY + i), &value));
  }
  tfm_map_fini(&map);
  assert_int_equal(map.count, 0);
}

static void adding_keeps_the_old_value_and_setting_replaces_it(void **state)
{
  (void)state;
  tfm_map map = {0};
  bool found = true;
  int64_t old = 0, value = 0;
  assert_int_equal(tfm_map_add(&map, SPAN("k"), 1, &found, &old), TFM_OK);
  assert_false(found);
  assert_int_equal(tfm_map_add(&map, SPAN("k"), 2, &found, &old), TFM_OK);
  assert_true(found && old == 1);
  assert_true(tfm_map_get(&map, SPAN("k"), &value) && value == 1);
  assert_int_equal(tfm_map_set(&map, SPAN("k"), 3), TFM_OK);
  assert_true(tfm_map_get(&map, SPAN("k"), &value) && value == 3);
  assert_int_equal(map.count, 1);
  tfm_map_fini(&map);
}

/* Keys are bytes with a length: the empty key, and keys that differ only behind a NUL. */
static void keys_are_bytes_not_c_strings(void **state)
{
  (void)state;
  static const tfm_span keys[] = {BYTES(""),     BYTES("\0"),       BYTES("\0\0"),
                                  BYTES("a"),    BYTES("a\0"),      BYTES("a\0b"),
                                  BYTES("a\0c"), BYTES("12345678"), BYTES("12345678\0")};
  tfm_map map = {0};
  for (size_t i = 0; i < COUNT_OF(keys); ++i) {
    bool found = true;
    assert_int_equal(tfm_map_add(&map, keys[i], (int64_t)i, &found, NULL), TFM_OK);
    assert_false(found);
  }
  for (size_t i = 0; i < COUNT_OF(keys); ++i) {
    int64_t value = -1;
    assert_true(tfm_map_get(&map, keys[i], &value));
    assert_int_equal(value, i);
  }
  tfm_map_fini(&map);
}

static void keys_are_copied(void **state)
{
  (void)state;
  tfm_map map = {0};
  char key[] = "key";
  int64_t value = 0;
  assert_int_equal(tfm_map_set(&map, (tfm_span){key, 3}, 5), TFM_OK);
  memset(key, 'x', 3);
  assert_true(tfm_map_get(&map, SPAN("key"), &value));
  tfm_map_fini(&map);
}

/* Linear probing needs low bits that spread: of 65536 keys into 65536 slots, chance leaves about
 * 36.8 % of the slots empty; a bad hash leaves far more. Keys that differ in one place only, at
 * the front or at the end of a long common part, are the hard ones. */
static void the_hash_spreads_similar_keys(void **state)
{
  (void)state;
  enum { SLOTS = 65536 };
  static const char *const forms[] = {"%d", "%08x-layer.weight.of.a.long.name",
                                      "layer.weight.of.a.long.name.%d"};
  for (size_t f = 0; f < COUNT_OF(forms); ++f) {
    static unsigned char used[SLOTS];
    memset(used, 0, sizeof used);
    int empty = SLOTS;
    for (int i = 0; i < SLOTS; ++i) {
      char key[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      size_t n = (size_t)snprintf(key, sizeof key, forms[f], i);
#pragma GCC diagnostic pop
      unsigned char *slot = &used[tfm__hash(42, key, n) % SLOTS];
      empty -= *slot == 0;
      *slot = 1;
    }
    assert_in_range(empty, SLOTS * 0.35, SLOTS * 0.39);
  }
}

/* The same key falls elsewhere under another seed, so collisions cannot be prepared. */
static void the_seed_changes_the_hash(void **state)
{
  (void)state;
  int same = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    same += tfm__hash(seed, "token", 5) % 1024 == tfm__hash(seed + 1, "token", 5) % 1024;
  }
  assert_in_range(same, 0, 10);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_map_holds_nothing),
      cmocka_unit_test(a_hundred_thousand_keys_keep_their_values),
      cmocka_unit_test(adding_keeps_the_old_value_and_setting_replaces_it),
      cmocka_unit_test(keys_are_bytes_not_c_strings),
      cmocka_unit_test(keys_are_copied),
      cmocka_unit_test(the_hash_spreads_similar_keys),
      cmocka_unit_test(the_seed_changes_the_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
