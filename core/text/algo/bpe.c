/* Byte pair encoding, as the `tokenizers` library applies it: every character of a piece becomes a
 * token, then pairs merge by rank (bpe_merge.h). Pieces are remembered.
 *
 * A long piece (a row of a model that does not split at blanks, or a sentence without any) is cut
 * first, between characters that no merge ever joins: no token of the answer spans such a place,
 * and the parts are words that come again (tfm__joins). */
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/algo/bpe_merge.h"
#include "core/text/algo/read_merges.h"
#include "core/text/algo/read_vocab.h"
#include "core/text/kinds.h"

#include <stdio.h>
#include <string.h>

enum {
  LOW = 0x800,         /* code points whose tokens are in an array */
  CUT_FROM = 33,       /* pieces of fewer bytes are not searched for cuts */
  MANY_PARTS = 1 << 16 /* a list longer than this is given back */
};

typedef struct {
  const tfm__vocab *vocab;
  tfm__merges merges;
  tfm_span unknown;   /* {NULL, 0}: none; characters without a token are dropped */
  int32_t unknown_id; /* -1: the vocabulary lacks it, which is an error when it is needed */
  tfm_span prefix, suffix; /* {NULL, 0}: none */
  bool fuse_unknown, byte_fallback, ignore_merges, cuts;
  int32_t byte_id[256]; /* of "<0x00>" and so on; -1: none */
  int32_t low[LOW];     /* -1: no token */
  tfm__joins joins;
} bpe;

typedef struct {
  tfm__words words;
  tfm__merge_work work;
  tfm__part *part; /* of the piece in work */
  size_t n, cap;
  tfm_buf room; /* a character with prefix or suffix */
} memo;

/* ---- characters ---- */

/* The token of a character that stands at p, without prefix and suffix; -1 when there is none. */
static inline int32_t plain_id(const bpe *b, const char *p, size_t *len)
{
  if ((unsigned char)*p < 0x80) {
    *len = 1;
    return b->low[(unsigned char)*p];
  }
  uint32_t c = tfm_utf8_decode(p, len);
  return c < LOW ? b->low[c] : tfm__vocab_id(b->vocab, (tfm_span){p, *len});
}

/* The character as it is looked for: with the prefix unless it is the first, with the suffix when
 * it is the last. */
static tfm_status spell(const bpe *b, memo *m, tfm_span c, bool first, bool last, tfm_span *out)
{
  tfm_status st = TFM_OK;
  *out = c;
  if ((first || !b->prefix.n) && (!last || !b->suffix.n)) {
    return TFM_OK;
  }
  tfm_buf_clear(&m->room);
  if (!first) {
    TFM_TRY(tfm_buf_span(&m->room, b->prefix));
  }
  TFM_TRY(tfm_buf_span(&m->room, c));
  if (last) {
    TFM_TRY(tfm_buf_span(&m->room, b->suffix));
  }
  *out = tfm_buf_view(&m->room);

fail:
  return st;
}

static tfm_status reserve_parts(memo *m, size_t more)
{
  if (more <= m->cap - m->n) {
    return TFM_OK;
  }
  size_t cap = m->n + more > m->cap * 2 ? m->n + more : m->cap * 2;
  tfm__part *part = tfm_realloc(m->part, cap, sizeof *part);
  if (!part) {
    return TFM_E_NOMEM;
  }
  m->part = part;
  m->cap = cap;
  return TFM_OK;
}

static bool has_bytes(const bpe *b, tfm_span s)
{
  bool all = b->byte_fallback;
  for (size_t i = 0; all && i < s.n; ++i) {
    all = b->byte_id[(unsigned char)s.p[i]] >= 0;
  }
  return all;
}

/* A character without a token: its bytes' tokens when all are there, else part of what waits to
 * become an unknown token. Bytes overtake a waiting one, as in the library. */
static tfm_status put_unknown(const bpe *b, memo *m, tfm_span spelled, uint32_t bytes,
                              uint32_t *waiting)
{
  tfm_status st = TFM_OK;
  if (has_bytes(b, spelled)) {
    TFM_TRY(reserve_parts(m, spelled.n));
    for (size_t i = 0; i < spelled.n; ++i) {
      m->part[m->n++] = (tfm__part){b->byte_id[(unsigned char)spelled.p[i]], 1};
    }
    return TFM_OK;
  }
  if (!b->unknown.p) {
    return TFM_OK;
  }
  if (b->unknown_id < 0) {
    return TFM_E_FORMAT;
  }
  if (*waiting && !b->fuse_unknown) {
    TFM_TRY(reserve_parts(m, 1));
    m->part[m->n++] = (tfm__part){b->unknown_id, *waiting};
    *waiting = 0;
  }
  *waiting += bytes;

fail:
  return st;
}

/* Append the tokens of the characters of a word. */
static tfm_status put_characters(const bpe *b, memo *m, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  uint32_t waiting = 0; /* bytes that become an unknown token */
  bool plain = !b->prefix.n && !b->suffix.n;
  TFM_TRY(reserve_parts(m, n + 1));
  for (size_t i = 0, len = 0; i < n; i += len) {
    int32_t id = plain_id(b, p + i, &len);
    tfm_span spelled = {p + i, len};
    if (!plain) {
      TFM_TRY(spell(b, m, spelled, i == 0, i + len == n, &spelled));
      id = spelled.p == p + i ? id : tfm__vocab_id(b->vocab, spelled);
    }
    if (id < 0) {
      TFM_TRY(put_unknown(b, m, spelled, (uint32_t)len, &waiting));
      continue;
    }
    TFM_TRY(reserve_parts(m, 2));
    if (waiting) {
      m->part[m->n++] = (tfm__part){b->unknown_id, waiting};
      waiting = 0;
    }
    m->part[m->n++] = (tfm__part){id, (uint32_t)len};
  }
  if (waiting) {
    TFM_TRY(reserve_parts(m, 1));
    m->part[m->n++] = (tfm__part){b->unknown_id, waiting};
  }

fail:
  return st;
}

/* ---- words ---- */

/* Append the parts of a word that is not cut. */
static tfm_status put_word(const bpe *b, memo *m, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  size_t from = m->n;
  TFM_TRY(put_characters(b, m, p, n));
  size_t count = m->n - from;
  TFM_TRY(tfm__merge(&b->merges, &m->work, m->part + from, &count));
  m->n = from + count;

fail:
  return st;
}

/* The same for a part of a longer piece, which is remembered by itself. */
static tfm_status put_cut(const bpe *b, memo *m, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  if (n > TFM__WORD_BYTES) {
    return put_word(b, m, p, n);
  }
  uint64_t hash = tfm__words_hash(p, n);
  size_t count = 0;
  const tfm__part *known = tfm__words_get(&m->words, hash, p, n, &count);
  if (known) {
    TFM_TRY(reserve_parts(m, count));
    memcpy(m->part + m->n, known, count * sizeof *known);
    m->n += count;
    return TFM_OK;
  }
  size_t from = m->n;
  TFM_TRY(put_word(b, m, p, n));
  tfm__words_put(&m->words, hash, p, n, m->part + from, m->n - from);

fail:
  return st;
}

static bool has_token(const bpe *b, const char *p)
{
  size_t len = 0;
  return plain_id(b, p, &len) >= 0;
}

/* Append the parts of a piece, cut where nothing joins. Characters without a token are not cut
 * at: what they become may reach further. */
static tfm_status put_long(const bpe *b, memo *m, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  size_t from = 0;
  size_t before = 0; /* where the character before starts */
  size_t len = 0;
  uint32_t left = tfm_utf8_decode(p, &len);
  for (size_t i = len; i < n; i += len) {
    uint32_t right = tfm_utf8_decode(p + i, &len);
    if (!tfm__joins_has(&b->joins, left, right) && has_token(b, p + before) &&
        has_token(b, p + i)) {
      TFM_TRY(put_cut(b, m, p + from, i - from));
      from = i;
    }
    left = right;
    before = i;
  }
  TFM_TRY(put_cut(b, m, p + from, n - from));

fail:
  return st;
}

static tfm_status put_piece(const bpe *b, memo *m, const char *p, size_t n)
{
  m->n = 0;
  int32_t whole = b->ignore_merges ? tfm__vocab_id(b->vocab, (tfm_span){p, n}) : -1;
  if (whole >= 0) {
    tfm_status st = reserve_parts(m, 1);
    if (st == TFM_OK) {
      m->part[m->n++] = (tfm__part){whole, (uint32_t)n};
    }
    return st;
  }
  return b->cuts && n >= CUT_FROM ? put_long(b, m, p, n) : put_word(b, m, p, n);
}

/* Append tokens. The parts of a piece cover its bytes from the left; they are too few when
 * characters were dropped, too many when a prefix was spelled in bytes. */
static tfm_status put_tokens(const tfm__part *part, size_t count, const int32_t *at, size_t n,
                             tfm__tokens *out)
{
  tfm_status st = TFM_OK;
  size_t i = 0;
  TFM_TRY(tfm__tokens_reserve(out, count));
  for (size_t k = 0; k < count; ++k) {
    size_t end = i + part[k].bytes;
    i = i < n ? i : n - 1;
    end = end < n ? end : n;
    out->id[out->n] = part[k].id;
    out->begin[out->n] = tfm__at_begin(at[i]);
    out->end[out->n++] = tfm__at_end(at[end - 1]);
    i = end;
  }

fail:
  return st;
}

static tfm_status tokenize(const void *self, void *memory, const tfm__text *text,
                           const tfm__pieces *pieces, tfm__tokens *out)
{
  const bpe *b = self;
  memo *m = memory;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < pieces->n; ++k) {
    const char *p = text->p + pieces->v[k].begin;
    const int32_t *at = text->at + pieces->v[k].begin;
    size_t n = pieces->v[k].end - pieces->v[k].begin;
    if (n > TFM__WORD_BYTES) {
      TFM_TRY(put_piece(b, m, p, n));
      TFM_TRY(put_tokens(m->part, m->n, at, n, out));
      continue;
    }
    uint64_t hash = tfm__words_hash(p, n);
    size_t count = 0;
    const tfm__part *known = tfm__words_get(&m->words, hash, p, n, &count);
    if (!known) {
      TFM_TRY(put_piece(b, m, p, n));
      tfm__words_put(&m->words, hash, p, n, m->part, m->n);
      known = m->part;
      count = m->n;
    }
    TFM_TRY(put_tokens(known, count, at, n, out));
  }

fail:
  tfm__merge_work_trim(&m->work);
  if (m->cap > MANY_PARTS) {
    tfm_free(m->part);
    m->part = NULL;
    m->n = m->cap = 0;
  }
  return st;
}

static void memo_close(void *memory)
{
  memo *m = memory;
  tfm__words_fini(&m->words);
  tfm__merge_work_fini(&m->work);
  tfm_buf_fini(&m->room);
  tfm_free(m->part);
  tfm_free(m);
}

static void *memo_open(const void *self)
{
  (void)self;
  memo *m = tfm_calloc(1, sizeof *m);
  if (m && tfm__words_init(&m->words) != TFM_OK) {
    tfm_free(m);
    m = NULL;
  }
  return m;
}

/* ---- reading ---- */

static void close_model(void *self)
{
  bpe *b = self;
  tfm__merges_fini(&b->merges); /* the rest is the loader's memory */
}

/* Merges left out at random are for training; answers of a checkpoint must not be random. */
static void read_dropout(tfm_jread *r)
{
  double p = tfm_jread_null(r) ? 0 : tfm_jread_double(r);
  if (!(p >= 0 && p <= 1)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want a probability from 0 to 1, or null");
  } else if (p > 0) {
    tfm_jread_fail(r, TFM_E_UNSUPPORTED,
                   "a dropout of %g makes the answers random; set it to null", p);
  }
}

static bool read_member(tfm__loader *l, tfm_span key, bpe *b)
{
  tfm_jread *r = l->r;
  if (tfm_span_is(key, "dropout")) {
    read_dropout(r);
  } else if (tfm_span_is(key, "unk_token")) {
    b->unknown = tfm__read_optional_string(l);
  } else if (tfm_span_is(key, "continuing_subword_prefix")) {
    b->prefix = tfm__read_optional_string(l);
  } else if (tfm_span_is(key, "end_of_word_suffix")) {
    b->suffix = tfm__read_optional_string(l);
  } else if (tfm_span_is(key, "fuse_unk")) {
    b->fuse_unknown = tfm_jread_bool(r);
  } else if (tfm_span_is(key, "byte_fallback")) {
    b->byte_fallback = tfm_jread_bool(r);
  } else if (tfm_span_is(key, "ignore_merges")) {
    b->ignore_merges = tfm_jread_bool(r);
  } else {
    return false;
  }
  return true;
}

static void fill_tables(tfm__loader *l, bpe *b)
{
  char room[8];
  for (unsigned c = 0; c < 256; ++c) {
    int n = snprintf(room, sizeof room, "<0x%02X>", c);
    b->byte_id[c] = tfm__vocab_id(b->vocab, (tfm_span){room, (size_t)n});
  }
  for (uint32_t c = 0; c < LOW; ++c) {
    b->low[c] = tfm__vocab_id(b->vocab, (tfm_span){room, tfm_utf8_encode(c, room)});
  }
  b->unknown_id = b->unknown.p ? tfm__vocab_id(b->vocab, b->unknown) : -1;
  b->cuts = !b->ignore_merges && !b->prefix.n && !b->suffix.n && !b->merges.shrinking;
  int32_t highest = b->vocab->highest < 0 ? 0 : b->vocab->highest;
  if (tfm_jread_ok(l->r) && tfm__merges_ready(&b->merges, highest) != TFM_OK) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the merges");
  }
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  tfm_span merges = {NULL, 0};
  bool seen_vocab = false;
  bpe *b = tfm__loader_alloc(l, sizeof *b);
  if (!b) {
    return NULL;
  }
  b->vocab = l->vocab;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "vocab") || tfm_span_is(key, "merges")) {
      bool vocab = tfm_span_is(key, "vocab");
      if (vocab ? seen_vocab : merges.p != NULL) {
        tfm_jread_fail(r, TFM_E_FORMAT, "the key stands there twice");
      }
      if (vocab) {
        tfm__read_vocab(l);
        seen_vocab = true;
      } else { /* they need the vocabulary and the prefix, wherever these stand */
        merges = tfm_jread_skip(r);
      }
    } else if (!read_member(l, key, b)) {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, seen_vocab, "vocab");
  tfm__loader_want(l, merges.p != NULL, "merges");
  if (tfm_jread_ok(r)) {
    tfm__read_merges(l, merges, b->prefix, &b->merges, &b->joins);
    fill_tables(l, b);
  }
  return b;
}

static int32_t unknown_of(const void *self)
{
  return ((const bpe *)self)->unknown_id;
}

static bool marks_rest(const void *self)
{
  return ((const bpe *)self)->prefix.n > 0;
}

const tfm__kind tfm__bpe = {.type = "BPE",
                            .mark = "merges",
                            .read = read,
                            .tokenize = tokenize,
                            .unknown = unknown_of,
                            .marks_rest = marks_rest,
                            .memo_open = memo_open,
                            .memo_close = memo_close,
                            .close = close_model};
