#include "core/text/scan.h"

#include "core/text/chars.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- runs ---- */

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
  while (i < n && (look_at(p, i, &len) & flags)) {
    i += len;
  }
  return i;
}

/* The same with none of them. */
static inline size_t run_without(const char *p, size_t n, size_t i, uint32_t flags)
{
  uint32_t len = 0;
  while (i < n && !(look_at(p, i, &len) & flags)) {
    i += len;
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

enum { OTHER_NOT = TFM__C_SPACE | TFM__C_LETTER | TFM__C_NUMBER };

/* \s+(?!\S)|\s+ from i, where a blank is: all blanks, but the last when something follows and it
 * is not the only one. */
static size_t blanks(const char *p, size_t n, size_t i)
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
static size_t blanks_or_lines(const char *p, size_t n, size_t i)
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
static size_t contraction(const char *p, size_t n, size_t i)
{
  char a = i + 1 < n ? p[i + 1] : '\0';
  char b = i + 2 < n ? p[i + 2] : '\0';
  if (a == 's' || a == 't' || a == 'm' || a == 'd') {
    return i + 2;
  }
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? i + 3 : i;
}

/* The same, letter case aside. U+017F is a long s. */
static size_t contraction_any_case(const char *p, size_t n, size_t i)
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

/* ---- the expressions ---- */

size_t tfm__scan_gpt2(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  if (p[i] == '\'') {
    size_t end = contraction(p, n, i);
    if (end > i) {
      return end;
    }
  }
  size_t j = i + (p[i] == ' ' && i + 1 < n);
  uint32_t look = look_at(p, j, &len);
  if (look & TFM__C_LETTER) {
    return run_of(p, n, j + len, TFM__C_LETTER);
  }
  if (look & TFM__C_NUMBER) {
    return run_of(p, n, j + len, TFM__C_NUMBER);
  }
  if (!(look & TFM__C_SPACE)) {
    return run_without(p, n, j + len, OTHER_NOT);
  }
  return blanks(p, n, i);
}

/* The expressions of Llama 3 (numbers of three digits) and Qwen 2 (of one). */
static inline size_t scan_words(const char *p, size_t n, size_t i, int digits)
{
  uint32_t len = 0;
  uint32_t next_len = 0;
  uint32_t look = look_at(p, i, &len);
  if (look & TFM__C_LETTER) {
    return run_of(p, n, i + len, TFM__C_LETTER);
  }
  if (look & TFM__C_NUMBER) {
    for (int k = 0; k < digits && i < n && (look_at(p, i, &len) & TFM__C_NUMBER); ++k) {
      i += len;
    }
    return i;
  }
  if (p[i] == '\'') {
    size_t end = contraction_any_case(p, n, i);
    if (end > i) {
      return end;
    }
  }
  uint32_t next = i + len < n ? look_at(p, i + len, &next_len) : TFM__C_SPACE;
  if ((next & TFM__C_LETTER) && p[i] != '\r' && p[i] != '\n') {
    return run_of(p, n, i + len + next_len, TFM__C_LETTER);
  }
  if (!(look & TFM__C_SPACE)) {
    return newlines(p, n, run_without(p, n, i + len, OTHER_NOT));
  }
  if (p[i] == ' ' && !(next & OTHER_NOT)) {
    return newlines(p, n, run_without(p, n, i + len + next_len, OTHER_NOT));
  }
  return blanks_or_lines(p, n, i);
}

static size_t scan_llama3(const char *p, size_t n, size_t i)
{
  return scan_words(p, n, i, 3);
}

static size_t scan_qwen2(const char *p, size_t n, size_t i)
{
  return scan_words(p, n, i, 1);
}

/* The part that CLIP's two expressions share. */
static size_t scan_clip_words(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  if (look & TFM__C_LETTER) {
    return run_of(p, n, i + len, TFM__C_LETTER);
  }
  if (look & TFM__C_NUMBER) {
    return i + len;
  }
  if (look & TFM__C_SPACE) {
    return i;
  }
  if (p[i] == '\'') {
    size_t end = contraction(p, n, i);
    if (end > i) {
      return end;
    }
  }
  return run_without(p, n, i + len, OTHER_NOT);
}

static size_t scan_clip(const char *p, size_t n, size_t i)
{
  static const tfm_span marks[] = {{"<|startoftext|>", 15}, {"<|endoftext|>", 13}};
  for (int k = 0; p[i] == '<' && k < 2; ++k) {
    if (n - i >= marks[k].n && tfm_span_eq((tfm_span){p + i, marks[k].n}, marks[k])) {
      return i + marks[k].n;
    }
  }
  return scan_clip_words(p, n, i);
}

static size_t scan_spaces(const char *p, size_t n, size_t i)
{
  return run_of(p, n, i, TFM__C_SPACE);
}

/*  {2,} */
static size_t scan_two_blanks(const char *p, size_t n, size_t i)
{
  size_t end = i;
  while (end < n && p[end] == ' ') {
    ++end;
  }
  return end - i >= 2 ? end : i;
}

static size_t scan_numbers(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  for (int k = 0; k < 3 && i < n && (look_at(p, i, &len) & TFM__C_NUMBER); ++k) {
    i += len;
  }
  return i;
}

static size_t scan_number(const char *p, size_t n, size_t i)
{
  (void)n;
  uint32_t len = 0;
  return look_at(p, i, &len) & TFM__C_NUMBER ? i + len : i;
}

#define LLAMA3(digits)                                                                         \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                         \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CLIP "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

static const struct {
  const char *pattern;
  tfm__scanner scan;
} known[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     tfm__scan_gpt2},
    {LLAMA3("\\p{N}{1,3}"), scan_llama3},
    {LLAMA3("\\p{N}"), scan_qwen2},
    {"<\\|startoftext\\|>|<\\|endoftext\\|>|" CLIP, scan_clip},
    {CLIP, scan_clip_words},
    {"\\s+", scan_spaces},
    {" {2,}", scan_two_blanks},
    {"\\p{N}{1,3}", scan_numbers},
    {"\\p{N}", scan_number},
};

tfm__scanner tfm__scanner_of(tfm_span pattern)
{
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i) {
    if (tfm_span_is(pattern, known[i].pattern)) {
      return known[i].scan;
    }
  }
  return NULL;
}

const char *tfm__scanner_pattern(size_t i)
{
  return i < sizeof known / sizeof known[0] ? known[i].pattern : NULL;
}
