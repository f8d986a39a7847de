/** All that the splitters and normalisers ask about a character, in one load.
 *
 *  The table is made once a process, from utf8proc and the exceptions of unicode_tables.c, and
 *  only read afterwards. Its answers are those of the `tokenizers` library's parts, each with
 *  the Unicode data that part has (DECISIONS.md, T2). */
#ifndef TFM_CORE_TEXT_CHARS_H
#define TFM_CORE_TEXT_CHARS_H

#include <stdint.h>

/** General categories, as regular expressions know them (Unicode 16). utf8proc's order. */
typedef enum {
  TFM__Cn,
  TFM__Lu,
  TFM__Ll,
  TFM__Lt,
  TFM__Lm,
  TFM__Lo,
  TFM__Mn,
  TFM__Mc,
  TFM__Me,
  TFM__Nd,
  TFM__Nl,
  TFM__No,
  TFM__Pc,
  TFM__Pd,
  TFM__Ps,
  TFM__Pe,
  TFM__Pi,
  TFM__Pf,
  TFM__Po,
  TFM__Sm,
  TFM__Sc,
  TFM__Sk,
  TFM__So,
  TFM__Zs,
  TFM__Zl,
  TFM__Zp,
  TFM__Cc,
  TFM__Cf,
  TFM__Cs,
  TFM__Co,
  TFM__CATEGORIES
} tfm__general;

/** Classes of grapheme clusters. MARK and SPACING cling to what is before them like EXTEND, but
 *  end a conjunct; SPACING also ends an emoji sequence. */
typedef enum {
  TFM__CLUSTER_OTHER,
  TFM__CLUSTER_CONTROL,
  TFM__CLUSTER_EXTEND,
  TFM__CLUSTER_MARK,
  TFM__CLUSTER_SPACING,
  TFM__CLUSTER_ZWJ,
  TFM__CLUSTER_LINKER,
  TFM__CLUSTER_PREPEND,
  TFM__CLUSTER_PICTURE,
  TFM__CLUSTER_CONSONANT,
  TFM__CLUSTER_L,
  TFM__CLUSTER_V,
  TFM__CLUSTER_T,
  TFM__CLUSTER_LV,
  TFM__CLUSTER_LVT
} tfm__cluster_class;

/** What a look-up gives: the category in the lowest 5 bits, flags, cluster class, script. */
enum {
  TFM__C_CATEGORY = 31,
  TFM__C_LETTER = 1 << 5, /* \p{L} */
  TFM__C_NUMBER = 1 << 6, /* \p{N} */
  TFM__C_SPACE = 1 << 7,  /* White_Space; \s */
  TFM__C_WORD = 1 << 8,   /* \w of the Whitespace pre-tokenizer */
  TFM__C_DIGIT = 1 << 9,  /* what Digits cuts at */
  TFM__C_PUNCTUATION = 1 << 10,
  TFM__C_MARK = 1 << 11,  /* what StripAccents drops */
  TFM__C_UPPER = 1 << 12, /* Lowercase changes it */
  /* A normal form changes the character, or may change or move it among others. */
  TFM__C_NFD = 1 << 13,
  TFM__C_NFKD = 1 << 14,
  TFM__C_NFC = 1 << 15,
  TFM__C_NFKC = 1 << 16,
  TFM__C_CLUSTER = 17, /* shift; 5 bits */
  TFM__C_SCRIPT = 24   /* shift; 8 bits */
};

extern uint16_t tfm__char_page[0x1100];
extern uint32_t tfm__char_pages[][256];

/** Make the table unless it is made. Called when a tokenizer is made; from any thread. */
void tfm__chars_ready(void);

static inline uint32_t tfm__char(uint32_t c)
{
  return tfm__char_pages[tfm__char_page[c >> 8]][c & 0xff];
}

static inline tfm__cluster_class tfm__char_cluster(uint32_t look)
{
  return (tfm__cluster_class)(look >> TFM__C_CLUSTER & 31);
}

static inline uint32_t tfm__char_script(uint32_t look)
{
  return look >> TFM__C_SCRIPT;
}

/** The character that a followed by b composes to canonically; 0 when there is none. */
uint32_t tfm__char_compose(uint32_t a, uint32_t b);

/** The character at p, well-formed UTF-8; *len is its bytes. */
static inline uint32_t tfm__char_at(const char *p, uint32_t *len)
{
  const unsigned char *u = (const unsigned char *)p;
  if (u[0] < 0x80) {
    *len = 1;
    return u[0];
  }
  if (u[0] < 0xe0) {
    *len = 2;
    return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
  }
  if (u[0] < 0xf0) {
    *len = 3;
    return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
  }
  *len = 4;
  return (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
}

#endif
