#include "core/base/sha256.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

static void check_digest(const char *bytes, size_t n, const char *hex)
{
  tfm_sha256 s;
  char got[TFM_SHA256_HEX];
  tfm_sha256_init(&s);
  tfm_sha256_add(&s, bytes, n);
  tfm_sha256_hex(&s, got);
  assert_string_equal(got, hex);
}

/* FIPS 180-4 examples: one block, two blocks, and the empty message. */
static void the_published_vectors_hold(void **state)
{
  (void)state;
  check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  check_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_million_letters(void **state)
{
  (void)state;
  enum { MILLION = 1000000 };
  char *p = tfm_calloc(MILLION, 1);
  memset(p, 'a', MILLION);
  check_digest(p, MILLION, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  tfm_free(p);
}

/* Lengths 0..200 put the padding at every place of a block; cutting the message anywhere, and
 * asking for a digest on the way, must not change the result. */
static void pieces_give_the_digest_of_the_whole(void **state)
{
  (void)state;
  char bytes[200];
  uint64_t seed = 4;
  for (size_t i = 0; i < sizeof bytes; ++i) {
    bytes[i] = (char)check_random(&seed);
  }
  for (size_t n = 0; n <= sizeof bytes; ++n) {
    tfm_sha256 whole, pieces;
    char want[TFM_SHA256_HEX], got[TFM_SHA256_HEX];
    tfm_sha256_init(&whole);
    tfm_sha256_add(&whole, bytes, n);
    tfm_sha256_hex(&whole, want);
    tfm_sha256_init(&pieces);
    for (size_t at = 0; at < n;) {
      size_t step = 1 + check_random(&seed) % 90;
      step = step < n - at ? step : n - at;
      tfm_sha256_add(&pieces, bytes + at, step);
      tfm_sha256_hex(&pieces, got);
      at += step;
    }
    tfm_sha256_hex(&pieces, got);
    assert_string_equal(got, want);
  }
}

/* Chained digest of all messages 0, 0 1, 0 1 2, ... of 0..129 bytes; the wanted value was computed
 * with Python's hashlib, an implementation of other people:
 *   h = hashlib.sha256(); [h.update(hashlib.sha256(bytes(range(n))).hexdigest().encode())
 *   for n in range(130)]; h.hexdigest() */
static void every_padding_agrees_with_another_implementation(void **state)
{
  (void)state;
  unsigned char bytes[130];
  tfm_sha256 chain, one;
  char hex[TFM_SHA256_HEX];
  tfm_sha256_init(&chain);
  for (size_t n = 0; n < sizeof bytes; ++n) {
    tfm_sha256_init(&one);
    tfm_sha256_add(&one, bytes, n);
    tfm_sha256_hex(&one, hex);
    tfm_sha256_add(&chain, hex, 64);
    bytes[n] = (unsigned char)n;
  }
  tfm_sha256_hex(&chain, hex);
  assert_string_equal(hex, "86ad28dbfd993eaac93b418876265379dced3a4a051fe854038149afd8a13c2c");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_vectors_hold),
      cmocka_unit_test(a_million_letters),
      cmocka_unit_test(pieces_give_the_digest_of_the_whole),
      cmocka_unit_test(every_padding_agrees_with_another_implementation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
