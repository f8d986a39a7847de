/* Precompiled: the charsmap of a sentencepiece model, a double array from strings to what they
 * become, applied the way the library does.
 *
 * It takes the text a grapheme cluster at a time: one of less than six bytes that begins with a
 * string of the map becomes what the shortest such string does, whatever follows in it; of others
 * every character that is in the map does. Source: spm_precompiled 0.1 and normalizers/
 * precompiled.rs. */
#include "core/base/utf8.h"
#include "core/text/charsmap.h"
#include "core/text/edit.h"
#include "core/text/kinds.h"

enum { MOST_CLUSTER = 5, MOST_SCALAR = 0x10ffff };

/* What an ASCII character becomes when nothing clings to it. */
enum { ASCII_ODD = 0xff };

typedef struct {
  tfm__charsmap map;
  uint8_t ascii[128]; /* one ASCII character, or ASCII_ODD for anything else */
  bool keeps_ascii;   /* all but CR stay; then and between others nothing is to be done */
} charsmap;

/* ---- clusters ---- */

/* What is remembered of a cluster to know whether the next character belongs to it. */
typedef struct {
  tfm__cluster_class last;
  bool picture; /* a picture, then only what extends it */
  enum { NO_CONJUNCT, CONSONANT, LINKED } conjunct;
} cluster;

static cluster cluster_of(tfm__cluster_class k)
{
  return (cluster){.last = k,
                   .picture = k == TFM__CLUSTER_PICTURE,
                   .conjunct = k == TFM__CLUSTER_CONSONANT ? CONSONANT : NO_CONJUNCT};
}

static bool joins_hangul(tfm__cluster_class a, tfm__cluster_class b)
{
  bool vowel = b == TFM__CLUSTER_V;
  bool tail = b == TFM__CLUSTER_T;
  if (a == TFM__CLUSTER_L) {
    return b == TFM__CLUSTER_L || vowel || b == TFM__CLUSTER_LV || b == TFM__CLUSTER_LVT;
  }
  if (a == TFM__CLUSTER_LV || a == TFM__CLUSTER_V) {
    return vowel || tail;
  }
  return (a == TFM__CLUSTER_LVT || a == TFM__CLUSTER_T) && tail;
}

static bool clings(tfm__cluster_class k)
{
  return k >= TFM__CLUSTER_EXTEND && k <= TFM__CLUSTER_LINKER;
}

/* Whether a character of class k belongs to the cluster, which then holds it. Source: Unicode
 * Standard Annex 29, rules GB3 to GB11. Flags are left out: no cluster with one is short. */
static bool joins(cluster *g, tfm__cluster_class k)
{
  tfm__cluster_class last = g->last;
  if (last == TFM__CLUSTER_CONTROL || k == TFM__CLUSTER_CONTROL) {
    return false;
  }
  if (clings(k)) {
    if (k != TFM__CLUSTER_EXTEND && k != TFM__CLUSTER_LINKER && k != TFM__CLUSTER_ZWJ) {
      g->conjunct = NO_CONJUNCT;
    } else if (g->conjunct == CONSONANT && k == TFM__CLUSTER_LINKER) {
      g->conjunct = LINKED;
    }
    g->picture = g->picture && k != TFM__CLUSTER_SPACING && last != TFM__CLUSTER_ZWJ;
    g->last = k;
    return true;
  }
  bool conjunct = g->conjunct == LINKED && k == TFM__CLUSTER_CONSONANT;
  bool picture = g->picture && last == TFM__CLUSTER_ZWJ && k == TFM__CLUSTER_PICTURE;
  bool same = last == TFM__CLUSTER_PREPEND || joins_hangul(last, k) || conjunct || picture;
  if (same) {
    *g = cluster_of(k);
  }
  return same;
}

/* The end of the cluster that begins at i. */
static size_t cluster_end(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t c = tfm__char_at(p + i, &len);
  i += len;
  if (c == '\r') {
    return i + (i < n && p[i] == '\n');
  }
  cluster g = cluster_of(tfm__char_cluster(tfm__char(c)));
  while (i < n) {
    unsigned char b = (unsigned char)p[i];
    if (b < 0x80 && g.last != TFM__CLUSTER_PREPEND) {
      break;
    }
    c = tfm__char_at(p + i, &len);
    if (!joins(&g, tfm__char_cluster(tfm__char(c)))) {
      break;
    }
    i += len;
  }
  return i;
}

/* ---- writing ---- */

/* One character is held back, because removing what follows it is its change. */
typedef struct {
  tfm__edit e;
  bool holds;
  uint32_t c;
  int change;
} writer;

static inline tfm_status flush(writer *w)
{
  tfm_status st = w->holds ? tfm__edit_put(&w->e, w->c, w->change) : TFM_OK;
  w->holds = false;
  return st;
}

static inline tfm_status put(writer *w, uint32_t c, int change)
{
  tfm_status st = flush(w);
  w->holds = true;
  w->c = c;
  w->change = change;
  return st;
}

/* Put what `old` characters become: as many take their places as there are, those beyond are put
 * in, and fewer make the last one, whatever it is, remove the rest. */
static tfm_status replace(writer *w, int old, tfm_span by)
{
  tfm_status st = TFM_OK;
  uint32_t len = 0;
  int k = 0;
  for (size_t i = 0; i < by.n; i += len, ++k) {
    TFM_TRY(put(w, tfm__char_at(by.p + i, &len), k >= old));
  }
  if (k < old && w->holds) {
    w->change += k - old;
  }

fail:
  return st;
}

static tfm_status put_cluster(const charsmap *m, writer *w, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  if (n <= MOST_CLUSTER) {
    tfm_span by = tfm__charsmap_shortest(&m->map, p, n);
    if (by.p) {
      return replace(w, (int)tfm_utf8_count(p, n), by);
    }
  }
  uint32_t len = 0;
  for (size_t i = 0; i < n; i += len) {
    uint32_t c = tfm__char_at(p + i, &len);
    tfm_span by = tfm__charsmap_shortest(&m->map, p + i, len);
    if (by.p) {
      TFM_TRY(replace(w, 1, by));
    } else {
      TFM_TRY(put(w, c, 0));
    }
  }

fail:
  return st;
}

/* The end of the ASCII characters from i on that nothing clings to and that are not CR. *ascii is
 * where the ASCII characters end that were last looked at: a run is walked once, however many CRs
 * are in it. */
static size_t plain_run(const char *p, size_t n, size_t i, size_t *ascii)
{
  if (*ascii <= i) {
    *ascii = i + tfm__ascii_run(p + i, n - i);
  }
  const char *cr = memchr(p + i, '\r', *ascii - i);
  size_t end = cr ? (size_t)(cr - p) : *ascii;
  return end < n && end > i ? end - 1 : end;
}

/* Write ASCII characters [i, end), at least one. */
static tfm_status put_plain(const charsmap *m, writer *w, const char *p, size_t i, size_t end)
{
  tfm_status st = TFM_OK;
  bool odd = false;
  for (size_t k = i; k < end && !m->keeps_ascii; ++k) {
    odd |= m->ascii[(unsigned char)p[k]] == ASCII_ODD;
  }
  if (!odd) { /* then nothing here changes what is held */
    TFM_TRY(flush(w));
  }
  if (odd || w->e.i != i) { /* the places in both texts differ */
    for (size_t k = i; k < end; ++k) {
      TFM_TRY(put_cluster(m, w, p + k, 1));
    }
    return TFM_OK;
  }
  size_t from = w->e.out->n;
  --end; /* what follows may change the last one */
  TFM_TRY(tfm__edit_keep(&w->e, end - i));
  for (size_t k = i; k < end && !m->keeps_ascii; ++k) {
    w->e.out->p[from + k - i] = (char)m->ascii[(unsigned char)p[k]];
  }
  TFM_TRY(put(w, m->ascii[(unsigned char)p[end]], 0));

fail:
  return st;
}

static bool keeps(const void *self, const char *p, size_t n)
{
  const charsmap *m = self;
  return m->keeps_ascii && tfm__ascii_run(p, n) == n && !memchr(p, '\r', n);
}

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const charsmap *m = self;
  tfm_status st = TFM_OK;
  writer w = {.e = tfm__edit_of(in, out)};
  const char *p = in->p;
  size_t ascii = 0;
  for (size_t i = 0; i < in->n;) {
    size_t end = (unsigned char)p[i] < 0x80 ? plain_run(p, in->n, i, &ascii) : i;
    if (end > i + 4) { /* worth it */
      TFM_TRY(put_plain(m, &w, p, i, end));
    } else {
      end = cluster_end(p, in->n, i);
      TFM_TRY(put_cluster(m, &w, p + i, end - i));
    }
    i = end;
  }
  TFM_TRY(flush(&w));

fail:
  return st;
}

/* ---- reading ---- */

static int digit_of(char c)
{
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c ? strchr(digits, c) : NULL;
  return at ? (int)(at - digits) : -1;
}

/* Decode base64 (RFC 4648, with padding) into to, where there is room; false when it is none. */
static bool decode_base64(tfm_span s, char *to, size_t *n)
{
  uint32_t bits = 0;
  size_t pad = 0;
  *n = 0;
  if (s.n % 4) {
    return false;
  }
  while (pad < 2 && s.n && s.p[s.n - 1 - pad] == '=') {
    ++pad;
  }
  for (size_t i = 0; i < s.n - pad; ++i) {
    int d = digit_of(s.p[i]);
    if (d < 0) {
      return false;
    }
    bits = bits << 6 | (uint32_t)d;
    if (i % 4) {
      to[(*n)++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
    }
  }
  uint32_t left = pad == 2 ? bits & 0xf : pad == 1 ? bits & 3 : 0;
  return left == 0; /* bits beyond the last byte */
}

static void prepare(charsmap *m)
{
  m->keeps_ascii = true;
  for (uint32_t c = 0; c < 128; ++c) {
    char s = (char)c;
    tfm_span by = tfm__charsmap_shortest(&m->map, &s, 1);
    m->ascii[c] = !by.p ? (uint8_t)c : by.n == 1 ? (uint8_t)by.p[0] : ASCII_ODD;
    m->keeps_ascii = m->keeps_ascii && (c == '\r' || m->ascii[c] == c);
  }
}

static void read_map(tfm__loader *l, charsmap *m)
{
  const bool given = l->given && tfm_jread_null(l->r);
  const tfm_span s = given ? l->given->charsmap : tfm_jread_string(l->r);
  if (!tfm_jread_ok(l->r)) {
    return;
  }
  char *raw = tfm__loader_alloc(l, given ? s.n + 1 : s.n / 4 * 3 + 1);
  size_t n = s.n;
  if (!raw) {
    return;
  }
  if (given) {
    memcpy(raw, s.p, s.n);
  } else if (!decode_base64(s, raw, &n)) {
    tfm_jread_fail(l->r, TFM_E_FORMAT, "this is no base64");
    return;
  }
  tfm_err err = {0};
  if (tfm__charsmap_of(&m->map, (tfm_span){raw, n}, &err) != TFM_OK) {
    tfm_jread_fail(l->r, err.status, "%s", err.text);
    return;
  }
  prepare(m);
}

static void *read(tfm__loader *l)
{
  charsmap *m = tfm__loader_alloc(l, sizeof *m);
  tfm_span key;
  tfm_jread_object(l->r);
  while (m && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "precompiled_charsmap")) {
      read_map(l, m);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, m && m->map.nunit, "precompiled_charsmap");
  return m;
}

const tfm__kind tfm__precompiled = {
    .type = "Precompiled", .read = read, .normalize = normalize, .keeps = keeps};
