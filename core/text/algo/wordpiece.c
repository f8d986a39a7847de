#include "core/text/algo/wordpiece.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/algo/read_vocab.h"
#include "core/text/kinds.h"
#include "core/text/trie.h"

#include <string.h>

/* Two tries in one double array: whole tokens, for the start of a word, and what follows the
 * prefix in tokens that have it, for the rest of a word. Reading a word walks down from the first
 * root. Where the walk cannot go on, node v stands for a stretch of the word whose longest-match
 * tokens are known: they are written (popped), and the walk resumes at the node that stands for
 * what is left of the stretch (its failure link). So every byte is looked at once and every hop
 * writes at least one token.
 *
 * The pops of v are those of its parent and then some: pops(v) = pops(parent) + own(v). Only
 * own(v) is stored, as a record that names the one before it; a node without own pops has the
 * record of its parent. Along one root-to-leaf path the own parts hold at most one token a byte,
 * so all of them together are no larger than the vocabulary, however its tokens share prefixes. */

/* A record is a head, and the own pops behind it: as many as its total is more than that of the
 * record before. Record 0 is that of nodes without pops. */
typedef union {
  struct {
    uint32_t before; /* the record before, 0: there is none */
    uint32_t total;  /* pops of this record and all before */
  } head;
  struct {
    int32_t id;
    uint32_t bytes; /* of the word; the prefix does not count */
  } pop;
} cell;

typedef struct {
  int32_t fail;  /* the node to resume at; -1: there is none, the word is unknown */
  uint32_t pops; /* the last record of its pops */
} jump;

/* Most words are tokens, and most tokens are short: those of up to 8 bytes, and of up to 16, are
 * looked up in tables first, a load or two a word instead of one a byte. A word that is a token is
 * its own longest match, so the answer is the walk's. Bytes behind the word are zero in a key;
 * tokens that hold NUL are left to the tries. */
typedef struct {
  uint64_t key;
  int32_t id; /* -1: free */
} slot8;

typedef struct {
  uint64_t key[2];
  int32_t id;
} slot16;

typedef struct {
  slot8 *short8;
  slot16 *short16;
  unsigned shift8, shift16; /* 64 less the bits of a table's index */
  tfm__trie trie;
  int32_t start; /* the root for a word's start */
  int32_t rest;  /* the root for its rest; the same one when the prefix is empty */
  jump *jumps;   /* [slots] */
  cell *cells;   /* records */
  size_t ncell;
  size_t cell_cap;
  int32_t unknown;
  uint64_t most_chars;
} wordpiece;

/* ---- building ---- */

static tfm_status reserve_cells(wordpiece *w, size_t more)
{
  if (more <= w->cell_cap - w->ncell) {
    return TFM_OK;
  }
  size_t cap = w->cell_cap * 2 > w->ncell + more ? w->cell_cap * 2 : w->ncell + more;
  cell *cells = cap <= UINT32_MAX ? tfm_realloc_huge(w->cells, cap, sizeof *cells) : NULL;
  if (!cells) {
    return TFM_E_NOMEM;
  }
  w->cells = cells;
  w->cell_cap = cap;
  return TFM_OK;
}

/* Own pops of a record. */
static inline uint32_t own_pops(const wordpiece *w, uint32_t record)
{
  return w->cells[record].head.total - w->cells[w->cells[record].head.before].head.total;
}

/* Copy the pops of node z behind what is there. */
static tfm_status copy_pops(wordpiece *w, int32_t z)
{
  tfm_status st = TFM_OK;
  uint32_t record = w->jumps[z].pops;
  uint32_t total = w->cells[record].head.total;
  TFM_TRY(reserve_cells(w, total));
  w->ncell += total;
  /* Records lead towards the root, so they are copied from the end. */
  for (size_t end = w->ncell; record; record = w->cells[record].head.before) {
    uint32_t own = own_pops(w, record);
    end -= own;
    memcpy(w->cells + end, w->cells + record + 1, own * sizeof *w->cells);
  }

fail:
  return st;
}

/* What is known of a node before its links are. */
typedef struct {
  int32_t node, parent, value;
  int32_t fail;  /* of its parent */
  int32_t child; /* of that node by the byte that leads to this one */
  unsigned char byte;
} link;

/* The pops of the node are those of a token that ends there. */
static tfm_status link_token(wordpiece *w, const link *k, uint32_t bytes)
{
  tfm_status st = TFM_OK;
  TFM_TRY(reserve_cells(w, 2));
  w->jumps[k->node] = (jump){w->rest, (uint32_t)w->ncell};
  w->cells[w->ncell++] = (cell){.head = {.before = 0, .total = 1}};
  w->cells[w->ncell++] = (cell){.pop = {.id = k->value, .bytes = bytes}};

fail:
  return st;
}

/* The links of a node; those of its parent and of all less deep nodes are known. */
static tfm_status link_node(wordpiece *w, const link *k)
{
  tfm_status st = TFM_OK;
  const tfm__trie *t = &w->trie;
  int32_t z = k->fail;
  int32_t child = k->child;
  size_t record = w->ncell;
  uint32_t before = w->jumps[k->parent].pops;
  TFM_TRY(reserve_cells(w, 1));
  w->ncell += 1;
  while (z >= 0 && child < 0) {
    TFM_TRY(copy_pops(w, z));
    z = w->jumps[z].fail;
    child = z < 0 ? -1 : tfm__trie_child(t, z, k->byte);
  }
  uint32_t own = (uint32_t)(w->ncell - record - 1);
  if (z < 0 || own == 0) {
    w->ncell = record;
    w->jumps[k->node] = (jump){z < 0 ? -1 : child, z < 0 ? 0 : before};
    return TFM_OK;
  }
  w->cells[record] = (cell){.head = {before, w->cells[before].head.total + own}};
  w->jumps[k->node] = (jump){child, (uint32_t)record};

fail:
  return st;
}

/* Nodes that are linked, and tokens that are put, while memory is waited for. */
enum { GROUP = 32 };

/* Look at n nodes of one depth. Each loop asks for what the next one needs, so that waits
 * overlap. */
static void look(const wordpiece *w, const int32_t *node, size_t n, link *out)
{
  const tfm__trie *t = &w->trie;
  for (size_t i = 0; i < n; ++i) {
    int32_t v = node[i];
    int32_t u = t->unit[v].check;
    out[i] = (link){.node = v, .parent = u, .value = t->value[v], .fail = -1, .child = -1};
    __builtin_prefetch(&w->jumps[v], 1);
  }
  for (size_t i = 0; i < n; ++i) {
    int32_t u = out[i].parent;
    out[i].byte = (unsigned char)(out[i].node ^ t->unit[u].base);
    out[i].fail = w->jumps[u].fail;
    if (out[i].fail >= 0 && out[i].value < 0) {
      __builtin_prefetch(&t->unit[out[i].fail]);
    }
  }
  for (size_t i = 0; i < n; ++i) {
    int32_t z = out[i].fail;
    if (z >= 0 && out[i].value < 0 && t->unit[z].base >= 0) {
      __builtin_prefetch(&t->unit[t->unit[z].base ^ out[i].byte]);
    }
  }
  for (size_t i = 0; i < n; ++i) {
    if (out[i].fail >= 0 && out[i].value < 0) {
      out[i].child = tfm__trie_child(t, out[i].fail, out[i].byte);
    }
  }
}

static tfm_status link_level(wordpiece *w, const int32_t *node, size_t n, uint32_t depth)
{
  tfm_status st = TFM_OK;
  link links[GROUP];
  for (size_t i = 0; i < n; i += GROUP) {
    size_t some = n - i < GROUP ? n - i : GROUP;
    look(w, node + i, some, links);
    for (size_t k = 0; k < some; ++k) {
      TFM_TRY(links[k].value >= 0 ? link_token(w, &links[k], depth) : link_node(w, &links[k]));
    }
  }

fail:
  return st;
}

static tfm_status link_all(wordpiece *w)
{
  tfm_status st = TFM_OK;
  const tfm__trie *t = &w->trie;
  w->jumps = tfm_realloc_huge(NULL, t->slots, sizeof *w->jumps);
  if (!w->jumps) {
    return TFM_E_NOMEM;
  }
  TFM_TRY(reserve_cells(w, t->nodes + 1)); /* about as many as tokens have records */
  w->cells[w->ncell++] = (cell){.head = {0, 0}};
  for (size_t i = 0; i < t->level[1]; ++i) {
    w->jumps[t->order[i]] = (jump){-1, 0}; /* the roots */
  }
  for (size_t depth = 1; depth < t->levels; ++depth) {
    const int32_t *node = t->order + t->level[depth];
    TFM_TRY(link_level(w, node, t->level[depth + 1] - t->level[depth], (uint32_t)depth));
  }

fail:
  return st;
}

static bool has_prefix(tfm_span s, tfm_span prefix)
{
  return s.n > prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static tfm_status build_tries(wordpiece *w, const tfm__vocab *vocab, tfm_span prefix)
{
  tfm__trie_item *items = tfm_realloc_huge(NULL, vocab->n * 2 + 1, sizeof *items);
  size_t start[3] = {0};
  int32_t root[2] = {0};
  size_t n = 0;
  if (!items) {
    return TFM_E_NOMEM;
  }
  for (int trie = 0; trie < (prefix.n ? 2 : 1); ++trie) {
    for (size_t i = 0; i < vocab->n; ++i) {
      tfm_span s = tfm__vocab_entry_text(vocab, &vocab->entry[i]);
      size_t skip = trie ? prefix.n : 0;
      if (has_prefix(s, (tfm_span){prefix.p, skip})) {
        items[n++] = (tfm__trie_item){{s.p + skip, s.n - skip}, vocab->entry[i].id};
      }
    }
    start[trie + 1] = n;
  }
  tfm_status st = tfm__trie_build(&w->trie, items, start, prefix.n ? 2 : 1, root);
  w->start = root[0];
  w->rest = prefix.n ? root[1] : root[0];
  tfm_free(items);
  return st;
}

/* ---- tables of short words ---- */

static uint64_t low_bytes(uint64_t x, size_t n)
{
  return n >= 8 ? x : x & (((uint64_t)1 << 8 * n) - 1);
}

static inline size_t place8(const wordpiece *w, uint64_t key)
{
  return (size_t)(key * 0x9e3779b97f4a7c15u >> w->shift8);
}

static inline size_t place16(const wordpiece *w, uint64_t a, uint64_t b)
{
  return (size_t)((a * 0x9e3779b97f4a7c15u ^ (b ^ a >> 32) * 0xd6e8feb86659fd93u) >>
                  w->shift16);
}

/* The bits of an index into a table that is at most half full with n. */
static unsigned bits_for(size_t n)
{
  unsigned bits = 4;
  while ((size_t)1 << bits < 2 * n) {
    ++bits;
  }
  return bits;
}

static bool is_short(tfm_span s)
{
  return s.n > 0 && s.n <= 16 && !memchr(s.p, '\0', s.n);
}

static void put_short(wordpiece *w, tfm_span s, int32_t id)
{
  uint64_t key[2] = {0};
  memcpy(key, s.p, s.n);
  if (s.n <= 8) {
    size_t mask = ((size_t)1 << (64 - w->shift8)) - 1;
    size_t i = place8(w, key[0]);
    while (w->short8[i].id >= 0) {
      i = (i + 1) & mask;
    }
    w->short8[i] = (slot8){key[0], id};
    return;
  }
  size_t mask = ((size_t)1 << (64 - w->shift16)) - 1;
  size_t i = place16(w, key[0], key[1]);
  while (w->short16[i].id >= 0) {
    i = (i + 1) & mask;
  }
  w->short16[i] = (slot16){{key[0], key[1]}, id};
}

/* Ask for the slot where a token belongs, which will soon be put there. */
static void expect_short(const wordpiece *w, tfm_span s)
{
  uint64_t key[2] = {0};
  if (s.n == 0 || s.n > 16) {
    return;
  }
  memcpy(key, s.p, s.n);
  if (s.n <= 8) {
    __builtin_prefetch(&w->short8[place8(w, key[0])], 1);
  } else {
    __builtin_prefetch(&w->short16[place16(w, key[0], key[1])], 1);
  }
}

static tfm_status build_tables(wordpiece *w, const tfm__vocab *vocab)
{
  size_t n[2] = {0};
  for (size_t i = 0; i < vocab->n; ++i) {
    tfm_span s = tfm__vocab_entry_text(vocab, &vocab->entry[i]);
    n[s.n > 8] += is_short(s);
  }
  unsigned bits[2] = {bits_for(n[0]), bits_for(n[1])};
  w->shift8 = 64 - bits[0];
  w->shift16 = 64 - bits[1];
  w->short8 = tfm_realloc_huge(NULL, (size_t)1 << bits[0], sizeof *w->short8);
  w->short16 = tfm_realloc_huge(NULL, (size_t)1 << bits[1], sizeof *w->short16);
  if (!w->short8 || !w->short16) {
    return TFM_E_NOMEM;
  }
  memset(w->short8, 0xff, sizeof *w->short8 << bits[0]);
  memset(w->short16, 0xff, sizeof *w->short16 << bits[1]);
  for (size_t i = 0; i < vocab->n; ++i) {
    tfm_span s = tfm__vocab_entry_text(vocab, &vocab->entry[i]);
    if (i + GROUP < vocab->n) {
      expect_short(w, tfm__vocab_entry_text(vocab, &vocab->entry[i + GROUP]));
    }
    if (is_short(s)) {
      put_short(w, s, vocab->entry[i].id);
    }
  }
  return TFM_OK;
}

/* The token that is the whole word, -1 when there is none or it is long. 16 bytes are readable at
 * p (tfm__text keeps them). A word that ends in NUL would look like a shorter one. */
static inline int32_t find_short(const wordpiece *w, const char *p, size_t n)
{
  uint64_t key[2];
  if (n > 16 || p[n - 1] == '\0') {
    return -1;
  }
  memcpy(key, p, sizeof key);
  if (n <= 8) {
    uint64_t a = low_bytes(key[0], n);
    size_t mask = ((size_t)1 << (64 - w->shift8)) - 1;
    size_t i = place8(w, a);
    while (w->short8[i].id >= 0 && w->short8[i].key != a) {
      i = (i + 1) & mask;
    }
    return w->short8[i].id;
  }
  uint64_t b = low_bytes(key[1], n - 8);
  size_t mask = ((size_t)1 << (64 - w->shift16)) - 1;
  size_t i = place16(w, key[0], b);
  while (w->short16[i].id >= 0 &&
         (w->short16[i].key[0] != key[0] || w->short16[i].key[1] != b)) {
    i = (i + 1) & mask;
  }
  return w->short16[i].id;
}

static void close_model(void *self)
{
  wordpiece *w = self;
  if (w) {
    tfm_free(w->short8);
    tfm_free(w->short16);
    tfm__trie_fini(&w->trie);
    tfm_free(w->jumps);
    tfm_free(w->cells);
    tfm_free(w);
  }
}

tfm_status tfm__wordpiece_open(void **out, const tfm__vocab *vocab,
                               const tfm__wordpiece_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  int32_t unknown = tfm__vocab_id(vocab, options->unknown);
  if (unknown < 0) {
    return tfm_fail(err, TFM_E_FORMAT, "the unknown token \"%.*s\" is not in the vocabulary",
                    options->unknown.n > 64 ? 64 : (int)options->unknown.n,
                    options->unknown.n ? options->unknown.p : "");
  }
  wordpiece *w = tfm_calloc(1, sizeof *w);
  if (!w) {
    return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the vocabulary");
  }
  w->unknown = unknown;
  w->most_chars = options->most_chars;
  TFM_TRY(build_tables(w, vocab));
  TFM_TRY(build_tries(w, vocab, options->prefix));
  TFM_TRY(link_all(w));
  *out = w;
  return TFM_OK;

fail:
  close_model(w);
  return tfm_fail(err, st, "not enough memory for the vocabulary");
}

/* ---- words ---- */

/* Write the pops of node v behind out: ids, and in `end` how many bytes each covers. */
static inline void write_pops(const wordpiece *w, int32_t v, tfm__tokens *out)
{
  uint32_t record = w->jumps[v].pops;
  size_t end = out->n + w->cells[record].head.total;
  out->n = end;
  for (; record; record = w->cells[record].head.before) {
    for (uint32_t i = own_pops(w, record); i > 0; --i) {
      --end;
      out->id[end] = w->cells[record + i].pop.id;
      out->end[end] = (int32_t)w->cells[record + i].pop.bytes;
    }
  }
}

/* Cut a word; false when it cannot be cut to its end. Tokens cover at least a byte each, so room
 * for as many as the word has bytes is enough. */
static inline bool cut_word(const wordpiece *w, const char *p, size_t n, tfm__tokens *out)
{
  const tfm__trie *t = &w->trie;
  int32_t v = w->start;
  for (size_t i = 0; i < n; ++i) {
    int32_t child = tfm__trie_child(t, v, (unsigned char)p[i]);
    while (child < 0) {
      int32_t fail = w->jumps[v].fail;
      if (fail < 0) {
        return false;
      }
      write_pops(w, v, out);
      v = fail;
      child = tfm__trie_child(t, v, (unsigned char)p[i]);
    }
    v = child;
  }
  while (v != w->rest) {
    int32_t fail = w->jumps[v].fail;
    if (fail < 0) {
      return false;
    }
    write_pops(w, v, out);
    v = fail;
  }
  return true;
}

static bool is_too_long(const wordpiece *w, const char *p, size_t n)
{
  return n > w->most_chars && tfm_utf8_count(p, n) > w->most_chars;
}

static tfm_status tokenize(const void *self, void *memo, const tfm__text *text,
                           const tfm__pieces *pieces, tfm__tokens *out)
{
  (void)memo; /* the tables are as fast as any memory of words */
  const wordpiece *w = self;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < pieces->n; ++k) {
    tfm__piece piece = pieces->v[k];
    const char *p = text->p + piece.begin;
    const int32_t *at = text->at + piece.begin;
    size_t n = piece.end - piece.begin;
    bool too_long = is_too_long(w, p, n);
    int32_t whole = too_long ? -1 : find_short(w, p, n);
    if (whole >= 0) {
      TFM_TRY(tfm__tokens_reserve(out, 1));
      out->id[out->n] = whole;
      out->begin[out->n] = tfm__at_begin(at[0]);
      out->end[out->n++] = tfm__at_end(at[n - 1]);
      continue;
    }
    TFM_TRY(tfm__tokens_reserve(out, too_long ? 1 : n));
    size_t first = out->n;
    if (too_long || !cut_word(w, p, n, out)) {
      out->n = first + 1;
      out->id[first] = w->unknown;
      out->end[first] = (int32_t)n;
    }
    for (size_t i = first; i < out->n; ++i) {
      size_t bytes = (uint32_t)out->end[i];
      out->begin[i] = tfm__at_begin(at[0]);
      out->end[i] = tfm__at_end(at[bytes - 1]);
      at += bytes;
    }
  }

fail:
  return st;
}

/* ---- reading ---- */

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_vocab = false;
  bool seen_most = false;
  tfm__wordpiece_options o = {0};
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "unk_token")) {
      o.unknown = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "continuing_subword_prefix")) {
      o.prefix = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "max_input_chars_per_word")) {
      o.most_chars = tfm_jread_u64(r);
      seen_most = true;
    } else if (tfm_span_is(key, "vocab")) {
      if (seen_vocab) {
        tfm_jread_fail(r, TFM_E_FORMAT, "the key stands there twice");
      }
      tfm__read_vocab(l);
      seen_vocab = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, o.unknown.p, "unk_token");
  tfm__loader_want(l, o.prefix.p, "continuing_subword_prefix");
  tfm__loader_want(l, seen_most, "max_input_chars_per_word");
  tfm__loader_want(l, seen_vocab, "vocab");
  void *self = NULL;
  tfm_err err = {0};
  if (tfm_jread_ok(r) && tfm__wordpiece_open(&self, l->vocab, &o, &err) != TFM_OK) {
    tfm_jread_fail(r, err.status, "%s", err.text);
  }
  return self;
}

static int32_t unknown_of(const void *self)
{
  return ((const wordpiece *)self)->unknown;
}

static bool marks_rest(const void *self)
{
  const wordpiece *w = self;
  return w->rest != w->start;
}

const tfm__kind tfm__wordpiece = {.type = "WordPiece",
                                  .mark = "max_input_chars_per_word",
                                  .read = read,
                                  .tokenize = tokenize,
                                  .unknown = unknown_of,
                                  .marks_rest = marks_rest,
                                  .close = close_model};
