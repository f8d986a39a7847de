/** The hash of base's tables (map.c only; not for digests, not for anything that is stored).
 *
 *  Seeded, because keys come from files that others wrote: without the seed nobody can prepare
 *  keys that all fall into one slot. Multiply and rotate over words of 8 bytes, then a final mix
 *  so that the low bits, which pick the slot, depend on every byte. */
#ifndef TFM_CORE_BASE_HASH_H
#define TFM_CORE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t tfm__hash_word(uint64_t h, uint64_t word)
{
  h = (h ^ word) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

static inline uint64_t tfm__hash(uint64_t seed, const char *p, size_t n)
{
  uint64_t h = tfm__hash_word(seed, n);
  uint64_t word = 0;
  for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
    memcpy(&word, p, sizeof word);
    h = tfm__hash_word(h, word);
  }
  word = 0;
  for (size_t i = 0; i < n; ++i) { /* 0..7 bytes: cheaper than a call of memcpy */
    word = word << 8 | (unsigned char)p[i];
  }
  h = tfm__hash_word(h, word ^ seed >> 32);
  h *= 0xd6e8feb86659fd93u;
  return h ^ h >> 32;
}

#endif
