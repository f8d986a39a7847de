/* BertNormalizer: clean_text, handle_chinese_chars, strip_accents, lowercase, in this order.
 *
 * Three ways through it, all with one meaning. ASCII goes eight bytes at a time. Other characters
 * are looked up in pages of answers made when the tokenizer is opened. What has no simple answer
 * (a decomposition of several kept characters; a kept mark that decomposing may reorder) takes
 * the long way, which does literally what the definition says. */
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/kinds.h"
#include "core/text/unicode.h"

#include <string.h>

enum {
  PAGE = 256,
  NPAGE = 0x110000 / PAGE,
  MOST_OUT = TFM__NFD_MOST * TFM__LOWER_MOST + 2 /* characters one character can become */
};

/* What becomes of a character: an action in the low bits, its result above them. */
enum {
  ACT_PUT,   /* the character in the upper bits */
  ACT_APART, /* the same, between two spaces: an ideograph */
  ACT_DROP,  /* nothing; the upper bits say whether it begins a run (see walk) */
  ACT_ORDER, /* a kept character that decomposing may move; upper bits as for ACT_DROP */
  ACT_SPELL, /* several characters: compute */
  ACT_BITS = 3
};
static const uint32_t ACT_MASK = (1u << ACT_BITS) - 1;
enum { ASCII_DROPPED = 0xff };

typedef struct {
  bool clean, ideographs, strip, lower;
  uint8_t ascii[128];      /* what an ASCII character becomes, or ASCII_DROPPED */
  uint16_t page[NPAGE];    /* index into pages, 0: none */
  uint32_t (*pages)[PAGE]; /* [0] is unused */
} normalizer;

/* ---- one character by the definition ---- */

/* clean_text on one character: false when it is dropped. */
static bool clean_one(const normalizer *z, uint32_t *c)
{
  if (!z->clean) {
    return true;
  }
  unsigned k = tfm__unicode_class(*c);
  if (*c == 0 || *c == 0xfffd || (k & TFM__CONTROL)) {
    return false;
  }
  if (k & TFM__SPACE) {
    *c = ' ';
  }
  return true;
}

static int lower_one(const normalizer *z, uint32_t c, uint32_t *out)
{
  if (z->lower) {
    return tfm__unicode_lower(c, out);
  }
  out[0] = c;
  return 1;
}

/* Everything a cleaned character becomes, as if it stood alone, without the spaces around an
 * ideograph; *moves says that one of the kept characters is not a starter. */
static int spell(const normalizer *z, uint32_t c, uint32_t out[MOST_OUT], bool *moves)
{
  uint32_t d[TFM__NFD_MOST] = {c};
  int nd = z->strip ? tfm__unicode_nfd(c, d) : 1;
  int n = 0;
  *moves = false;
  for (int i = 0; i < nd; ++i) {
    if (z->strip && (tfm__unicode_class(d[i]) & TFM__NONSPACING)) {
      continue;
    }
    *moves = *moves || (z->strip && tfm__unicode_combining(d[i]) != 0);
    n += lower_one(z, d[i], out + n);
  }
  return n;
}

static bool begins_with_starter(uint32_t c)
{
  uint32_t d[TFM__NFD_MOST];
  (void)tfm__unicode_nfd(c, d);
  return tfm__unicode_combining(d[0]) == 0;
}

static uint32_t action_of(const normalizer *z, uint32_t c)
{
  uint32_t out[MOST_OUT];
  bool moves = false;
  if (!clean_one(z, &c)) {
    return ACT_DROP;
  }
  int n = spell(z, c, out, &moves);
  if (z->ideographs && tfm__is_ideograph(c)) {
    return ACT_APART | out[0] << ACT_BITS; /* each decomposes to one ideograph or itself */
  }
  if (moves) {
    return ACT_ORDER | (uint32_t)begins_with_starter(c) << ACT_BITS;
  }
  if (n == 0) {
    return ACT_DROP | (uint32_t)begins_with_starter(c) << ACT_BITS;
  }
  return n == 1 ? ACT_PUT | out[0] << ACT_BITS : ACT_SPELL;
}

enum { HANGUL = 0xac00, VOWELS = 21, TAILS = 28 };

static inline bool is_hangul(uint32_t c)
{
  return c >= HANGUL && c <= 0xd7a3;
}

/* Syllable number s as its letters (The Unicode Standard 15.0, section 3.12). */
static inline void put_hangul(tfm__text *out, uint32_t s, int32_t at)
{
  tfm__text_put(out, 0x1100 + s / (VOWELS * TAILS), at);
  tfm__text_put(out, 0x1161 + s % (VOWELS * TAILS) / TAILS, at);
  if (s % TAILS) {
    tfm__text_put(out, 0x11a7 + s % TAILS, at);
  }
}

/* Ideographs of the first plane and Hangul are told by their range alone. */
static inline uint32_t action(const normalizer *z, uint32_t c)
{
  if (c >= 0x4e00 && c <= 0x9fff) {
    return (z->ideographs ? ACT_APART : ACT_PUT) | c << ACT_BITS;
  }
  if (is_hangul(c)) {
    return z->strip ? (uint32_t)ACT_SPELL : ACT_PUT | c << ACT_BITS;
  }
  uint16_t page = z->page[c / PAGE];
  return page ? z->pages[page][c % PAGE] : action_of(z, c);
}

/* ---- the long way ---- */

typedef struct {
  uint32_t c;
  uint8_t combining;
  bool first; /* the first character of its decomposition: takes the place of a character */
} part;

typedef struct {
  part *v;
  size_t n;
  size_t cap;
} parts;

static tfm_status add_part(parts *p, part x)
{
  if (p->n == p->cap) {
    size_t cap = p->cap ? p->cap * 2 : 64;
    part *v = tfm_realloc(p->v, cap, sizeof *v);
    if (!v) {
      return TFM_E_NOMEM;
    }
    p->v = v;
    p->cap = cap;
  }
  p->v[p->n++] = x;
  return TFM_OK;
}

/* Stable sort of marks by combining class, by counting: a row may be a megabyte of marks. */
static tfm_status order_marks(part *v, size_t n)
{
  size_t start[257] = {0};
  if (n < 2) {
    return TFM_OK;
  }
  part *spare = tfm_realloc(NULL, n, sizeof *spare);
  if (!spare) {
    return TFM_E_NOMEM;
  }
  memcpy(spare, v, n * sizeof *v);
  for (size_t i = 0; i < n; ++i) {
    ++start[v[i].combining + 1];
  }
  for (int k = 1; k < 257; ++k) {
    start[k] += start[k - 1];
  }
  for (size_t i = 0; i < n; ++i) {
    v[start[spare[i].combining]++] = spare[i];
  }
  tfm_free(spare);
  return TFM_OK;
}

/* Where a view stands: byte and code point of the caller's text. */
typedef struct {
  size_t i;
  int32_t at;
} cursor;

static inline int32_t at_of(const tfm__view *in, cursor k)
{
  return in->at ? in->at[k.i] : k.at;
}

static inline uint32_t next(const tfm__view *in, cursor *k)
{
  size_t len = 0;
  uint32_t c = tfm_utf8_decode(in->p + k->i, &len);
  k->i += len;
  ++k->at;
  return c;
}

/* The characters from k that decomposing may reorder among each other: one whose decomposition
 * begins with a starter, and all after it up to the next such. Their places go to *at. */
static tfm_status gather(const normalizer *z, const tfm__view *in, cursor *k, parts *p,
                         tfm__text *places)
{
  tfm_status st = TFM_OK;
  for (bool any = false; k->i < in->n; any = true) {
    uint32_t d[TFM__NFD_MOST];
    cursor here = *k;
    uint32_t c = next(in, k);
    if (!clean_one(z, &c)) {
      continue;
    }
    int n = tfm__unicode_nfd(c, d);
    if (any && tfm__unicode_combining(d[0]) == 0) {
      *k = here;
      break;
    }
    TFM_TRY(tfm__text_reserve(places, 1));
    places->at[places->n++] = at_of(in, here);
    for (int i = 0; i < n; ++i) {
      TFM_TRY(add_part(p, (part){d[i], (uint8_t)tfm__unicode_combining(d[i]), i == 0}));
    }
  }

fail:
  return st;
}

/* Write the run of characters at k, decomposed, reordered, stripped and lowered. Each character
 * that is first of its decomposition takes the place of the next character of the run, whichever
 * that was; the others share the place of the one before. So the library does it: after
 * reordering, places follow position, not origin. Ideographs never come here. */
static tfm_status put_run(const normalizer *z, const tfm__view *in, cursor *k, tfm__text *out)
{
  tfm_status st = TFM_OK;
  parts p = {0};
  tfm__text places = {0};
  TFM_TRY(gather(z, in, k, &p, &places));
  for (size_t i = 0; i < p.n;) {
    size_t end = i;
    while (end < p.n && p.v[end].combining) {
      ++end;
    }
    TFM_TRY(order_marks(p.v + i, end - i));
    i = end < p.n ? end + 1 : end;
  }
  TFM_TRY(tfm__text_reserve(out, p.n * TFM__LOWER_MOST * 4));
  size_t taken = 0;
  for (size_t i = 0; i < p.n; ++i) {
    taken += p.v[i].first;
    if (tfm__unicode_class(p.v[i].c) & TFM__NONSPACING) {
      continue;
    }
    uint32_t lower[TFM__LOWER_MOST];
    int n = lower_one(z, p.v[i].c, lower);
    for (int j = 0; j < n; ++j) {
      tfm__text_put(out, lower[j], taken ? places.at[taken - 1] : 0);
    }
  }

fail:
  tfm_free(p.v);
  tfm__text_fini(&places);
  return st;
}

/* ---- the whole text ---- */

static const uint64_t ones = 0x0101010101010101u;
static const uint64_t tops = 0x8080808080808080u;

/* Eight ASCII characters of which none is dropped or turned into a blank: lower them and write
 * them. false: they are not such, nothing is written. */
static inline bool put_eight(const normalizer *z, const tfm__view *in, cursor *k,
                             tfm__text *out)
{
  uint64_t x = 0;
  memcpy(&x, in->p + k->i, sizeof x);
  /* A top bit is set for a byte below 0x20, for 0x7f, or for one that is not ASCII. */
  uint64_t odd = (x | (x + ones) | ~(x + (0x80 - 0x20) * ones)) & tops;
  if (odd) {
    return false;
  }
  if (z->lower) {
    uint64_t from_a = x + (0x80 - 'A') * ones;
    uint64_t past_z = x + (0x80 - 'Z' - 1) * ones;
    x |= (from_a & ~past_z & tops) >> 2;
  }
  memcpy(out->p + out->n, &x, sizeof x);
  int32_t *at = out->at + out->n;
  if (in->at) {
    memcpy(at, in->at + k->i, 8 * sizeof *at);
  } else {
    for (int i = 0; i < 8; ++i) {
      at[i] = k->at + i;
    }
  }
  out->n += 8;
  k->i += 8;
  k->at += 8;
  return true;
}

/* The walk through a text. A run is what decomposing may reorder: a character that begins with a
 * starter, and all after it up to the next such. */
typedef struct {
  const normalizer *z;
  const tfm__view *in;
  tfm__text *out;
  cursor k;
  cursor run;     /* where the run that k is in began */
  size_t run_out; /* what had been written then */
} walk;

static inline void begin_run(walk *w, cursor at, size_t out)
{
  w->run = at;
  w->run_out = out;
}

/* ASCII characters up to the first other one. */
static inline void walk_ascii(walk *w)
{
  const tfm__view *in = w->in;
  tfm__text *out = w->out;
  while (w->k.i < in->n && (unsigned char)in->p[w->k.i] < 0x80) {
    if (in->n - w->k.i >= 8 && out->cap - out->n >= 8 && put_eight(w->z, in, &w->k, out)) {
      begin_run(w, (cursor){w->k.i - 1, w->k.at - 1}, out->n - 1);
      continue;
    }
    uint8_t c = w->z->ascii[(unsigned char)in->p[w->k.i]];
    if (out->n == out->cap) {
      return; /* the caller makes room */
    }
    if (c != ASCII_DROPPED) {
      begin_run(w, w->k, out->n);
      tfm__text_put(out, c, at_of(in, w->k));
    }
    ++w->k.i;
    ++w->k.at;
  }
}

/* One character that is not ASCII, for which room was reserved. */
static inline tfm_status walk_other(walk *w)
{
  cursor here = w->k;
  uint32_t c = next(w->in, &w->k);
  uint32_t act = action(w->z, c);
  int32_t at = at_of(w->in, here);
  switch (act & ACT_MASK) {
  case ACT_PUT:
    begin_run(w, here, w->out->n);
    tfm__text_put(w->out, act >> ACT_BITS, at);
    return TFM_OK;
  case ACT_DROP:
    if (act >> ACT_BITS) {
      begin_run(w, here, w->out->n);
    }
    return TFM_OK;
  case ACT_APART:
    tfm__text_put(w->out, ' ', at);
    tfm__text_put(w->out, act >> ACT_BITS, at);
    tfm__text_put(w->out, ' ', at);
    begin_run(w, w->k, w->out->n);
    return TFM_OK;
  case ACT_ORDER:
    if (act >> ACT_BITS) {
      begin_run(w, here, w->out->n);
    }
    w->out->n = w->run_out;
    w->k = w->run;
    TFM_ASSERT(w->z->strip);
    return put_run(w->z, w->in, &w->k, w->out);
  default:
    break;
  }
  begin_run(w, here, w->out->n);
  if (is_hangul(c)) {
    put_hangul(w->out, c - HANGUL, at);
    return TFM_OK;
  }
  uint32_t s[MOST_OUT];
  bool moves = false;
  (void)clean_one(w->z, &c);
  int n = spell(w->z, c, s, &moves);
  for (int i = 0; i < n; ++i) {
    tfm__text_put(w->out, s[i], at);
  }
  return TFM_OK;
}

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  tfm_status st = TFM_OK;
  walk w = {.z = self, .in = in, .out = out, .k = {0, in->first}, .run = {0, in->first}};
  while (w.k.i < in->n) {
    if (out->cap - out->n < MOST_OUT * 4) {
      TFM_TRY(tfm__text_reserve(out, in->n - w.k.i + MOST_OUT * 4));
    }
    if ((unsigned char)in->p[w.k.i] < 0x80) {
      walk_ascii(&w);
    } else {
      TFM_TRY(walk_other(&w));
    }
  }

fail:
  return st;
}

/* ---- reading ---- */

/* The blocks whose characters are common enough for a page of answers: all scripts of the first
 * plane but ideographs, Hangul and private use, whose rules are short, and the emoji. */
static bool wants_page(uint32_t page)
{
  return page < 0x34 || page == 0x4d || (page >= 0xa0 && page < 0xac) ||
         (page >= 0xf9 && page < 0x100) || (page >= 0x1f0 && page < 0x1fb);
}

static void fill_pages(tfm__loader *l, normalizer *z)
{
  size_t n = 1;
  for (uint32_t page = 0; page < NPAGE; ++page) {
    n += wants_page(page);
  }
  uint32_t(*pages)[PAGE] = tfm__loader_alloc(l, n * sizeof *pages);
  if (!pages) {
    return;
  }
  uint16_t next_page = 1;
  for (uint32_t page = 0; page < NPAGE; ++page) {
    if (!wants_page(page)) {
      continue;
    }
    for (uint32_t i = 0; i < PAGE; ++i) {
      pages[next_page][i] = action_of(z, page * PAGE + i);
    }
    z->page[page] = next_page++;
  }
  z->pages = pages;
}

static void prepare(tfm__loader *l, normalizer *z)
{
  for (uint32_t c = 0; c < 128; ++c) {
    uint32_t act = action_of(z, c);
    z->ascii[c] = (act & ACT_MASK) == ACT_DROP ? ASCII_DROPPED : (uint8_t)(act >> ACT_BITS);
  }
  fill_pages(l, z);
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_clean = false;
  bool seen_ideographs = false;
  bool seen_lower = false;
  int strip = -1;
  normalizer *z = tfm__loader_alloc(l, sizeof *z);
  tfm_jread_object(r);
  while (z && tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "clean_text")) {
      z->clean = tfm_jread_bool(r);
      seen_clean = true;
    } else if (tfm_span_is(key, "handle_chinese_chars")) {
      z->ideographs = tfm_jread_bool(r);
      seen_ideographs = true;
    } else if (tfm_span_is(key, "strip_accents")) {
      strip = tfm_jread_null(r) ? -1 : tfm_jread_bool(r);
    } else if (tfm_span_is(key, "lowercase")) {
      z->lower = tfm_jread_bool(r);
      seen_lower = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, seen_clean, "clean_text");
  tfm__loader_want(l, seen_ideographs, "handle_chinese_chars");
  tfm__loader_want(l, seen_lower, "lowercase");
  if (tfm_jread_ok(r)) {
    z->strip = strip < 0 ? z->lower : strip;
    prepare(l, z);
  }
  return z;
}

const tfm__kind tfm__bert_normalizer = {
    .type = "BertNormalizer", .read = read, .normalize = normalize};
