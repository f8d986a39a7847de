#include "core/text/unicode.h"

#include "core/text/unicode_tables.h"

#include <utf8proc.h>

#include <stddef.h>

static bool is_in(const tfm__range *table, size_t n, uint32_t c)
{
  size_t low = 0;
  while (low < n) {
    size_t mid = low + (n - low) / 2;
    if (c < table[mid].first) {
      n = mid;
    } else if (c > table[mid].last) {
      low = mid + 1;
    } else {
      return true;
    }
  }
  return false;
}

#define IS_IN(name, c) is_in(tfm__##name, tfm__##name##_n, c)

/* A code point that no table entry is below needs no search: most text is such. */
enum { FIRST_EXCEPTION = 0x61d };

static bool is_space(uint32_t c)
{
  return c == 0x20 || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

static bool is_ascii_punctuation(uint32_t c)
{
  return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) ||
         (c >= 0x7b && c <= 0x7e);
}

/* Alphabetic by other properties than its category: circled letters, and the joiners. */
static bool is_word_by_property(uint32_t c)
{
  return c == 0x200c || c == 0x200d || (c >= 0x24b6 && c <= 0x24e9) ||
         (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

static bool is_between(int x, int low, int high)
{
  return x >= low && x <= high;
}

/* utf8proc alone: its enumeration puts related categories side by side. */
static unsigned class_of_category(int category)
{
  unsigned k = 0;
  if (is_between(category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) ||
      category == UTF8PROC_CATEGORY_PC) {
    k |= TFM__WORD;
  }
  if (is_between(category, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO)) {
    k |= TFM__PUNCTUATION;
  }
  if (is_between(category, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO)) {
    k |= TFM__CONTROL;
  }
  if (category == UTF8PROC_CATEGORY_MN) {
    k |= TFM__NONSPACING;
  }
  return k;
}

static unsigned with_exceptions(unsigned k, uint32_t c)
{
  if ((k & TFM__CONTROL) && IS_IN(not_control, c)) {
    k &= ~(unsigned)TFM__CONTROL;
  }
  if ((k & TFM__PUNCTUATION) && IS_IN(not_punctuation, c)) {
    k &= ~(unsigned)TFM__PUNCTUATION;
  }
  if ((k & TFM__NONSPACING) && IS_IN(not_nonspacing, c)) {
    k &= ~(unsigned)TFM__NONSPACING;
  }
  if (IS_IN(punctuation, c)) {
    k |= TFM__PUNCTUATION;
  }
  if (IS_IN(nonspacing, c)) {
    k |= TFM__NONSPACING;
  }
  if (!(k & TFM__WORD) && IS_IN(word, c)) {
    k |= TFM__WORD;
  }
  return k;
}

unsigned tfm__unicode_class(uint32_t c)
{
  unsigned k = class_of_category(utf8proc_get_property((utf8proc_int32_t)c)->category);
  if (c < 0x80 && is_ascii_punctuation(c)) {
    k |= TFM__PUNCTUATION;
  }
  if (c == '\t' || c == '\n' || c == '\r') {
    k &= ~(unsigned)TFM__CONTROL;
  }
  if (is_space(c)) {
    k |= TFM__SPACE;
  }
  if (is_word_by_property(c)) {
    k |= TFM__WORD;
  }
  return c < FIRST_EXCEPTION ? k : with_exceptions(k, c);
}

int tfm__unicode_combining(uint32_t c)
{
  int k = utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
  return k && c >= FIRST_EXCEPTION && IS_IN(starter, c) ? 0 : k;
}

int tfm__unicode_nfd(uint32_t c, uint32_t out[TFM__NFD_MOST])
{
  utf8proc_int32_t d[TFM__NFD_MOST];
  out[0] = c;
  if (c < 0xc0 || IS_IN(not_decomposed, c)) {
    return 1;
  }
  utf8proc_ssize_t n =
      utf8proc_decompose_char((utf8proc_int32_t)c, d, TFM__NFD_MOST, UTF8PROC_DECOMPOSE, NULL);
  if (n < 1 || n > TFM__NFD_MOST) {
    return 1;
  }
  for (int i = 0; i < (int)n; ++i) {
    out[i] = (uint32_t)d[i];
  }
  return (int)n;
}

int tfm__unicode_nfkd(uint32_t c, uint32_t out[TFM__NFKD_MOST])
{
  utf8proc_int32_t d[TFM__NFKD_MOST];
  out[0] = c;
  if (c < 0xa0 || IS_IN(not_kompat, c) || IS_IN(not_decomposed, c)) {
    return 1;
  }
  utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, d, TFM__NFKD_MOST,
                                               UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, NULL);
  if (n < 1 || n > TFM__NFKD_MOST) {
    return 1;
  }
  for (int i = 0; i < (int)n; ++i) {
    out[i] = (uint32_t)d[i];
  }
  return (int)n;
}

/* The entry of tfm__lower for c, or NULL. */
static const tfm__range *find_lower(uint32_t c)
{
  size_t low = 0;
  size_t high = tfm__lower_n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (tfm__lower[mid].first < c) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low < tfm__lower_n && tfm__lower[low].first == c ? &tfm__lower[low] : NULL;
}

int tfm__unicode_lower(uint32_t c, uint32_t out[TFM__LOWER_MOST])
{
  if (c == 0x130) {
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  const tfm__range *exception = c < FIRST_EXCEPTION ? NULL : find_lower(c);
  out[0] = exception ? exception->last : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
  return 1;
}
