#include "core/base/crc32c.h"

#include "core/base/crc32c_private.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

typedef uint32_t crc_fn(uint32_t crc, const void *bytes, size_t n);

/* RFC 3720 appendix B.4, and the check value of the CRC catalogues for "123456789". */
static void vectors(crc_fn *crc)
{
  unsigned char bytes[32] = {0};
  assert_int_equal(crc(0, bytes, 32), 0x8a9136aa);
  memset(bytes, 0xff, 32);
  assert_int_equal(crc(0, bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; ++i) {
    bytes[i] = (unsigned char)i;
  }
  assert_int_equal(crc(0, bytes, 32), 0x46dd794e);
  for (int i = 0; i < 32; ++i) {
    bytes[i] = (unsigned char)(31 - i);
  }
  assert_int_equal(crc(0, bytes, 32), 0x113fdb5c);
  const unsigned char read10[48] = {
      0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02};
  assert_int_equal(crc(0, read10, 48), 0xd9963a56);
  assert_int_equal(crc(0, "123456789", 9), 0xe3069283);
  assert_int_equal(crc(0, "", 0), 0);
}

static void the_published_vectors_hold(void **state)
{
  (void)state;
  vectors(tfm_crc32c);
  vectors(tfm__crc32c_plain);
  vectors(tfm__crc32c_streams);
}

enum { BIG = 200000 };

static unsigned char *noise(void)
{
  unsigned char *p = tfm_calloc(BIG, 1);
  uint64_t seed = 3;
  for (size_t i = 0; i < BIG; ++i) {
    p[i] = (unsigned char)check_random(&seed);
  }
  return p;
}

/* The plain twin is the definition. Lengths cross every branch: below a word, below, at and
 * around three streams of 8192 bytes or steps of 256, several rounds of them, at odd addresses. */
static void equals_plain(crc_fn *crc)
{
  unsigned char *p = noise();
  for (size_t n = 0; n < 1100; ++n) {
    assert_int_equal(crc(0, p + n % 13, n), tfm__crc32c_plain(0, p + n % 13, n));
  }
  for (size_t round = 1; round <= 7; ++round) {
    for (size_t n = round * 24576 - 9; n <= round * 24576 + 9; ++n) {
      assert_int_equal(crc(5, p + round, n), tfm__crc32c_plain(5, p + round, n));
    }
  }
  tfm_free(p);
}

static void the_fast_paths_equal_the_plain_one(void **state)
{
  (void)state;
  equals_plain(tfm_crc32c);
  equals_plain(tfm__crc32c_streams);
}

static void products_equal_the_plain_one(void **state)
{
  (void)state;
  if (!tfm__crc32c_can_fold()) {
    skip(); /* no VPCLMULQDQ here */
  }
  vectors(tfm__crc32c_fold);
  equals_plain(tfm__crc32c_fold);
}

static void a_checksum_can_be_continued_anywhere(void **state)
{
  (void)state;
  unsigned char *p = noise();
  uint32_t whole = tfm_crc32c(0, p, BIG);
  for (size_t cut = 0; cut <= BIG; cut += 9973) {
    assert_int_equal(tfm_crc32c(tfm_crc32c(0, p, cut), p + cut, BIG - cut), whole);
  }
  tfm_free(p);
}

/* What a checksum is for: every single flipped bit is noticed. */
static void every_flipped_bit_changes_it(void **state)
{
  (void)state;
  unsigned char *p = noise();
  uint32_t good = tfm_crc32c(0, p, 64);
  for (int bit = 0; bit < 64 * 8; ++bit) {
    p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    assert_int_not_equal(tfm_crc32c(0, p, 64), good);
    p[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  tfm_free(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_vectors_hold),
      cmocka_unit_test(the_fast_paths_equal_the_plain_one),
      cmocka_unit_test(products_equal_the_plain_one),
      cmocka_unit_test(a_checksum_can_be_continued_anywhere),
      cmocka_unit_test(every_flipped_bit_changes_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
