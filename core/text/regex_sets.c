#include "core/text/regex_sets.h"

#include "core/text/chars.h"
#include "core/text/unicode_tables.h"

#include <string.h>

#define ONE(name)     (1u << TFM__##name)
#define CASED         (ONE(Lu) | ONE(Ll) | ONE(Lt))
#define LETTERS       (CASED | ONE(Lm) | ONE(Lo))
#define MARKS         (ONE(Mn) | ONE(Mc) | ONE(Me))
#define NUMBERS       (ONE(Nd) | ONE(Nl) | ONE(No))
#define MARKS_OF_TEXT (ONE(Pc) | ONE(Pd) | ONE(Ps) | ONE(Pe) | ONE(Pi) | ONE(Pf) | ONE(Po))
#define SYMBOLS       (ONE(Sm) | ONE(Sc) | ONE(Sk) | ONE(So))
#define SEPARATORS    (ONE(Zs) | ONE(Zl) | ONE(Zp))
#define OTHERS        (ONE(Cc) | ONE(Cf) | ONE(Cs) | ONE(Co) | ONE(Cn))
#define ALL           (LETTERS | MARKS | NUMBERS | MARKS_OF_TEXT | SYMBOLS | SEPARATORS | OTHERS)

enum { NO_PROPERTY = -1 };

static const char spaces[] = "\\x{9}-\\x{d} \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"
                             "\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
static const char word_more[] = "\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}"
                                "\\x{1f170}-\\x{1f189}";

typedef struct {
  const char *name; /* lower case; of several, the long one has no blanks */
  const char *long_name;
  uint32_t categories;
  int property;     /* besides, or NO_PROPERTY */
  const char *more; /* items besides, or NULL */
} set;

static const set sets[] = {
    {"l", "letter", LETTERS, NO_PROPERTY, NULL},
    {"lc", "casedletter", CASED, NO_PROPERTY, NULL},
    {"lu", "uppercaseletter", ONE(Lu), NO_PROPERTY, NULL},
    {"ll", "lowercaseletter", ONE(Ll), NO_PROPERTY, NULL},
    {"lt", "titlecaseletter", ONE(Lt), NO_PROPERTY, NULL},
    {"lm", "modifierletter", ONE(Lm), NO_PROPERTY, NULL},
    {"lo", "otherletter", ONE(Lo), NO_PROPERTY, NULL},
    {"m", "mark", MARKS, NO_PROPERTY, NULL},
    {"mn", "nonspacingmark", ONE(Mn), NO_PROPERTY, NULL},
    {"mc", "spacingmark", ONE(Mc), NO_PROPERTY, NULL},
    {"me", "enclosingmark", ONE(Me), NO_PROPERTY, NULL},
    {"n", "number", NUMBERS, NO_PROPERTY, NULL},
    {"nd", "decimalnumber", ONE(Nd), NO_PROPERTY, NULL},
    {"nl", "letternumber", ONE(Nl), NO_PROPERTY, NULL},
    {"no", "othernumber", ONE(No), NO_PROPERTY, NULL},
    {"p", "punctuation", MARKS_OF_TEXT, NO_PROPERTY, NULL},
    {"pc", "connectorpunctuation", ONE(Pc), NO_PROPERTY, NULL},
    {"pd", "dashpunctuation", ONE(Pd), NO_PROPERTY, NULL},
    {"ps", "openpunctuation", ONE(Ps), NO_PROPERTY, NULL},
    {"pe", "closepunctuation", ONE(Pe), NO_PROPERTY, NULL},
    {"pi", "initialpunctuation", ONE(Pi), NO_PROPERTY, NULL},
    {"pf", "finalpunctuation", ONE(Pf), NO_PROPERTY, NULL},
    {"po", "otherpunctuation", ONE(Po), NO_PROPERTY, NULL},
    {"s", "symbol", SYMBOLS, NO_PROPERTY, NULL},
    {"sm", "mathsymbol", ONE(Sm), NO_PROPERTY, NULL},
    {"sc", "currencysymbol", ONE(Sc), NO_PROPERTY, NULL},
    {"sk", "modifiersymbol", ONE(Sk), NO_PROPERTY, NULL},
    {"so", "othersymbol", ONE(So), NO_PROPERTY, NULL},
    {"z", "separator", SEPARATORS, NO_PROPERTY, NULL},
    {"zs", "spaceseparator", ONE(Zs), NO_PROPERTY, NULL},
    {"zl", "lineseparator", ONE(Zl), NO_PROPERTY, NULL},
    {"zp", "paragraphseparator", ONE(Zp), NO_PROPERTY, NULL},
    {"c", "other", OTHERS, NO_PROPERTY, NULL},
    {"cc", "control", ONE(Cc), NO_PROPERTY, NULL},
    {"cf", "format", ONE(Cf), NO_PROPERTY, NULL},
    {"co", "privateuse", ONE(Co), NO_PROPERTY, NULL},
    {"cn", "unassigned", ONE(Cn), NO_PROPERTY, NULL},
    {"any", "assigned", ALL, NO_PROPERTY, NULL}, /* assigned is told apart below */
    {"alpha", "alphabetic", 0, TFM__ALPHABETIC, NULL},
    {"upper", "uppercase", 0, TFM__UPPERCASE, NULL},
    {"lower", "lowercase", 0, TFM__LOWERCASE, NULL},
    {"alnum", "alnum", ONE(Nd), TFM__ALPHABETIC, NULL},
    {"space", "whitespace", 0, NO_PROPERTY, spaces},
    {"digit", "digit", ONE(Nd), NO_PROPERTY, NULL},
    {"xdigit", "xdigit", 0, NO_PROPERTY, "0-9a-fA-F"},
    {"blank", "blank", ONE(Zs), NO_PROPERTY, "\\x{9}"},
    {"cntrl", "cntrl", ONE(Cc), NO_PROPERTY, NULL},
    {"graph", "graph", ALL & ~(SEPARATORS | ONE(Cc) | ONE(Cn)), NO_PROPERTY, NULL},
    {"print", "print", ALL & ~(ONE(Zl) | ONE(Zp) | ONE(Cc) | ONE(Cn)), NO_PROPERTY, NULL},
    {"punct", "punct", MARKS_OF_TEXT, NO_PROPERTY, NULL},
    {"word", "word", LETTERS | MARKS | ONE(Nd) | ONE(Nl) | ONE(Pc), NO_PROPERTY, word_more},
    {"ascii", "ascii", 0, NO_PROPERTY, "\\x{0}-\\x{7f}"},
    {"arabic", "arab", 0, TFM__ARABIC, NULL},
    {"bengali", "beng", 0, TFM__BENGALI, NULL},
    {"common", "zyyy", 0, TFM__COMMON, NULL},
    {"cyrillic", "cyrl", 0, TFM__CYRILLIC, NULL},
    {"devanagari", "deva", 0, TFM__DEVANAGARI, NULL},
    {"greek", "grek", 0, TFM__GREEK, NULL},
    {"han", "hani", 0, TFM__HAN, NULL},
    {"hangul", "hang", 0, TFM__HANGUL, NULL},
    {"hebrew", "hebr", 0, TFM__HEBREW, NULL},
    {"hiragana", "hira", 0, TFM__HIRAGANA, NULL},
    {"katakana", "kana", 0, TFM__KATAKANA, NULL},
    {"latin", "latn", 0, TFM__LATIN, NULL},
    {"tamil", "taml", 0, TFM__TAMIL, NULL},
    {"thai", "thai", 0, TFM__THAI, NULL},
};

static const char *const category_names[TFM__CATEGORIES] = {
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

static const char *const property_names[] = {
    [TFM__ALPHABETIC] = "Alphabetic", [TFM__UPPERCASE] = "Uppercase",
    [TFM__LOWERCASE] = "Lowercase",   [TFM__ARABIC] = "sc:Arabic",
    [TFM__BENGALI] = "sc:Bengali",    [TFM__COMMON] = "sc:Common",
    [TFM__CYRILLIC] = "sc:Cyrillic",  [TFM__DEVANAGARI] = "sc:Devanagari",
    [TFM__GREEK] = "sc:Greek",        [TFM__HAN] = "sc:Han",
    [TFM__HANGUL] = "sc:Hangul",      [TFM__HEBREW] = "sc:Hebrew",
    [TFM__HIRAGANA] = "sc:Hiragana",  [TFM__KATAKANA] = "sc:Katakana",
    [TFM__LATIN] = "sc:Latin",        [TFM__TAMIL] = "sc:Tamil",
    [TFM__THAI] = "sc:Thai"};

static void put_range(tfm_buf *out, const tfm__valued *r)
{
  if (r->first == r->last) {
    (void)tfm_buf_printf(out, "\\x{%x}", (unsigned)r->first);
  } else {
    (void)tfm_buf_printf(out, "\\x{%x}-\\x{%x}", (unsigned)r->first, (unsigned)r->last);
  }
}

/* Categories: PCRE2's, those it does not know, and less what it still takes for unassigned. */
static void put_categories(uint32_t categories, tfm_buf *items, tfm_buf *less)
{
  enum { MOVED = 0x1171e }; /* Mn became Mc in Unicode 15 */
  for (int k = 0; k < TFM__CATEGORIES; ++k) {
    if (categories >> k & 1 && k != TFM__Cs) {
      (void)tfm_buf_printf(items, "\\p{%s}", category_names[k]);
    }
  }
  for (size_t i = 0; i < tfm__newer_n; ++i) {
    bool ours = categories >> tfm__newer[i].value & 1;
    if (ours) {
      put_range(items, &tfm__newer[i]);
    } else if (categories & ONE(Cn)) {
      put_range(less, &tfm__newer[i]);
    }
  }
  if ((categories & ONE(Mn)) && !(categories & ONE(Mc))) {
    (void)tfm_buf_printf(less, "\\x{%x}", (unsigned)MOVED);
  }
}

static void put_property(int property, tfm_buf *items)
{
  (void)tfm_buf_printf(items, "\\p{%s}", property_names[property]);
  for (size_t i = 0; i < tfm__newer_property_n; ++i) {
    if (tfm__newer_property[i].value == property) {
      put_range(items, &tfm__newer_property[i]);
    }
  }
}

/* Names compare without letter case, blanks, hyphens and underscores. */
static bool is_named(tfm_span name, const char *want)
{
  for (size_t i = 0; i < name.n; ++i) {
    char c = name.p[i];
    if (c == ' ' || c == '-' || c == '_') {
      continue;
    }
    c = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (c != *want++) {
      return false;
    }
  }
  return *want == '\0';
}

bool tfm__set_by_name(tfm_span name, tfm__set_place place, tfm_buf *items, tfm_buf *less)
{
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; ++i) {
    const set *s = &sets[i];
    bool long_name = is_named(name, s->long_name);
    if (!long_name && !is_named(name, s->name)) {
      continue;
    }
    uint32_t categories = s->categories;
    categories &= categories == ALL && long_name ? ~ONE(Cn) : ~0u; /* assigned */
    if (place == TFM__POSIX && is_named(name, "punct")) {
      categories |= SYMBOLS; /* which \p{punct} does not hold */
    }
    put_categories(categories, items, less);
    if (s->property != NO_PROPERTY) {
      put_property(s->property, items);
    }
    (void)tfm_buf_str(items, s->more ? s->more : "");
    if (place == TFM__ALONE && s->more == word_more) {
      (void)tfm_buf_str(items, "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}");
    }
    return true;
  }
  return false;
}
