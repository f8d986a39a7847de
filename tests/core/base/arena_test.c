#include "core/base/arena.h"

#include "tests/support/check.h"

/* Blocks never overlap: each is filled with its own byte, and all bytes are still there after the
 * last allocation. Sizes straddle the first block, the doubling and the largest step. */
static void blocks_do_not_overlap(void **state)
{
  (void)state;
  enum { MANY = 500 };
  tfm_arena arena = {0};
  unsigned char *block[MANY];
  size_t bytes[MANY];
  uint64_t seed = 1;
  for (int i = 0; i < MANY; ++i) {
    bytes[i] = check_random(&seed) % (i % 50 == 0 ? 3000000 : 5000);
    block[i] = tfm_arena_alloc(&arena, bytes[i]);
    assert_non_null(block[i]);
    assert_int_equal((uintptr_t)block[i] % 16, 0);
    memset(block[i], i & 255, bytes[i]);
  }
  for (int i = 0; i < MANY; ++i) {
    for (size_t k = 0; k < bytes[i]; ++k) {
      assert_int_equal(block[i][k], i & 255);
    }
  }
  tfm_arena_fini(&arena);
}

static void zero_bytes_give_a_pointer(void **state)
{
  (void)state;
  tfm_arena arena = {0};
  assert_non_null(tfm_arena_alloc(&arena, 0));
  tfm_arena_fini(&arena);
}

static void copies_keep_inner_nuls_and_end_in_one(void **state)
{
  (void)state;
  tfm_arena arena = {0};
  char *copy = tfm_arena_strndup(&arena, "a\0b", 3);
  assert_memory_equal(copy, "a\0b", 4);
  assert_string_equal(tfm_arena_strndup(&arena, NULL, 0), "");
  tfm_arena_fini(&arena);
}

/* A size near the top of size_t must not wrap into a small block. */
static void impossible_sizes_are_refused(void **state)
{
  (void)state;
  tfm_arena arena = {0};
  assert_null(tfm_arena_alloc(&arena, SIZE_MAX));
  assert_null(tfm_arena_alloc(&arena, SIZE_MAX - 20));
  assert_null(tfm_arena_strndup(&arena, "x", SIZE_MAX));
  assert_non_null(tfm_arena_alloc(&arena, 8)); /* and the arena still works */
  tfm_arena_fini(&arena);
}

static void an_emptied_arena_is_ready_again(void **state)
{
  (void)state;
  tfm_arena arena = {0};
  assert_non_null(tfm_arena_alloc(&arena, 100));
  tfm_arena_fini(&arena);
  assert_string_equal(tfm_arena_strndup(&arena, "again", 5), "again");
  tfm_arena_fini(&arena);
  tfm_arena_fini(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_do_not_overlap),
      cmocka_unit_test(zero_bytes_give_a_pointer),
      cmocka_unit_test(copies_keep_inner_nuls_and_end_in_one),
      cmocka_unit_test(impossible_sizes_are_refused),
      cmocka_unit_test(an_emptied_arena_is_ready_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
