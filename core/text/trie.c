#include "core/text/trie.h"

#include "core/base/mem.h"

#include <string.h>

enum {
  BLOCK = 256,
  TRIES = 32,           /* free slots looked at before a new block is opened */
  MOST_SLOTS = 1 << 30, /* so that slot numbers and their exclusive-ors fit an int32_t */
  SMALL = 24            /* ranges up to here are grouped by insertion */
};

enum { FREE = -1, ROOT = -2 };

/* A node whose children are not made yet, and the items below it: they agree in `depth` bytes. */
typedef struct {
  int32_t node;
  size_t low, high, depth;
} job;

typedef struct {
  tfm__trie *t;
  tfm__trie_item *items, *spare;
  job *jobs;
  size_t njob, cap;
} builder;

/* ---- free slots ---- */

static tfm_status add_block(tfm__trie *t)
{
  size_t slots = t->slots + BLOCK;
  if (slots > MOST_SLOTS) {
    return TFM_E_NOMEM;
  }
  /* Grow by doubling: slots is a power of two times BLOCK exactly when the arrays are full. */
  size_t blocks = t->slots / BLOCK;
  if ((blocks & (blocks - 1)) == 0) {
    size_t cap = blocks ? t->slots * 2 : BLOCK;
    tfm__trie_unit *unit = tfm_realloc(t->unit, cap, sizeof *unit);
    t->unit = unit ? unit : t->unit;
    int32_t *value = tfm_realloc(t->value, cap, sizeof *value);
    t->value = value ? value : t->value;
    int32_t *next = tfm_realloc(t->next_free, cap, sizeof *next);
    t->next_free = next ? next : t->next_free;
    int32_t *last = tfm_realloc(t->last_free, cap, sizeof *last);
    t->last_free = last ? last : t->last_free;
    if (!unit || !value || !next || !last) {
      return TFM_E_NOMEM;
    }
  }
  if (t->slots == 0) {
    t->first = t->last = -1;
  }
  for (size_t i = t->slots; i < slots; ++i) {
    int32_t s = (int32_t)i;
    t->unit[i] = (tfm__trie_unit){.base = -1, .check = FREE};
    t->value[i] = -1;
    t->next_free[i] = -1;
    t->last_free[i] = t->last;
    if (t->last < 0) {
      t->first = s;
    } else {
      t->next_free[t->last] = s;
    }
    t->last = s;
  }
  t->slots = slots;
  return TFM_OK;
}

static void take_slot(tfm__trie *t, int32_t s, int32_t parent)
{
  int32_t next = t->next_free[s];
  int32_t last = t->last_free[s];
  if (last < 0) {
    t->first = next;
  } else {
    t->next_free[last] = next;
  }
  if (next < 0) {
    t->last = last;
  } else {
    t->last_free[next] = last;
  }
  t->unit[s].check = parent;
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
  int32_t s = t->slots ? t->first : -1;
  for (int i = 0; i < TRIES && s >= 0; ++i, s = t->next_free[s]) {
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
    size_t cap = t->order_cap ? t->order_cap * 2 : 1024;
    int32_t *order = tfm_realloc(t->order, cap, sizeof *order);
    if (!order) {
      return TFM_E_NOMEM;
    }
    t->order = order;
    t->order_cap = cap;
  }
  t->order[t->nodes++] = node;
  return TFM_OK;
}

static tfm_status push_job(builder *b, job j)
{
  if (b->njob == b->cap) {
    size_t cap = b->cap ? b->cap * 2 : 1024;
    job *jobs = tfm_realloc(b->jobs, cap, sizeof *jobs);
    if (!jobs) {
      return TFM_E_NOMEM;
    }
    b->jobs = jobs;
    b->cap = cap;
  }
  b->jobs[b->njob++] = j;
  return TFM_OK;
}

/* ---- items, grouped by their next byte ---- */

static int next_byte(const tfm__trie_item *item, size_t depth)
{
  return item->key.n > depth ? (unsigned char)item->key.p[depth] : -1;
}

/* Stable, so that of equal keys the first stays the first; items that end here come first. */
static void group_few(tfm__trie_item *v, size_t n, size_t depth)
{
  for (size_t i = 1; i < n; ++i) {
    tfm__trie_item item = v[i];
    int c = next_byte(&item, depth);
    size_t k = i;
    while (k > 0 && next_byte(&v[k - 1], depth) > c) {
      v[k] = v[k - 1];
      --k;
    }
    v[k] = item;
  }
}

static void group_many(tfm__trie_item *v, tfm__trie_item *spare, size_t n, size_t depth)
{
  size_t start[BLOCK + 2] = {0};
  for (size_t i = 0; i < n; ++i) {
    ++start[next_byte(&v[i], depth) + 2];
  }
  for (size_t c = 1; c < BLOCK + 2; ++c) {
    start[c] += start[c - 1];
  }
  memcpy(spare, v, n * sizeof *v);
  for (size_t i = 0; i < n; ++i) {
    v[start[next_byte(&spare[i], depth) + 1]++] = spare[i];
  }
}

static tfm_status make_children(builder *b, job j)
{
  tfm__trie *t = b->t;
  tfm__trie_item *v = b->items + j.low;
  size_t n = j.high - j.low;
  if (n <= SMALL) {
    group_few(v, n, j.depth);
  } else {
    group_many(v, b->spare, n, j.depth);
  }
  size_t i = 0;
  while (i < n && v[i].key.n == j.depth) {
    ++i;
  }
  if (i > 0) {
    t->value[j.node] = v[0].value;
  }
  unsigned char labels[BLOCK];
  size_t first[BLOCK + 1];
  int nlabel = 0;
  for (; i < n; ++i) {
    unsigned char c = (unsigned char)v[i].key.p[j.depth];
    if (nlabel == 0 || labels[nlabel - 1] != c) {
      labels[nlabel] = c;
      first[nlabel++] = i;
    }
  }
  if (nlabel == 0) {
    return TFM_OK;
  }
  first[nlabel] = n;
  int32_t base = 0;
  tfm_status st = find_base(t, labels, nlabel, &base);
  t->unit[j.node].base = st == TFM_OK ? base : -1;
  for (int k = 0; k < nlabel && st == TFM_OK; ++k) {
    int32_t child = base ^ labels[k];
    take_slot(t, child, j.node);
    st = note_node(t, child);
    if (st == TFM_OK) {
      st = push_job(b, (job){child, j.low + first[k], j.low + first[k + 1], j.depth + 1});
    }
  }
  return st;
}

static tfm_status make_root(builder *b, size_t low, size_t high, int32_t *root)
{
  tfm__trie *t = b->t;
  tfm_status st = TFM_OK;
  if (t->slots == 0 || t->first < 0) {
    TFM_TRY(add_block(t));
  }
  *root = t->first;
  take_slot(t, *root, ROOT);
  TFM_TRY(note_node(t, *root));
  TFM_TRY(push_job(b, (job){*root, low, high, 0}));

fail:
  return st;
}

tfm_status tfm__trie_build(tfm__trie *t, tfm__trie_item *items, const size_t *start, int ntrie,
                           int32_t *root)
{
  tfm_status st = TFM_OK;
  builder b = {.t = t, .items = items};
  b.spare = tfm_realloc(NULL, start[ntrie] + 1, sizeof *b.spare);
  if (!b.spare) {
    return TFM_E_NOMEM;
  }
  for (int i = 0; i < ntrie; ++i) {
    TFM_TRY(make_root(&b, start[i], start[i + 1], &root[i]));
  }
  for (size_t i = 0; i < b.njob; ++i) {
    TFM_TRY(make_children(&b, b.jobs[i]));
  }

fail:
  tfm_free(b.spare);
  tfm_free(b.jobs);
  tfm_free(t->next_free);
  tfm_free(t->last_free);
  t->next_free = t->last_free = NULL;
  return st;
}

void tfm__trie_fini(tfm__trie *t)
{
  tfm_free(t->unit);
  tfm_free(t->value);
  tfm_free(t->order);
  tfm_free(t->next_free);
  tfm_free(t->last_free);
  *t = (tfm__trie){0};
}
