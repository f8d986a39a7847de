#include "core/base/utf8.h"

#include <string.h>

/* What a lead byte asks for: the length, and the range of the second byte, which alone excludes
 * overlong forms, surrogates and values above U+10FFFF. */
typedef struct {
  unsigned char len, low, high;
} lead;

static lead lead_of(unsigned char c)
{
  if (c < 0x80) {
    return (lead){1, 0, 0};
  }
  if (c < 0xc2) {
    return (lead){0, 0, 0};
  }
  if (c < 0xe0) {
    return (lead){2, 0x80, 0xbf};
  }
  if (c < 0xf0) {
    return (lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
  }
  if (c < 0xf5) {
    return (lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
  }
  return (lead){0, 0, 0};
}

/* Bytes at p that begin some well-formed character; *whole says whether it is complete. */
static size_t prefix_at(const unsigned char *p, size_t n, bool *whole)
{
  *whole = false;
  if (n == 0) {
    return 0;
  }
  lead k = lead_of(p[0]);
  if (k.len <= 1) {
    *whole = k.len == 1;
    return k.len;
  }
  if (n < 2 || p[1] < k.low || p[1] > k.high) {
    return 1;
  }
  size_t i = 2;
  while (i < k.len && i < n && (p[i] & 0xc0) == 0x80) {
    ++i;
  }
  *whole = i == k.len;
  return i;
}

static bool continues(unsigned char c)
{
  return (c & 0xc0) == 0x80;
}

/* Most characters of most texts: ASCII, and the rows of table 3-7 where every second byte that
 * continues is allowed. 0: look closer. */
static size_t common_at(const unsigned char *p, size_t n)
{
  if (n >= 1 && p[0] < 0x80) {
    return 1;
  }
  if (n >= 3 && p[0] > 0xe0 && p[0] < 0xf0 && p[0] != 0xed) {
    return continues(p[1]) && continues(p[2]) ? 3 : 0;
  }
  if (n >= 2 && p[0] >= 0xc2 && p[0] < 0xe0) {
    return continues(p[1]) ? 2 : 0;
  }
  return 0;
}

size_t tfm_utf8_valid_at(const char *p, size_t n)
{
  const unsigned char *u = (const unsigned char *)p;
  size_t len = common_at(u, n);
  if (len) {
    return len;
  }
  bool whole = false;
  len = prefix_at(u, n, &whole);
  return whole ? len : 0;
}

size_t tfm_utf8_bad_at(const char *p, size_t n)
{
  bool whole = false;
  size_t len = prefix_at((const unsigned char *)p, n, &whole);
  return len ? len : 1;
}

bool tfm_utf8_valid(const char *p, size_t n, size_t *bad_at)
{
  size_t i = 0;
  while (i < n) {
    uint64_t eight = 0;
    if (n - i >= sizeof eight) {
      memcpy(&eight, p + i, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    size_t len = tfm_utf8_valid_at(p + i, n - i);
    if (!len) {
      if (bad_at) {
        *bad_at = i;
      }
      return false;
    }
    i += len;
  }
  return true;
}

uint32_t tfm_utf8_decode(const char *p, size_t *len)
{
  const unsigned char *u = (const unsigned char *)p;
  if (u[0] < 0x80) {
    *len = 1;
    return u[0];
  }
  if (u[0] < 0xe0) {
    *len = 2;
    return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3fu);
  }
  if (u[0] < 0xf0) {
    *len = 3;
    return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3fu);
  }
  *len = 4;
  return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
         (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3fu);
}

size_t tfm_utf8_encode(uint32_t c, char out[4])
{
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

size_t tfm_utf8_count(const char *p, size_t n)
{
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    count += ((unsigned char)p[i] & 0xc0) != 0x80;
  }
  return count;
}
