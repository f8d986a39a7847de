/* Unigram language model: of all ways to cut a piece into tokens, the one with the greatest sum of
 * scores. Pieces are remembered.
 *
 * As the `tokenizers` library computes it: sums in double, added token by token from the left; at
 * each place the first of equal sums stays, tokens tried by increasing start, then length. A
 * character that is no token by itself may also be unknown, at the lowest score less 10; unknown
 * characters in a row are one token, unless their text happens to be one of the vocabulary, or
 * all of their bytes have tokens and byte_fallback is on.
 * With "pieces" the model is a SentencePiece file and the vocabulary another one (Marian): the cut
 * is that of the sentencepiece library, whose sums are in float32, and a piece that the vocabulary
 * lacks is unknown.
 * Source: Kudo 2018; the library's optimised Viterbi, one pass over a double array;
 * unigram_model.cc of SentencePiece 0.2 (EncodeOptimized). */
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/algo/read_score.h"
#include "core/text/algo/read_vocab.h"
#include "core/text/algo/words.h"
#include "core/text/kinds.h"
#include "core/text/language_code.h"
#include "core/text/piece_file.h"
#include "core/text/trie.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  MANY = 1 << 16, /* lists longer than this are given back */
  FAR = 100000    /* sums in float32 start anew beyond */
};

/* The best way to a place: its sum, and the piece it ends with. */
typedef struct {
  double sum;
  int32_t piece;
  uint32_t bytes; /* of that piece; 0: no way leads here yet */
} place;

typedef struct {
  const tfm__vocab *vocab;
  tfm__trie trie;
  int32_t root;
  double *score; /* [pieces] */
  int32_t *id;   /* [pieces] NULL: a piece is its own id */
  size_t n, cap;
  int64_t unknown; /* id; -1: none */
  int32_t unknown_piece;
  double unknown_score;
  bool single; /* sums in float32 */
  bool codes;  /* >>code<< at the beginning is a token */
  bool byte_fallback;
  int32_t byte_id[256]; /* -1: none */
} unigram;

typedef struct {
  tfm__words words;
  place *place; /* [n + 1] for each byte of the piece in work */
  size_t place_cap;
  tfm__part *part;
  size_t n, cap;
} memo;

/* ---- the best way ---- */

static inline void try_way(place *to, double sum, bool single, int32_t piece, uint32_t bytes)
{
  sum = single ? (double)(float)sum : sum;
  if (to->bytes == 0 || sum > to->sum) {
    *to = (place){sum, piece, bytes};
  }
}

/* The library starts sums anew, before float32 is too coarse for them: what is known of the places
 * [i, end] is counted from place i on. */
static void restart_sums(place *w, size_t i, size_t end)
{
  const float here = (float)w[i].sum;
  for (size_t k = i; k <= end; ++k) {
    if (k == i || w[k].bytes) {
      w[k].sum = (double)((float)w[k].sum - here);
    }
  }
}

/* Fill w[0..n]; false when it needs an unknown token and there is none. */
static bool find_way(const unigram *u, place *w, const char *p, size_t n)
{
  for (size_t i = 0; i <= n; ++i) {
    w[i].sum = 0;
    w[i].bytes = 0;
  }
  size_t reached = 0;
  for (size_t i = 0, len = 0; i < n; i += len) {
    if (u->single && fabs(w[i].sum) > FAR) {
      restart_sums(w, i, reached);
    }
    double here = w[i].sum;
    bool single = false;
    (void)tfm_utf8_decode(p + i, &len);
    int32_t v = u->root;
    for (size_t k = i; k < n; ++k) {
      v = tfm__trie_child(&u->trie, v, (unsigned char)p[k]);
      if (v < 0) {
        break;
      }
      int32_t piece = u->trie.value[v];
      if (piece >= 0) {
        size_t bytes = k + 1 - i;
        try_way(&w[k + 1], here + u->score[piece], u->single, piece, (uint32_t)bytes);
        single |= bytes == len;
        reached = k + 1 > reached ? k + 1 : reached;
      }
    }
    if (!single) {
      reached = i + len > reached ? i + len : reached;
      try_way(&w[i + len], here + u->unknown_score, u->single, u->unknown_piece, (uint32_t)len);
      if (w[i + len].piece < 0) { /* it was the best way, and there is no unknown token */
        return false;
      }
    }
  }
  return true;
}

/* ---- its tokens ---- */

static tfm_status reserve_parts(memo *m, size_t most)
{
  if (most <= m->cap) {
    return TFM_OK;
  }
  tfm__part *part = tfm_realloc(m->part, most, sizeof *part);
  if (!part) {
    return TFM_E_NOMEM;
  }
  m->part = part;
  m->cap = most;
  return TFM_OK;
}

static bool has_bytes(const unigram *u, const char *p, size_t n)
{
  bool all = u->byte_fallback;
  for (size_t i = 0; all && i < n; ++i) {
    all = u->byte_id[(unsigned char)p[i]] >= 0;
  }
  return all;
}

/* Put unknown characters before the parts that are there (they are written from the end). Each of
 * their bytes' tokens covers all of them, which `bytes` 0 says of all but the last. */
static size_t put_unknown(const unigram *u, memo *m, size_t at, const char *p, size_t n)
{
  const bool bytes = has_bytes(u, p, n);
  int32_t id = u->single && bytes ? -1 : tfm__vocab_id(u->vocab, (tfm_span){p, n});
  if (id < 0 && bytes) {
    for (size_t i = n; i-- > 0;) {
      uint32_t covers = i + 1 == n ? (uint32_t)n : 0;
      m->part[--at] = (tfm__part){u->byte_id[(unsigned char)p[i]], covers};
    }
    return at;
  }
  m->part[--at] = (tfm__part){id < 0 ? (int32_t)u->unknown : id, (uint32_t)n};
  return at;
}

/* The parts of a piece: no more than it has bytes. */
static tfm_status put_piece(const unigram *u, memo *m, const char *p, size_t n)
{
  tfm_status st = TFM_OK;
  if (n + 1 > m->place_cap) {
    tfm_free(m->place);
    m->place = tfm_realloc_huge(NULL, n + 1, sizeof *m->place);
    m->place_cap = m->place ? n + 1 : 0;
    if (!m->place) {
      return TFM_E_NOMEM;
    }
  }
  TFM_TRY(reserve_parts(m, n));
  if (!find_way(u, m->place, p, n)) {
    return TFM_E_FORMAT;
  }
  size_t at = n;
  size_t unknown_end = 0;
  for (size_t i = n; i > 0;) {
    const place *w = &m->place[i];
    size_t from = i - w->bytes;
    if (w->piece == u->unknown_piece) {
      unknown_end = unknown_end ? unknown_end : i;
      if (from == 0 || m->place[from].piece != u->unknown_piece) {
        at = put_unknown(u, m, at, p + from, unknown_end - from);
        unknown_end = 0;
      }
    } else {
      m->part[--at] = (tfm__part){u->id ? u->id[w->piece] : w->piece, w->bytes};
    }
    i = from;
  }
  m->n = n - at;
  memmove(m->part, m->part + at, m->n * sizeof *m->part);

fail:
  return st;
}

/* An unknown token shows the text it stands for. */
static tfm_status note_unknown(const unigram *u, tfm__tokens *out, int32_t id, tfm_span text)
{
  if (id != u->unknown || tfm_span_eq(text, tfm__vocab_text(u->vocab, id))) {
    return TFM_OK;
  }
  return tfm__odds_copy(&out->odd, out->n, text);
}

/* Append the tokens of a piece at p, whose bytes come from `at`. */
static tfm_status put_tokens(const unigram *u, const tfm__part *part, size_t count,
                             const char *p, const int32_t *at, tfm__tokens *out)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__tokens_reserve(out, count));
  for (size_t k = 0; k < count;) {
    size_t last = k;
    while (part[last].bytes == 0) {
      ++last;
    }
    size_t bytes = part[last].bytes;
    if (last == k) {
      TFM_TRY(note_unknown(u, out, part[k].id, (tfm_span){p, bytes}));
    }
    for (; k <= last; ++k) {
      out->id[out->n] = part[k].id;
      out->begin[out->n] = tfm__at_begin(at[0]);
      out->end[out->n++] = tfm__at_end(at[bytes - 1]);
    }
    at += bytes;
    p += bytes;
  }

fail:
  return st;
}

static tfm_status put_code(const unigram *u, const char *p, const int32_t *at, size_t n,
                           tfm__tokens *out)
{
  int32_t id = tfm__vocab_id(u->vocab, (tfm_span){p, n});
  const tfm__part part = {id < 0 ? (int32_t)u->unknown : id, (uint32_t)n};
  return put_tokens(u, &part, 1, p, at, out);
}

static tfm_status tokenize(const void *self, void *memory, const tfm__text *text,
                           const tfm__pieces *pieces, tfm__tokens *out)
{
  const unigram *u = self;
  memo *m = memory;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < pieces->n; ++k) {
    const char *p = text->p + pieces->v[k].begin;
    const int32_t *at = text->at + pieces->v[k].begin;
    size_t n = pieces->v[k].end - pieces->v[k].begin;
    const size_t code = u->codes ? tfm__language_code(p, n) : 0;
    if (code) {
      TFM_TRY(put_code(u, p, at, code, out));
      p += code;
      at += code;
      n -= code;
      if (n == 0) {
        continue;
      }
    }
    if (n > TFM__WORD_BYTES) {
      TFM_TRY(put_piece(u, m, p, n));
      TFM_TRY(put_tokens(u, m->part, m->n, p, at, out));
      continue;
    }
    uint64_t hash = tfm__words_hash(p, n);
    size_t count = 0;
    const tfm__part *known = tfm__words_get(&m->words, hash, p, n, &count);
    if (!known) {
      TFM_TRY(put_piece(u, m, p, n));
      tfm__words_put(&m->words, hash, p, n, m->part, m->n);
      known = m->part;
      count = m->n;
    }
    TFM_TRY(put_tokens(u, known, count, p, at, out));
  }

fail:
  if (m->place_cap > MANY) {
    tfm_free(m->place);
    tfm_free(m->part);
    m->place = NULL;
    m->part = NULL;
    m->place_cap = m->cap = m->n = 0;
  }
  return st;
}

static void memo_close(void *memory)
{
  memo *m = memory;
  tfm__words_fini(&m->words);
  tfm_free(m->place);
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
  unigram *u = self;
  tfm__trie_fini(&u->trie);
  tfm_free(u->score);
  tfm_free(u->id);
}

/* Of a piece that stands there twice the last counts, as in the library. */
static void add_piece(tfm__loader *l, tfm_span piece, int32_t id)
{
  if (tfm__vocab_id(l->vocab, piece) < 0) {
    tfm__read_vocab_add(l, piece, id);
  } else if (tfm__vocab_move(l->vocab, piece, id) != TFM__ADDED) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the vocabulary");
  }
}

/* ["piece", -1.5] */
static void read_piece(tfm__loader *l, unigram *u)
{
  tfm_jread *r = l->r;
  int n = 0;
  double score = 0;
  if (u->n > TFM__HIGHEST_ID) {
    tfm_jread_fail(r, TFM_E_UNSUPPORTED, "more than %d pieces", TFM__HIGHEST_ID + 1);
  }
  tfm_jread_array(r);
  for (; tfm_jread_element(r); ++n) {
    if (n == 0) {
      tfm_span piece = tfm_jread_string(r);
      if (tfm_jread_ok(r)) {
        add_piece(l, piece, (int32_t)u->n);
      }
    } else if (n == 1) {
      score = tfm__read_score(r);
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  if (n != 2) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want a piece and its score, got %d elements", n);
  }
  if (u->n == u->cap) {
    size_t cap = u->cap ? u->cap * 2 : 1024;
    double *v = tfm_realloc(u->score, cap, sizeof *v);
    if (!v) {
      tfm_jread_fail(r, TFM_E_NOMEM, "not enough memory for the vocabulary");
      return;
    }
    u->score = v;
    u->cap = cap;
  }
  u->score[u->n++] = score;
}

/* The pieces of an older folder are in the vocabulary already, by ids without holes. */
static void take_given(tfm__loader *l, unigram *u)
{
  if (!l->given->score) {
    return; /* the pieces have them */
  }
  u->n = u->cap = l->vocab->n;
  u->score = tfm_realloc(NULL, u->n + 1, sizeof *u->score);
  if (!u->score) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the vocabulary");
    return;
  }
  memcpy(u->score, l->given->score, u->n * sizeof *u->score);
}

static void read_pieces(tfm__loader *l, unigram *u)
{
  if (l->given && tfm_jread_null(l->r)) {
    take_given(l, u);
    return;
  }
  tfm_jread_array(l->r);
  while (tfm_jread_element(l->r)) {
    read_piece(l, u);
  }
}

static tfm_status build_trie(unigram *u, const tfm__piece_file *file)
{
  tfm__trie_item *items = tfm_realloc_huge(NULL, u->n + 1, sizeof *items);
  size_t start[2] = {0};
  const size_t n = file ? u->n : u->vocab->n; /* fewer where a piece stands there twice */
  if (!items) {
    return TFM_E_NOMEM;
  }
  for (size_t i = 0; i < n; ++i) {
    const tfm_span s =
        file ? file->v[i].text : tfm__vocab_entry_text(u->vocab, &u->vocab->entry[i]);
    const bool cuts = !file || file->v[i].type == TFM__PIECE_NORMAL ||
                      file->v[i].type == TFM__PIECE_USER_DEFINED;
    if (s.n && cuts) {
      items[start[1]++] = (tfm__trie_item){s, file ? (int32_t)i : u->vocab->entry[i].id};
    }
  }
  tfm_status st = tfm__trie_build(&u->trie, items, start, 1, &u->root);
  tfm_free(items);
  return st;
}

static void find_byte_ids(unigram *u)
{
  char room[8];
  for (unsigned c = 0; c < 256; ++c) {
    int n = snprintf(room, sizeof room, "<0x%02X>", c);
    u->byte_id[c] = tfm__vocab_id(u->vocab, (tfm_span){room, (size_t)n});
    if (u->single && u->byte_id[c] < 0) {
      u->byte_id[c] = (int32_t)u->unknown;
    }
  }
}

/* User-defined pieces count as much as their bytes but one, in tenths: more than any other. */
static void take_scores(unigram *u, const tfm__piece_file *file)
{
  float lowest = FLT_MAX;
  for (size_t i = 0; i < u->n; ++i) {
    const tfm__file_piece *piece = &file->v[i];
    const int32_t id = tfm__vocab_id(u->vocab, piece->text);
    u->id[i] = id < 0 ? (int32_t)u->unknown : id;
    u->score[i] = (double)piece->score;
    if (piece->type == TFM__PIECE_NORMAL) {
      lowest = fminf(lowest, piece->score);
    } else if (piece->type == TFM__PIECE_USER_DEFINED) {
      u->score[i] = (double)(float)(0.1 * ((double)piece->text.n - 1));
    }
  }
  u->unknown_score = (double)(lowest - 10.0F);
}

/* The model is a SentencePiece file, the vocabulary is there already, and has an unknown token. */
static void take_pieces(tfm__loader *l, unigram *u)
{
  const tfm__piece_file *file = l->given->pieces;
  u->n = file->n;
  u->single = true;
  u->score = tfm_realloc(NULL, u->n + 1, sizeof *u->score);
  u->id = tfm_realloc(NULL, u->n + 1, sizeof *u->id);
  u->unknown_piece = (int32_t)u->n;
  if (!u->score || !u->id || build_trie(u, file) != TFM_OK) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the pieces");
    return;
  }
  take_scores(u, file);
  find_byte_ids(u);
}

static void finish_reading(tfm__loader *l, unigram *u)
{
  tfm_jread *r = l->r;
  if (u->unknown >= 0 && (uint64_t)u->unknown >= u->n) {
    tfm_jread_fail(r, TFM_E_FORMAT, "\"unk_id\" is %lld, but there are %zu pieces",
                   (long long)u->unknown, u->n);
    return;
  }
  double lowest = HUGE_VAL;
  for (size_t i = 0; i < u->n; ++i) {
    lowest = u->score[i] < lowest ? u->score[i] : lowest;
  }
  u->unknown_score = lowest - 10;
  u->unknown_piece = (int32_t)u->unknown;
  find_byte_ids(u);
  if (build_trie(u, NULL) != TFM_OK) {
    tfm_jread_fail(r, TFM_E_NOMEM, "not enough memory for the vocabulary");
  }
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_vocab = false;
  unigram *u = tfm__loader_alloc(l, sizeof *u);
  if (!u) {
    return NULL;
  }
  bool pieces = false;
  u->vocab = l->vocab;
  u->unknown = -1;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "unk_id")) {
      u->unknown = tfm_jread_null(r) ? -1 : tfm_jread_int(r, 0, INT64_MAX);
    } else if (tfm_span_is(key, "byte_fallback")) {
      u->byte_fallback = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "pieces") && l->given) {
      pieces = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "language_codes") && l->given) {
      u->codes = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "vocab")) {
      if (seen_vocab) {
        tfm_jread_fail(r, TFM_E_FORMAT, "the key stands there twice");
      }
      seen_vocab = true;
      read_pieces(l, u);
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, seen_vocab, "vocab");
  if (tfm_jread_ok(r) && pieces) {
    take_pieces(l, u);
  } else if (tfm_jread_ok(r)) {
    finish_reading(l, u);
  }
  return u;
}

static int32_t unknown_of(const void *self)
{
  return (int32_t)((const unigram *)self)->unknown;
}

const tfm__kind tfm__unigram = {.type = "Unigram",
                                .mark = "unk_id",
                                .read = read,
                                .tokenize = tokenize,
                                .unknown = unknown_of,
                                .memo_open = memo_open,
                                .memo_close = memo_close,
                                .close = close_model};
