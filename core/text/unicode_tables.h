/** Where the `tokenizers` library's Unicode data and utf8proc's differ: exceptions that unicode.c
 *  looks up first. Made by tests/reference/make_text_tables.py; see DECISIONS.md, T2. */
#ifndef TFM_CORE_TEXT_UNICODE_TABLES_H
#define TFM_CORE_TEXT_UNICODE_TABLES_H

#include "core/text/chars.h"

#include <stddef.h>
#include <stdint.h>

/** A closed range of code points, ascending within its table; in tfm__lower an upper-case letter
 *  and its lower-case one. */
typedef struct {
  uint32_t first, last;
} tfm__range;

/** A closed range and what all of it has: a category, a cluster class, a script number. */
typedef struct {
  uint32_t first, last;
  uint8_t value;
} tfm__valued;

extern const tfm__range tfm__not_control[];
extern const size_t tfm__not_control_n;
extern const tfm__range tfm__punctuation[];
extern const size_t tfm__punctuation_n;
extern const tfm__range tfm__not_punctuation[];
extern const size_t tfm__not_punctuation_n;
extern const tfm__range tfm__nonspacing[];
extern const size_t tfm__nonspacing_n;
extern const tfm__range tfm__not_nonspacing[];
extern const size_t tfm__not_nonspacing_n;
extern const tfm__range tfm__starter[];
extern const size_t tfm__starter_n;
extern const tfm__range tfm__not_decomposed[];
extern const size_t tfm__not_decomposed_n;
extern const tfm__range tfm__word[];
extern const size_t tfm__word_n;
extern const tfm__range tfm__lower[];
extern const size_t tfm__lower_n;
extern const tfm__range tfm__not_kompat[];
extern const size_t tfm__not_kompat_n;
extern const tfm__range tfm__mark[];
extern const size_t tfm__mark_n;
extern const tfm__range tfm__not_mark[];
extern const size_t tfm__not_mark_n;
extern const tfm__range tfm__digit[];
extern const size_t tfm__digit_n;
extern const tfm__valued tfm__category[];
extern const size_t tfm__category_n;
/** Properties of regular expressions that are no categories. */
typedef enum {
  TFM__ALPHABETIC,
  TFM__UPPERCASE,
  TFM__LOWERCASE,
  TFM__ARABIC,
  TFM__BENGALI,
  TFM__COMMON,
  TFM__CYRILLIC,
  TFM__DEVANAGARI,
  TFM__GREEK,
  TFM__HAN,
  TFM__HANGUL,
  TFM__HEBREW,
  TFM__HIRAGANA,
  TFM__KATAKANA,
  TFM__LATIN,
  TFM__TAMIL,
  TFM__THAI
} tfm__property;

extern const tfm__valued tfm__newer[];
extern const size_t tfm__newer_n;
extern const tfm__valued tfm__newer_property[];
extern const size_t tfm__newer_property_n;
extern const tfm__valued tfm__cluster[];
extern const size_t tfm__cluster_n;
extern const tfm__valued tfm__script[];
extern const size_t tfm__script_n;

#endif
