#include "core/base/crc32c.h"

#include "core/base/crc32c_private.h"

#include <pthread.h>
#include <string.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

/* Registers here are bit-reflected: bit 31 holds x^0. */
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static uint32_t times_x(uint32_t a)
{
  return a >> 1 ^ ((a & 1) ? POLYNOMIAL : 0);
}

static void fill_table(void)
{
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = times_x(crc);
    }
    table[byte] = crc;
  }
}

uint32_t tfm__crc32c_plain(uint32_t crc, const void *bytes, size_t n)
{
  (void)pthread_once(&table_once, fill_table);
  const unsigned char *p = bytes;
  crc = ~crc;
  for (size_t i = 0; i < n; ++i) {
    crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
  }
  return ~crc;
}

#ifdef __SSE4_2__

/* The instruction takes 3 cycles but starts every cycle, so three independent streams of STREAM
 * bytes each run side by side and are joined at the end. Joining costs two products (about 40 ns
 * each), which is why small inputs take one stream. */
enum { STREAM = 8192 };
#define X_TO_STREAM_BITS 0x28461564u /* x^(8*STREAM) mod the polynomial */

static uint32_t times(uint32_t a, uint32_t b)
{
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    product ^= b & (0u - (a >> bit & 1));
    b = times_x(b);
  }
  return product;
}

static uint64_t word_at(const unsigned char *p)
{
  uint64_t word = 0;
  memcpy(&word, p, sizeof word);
  return word;
}

static uint32_t three_streams(uint32_t crc, const unsigned char *p)
{
  uint64_t a = crc;
  uint64_t b = 0;
  uint64_t c = 0;
  for (size_t i = 0; i < STREAM; i += 8) {
    a = _mm_crc32_u64(a, word_at(p + i));
    b = _mm_crc32_u64(b, word_at(p + i + STREAM));
    c = _mm_crc32_u64(c, word_at(p + i + 2 * STREAM));
  }
  uint32_t ab = times((uint32_t)a, X_TO_STREAM_BITS) ^ (uint32_t)b;
  return times(ab, X_TO_STREAM_BITS) ^ (uint32_t)c;
}

uint32_t tfm__crc32c_streams(uint32_t crc, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;
  crc = ~crc;
  for (; n >= 3 * (size_t)STREAM; n -= 3 * (size_t)STREAM, p += 3 * (size_t)STREAM) {
    crc = three_streams(crc, p);
  }
  uint64_t wide = crc;
  for (; n >= 8; n -= 8, p += 8) {
    wide = _mm_crc32_u64(wide, word_at(p));
  }
  crc = (uint32_t)wide;
  for (; n; --n, ++p) {
    crc = _mm_crc32_u8(crc, *p);
  }
  return ~crc;
}

#else

uint32_t tfm__crc32c_streams(uint32_t crc, const void *bytes, size_t n)
{
  return tfm__crc32c_plain(crc, bytes, n);
}

#endif

static bool folds;
static pthread_once_t choose_once = PTHREAD_ONCE_INIT;

static void choose(void)
{
  folds = tfm__crc32c_can_fold();
}

uint32_t tfm_crc32c(uint32_t crc, const void *bytes, size_t n)
{
  (void)pthread_once(&choose_once, choose);
  return folds ? tfm__crc32c_fold(crc, bytes, n) : tfm__crc32c_streams(crc, bytes, n);
}
