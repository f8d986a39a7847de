/** What the scanners are made of: runs of characters of one kind, and the ends that the published
 *  expressions share. Private to the scan_*.c files. */
#ifndef TFM_CORE_TEXT_SCAN_RUNS_H
#define TFM_CORE_TEXT_SCAN_RUNS_H

#include "core/text/chars.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t look_at(const char *p, size_t i, uint32_t *len)
{
  unsigned char c = (unsigned char)p[i];
  if (c < 0x80) {
    *len = 1;
    return tfm__char_pages[0][c];
  }
  return tfm__char(tfm__char_at(p + i, len));
}

/* The end of the characters from i on that have one of the flags. */
static inline size_t run_of(const char *p, size_t n, size_t i, uint32_t flags)
{
  uint32_t len = 0;
  for (; i < n; i += len) {
    while (i < n && (unsigned char)p[i] < 0x80) {
      if (!(tfm__char_pages[0][(unsigned char)p[i]] & flags)) {
        return i;
      }
      ++i;
    }
    if (i == n || !(tfm__char(tfm__char_at(p + i, &len)) & flags)) {
      break;
    }
  }
  return i;
}

/* The end of the letters from i on: ASCII eight at a time. */
static inline size_t letters_of(const char *p, size_t n, size_t i)
{
  const uint64_t ones = 0x0101010101010101u;
  while (n - i >= 8) {
    uint64_t x = 0;
    memcpy(&x, p + i, sizeof x);
    uint64_t y = x | 0x20 * ones;
    uint64_t from_a = y + (0x80 - 'a') * ones;
    uint64_t past_z = y + (0x80 - 'z' - 1) * ones;
    uint64_t others = ~(from_a & ~past_z & ~x) & 0x8080808080808080u;
    if (others) {
      i += (size_t)__builtin_ctzll(others) / 8;
      break;
    }
    i += 8;
  }
  if (i < n && (unsigned char)p[i] < 0x80 && n - i >= 8) {
    return i;
  }
  return run_of(p, n, i, TFM__C_LETTER);
}

/* The same with none of them. */
static inline size_t run_without(const char *p, size_t n, size_t i, uint32_t flags)
{
  uint32_t len = 0;
  for (; i < n; i += len) {
    while (i < n && (unsigned char)p[i] < 0x80) {
      if (tfm__char_pages[0][(unsigned char)p[i]] & flags) {
        return i;
      }
      ++i;
    }
    if (i == n || (tfm__char(tfm__char_at(p + i, &len)) & flags)) {
      break;
    }
  }
  return i;
}

static inline size_t newlines(const char *p, size_t n, size_t i)
{
  while (i < n && (p[i] == '\n' || p[i] == '\r')) {
    ++i;
  }
  return i;
}

/* What [^\s\p{L}\p{N}] does not hold. */
enum { OTHER_NOT = TFM__C_SPACE | TFM__C_LETTER | TFM__C_NUMBER };

/* \s+(?!\S)|\s+ from i, where a blank is: all blanks, but the last when something follows and it
 * is not the only one. */
static inline size_t blanks(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  size_t last = i;
  size_t end = i;
  while (end < n && (look_at(p, end, &len) & TFM__C_SPACE)) {
    last = end;
    end += len;
  }
  return end == n || last == i ? end : last;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ from i: up to the last line end among the blanks, if there is one. */
static inline size_t blanks_or_lines(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  size_t last = i;
  size_t end = i;
  size_t line = 0;
  while (end < n && (look_at(p, end, &len) & TFM__C_SPACE)) {
    line = p[end] == '\n' || p[end] == '\r' ? end + 1 : line;
    last = end;
    end += len;
  }
  if (line) {
    return line;
  }
  return end == n || last == i ? end : last;
}

/* 's|'t|'re|'ve|'m|'ll|'d from i, where the apostrophe is; i when it is none of them. */
static inline size_t contraction(const char *p, size_t n, size_t i)
{
  char a = i + 1 < n ? p[i + 1] : '\0';
  char b = i + 2 < n ? p[i + 2] : '\0';
  if (a == 's' || a == 't' || a == 'm' || a == 'd') {
    return i + 2;
  }
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? i + 3 : i;
}

/* The same, letter case aside. U+017F is a long s. */
static inline size_t contraction_any_case(const char *p, size_t n, size_t i)
{
  unsigned char a = i + 1 < n ? (unsigned char)p[i + 1] : 0;
  unsigned char b = i + 2 < n ? (unsigned char)p[i + 2] : 0;
  if (a == 0xc5 && b == 0xbf) {
    return i + 3;
  }
  a |= a >= 'A' && a <= 'Z' ? 0x20 : 0;
  b |= b >= 'A' && b <= 'Z' ? 0x20 : 0;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') {
    return i + 2;
  }
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? i + 3 : i;
}

/* Sets of categories, one bit each. */
enum {
  LOWER_SET =
      1 << TFM__Ll | 1 << TFM__Lm | 1 << TFM__Lo | 1 << TFM__Mn | 1 << TFM__Mc | 1 << TFM__Me,
  UPPER_SET = 1 << TFM__Lu | 1 << TFM__Lt | 1 << TFM__Lm | 1 << TFM__Lo | 1 << TFM__Mn |
              1 << TFM__Mc | 1 << TFM__Me,
  MARK_SET = 1 << TFM__Mn | 1 << TFM__Mc | 1 << TFM__Me,
  LETTER_OR_MARK_SET = LOWER_SET | UPPER_SET,
  PUNCTUATION_SET = 1 << TFM__Pc | 1 << TFM__Pd | 1 << TFM__Ps | 1 << TFM__Pe | 1 << TFM__Pi |
                    1 << TFM__Pf | 1 << TFM__Po,
  SYMBOL_SET = 1 << TFM__Sm | 1 << TFM__Sc | 1 << TFM__Sk | 1 << TFM__So
};

static inline bool is_in(uint32_t look, uint32_t set)
{
  return set >> (look & TFM__C_CATEGORY) & 1;
}

static inline size_t run_in(const char *p, size_t n, size_t i, uint32_t set)
{
  uint32_t len = 0;
  while (i < n && is_in(look_at(p, i, &len), set)) {
    i += len;
  }
  return i;
}

/* Up to `most` characters of \p{N}. */
static inline size_t numbers(const char *p, size_t n, size_t i, int most)
{
  uint32_t len = 0;
  for (; most > 0 && i < n && (look_at(p, i, &len) & TFM__C_NUMBER); --most) {
    i += len;
  }
  return i;
}

#endif
