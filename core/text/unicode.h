/** What the pipeline asks about characters. The answers are those of the `tokenizers` library,
 *  whose parts carry Unicode data of several versions: utf8proc's data with the exceptions of
 *  unicode_tables.c (DECISIONS.md, T2). Checked for every code point by tests/core/text.
 *
 *  Threads: all callable from many at once. Code points are scalar values (no surrogates). */
#ifndef TFM_CORE_TEXT_UNICODE_H
#define TFM_CORE_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/** What a character is; several may hold. */
enum {
  TFM__SPACE = 1,       /* property White_Space */
  TFM__PUNCTUATION = 2, /* a P* category, or any ASCII character that is no letter, digit, blank
                           or control: what BERT splits at */
  TFM__CONTROL = 4,    /* Cc, Cf or Co, without tab, line feed, carriage return: what clean_text
                          drops */
  TFM__NONSPACING = 8, /* Mn: what strip_accents drops */
  TFM__WORD = 16       /* \w of regular expressions */
};

unsigned tfm__unicode_class(uint32_t c);

/** The canonical combining class; 0 for a starter. */
int tfm__unicode_combining(uint32_t c);

enum {
  TFM__NFD_MOST = 4,  /* the longest canonical decomposition, in code points */
  TFM__LOWER_MOST = 2 /* the longest lower case: that of U+0130 */
};

/** The canonical decomposition of c (c itself when it has none), not reordered. Returns its
 *  length. */
int tfm__unicode_nfd(uint32_t c, uint32_t out[TFM__NFD_MOST]);

enum { TFM__NFKD_MOST = 18 }; /* the longest compatible decomposition: that of U+FDFA */

/** The same with compatible decompositions. */
int tfm__unicode_nfkd(uint32_t c, uint32_t out[TFM__NFKD_MOST]);

/** The lower case of c, whatever stands around it (a final sigma too). Returns its length. */
int tfm__unicode_lower(uint32_t c, uint32_t out[TFM__LOWER_MOST]);

/** What BERT sets apart by spaces: the blocks of CJK ideographs of Unicode 8 as the original
 *  implementation lists them. */
static inline bool tfm__is_ideograph(uint32_t c)
{
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0x2f800 && c <= 0x2fa1f);
}

#endif
