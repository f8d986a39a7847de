/** Deterministic test data, and hashes of results. The same on every machine and compiler. */
#ifndef TFM_TESTS_SUPPORT_REF_NOISE_H
#define TFM_TESTS_SUPPORT_REF_NOISE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  uint64_t state;
} noise;

static inline uint32_t noise_bits(noise *n)
{
  n->state = n->state * 6364136223846793005u + 1442695040888963407u;
  uint64_t x = n->state;
  x ^= x >> 32;
  x *= 0x9e3779b97f4a7c15u;
  return (uint32_t)(x >> 32);
}

/** Evenly in [-1, 1), a multiple of 2^-23. */
static inline float noise_float(noise *n)
{
  return (float)(int32_t)(noise_bits(n) >> 8) * 0x1p-23f - 1.0f;
}

static inline void noise_fill(noise *n, float scale, float *x, int64_t count)
{
  for (int64_t i = 0; i < count; ++i) {
    x[i] = scale * noise_float(n);
  }
}

static inline float float_of_bits(uint32_t bits)
{
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t bits_of_float(float x)
{
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/** The same bits, where any NaN equals any other: which NaN an operation gives is the CPU's
 * affair. */
static inline int same_bits(float a, float b)
{
  return bits_of_float(a) == bits_of_float(b) || (isnan(a) && isnan(b));
}

/** FNV-1a over the bit patterns (NaNs made one), continuing from h; start with hash_begin. */
static const uint64_t hash_begin = 0xcbf29ce484222325u;

static inline uint64_t hash_floats(uint64_t h, const float *x, int64_t count)
{
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = isnan(x[i]) ? 0x7fc00000u : bits_of_float(x[i]);
    for (int byte = 0; byte < 4; ++byte) {
      h = (h ^ ((bits >> (8 * byte)) & 0xffu)) * 0x100000001b3u;
    }
  }
  return h;
}

#endif
