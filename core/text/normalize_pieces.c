/* Pieces: what the sentencepiece library itself does to a text before its model sees it (the
 * tokenizers library's Precompiled does another thing). The longest string of the charsmap counts
 * at every place; blanks become marks, and if the model wants it so are taken off at the ends and
 * within runs, and one is put before or behind the text. User-defined pieces stay as they are.
 * With "language_codes" a text that begins with >>code<< keeps that as it is, and what follows is
 * a text of its own (Marian). Source: normalizer.cc of SentencePiece 0.2 (Normalize,
 * NormalizePrefix); transformers 5.23, models/marian. */
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/charsmap.h"
#include "core/text/kinds.h"
#include "core/text/language_code.h"
#include "core/text/piece_file.h"
#include "core/text/trie.h"

#include <string.h>

#define MARK "\xe2\x96\x81"

enum { MARK_BYTES = 3 };

typedef struct {
  const tfm__piece_file *file; /* its settings; while loading only */
  bool prefix, suffix, strips, codes;
  tfm__charsmap map;
  tfm__trie own; /* user-defined pieces */
  int32_t root;
  bool any_own;
} pieces;

/* ---- one step of the text ---- */

/* The bytes of the longest user-defined piece at p; 0 when there is none. */
static size_t own_at(const pieces *m, const char *p, size_t n)
{
  size_t found = 0;
  int32_t v = m->root;
  for (size_t i = 0; m->any_own && i < n; ++i) {
    v = tfm__trie_child(&m->own, v, (unsigned char)p[i]);
    if (v < 0) {
      break;
    }
    found = m->own.value[v] >= 0 ? i + 1 : found;
  }
  return found;
}

/* What stands at p becomes the result; *taken bytes of the text are used up, at least one. */
static tfm_span step_at(const pieces *m, const char *p, size_t n, size_t *taken)
{
  *taken = own_at(m, p, n);
  if (*taken) {
    return (tfm_span){p, *taken};
  }
  tfm_span by = tfm__charsmap_longest(&m->map, p, n, taken);
  if (by.p) {
    return by;
  }
  (void)tfm_utf8_decode(p, taken);
  return (tfm_span){p, *taken};
}

/* ---- writing ---- */

static tfm_status put(tfm__text *out, tfm_span s, int32_t at)
{
  tfm_status st = tfm__text_reserve(out, s.n);
  if (st != TFM_OK || s.n == 0) {
    return st;
  }
  memcpy(out->p + out->n, s.p, s.n);
  for (size_t i = 0; i < s.n; ++i) {
    out->at[out->n + i] = at;
  }
  out->n += s.n;
  return TFM_OK;
}

/* The result of one step, blanks as marks; *blank: whether what stands before it is one whose
 * followers vanish. */
static tfm_status put_step(const pieces *m, tfm_span s, int32_t at, bool *blank, tfm__text *out)
{
  tfm_status st = TFM_OK;
  size_t i = 0;
  while (*blank && i < s.n && s.p[i] == ' ') {
    ++i;
  }
  if (i == s.n) {
    return TFM_OK;
  }
  *blank = m->strips && s.p[s.n - 1] == ' ';
  while (i < s.n) {
    const char *p = s.p + i;
    const char *end = memchr(p, ' ', s.n - i);
    const size_t plain = end ? (size_t)(end - p) : s.n - i;
    TFM_TRY(put(out, (tfm_span){p, plain}, at));
    i += plain;
    if (end) {
      TFM_TRY(put(out, (tfm_span){MARK, MARK_BYTES}, at));
      ++i;
    }
  }

fail:
  return st;
}

static bool ends_with_mark(const tfm__text *out, size_t from)
{
  return out->n >= from + MARK_BYTES &&
         memcmp(out->p + out->n - MARK_BYTES, MARK, MARK_BYTES) == 0;
}

/* The blanks before a text, and what becomes a blank. */
static size_t over_blanks(const pieces *m, const char *p, size_t n)
{
  size_t i = 0;
  while (m->strips && i < n) {
    size_t taken = 0;
    const tfm_span s = step_at(m, p + i, n - i, &taken);
    if (!tfm_span_is(s, " ")) {
      break;
    }
    i += taken;
  }
  return i;
}

/* Bytes [i, n) of the view, as a text. at: [n] where they come from. */
static tfm_status put_text(const pieces *m, const tfm__view *in, size_t i, const int32_t *at,
                           tfm__text *out)
{
  tfm_status st = TFM_OK;
  const size_t from = out->n;
  i += over_blanks(m, in->p + i, in->n - i);
  if (i == in->n) {
    return TFM_OK;
  }
  if (m->prefix && !m->suffix) {
    TFM_TRY(put(out, (tfm_span){MARK, MARK_BYTES}, ~tfm__at_begin(at[i])));
  }
  bool blank = m->strips;
  for (size_t taken = 0; i < in->n; i += taken) {
    const tfm_span s = step_at(m, in->p + i, in->n - i, &taken);
    TFM_TRY(put_step(m, s, at[i], &blank, out));
  }
  while (m->strips && ends_with_mark(out, from)) {
    out->n -= MARK_BYTES;
  }
  if (m->prefix && m->suffix) {
    TFM_TRY(put(out, (tfm_span){MARK, MARK_BYTES}, ~tfm__at_end(at[in->n - 1])));
  }

fail:
  return st;
}

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const pieces *m = self;
  tfm_status st = TFM_OK;
  int32_t *counted = NULL;
  const int32_t *at = in->at;
  if (!at) {
    counted = tfm_realloc(NULL, in->n + 1, sizeof *counted);
    if (!counted) {
      return TFM_E_NOMEM;
    }
    (void)tfm__text_count(in->p, in->n, in->first, counted);
    at = counted;
  }
  const size_t code = m->codes ? tfm__language_code(in->p, in->n) : 0;
  TFM_TRY(tfm__text_reserve(out, in->n + MARK_BYTES));
  if (code) {
    memcpy(out->p, in->p, code);
    memcpy(out->at, at, code * sizeof *at);
    out->n = code;
  }
  TFM_TRY(put_text(m, in, code, at, out));

fail:
  tfm_free(counted);
  return st;
}

/* ---- reading ---- */

static tfm_status build_own(pieces *m)
{
  const tfm__piece_file *file = m->file;
  size_t start[2] = {0};
  tfm__trie_item *items = tfm_realloc(NULL, file->n + 1, sizeof *items);
  if (!items) {
    return TFM_E_NOMEM;
  }
  for (size_t i = 0; i < file->n; ++i) {
    if (file->v[i].type == TFM__PIECE_USER_DEFINED && file->v[i].text.n) {
      items[start[1]++] = (tfm__trie_item){file->v[i].text, (int32_t)i};
    }
  }
  m->any_own = start[1] > 0;
  tfm_status st = m->any_own ? tfm__trie_build(&m->own, items, start, 1, &m->root) : TFM_OK;
  tfm_free(items);
  return st;
}

static void take_file(tfm__loader *l, pieces *m)
{
  tfm_err err = {0};
  m->prefix = m->file->prefix;
  m->suffix = m->file->suffix;
  m->strips = m->file->strips;
  tfm_status st = build_own(m);
  if (st == TFM_OK && m->file->charsmap.n) {
    char *bytes = tfm__loader_alloc(l, m->file->charsmap.n);
    if (bytes) {
      memcpy(bytes, m->file->charsmap.p, m->file->charsmap.n);
      st = tfm__charsmap_of(&m->map, (tfm_span){bytes, m->file->charsmap.n}, &err);
    }
  }
  if (st != TFM_OK) {
    tfm_jread_fail(l->r, st, "%s", err.text[0] ? err.text : "not enough memory for the pieces");
  }
}

static void *read(tfm__loader *l)
{
  tfm_span key;
  pieces *m = tfm__loader_alloc(l, sizeof *m);
  if (m && (!l->given || !l->given->pieces)) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "\"Pieces\" is no part of a tokenizer.json");
  }
  tfm_jread_object(l->r);
  while (m && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "language_codes")) {
      m->codes = tfm_jread_bool(l->r);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  if (m && tfm_jread_ok(l->r)) {
    m->file = l->given->pieces;
    take_file(l, m);
    m->file = NULL;
  }
  return m;
}

static void close_pieces(void *self)
{
  pieces *m = self;
  tfm__trie_fini(&m->own);
}

const tfm__kind tfm__pieces_normalizer = {
    .type = "Pieces", .read = read, .normalize = normalize, .close = close_pieces};
