/* Expressions in which marks go with letters: GPT-4o, Tekken, Qwen 3.5, DeepSeek V3. */
#include "core/text/scan.h"

#include "core/text/scan_runs.h"

/* ---- GPT-4o and Tekken ---- */

/* [^\r\n\p{L}\p{N}] */
static inline bool is_prefix(const char *p, size_t i, uint32_t look)
{
  return !(look & (TFM__C_LETTER | TFM__C_NUMBER)) && p[i] != '\r' && p[i] != '\n';
}

/* UPPERS*LOWERS+ from i: the end, i when it does not match. Where the run of uppers is not
 * followed by a lower, its last character that is both is the lower. */
static size_t lower_word(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  size_t both = i;
  size_t end = i;
  while (end < n) {
    uint32_t look = look_at(p, end, &len);
    if (!is_in(look, UPPER_SET)) {
      break;
    }
    end += len;
    both = is_in(look, LOWER_SET) ? end : both;
  }
  size_t lowers = run_in(p, n, end, LOWER_SET);
  return lowers > end ? lowers : both;
}

/* UPPERS+LOWERS* */
static size_t upper_word(const char *p, size_t n, size_t i)
{
  size_t end = run_in(p, n, i, UPPER_SET);
  return end > i ? run_in(p, n, end, LOWER_SET) : i;
}

/* A word with the character before it, or without; the end, i when there is none. */
static size_t word_at(const char *p, size_t n, size_t i, uint32_t look, uint32_t len)
{
  bool prefix = is_prefix(p, i, look) && i + len < n;
  size_t end = prefix ? lower_word(p, n, i + len) : i;
  if (end > i + len) {
    return end;
  }
  end = lower_word(p, n, i);
  if (end > i) {
    return end;
  }
  end = prefix ? upper_word(p, n, i + len) : i;
  return end > i + len ? end : upper_word(p, n, i);
}

/* What follows words: numbers, marks, blanks. */
static size_t rest_at(const char *p, size_t n, size_t i, uint32_t look, uint32_t len,
                      int digits)
{
  if (look & TFM__C_NUMBER) {
    return numbers(p, n, i, digits);
  }
  uint32_t next_len = 0;
  uint32_t next = i + len < n ? look_at(p, i + len, &next_len) : TFM__C_SPACE;
  if ((look & TFM__C_SPACE) && !(p[i] == ' ' && !(next & OTHER_NOT))) {
    return blanks_or_lines(p, n, i);
  }
  i = run_without(p, n, i + len, OTHER_NOT);
  while (i < n && (p[i] == '\n' || p[i] == '\r' || p[i] == '/')) {
    ++i;
  }
  return i;
}

size_t tfm__scan_o200k(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  size_t end = word_at(p, n, i, look, len);
  if (end > i) {
    return end < n && p[end] == '\'' ? contraction_any_case(p, n, end) : end;
  }
  return rest_at(p, n, i, look, len, 3);
}

size_t tfm__scan_tekken(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  size_t end = word_at(p, n, i, look, len);
  return end > i ? end : rest_at(p, n, i, look, len, 1);
}

/* ---- Qwen 3.5 ---- */

/* The end of the characters from i on that are neither blank, letter, mark nor number. */
static size_t run_of_others(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  while (i < n) {
    uint32_t look = look_at(p, i, &len);
    if ((look & OTHER_NOT) || is_in(look, MARK_SET)) {
      break;
    }
    i += len;
  }
  return i;
}

size_t tfm__scan_qwen35(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  if (is_in(look, LETTER_OR_MARK_SET)) {
    return run_in(p, n, i + len, LETTER_OR_MARK_SET);
  }
  if (look & TFM__C_NUMBER) {
    return i + len;
  }
  if (p[i] == '\'') {
    size_t end = contraction_any_case(p, n, i);
    if (end > i) {
      return end;
    }
  }
  if (is_prefix(p, i, look)) {
    size_t end = run_in(p, n, i + len, LETTER_OR_MARK_SET);
    if (end > i + len) {
      return end;
    }
  }
  if (!(look & TFM__C_SPACE) || p[i] == ' ') {
    size_t from = i + ((look & TFM__C_SPACE) ? len : 0);
    size_t end = run_of_others(p, n, from);
    if (end > from) {
      return newlines(p, n, end);
    }
  }
  return blanks_or_lines(p, n, i);
}

/* ---- DeepSeek V3 ---- */

static bool is_ascii_letter(char c)
{
  return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_ascii_mark(char c)
{
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

size_t tfm__scan_deepseek(const char *p, size_t n, size_t i)
{
  enum { MARKS = PUNCTUATION_SET | SYMBOL_SET };
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  if (is_ascii_mark(p[i]) && i + 1 < n && is_ascii_letter(p[i + 1])) {
    for (i += 2; i < n && is_ascii_letter(p[i]); ++i) {
    }
    return i;
  }
  if (is_in(look, LETTER_OR_MARK_SET)) {
    return run_in(p, n, i + len, LETTER_OR_MARK_SET);
  }
  if (!is_in(look, MARKS) && p[i] != '\r' && p[i] != '\n') {
    size_t end = run_in(p, n, i + len, LETTER_OR_MARK_SET);
    if (end > i + len) {
      return end;
    }
  }
  size_t from = i + (p[i] == ' ');
  size_t end = run_in(p, n, from, MARKS);
  if (end > from) {
    return newlines(p, n, end);
  }
  return look & TFM__C_SPACE ? blanks_or_lines(p, n, i) : i;
}

size_t tfm__scan_east_asian(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  while (i < n) {
    uint32_t c = tfm__char_at(p + i, &len);
    if (!(c >= 0x4e00 && c <= 0x9fa5) && !(c >= 0x3040 && c <= 0x30ff)) {
      break;
    }
    i += len;
  }
  return i;
}
