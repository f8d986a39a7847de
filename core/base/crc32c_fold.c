/* The same checksum by products of polynomials, 64 bytes at a time: a block far from the end stands
 * for its remainder, which is added to the block `distance` bits behind it. Four blocks side by
 * side hide the instruction's latency; what is left of them goes through the CRC instruction.
 *
 * Source: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction",
 * Intel 2009, in its bit-reflected form. */
#include "core/base/crc32c_private.h"

#if defined(__x86_64__) && defined(__SSE4_2__)

#include <immintrin.h>
#include <string.h>

/* A block is 64 bytes, four blocks a step. Of 16 bytes the first 8 are distance + 64 bits from
 * where they are added, the others distance; products of reflected numbers come out one bit low,
 * which the constants make up for: x^(distance + 32) and x^(distance - 32) mod the polynomial,
 * reflected, times two. */
enum { BLOCK = 64, STEP = 4 * BLOCK };
#define FOLD_STEP  0x0b9e02b86LL, 0x0dcb17aa4LL /* distance 8 * STEP */
#define FOLD_BLOCK 0x09e4addf8LL, 0x0740eef02LL /* distance 8 * BLOCK */

#define WIDE __attribute__((target("avx512f,vpclmulqdq,pclmul")))

bool tfm__crc32c_can_fold(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq") &&
         __builtin_cpu_supports("pclmul");
}

WIDE static inline __m512i load(const unsigned char *p)
{
  return _mm512_loadu_si512((const void *)p);
}

/* block, as its remainder, added to the one that follows at the distance of k. */
WIDE static inline __m512i fold(__m512i block, __m512i next, __m512i k)
{
  enum { XOR_OF_THREE = 0x96 };
  const __m512i first = _mm512_clmulepi64_epi128(block, k, 0x00);
  const __m512i second = _mm512_clmulepi64_epi128(block, k, 0x11);
  return _mm512_ternarylogic_epi64(first, second, next, XOR_OF_THREE);
}

WIDE static uint32_t fold_steps(uint32_t crc, const unsigned char *p, size_t n)
{
  const __m512i by_step = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_STEP));
  const __m512i by_block = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_BLOCK));
  __m512i a = load(p);
  __m512i b = load(p + BLOCK);
  __m512i c = load(p + 2 * BLOCK);
  __m512i d = load(p + 3 * BLOCK);
  a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
  for (size_t at = STEP; at < n; at += STEP) {
    a = fold(a, load(p + at), by_step);
    b = fold(b, load(p + at + BLOCK), by_step);
    c = fold(c, load(p + at + 2 * BLOCK), by_step);
    d = fold(d, load(p + at + 3 * BLOCK), by_step);
  }
  d = fold(fold(fold(a, b, by_block), c, by_block), d, by_block);
  uint64_t words[BLOCK / 8];
  uint64_t left = 0;
  _mm512_storeu_si512(words, d);
  for (int i = 0; i < BLOCK / 8; ++i) {
    left = _mm_crc32_u64(left, words[i]);
  }
  return (uint32_t)left;
}

uint32_t tfm__crc32c_fold(uint32_t crc, const void *bytes, size_t n)
{
  const size_t whole = n - n % STEP;
  if (whole > 0) {
    crc = ~fold_steps(~crc, bytes, whole);
  }
  return tfm__crc32c_streams(crc, (const unsigned char *)bytes + whole, n - whole);
}

#else

bool tfm__crc32c_can_fold(void)
{
  return false;
}

uint32_t tfm__crc32c_fold(uint32_t crc, const void *bytes, size_t n)
{
  return tfm__crc32c_streams(crc, bytes, n);
}

#endif
