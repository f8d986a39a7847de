#include "core/base/mem.h"

#include "tests/support/check.h"

static void products_that_wrap_give_no_memory(void **state)
{
  (void)state;
  assert_null(tfm_calloc(SIZE_MAX / 2, 3));
  assert_null(tfm_realloc(NULL, SIZE_MAX / 2, 3));
  assert_null(tfm_alloc_aligned(SIZE_MAX / 2, 3));
  assert_null(tfm_alloc_aligned(SIZE_MAX - 10, 1)); /* fits, but not with its alignment */
  assert_null(tfm_strndup("x", SIZE_MAX));
}

static void zero_bytes_give_a_pointer(void **state)
{
  (void)state;
  void *p[] = {tfm_calloc(0, 8), tfm_realloc(NULL, 0, 8), tfm_alloc_aligned(0, 8),
               tfm_strndup(NULL, 0)};
  for (size_t i = 0; i < COUNT_OF(p); ++i) {
    assert_non_null(p[i]);
    tfm_free(p[i]);
  }
  tfm_free(NULL);
}

static void calloc_zeroes(void **state)
{
  (void)state;
  unsigned char *p = tfm_calloc(1000, 3);
  for (size_t i = 0; i < 3000; ++i) {
    assert_int_equal(p[i], 0);
  }
  tfm_free(p);
}

static void aligned_blocks_are_aligned_and_whole(void **state)
{
  (void)state;
  for (size_t n = 1; n < 300; n += 7) {
    char *p = tfm_alloc_aligned(n, 4);
    assert_int_equal((uintptr_t)p % TFM_ALIGN, 0);
    memset(p, 1, 4 * n); /* the address sanitizer watches the last byte */
    tfm_free(p);
  }
}

/* Where it begins and how much of it there is; whether the pages are huge is the system's. */
static void large_blocks_begin_at_a_huge_page(void **state)
{
  (void)state;
  static const size_t bytes[] = {0, 1, (2 << 20) - 4, 2 << 20, (2 << 20) + 4, 5000004};
  for (size_t i = 0; i < COUNT_OF(bytes); ++i) {
    char *p = tfm_alloc_huge(bytes[i] / 4, 4);
    const uintptr_t unit = bytes[i] < 2 << 20 ? TFM_ALIGN : 2 << 20;
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % unit, 0);
    memset(p, 1, bytes[i]);
    tfm_free(p);
  }
  assert_null(tfm_alloc_huge(SIZE_MAX / 2, 3));
}

static void realloc_keeps_what_was_there(void **state)
{
  (void)state;
  char *p = tfm_realloc(NULL, 3, 1);
  memcpy(p, "abc", 3);
  p = tfm_realloc(p, 100000, 1);
  assert_memory_equal(p, "abc", 3);
  tfm_free(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_that_wrap_give_no_memory),
      cmocka_unit_test(zero_bytes_give_a_pointer),
      cmocka_unit_test(calloc_zeroes),
      cmocka_unit_test(aligned_blocks_are_aligned_and_whole),
      cmocka_unit_test(large_blocks_begin_at_a_huge_page),
      cmocka_unit_test(realloc_keeps_what_was_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
