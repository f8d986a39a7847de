#include "core/base/sha256.h"

#include <string.h>

enum { BLOCK = 64 };

static const uint32_t round_words[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static uint32_t rotr(uint32_t x, int by)
{
  return x >> by | x << (32 - by);
}

static uint32_t load_be(const unsigned char *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* FIPS 180-4, 6.2.2: the schedule, 64 rounds on a..h, and the sum with the state before. */
static void compress(uint32_t h[8], const unsigned char *block)
{
  uint32_t w[64];
  for (int t = 0; t < 16; ++t) {
    w[t] = load_be(block + 4 * t);
  }
  for (int t = 16; t < 64; ++t) {
    uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
    uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], i = h[7];
  for (int t = 0; t < 64; ++t) {
    uint32_t big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    uint32_t t1 = i + big1 + (g ^ (e & (f ^ g))) + round_words[t] + w[t];
    uint32_t big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    uint32_t t2 = big0 + ((a & b) | (c & (a | b)));
    i = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const uint32_t add[8] = {a, b, c, d, e, f, g, i};
  for (int k = 0; k < 8; ++k) {
    h[k] += add[k];
  }
}

void tfm_sha256_init(tfm_sha256 *s)
{
  *s = (tfm_sha256){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                          0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void tfm_sha256_add(tfm_sha256 *s, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;
  size_t held = (size_t)(s->bytes % BLOCK);
  s->bytes += n;
  if (held && held + n >= BLOCK) {
    memcpy(s->block + held, p, BLOCK - held);
    compress(s->h, s->block);
    p += BLOCK - held;
    n -= BLOCK - held;
    held = 0;
  }
  for (; held == 0 && n >= BLOCK; p += BLOCK, n -= BLOCK) {
    compress(s->h, p);
  }
  if (n) {
    memcpy(s->block + held, p, n);
  }
}

void tfm_sha256_hex(const tfm_sha256 *s, char out[TFM_SHA256_HEX])
{
  /* Padding: a one bit, zeros up to 8 bytes before a block's end, the length in bits. */
  tfm_sha256 copy = *s;
  unsigned char tail[2 * BLOCK] = {0x80};
  size_t held = (size_t)(s->bytes % BLOCK);
  size_t zeros_to = (held < BLOCK - 8 ? BLOCK : 2 * BLOCK) - held - 8;
  uint64_t bits = s->bytes * 8;
  for (int k = 0; k < 8; ++k) {
    tail[zeros_to + (size_t)k] = (unsigned char)(bits >> (56 - 8 * k));
  }
  tfm_sha256_add(&copy, tail, zeros_to + 8);
  static const char digits[] = "0123456789abcdef";
  for (int k = 0; k < 64; ++k) {
    out[k] = digits[copy.h[k / 8] >> (28 - 4 * (k % 8)) & 15];
  }
  out[64] = '\0';
}
