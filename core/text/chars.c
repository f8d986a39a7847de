/* The table of characters: pages of 256, equal ones stored once; and the canonical compositions. */
#include "core/text/chars.h"

#include "core/base/status.h"
#include "core/text/unicode.h"
#include "core/text/unicode_tables.h"

#include <utf8proc.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { PAGE = 256, NPAGE = 0x1100, MOST_PAGES = 512 };

uint16_t tfm__char_page[NPAGE];
uint32_t tfm__char_pages[MOST_PAGES][PAGE];
static uint16_t npages;

/* ---- compositions ---- */

enum { SLOTS = 4096 }; /* of 940 pairs */

static struct {
  uint32_t a, b, c; /* c is 0 in a free slot */
} slots[SLOTS];

enum {
  HANGUL = 0xac00,
  LEADS = 0x1100,
  VOWELS = 0x1161,
  TAILS = 0x11a7, /* one before the first */
  NLEAD = 19,
  NVOWEL = 21,
  NTAIL = 28
};

static size_t slot_of(uint32_t a, uint32_t b)
{
  size_t i = (a * 0x9e3779b1u ^ b * 0x85ebca6bu) >> 20;
  while (slots[i].c && (slots[i].a != a || slots[i].b != b)) {
    i = (i + 1) % SLOTS;
  }
  return i;
}

uint32_t tfm__char_compose(uint32_t a, uint32_t b)
{
  if (b - VOWELS < NVOWEL && a - LEADS < NLEAD) {
    return HANGUL + ((a - LEADS) * NVOWEL + (b - VOWELS)) * NTAIL;
  }
  if (b - TAILS - 1 < NTAIL - 1 && a - HANGUL < NLEAD * NVOWEL * NTAIL &&
      (a - HANGUL) % NTAIL == 0) {
    return a + (b - TAILS);
  }
  return slots[slot_of(a, b)].c;
}

/* What all but the last of n characters compose to, step by step; 0 when they do not. */
static uint32_t compose_prefix(const uint32_t *d, int n)
{
  uint32_t c = d[0];
  for (int i = 1; c && i + 1 < n; ++i) {
    c = tfm__char_compose(c, d[i]);
  }
  return c;
}

/* The composites whose decomposition has n characters; those with fewer are there already. Of two
 * with the same parts the higher one is an alias (U+1F71 of U+03AC), which is never composed. */
static void fill_compositions(int n)
{
  for (uint32_t c = 0xc0; c < 0x20000; ++c) {
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)c);
    uint32_t d[TFM__NFD_MOST];
    if (property->decomp_seqindex == UINT16_MAX || property->decomp_type ||
        property->comp_exclusion || tfm__unicode_nfd(c, d) != n ||
        tfm__unicode_combining(d[0]) || tfm__unicode_combining(c)) {
      continue;
    }
    uint32_t a = compose_prefix(d, n);
    size_t i = slot_of(a, d[n - 1]);
    if (a && !slots[i].c) {
      slots[i].a = a;
      slots[i].b = d[n - 1];
      slots[i].c = c;
    }
  }
}

/* ---- characters ---- */

/* Bits of the characters that can be second in a composition. */
static uint8_t seconds[0x20000 / 8];

static bool is_second(uint32_t c)
{
  return c < 0x20000 && seconds[c / 8] >> c % 8 & 1;
}

static void note_seconds(void)
{
  for (size_t i = 0; i < SLOTS; ++i) {
    if (slots[i].c) {
      seconds[slots[i].b / 8] |= (uint8_t)(1 << slots[i].b % 8);
    }
  }
  for (uint32_t c = VOWELS; c < VOWELS + NVOWEL; ++c) {
    seconds[c / 8] |= (uint8_t)(1 << c % 8);
  }
  for (uint32_t c = TAILS + 1; c < TAILS + NTAIL; ++c) {
    seconds[c / 8] |= (uint8_t)(1 << c % 8);
  }
}

/* Whether the parts of c compose to c again, and c neither moves nor joins what is before it. */
static bool recomposes(uint32_t c, const uint32_t *d, int n)
{
  if (tfm__unicode_combining(d[0]) || is_second(d[0])) {
    return false;
  }
  uint32_t whole = n > 1 ? tfm__char_compose(compose_prefix(d, n), d[n - 1]) : d[0];
  return whole == c;
}

static uint32_t forms_of(uint32_t c, const utf8proc_property_t *property)
{
  uint32_t d[TFM__NFD_MOST];
  uint32_t k[TFM__NFKD_MOST];
  bool moves = tfm__unicode_combining(c) != 0;
  bool hangul = c - HANGUL < NLEAD * NVOWEL * NTAIL;
  if (property->decomp_seqindex == UINT16_MAX && !hangul) {
    uint32_t composed = moves || is_second(c) ? TFM__C_NFC | TFM__C_NFKC : 0;
    return composed | (moves ? TFM__C_NFD | TFM__C_NFKD : 0);
  }
  int nd = tfm__unicode_nfd(c, d);
  int nk = tfm__unicode_nfkd(c, k);
  return (moves || nd != 1 || d[0] != c ? TFM__C_NFD : 0u) |
         (moves || nk != 1 || k[0] != c ? TFM__C_NFKD : 0u) |
         (recomposes(c, d, nd) && !moves ? 0u : TFM__C_NFC) |
         (nk <= TFM__NFD_MOST && recomposes(c, k, nk) && !moves ? 0u : TFM__C_NFKC);
}

static uint32_t base_of(uint32_t c)
{
  const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)c);
  unsigned k = tfm__unicode_class(c);
  uint32_t lower[TFM__LOWER_MOST];
  uint32_t look = (uint32_t)property->category | forms_of(c, property);
  look |= k & TFM__SPACE ? TFM__C_SPACE : 0u;
  look |= k & TFM__WORD ? TFM__C_WORD : 0u;
  look |= k & TFM__PUNCTUATION ? TFM__C_PUNCTUATION : 0u;
  look |= tfm__unicode_lower(c, lower) != 1 || lower[0] != c ? TFM__C_UPPER : 0u;
  if (property->category >= UTF8PROC_CATEGORY_MN &&
      property->category <= UTF8PROC_CATEGORY_ME) {
    look |= TFM__C_MARK;
  }
  if (c - HANGUL < NLEAD * NVOWEL * NTAIL) {
    tfm__cluster_class k_hangul = (c - HANGUL) % NTAIL ? TFM__CLUSTER_LVT : TFM__CLUSTER_LV;
    look |= (uint32_t)k_hangul << TFM__C_CLUSTER;
  }
  return look;
}

/* Set flags (or clear them) in the part of a page that a table names. */
static void apply_flags(uint32_t page, uint32_t v[PAGE], const tfm__range *t, size_t n,
                        uint32_t set, uint32_t clear)
{
  uint32_t first = page * PAGE;
  for (size_t i = 0; i < n; ++i) {
    for (uint32_t c = t[i].first < first ? first : t[i].first;
         c <= t[i].last && c < first + PAGE; ++c) {
      v[c - first] = (v[c - first] | set) & ~clear;
    }
  }
}

/* Put values into a field of the part of a page that a table names. */
static void apply_values(uint32_t page, uint32_t v[PAGE], const tfm__valued *t, size_t n,
                         unsigned shift, uint32_t mask)
{
  uint32_t first = page * PAGE;
  size_t low = 0;
  size_t high = n;
  while (low < high) { /* to the first range that ends in the page or behind it */
    size_t mid = low + (high - low) / 2;
    if (t[mid].last < first) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  for (; low < n && t[low].first < first + PAGE; ++low) {
    for (uint32_t c = t[low].first < first ? first : t[low].first;
         c <= t[low].last && c < first + PAGE; ++c) {
      v[c - first] = (v[c - first] & ~(mask << shift)) | (uint32_t)t[low].value << shift;
    }
  }
}

static void fill_page(uint32_t page, uint32_t v[PAGE])
{
  for (uint32_t i = 0; i < PAGE; ++i) {
    v[i] = base_of(page * PAGE + i);
  }
  apply_values(page, v, tfm__category, tfm__category_n, 0, TFM__C_CATEGORY);
  apply_values(page, v, tfm__cluster, tfm__cluster_n, TFM__C_CLUSTER, 31);
  apply_values(page, v, tfm__script, tfm__script_n, TFM__C_SCRIPT, 255);
  apply_flags(page, v, tfm__mark, tfm__mark_n, TFM__C_MARK, 0);
  apply_flags(page, v, tfm__not_mark, tfm__not_mark_n, 0, TFM__C_MARK);
  for (uint32_t i = 0; i < PAGE; ++i) {
    uint32_t category = v[i] & TFM__C_CATEGORY;
    v[i] |= category >= TFM__Lu && category <= TFM__Lo ? TFM__C_LETTER : 0u;
    v[i] |= category >= TFM__Nd && category <= TFM__No ? TFM__C_NUMBER | TFM__C_DIGIT : 0u;
  }
  apply_flags(page, v, tfm__digit, tfm__digit_n, TFM__C_DIGIT, 0);
}

/* Pages from here on are like the one before them, but for the few listed: planes 4 to 13 are
 * unassigned, 15 and 16 private, each with two noncharacters at its end. */
static bool is_like_before(uint32_t page)
{
  return page > 0x400 && (page < 0xe00 || page > 0xe10) && page != 0xf00 && page != 0xfff &&
         page != 0x1000 && page != 0x10ff;
}

static void fill_table(void)
{
  fill_compositions(2);
  fill_compositions(3);
  fill_compositions(4);
  note_seconds();
  for (uint32_t page = 0; page < NPAGE; ++page) {
    if (is_like_before(page)) {
      tfm__char_page[page] = tfm__char_page[page - 1];
      continue;
    }
    TFM_ASSERT(npages < MOST_PAGES);
    fill_page(page, tfm__char_pages[npages]);
    uint16_t same = 0;
    while (memcmp(tfm__char_pages[same], tfm__char_pages[npages], sizeof *tfm__char_pages)) {
      ++same;
    }
    npages = (uint16_t)(npages + (same == npages));
    tfm__char_page[page] = same;
  }
}

void tfm__chars_ready(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, fill_table);
}
