#include "core/text/trie.h"

#include "core/base/mem.h"

#include <string.h>

enum {
  BLOCK = 256,
  TRIES = 32,           /* free slots looked at before a new block is opened */
  MOST_SLOTS = 1 << 30, /* so that slot numbers and their exclusive-ors fit an int32_t */
  SMALL = 24,           /* ranges up to here are grouped by insertion */
  NODES = 8,  /* nodes an item has of its own, or fewer: room that is not used costs nothing */
  WINDOW = 8, /* bytes of a key that are fetched at once */
  AHEAD = 16  /* rows whose bytes are asked for beforehand */
};

enum { FREE = -1, ROOT = -2 };

/* What is left of an item at some depth. Keys lie all over the memory, so that their bytes are
 * fetched by windows; rows lie in the order of the nodes. */
typedef struct {
  uint64_t next; /* bytes to come, the first one highest; up to the next multiple of WINDOW */
  const char *p; /* those behind */
  uint32_t left; /* bytes of the key */
  int32_t value;
} row;

/* A node whose children are not made yet, and the rows below it: they agree in `depth` bytes. */
typedef struct {
  int32_t node;
  uint32_t low, high, depth;
} job;

typedef struct {
  tfm__trie *t;
  row *rows, *spare;
  const row *end;
  uint16_t *code; /* of the rows of the job in work */
  job *jobs;      /* a queue: [done, njob) are to do */
  size_t done, njob, cap;
} builder;

/* ---- free slots ---- */

static tfm_status grow_slots(tfm__trie *t, size_t cap)
{
  tfm__trie_unit *unit = tfm_realloc_huge(t->unit, cap, sizeof *unit);
  t->unit = unit ? unit : t->unit;
  int32_t *value = tfm_realloc_huge(t->value, cap, sizeof *value);
  t->value = value ? value : t->value;
  if (!unit || !value) {
    return TFM_E_NOMEM;
  }
  t->slot_cap = cap;
  return TFM_OK;
}

static tfm_status add_block(tfm__trie *t)
{
  tfm_status st = TFM_OK;
  size_t slots = t->slots + BLOCK;
  if (slots > MOST_SLOTS) {
    return TFM_E_NOMEM;
  }
  if (slots > t->slot_cap) {
    TFM_TRY(grow_slots(t, t->slot_cap * 2 > slots ? t->slot_cap * 2 : slots));
  }
  for (size_t i = t->slots; i < slots; ++i) {
    int32_t s = (int32_t)i;
    t->unit[i] = (tfm__trie_unit){.base = -1, .check = FREE};
    t->value[i] = t->last;
    if (t->last < 0) {
      t->first = s;
    } else {
      t->unit[t->last].base = s;
    }
    t->last = s;
  }
  t->slots = slots;

fail:
  return st;
}

static void take_slot(tfm__trie *t, int32_t s, int32_t parent)
{
  int32_t next = t->unit[s].base;
  int32_t last = t->value[s];
  if (last < 0) {
    t->first = next;
  } else {
    t->unit[last].base = next;
  }
  if (next < 0) {
    t->last = last;
  } else {
    t->value[next] = last;
  }
  t->unit[s] = (tfm__trie_unit){.base = -1, .check = parent};
  t->value[s] = -1;
}

static bool all_free(const tfm__trie *t, int32_t base, const unsigned char *labels, int n)
{
  for (int i = 0; i < n; ++i) {
    if (t->unit[base ^ labels[i]].check != FREE) {
      return false;
    }
  }
  return true;
}

/* A base that puts all labels on free slots: among the oldest free ones, else in a new block. */
static tfm_status find_base(tfm__trie *t, const unsigned char *labels, int n, int32_t *base)
{
  int32_t s = t->first;
  for (int i = 0; i < TRIES && s >= 0; ++i, s = t->unit[s].base) {
    if (all_free(t, s ^ labels[0], labels, n)) {
      *base = s ^ labels[0];
      return TFM_OK;
    }
  }
  size_t at = t->slots;
  tfm_status st = add_block(t);
  *base = (int32_t)at;
  return st;
}

/* ---- nodes ---- */

static tfm_status note_node(tfm__trie *t, int32_t node)
{
  if (t->nodes == t->order_cap) {
    size_t cap = t->order_cap * 2;
    int32_t *order = tfm_realloc_huge(t->order, cap, sizeof *order);
    if (!order) {
      return TFM_E_NOMEM;
    }
    t->order = order;
    t->order_cap = cap;
  }
  t->order[t->nodes++] = node;
  return TFM_OK;
}

/* The nodes noted so far are all there are above the next depth. */
static tfm_status note_level(tfm__trie *t)
{
  if (t->levels == t->level_cap) {
    size_t cap = t->level_cap ? t->level_cap * 2 : 64;
    size_t *level = tfm_realloc(t->level, cap, sizeof *level);
    if (!level) {
      return TFM_E_NOMEM;
    }
    t->level = level;
    t->level_cap = cap;
  }
  t->level[t->levels++] = t->nodes;
  return TFM_OK;
}

static tfm_status push_job(builder *b, job j)
{
  if (b->njob == b->cap &&
      b->done > b->cap / 2) { /* so the queue is as long as a level is wide */
    b->njob -= b->done;
    memmove(b->jobs, b->jobs + b->done, b->njob * sizeof *b->jobs);
    b->done = 0;
  } else if (b->njob == b->cap) {
    size_t cap = b->cap ? b->cap * 2 : 1024;
    job *jobs = tfm_realloc_huge(b->jobs, cap, sizeof *jobs);
    if (!jobs) {
      return TFM_E_NOMEM;
    }
    b->jobs = jobs;
    b->cap = cap;
  }
  b->jobs[b->njob++] = j;
  return TFM_OK;
}

/* ---- rows, grouped by their next byte ---- */

static uint64_t window_at(const char *p, size_t n)
{
  uint64_t window = 0;
  for (size_t i = 0; i < n; ++i) {
    window |= (uint64_t)(unsigned char)p[i] << (56 - 8 * i);
  }
  return window;
}

/* The rows behind are those of the next jobs, which want their bytes soon. */
static void fetch(row *v, size_t n, const row *end)
{
  for (size_t i = 0; i < n; ++i) {
    if ((size_t)(end - v) > i + AHEAD) {
      __builtin_prefetch(v[i + AHEAD].p);
    }
    size_t bytes = v[i].left < WINDOW ? v[i].left : WINDOW;
    v[i].next = window_at(v[i].p, bytes);
    v[i].p += bytes;
  }
}

/* Take the next byte of each row: codes are one more, and 0 where a key ends. */
static void step(row *v, uint16_t *code, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    code[i] = v[i].left ? (uint16_t)((v[i].next >> 56) + 1) : 0;
    v[i].next <<= 8;
    v[i].left -= v[i].left > 0;
  }
}

/* Both are stable, so that of equal keys the first stays the first; rows that end here come
 * first. */
static void group_few(row *v, uint16_t *code, size_t n)
{
  for (size_t i = 1; i < n; ++i) {
    uint16_t c = code[i];
    size_t k = i;
    while (k > 0 && code[k - 1] > c) {
      --k;
    }
    if (k < i) {
      row r = v[i];
      memmove(v + k + 1, v + k, (i - k) * sizeof *v);
      memmove(code + k + 1, code + k, (i - k) * sizeof *code);
      v[k] = r;
      code[k] = c;
    }
  }
}

static void group_many(row *v, uint16_t *code, row *spare, size_t n)
{
  uint32_t start[BLOCK + 2] = {0};
  for (size_t i = 0; i < n; ++i) {
    ++start[code[i] + 1];
  }
  for (size_t c = 1; c < BLOCK + 2; ++c) {
    start[c] += start[c - 1];
  }
  memcpy(spare, v, n * sizeof *v);
  for (size_t i = 0; i < n; ++i) {
    v[start[code[i]]++] = spare[i];
  }
  size_t i = 0;
  for (size_t c = 0; c <= BLOCK; ++c) {
    for (; i < start[c]; ++i) { /* start[c] is now the end of c */
      code[i] = (uint16_t)c;
    }
  }
}

/* The children of a node: their bytes, and where the rows of each begin. */
typedef struct {
  unsigned char label[BLOCK];
  uint32_t first[BLOCK + 1];
  int n;
} brood;

/* Group the rows of a job, take in those that end at its node, and see what children there are. */
static void look(builder *b, job j, brood *out)
{
  row *v = b->rows + j.low;
  uint32_t n = j.high - j.low;
  if (j.depth % WINDOW == 0) {
    fetch(v, n, b->end);
  }
  step(v, b->code, n);
  if (n <= SMALL) {
    group_few(v, b->code, n);
  } else {
    group_many(v, b->code, b->spare, n);
  }
  uint32_t i = 0;
  while (i < n && b->code[i] == 0) {
    ++i;
  }
  if (i > 0) {
    b->t->value[j.node] = v[0].value;
  }
  out->n = 0;
  for (; i < n; ++i) {
    unsigned char c = (unsigned char)(b->code[i] - 1);
    if (out->n == 0 || out->label[out->n - 1] != c) {
      out->label[out->n] = c;
      out->first[out->n++] = i;
    }
  }
  out->first[out->n] = n;
}

static tfm_status make_children(builder *b, job j)
{
  tfm__trie *t = b->t;
  brood k;
  look(b, j, &k);
  if (k.n == 0) {
    return TFM_OK;
  }
  int32_t base = 0;
  tfm_status st = j.depth + 1 == t->levels ? note_level(t) : TFM_OK;
  st = st == TFM_OK ? find_base(t, k.label, k.n, &base) : st;
  t->unit[j.node].base = st == TFM_OK ? base : -1;
  for (int i = 0; i < k.n && st == TFM_OK; ++i) {
    int32_t child = base ^ k.label[i];
    const row *below = b->rows + j.low + k.first[i];
    take_slot(t, child, j.node);
    st = note_node(t, child);
    if (st == TFM_OK && k.first[i + 1] - k.first[i] == 1 && below->left == 0) {
      t->value[child] = below->value; /* nothing more to do for it */
    } else if (st == TFM_OK) {
      st = push_job(b, (job){child, j.low + k.first[i], j.low + k.first[i + 1], j.depth + 1});
    }
  }
  return st;
}

/* A row alone at its node: there is one child, and no grouping to do. Most nodes of real
 * vocabularies are of this kind. */
static tfm_status make_only_child(builder *b, job j)
{
  tfm__trie *t = b->t;
  tfm_status st = TFM_OK;
  row *v = b->rows + j.low;
  if (j.depth % WINDOW == 0) {
    fetch(v, 1, b->end);
  }
  unsigned char label = (unsigned char)(v->next >> 56);
  v->next <<= 8;
  --v->left;
  if (j.depth + 1 == t->levels) {
    TFM_TRY(note_level(t));
  }
  if (t->first < 0) {
    TFM_TRY(add_block(t));
  }
  int32_t child = t->first;
  t->unit[j.node].base = child ^ label;
  take_slot(t, child, j.node);
  TFM_TRY(note_node(t, child));
  if (v->left == 0) {
    t->value[child] = v->value;
  } else {
    TFM_TRY(push_job(b, (job){child, j.low, j.high, j.depth + 1}));
  }

fail:
  return st;
}

static tfm_status make_root(builder *b, uint32_t low, uint32_t high, int32_t *root)
{
  tfm__trie *t = b->t;
  tfm_status st = TFM_OK;
  if (t->first < 0) {
    TFM_TRY(add_block(t));
  }
  *root = t->first;
  take_slot(t, *root, ROOT);
  TFM_TRY(note_node(t, *root));
  TFM_TRY(push_job(b, (job){*root, low, high, 0}));

fail:
  return st;
}

/* Room for as many nodes as there most probably will be; more is made when they are more. */
static tfm_status prepare(builder *b, const tfm__trie_item *items, size_t n, size_t ntrie)
{
  tfm__trie *t = b->t;
  tfm_status st = TFM_OK;
  t->first = t->last = -1;
  t->order_cap = NODES * n + ntrie;
  t->order = tfm_realloc_huge(NULL, t->order_cap, sizeof *t->order);
  b->rows = tfm_realloc_huge(NULL, n + 1, sizeof *b->rows);
  b->spare = tfm_realloc_huge(NULL, n + 1, sizeof *b->spare);
  b->code = tfm_realloc(NULL, n + 1, sizeof *b->code);
  if (!t->order || !b->rows || !b->spare || !b->code) {
    return TFM_E_NOMEM;
  }
  b->end = b->rows + n;
  TFM_TRY(grow_slots(t, NODES * n + ntrie + BLOCK));
  for (size_t i = 0; i < n; ++i) {
    tfm_span key = items[i].key;
    b->rows[i] = (row){.p = key.p, .left = (uint32_t)key.n, .value = items[i].value};
  }

fail:
  return st;
}

tfm_status tfm__trie_build(tfm__trie *t, const tfm__trie_item *items, const size_t *start,
                           int ntrie, int32_t *root)
{
  tfm_status st = TFM_OK;
  builder b = {.t = t};
  if (start[ntrie] > MOST_SLOTS) {
    return TFM_E_NOMEM;
  }
  TFM_TRY(prepare(&b, items, start[ntrie], (size_t)ntrie));
  TFM_TRY(note_level(t));
  for (int i = 0; i < ntrie; ++i) {
    TFM_TRY(make_root(&b, (uint32_t)start[i], (uint32_t)start[i + 1], &root[i]));
  }
  while (b.done < b.njob) {
    job j = b.jobs[b.done++];
    bool alone = j.high - j.low == 1 && b.rows[j.low].left > 0;
    TFM_TRY(alone ? make_only_child(&b, j) : make_children(&b, j));
  }
  TFM_TRY(note_level(t));
  --t->levels;

fail:
  tfm_free(b.rows);
  tfm_free(b.spare);
  tfm_free(b.code);
  tfm_free(b.jobs);
  return st;
}

void tfm__trie_fini(tfm__trie *t)
{
  tfm_free(t->unit);
  tfm_free(t->value);
  tfm_free(t->order);
  tfm_free(t->level);
  *t = (tfm__trie){0};
}
