#include "core/text/algo/bpe_merge.h"

#include "core/base/mem.h"

#include <string.h>

/* Three ways to the same answer. A short word is searched anew for its lowest rank after each
 * merge: nothing is faster for a handful of symbols. A long word keeps its pairs in one list for
 * each rank and takes the ranks in order: when no rank below the current one can come up any more
 * (`ordered`), all pairs of a rank are merged at once, and where they stand matters only inside a
 * run of one symbol. For other tables there is a heap.
 *
 * The heap is the definition, for the library does it so: an entry whose pair has changed since is
 * dropped, but not when what stands there now merges into the same token. That can only be when
 * a merge adds no text (`shrinking`). */

enum { FEW = 40 };
#define NONE UINT32_MAX

typedef struct tfm__merge_symbol {
  int32_t id;
  uint32_t bytes; /* 0: merged into the one before */
  int32_t prev, next;
  uint32_t rank;         /* of the pair with next; NONE: does not merge */
  int32_t before, after; /* in the list of its rank */
} symbol;

/* ---- the table ---- */

static inline uint64_t pair_of(int32_t left, int32_t right)
{
  return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline size_t place_of(const tfm__merges *m, uint64_t pair)
{
  return (size_t)((pair ^ pair >> 29) * 0x9e3779b97f4a7c15u >> m->shift);
}

static inline tfm__merge_slot *slot_of(const tfm__merges *m, uint64_t pair)
{
  size_t mask = ((size_t)1 << (64 - m->shift)) - 1;
  size_t i = place_of(m, pair);
  while (m->slot[i].pair != pair && m->slot[i].pair != UINT64_MAX) {
    i = (i + 1) & mask;
  }
  return &m->slot[i];
}

/* NONE when the two do not merge. A free slot has rank NONE. */
static inline uint32_t rank_of(const tfm__merges *m, int32_t left, int32_t right)
{
  return slot_of(m, pair_of(left, right))->rank;
}

enum { LEAST_BITS = 10 };

/* Move to a table of 2^bits, which is larger than the one before. */
static tfm_status grow_slots(tfm__merges *m, unsigned bits)
{
  tfm__merges old = *m;
  m->slot = tfm_realloc_huge(NULL, (size_t)1 << bits, sizeof *m->slot);
  if (!m->slot) {
    m->slot = old.slot;
    return TFM_E_NOMEM;
  }
  m->shift = 64 - bits;
  memset(m->slot, 0xff, sizeof *m->slot << bits);
  for (size_t i = 0; old.slot && i < (size_t)1 << (64 - old.shift); ++i) {
    if (old.slot[i].pair != UINT64_MAX) {
      *slot_of(m, old.slot[i].pair) = old.slot[i];
    }
  }
  tfm_free(old.slot);
  return TFM_OK;
}

tfm_status tfm__merges_reserve(tfm__merges *m, size_t n)
{
  unsigned bits = m->slot ? 64 - m->shift : LEAST_BITS;
  bool small = !m->slot;
  while (n > ((size_t)1 << bits) / 2) {
    ++bits;
    small = true;
  }
  return small ? grow_slots(m, bits) : TFM_OK;
}

void tfm__merges_expect(const tfm__merges *m, int32_t left, int32_t right)
{
  if (m->slot) {
    __builtin_prefetch(&m->slot[place_of(m, pair_of(left, right))], 1);
  }
}

tfm_status tfm__merges_add(tfm__merges *m, int32_t left, int32_t right, int32_t result)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__merges_reserve(m, m->n + 1));
  if (m->ranks == m->rank_cap) {
    size_t cap = m->rank_cap ? m->rank_cap * 2 : 1024;
    int32_t *v = cap < INT32_MAX ? tfm_realloc(m->result, cap, sizeof *v) : NULL;
    if (!v) {
      return TFM_E_NOMEM;
    }
    m->result = v;
    m->rank_cap = cap;
  }
  tfm__merge_slot *s = slot_of(m, pair_of(left, right));
  m->n += s->pair == UINT64_MAX;
  *s = (tfm__merge_slot){pair_of(left, right), (uint32_t)m->ranks, result};
  m->result[m->ranks++] = result;

fail:
  return st;
}

tfm_status tfm__merges_ready(tfm__merges *m, int32_t highest)
{
  if (tfm__merges_reserve(m, 0) != TFM_OK) {
    return TFM_E_NOMEM;
  }
  size_t nslot = (size_t)1 << (64 - m->shift);
  int64_t *made = tfm_realloc(NULL, (size_t)highest + 1, sizeof *made);
  if (!made) {
    return TFM_E_NOMEM;
  }
  memset(made, 0xff, ((size_t)highest + 1) * sizeof *made);
  for (size_t i = 0; i < nslot; ++i) {
    const tfm__merge_slot *s = &m->slot[i];
    if (s->pair != UINT64_MAX && s->rank > made[s->result]) {
      made[s->result] = s->rank;
    }
  }
  m->ordered = true;
  for (size_t i = 0; i < nslot; ++i) {
    const tfm__merge_slot *s = &m->slot[i];
    m->ordered &= s->pair == UINT64_MAX ||
                  (s->rank > made[s->pair >> 32] && s->rank > made[s->pair & UINT32_MAX]);
  }
  tfm_free(made);
  return TFM_OK;
}

void tfm__merges_fini(tfm__merges *m)
{
  tfm_free(m->slot);
  tfm_free(m->result);
  *m = (tfm__merges){0};
}

/* ---- a few symbols ---- */

static size_t merge_few(const tfm__merges *m, tfm__part *v, size_t n)
{
  uint32_t rank[FEW];
  for (size_t i = 0; i + 1 < n; ++i) {
    rank[i] = rank_of(m, v[i].id, v[i + 1].id);
  }
  while (n > 1) {
    uint32_t best = NONE;
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; ++i) {
      at = rank[i] < best ? i : at;
      best = rank[i] < best ? rank[i] : best;
    }
    if (best == NONE) {
      break;
    }
    v[at].id = m->result[best];
    v[at].bytes += v[at + 1].bytes;
    --n;
    for (size_t i = at + 1; i < n; ++i) {
      v[i] = v[i + 1];
      rank[i - 1] = rank[i];
    }
    if (at + 1 < n) {
      rank[at] = rank_of(m, v[at].id, v[at + 1].id);
    }
    if (at > 0) {
      rank[at - 1] = rank_of(m, v[at - 1].id, v[at].id);
    }
  }
  return n;
}

/* ---- many symbols ---- */

static tfm_status lay_symbols(const tfm__merges *m, tfm__merge_work *w, const tfm__part *v,
                              size_t n)
{
  if (n > INT32_MAX) {
    return TFM_E_NOMEM;
  }
  if (n > w->symbol_cap) {
    tfm_free(w->symbol);
    w->symbol = tfm_realloc(NULL, n, sizeof *w->symbol);
    w->symbol_cap = w->symbol ? n : 0;
    if (!w->symbol) {
      return TFM_E_NOMEM;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    int32_t next = i + 1 < n ? (int32_t)i + 1 : -1;
    w->symbol[i] = (symbol){.id = v[i].id,
                            .bytes = v[i].bytes,
                            .prev = (int32_t)i - 1,
                            .next = next,
                            .rank = next < 0 ? NONE : rank_of(m, v[i].id, v[i + 1].id)};
  }
  return TFM_OK;
}

static size_t take_symbols(const tfm__merge_work *w, tfm__part *v)
{
  size_t n = 0;
  for (int32_t i = 0; i >= 0; i = w->symbol[i].next) {
    v[n++] = (tfm__part){w->symbol[i].id, w->symbol[i].bytes};
  }
  return n;
}

/* Symbol i takes in the one behind it; ranks are for the caller to mend. */
static void join(symbol *v, int32_t i, int32_t result)
{
  symbol *right = &v[v[i].next];
  v[i].id = result;
  v[i].bytes += right->bytes;
  v[i].next = right->next;
  right->bytes = 0;
  if (v[i].next >= 0) {
    v[v[i].next].prev = i;
  }
}

/* ---- by heap: of rank and place ---- */

static tfm_status push(tfm__merge_work *w, uint64_t key)
{
  if (w->nheap == w->heap_cap) {
    size_t cap = w->heap_cap ? w->heap_cap * 2 : 256;
    uint64_t *heap = tfm_realloc(w->heap, cap, sizeof *heap);
    if (!heap) {
      return TFM_E_NOMEM;
    }
    w->heap = heap;
    w->heap_cap = cap;
  }
  size_t i = w->nheap++;
  while (i > 0 && w->heap[(i - 1) / 4] > key) {
    w->heap[i] = w->heap[(i - 1) / 4];
    i = (i - 1) / 4;
  }
  w->heap[i] = key;
  return TFM_OK;
}

static uint64_t pop(tfm__merge_work *w)
{
  uint64_t top = w->heap[0];
  uint64_t last = w->heap[--w->nheap];
  size_t i = 0;
  for (;;) {
    size_t child = 4 * i + 1;
    if (child >= w->nheap) {
      break;
    }
    size_t end = child + 4 < w->nheap ? child + 4 : w->nheap;
    for (size_t k = child + 1; k < end; ++k) {
      child = w->heap[k] < w->heap[child] ? k : child;
    }
    if (w->heap[child] >= last) {
      break;
    }
    w->heap[i] = w->heap[child];
    i = child;
  }
  w->heap[i] = last;
  return top;
}

static tfm_status push_pair(const tfm__merges *m, tfm__merge_work *w, int32_t i)
{
  symbol *s = &w->symbol[i];
  s->rank = s->next < 0 ? NONE : rank_of(m, s->id, w->symbol[s->next].id);
  return s->rank == NONE ? TFM_OK : push(w, (uint64_t)s->rank << 32 | (uint32_t)i);
}

static tfm_status merge_by_heap(const tfm__merges *m, tfm__merge_work *w, size_t n)
{
  tfm_status st = TFM_OK;
  w->nheap = 0;
  for (size_t i = 0; i < n; ++i) {
    if (w->symbol[i].rank != NONE) {
      TFM_TRY(push(w, (uint64_t)w->symbol[i].rank << 32 | i));
    }
  }
  while (w->nheap) {
    uint64_t top = pop(w);
    int32_t i = (int32_t)(top & UINT32_MAX);
    int32_t result = m->result[top >> 32];
    const symbol *s = &w->symbol[i];
    if (s->bytes == 0 || s->rank == NONE || m->result[s->rank] != result) {
      continue;
    }
    join(w->symbol, i, result);
    if (s->prev >= 0) {
      TFM_TRY(push_pair(m, w, s->prev));
    }
    TFM_TRY(push_pair(m, w, i));
  }

fail:
  return st;
}

/* ---- by lists: one of each rank; the heap holds the ranks that have one ---- */

static void leave_list(tfm__merge_work *w, int32_t i)
{
  symbol *s = &w->symbol[i];
  if (s->rank == NONE) {
    return;
  }
  if (s->before >= 0) {
    w->symbol[s->before].after = s->after;
  } else {
    w->bucket[s->rank] = s->after;
  }
  if (s->after >= 0) {
    w->symbol[s->after].before = s->before;
  }
  s->rank = NONE;
}

static tfm_status enter_list(tfm__merge_work *w, int32_t i, uint32_t rank)
{
  symbol *s = &w->symbol[i];
  s->rank = rank;
  if (rank == NONE) {
    return TFM_OK;
  }
  int32_t first = w->bucket[rank];
  s->before = -1;
  s->after = first;
  w->bucket[rank] = i;
  if (first >= 0) {
    w->symbol[first].before = i;
    return TFM_OK;
  }
  return push(w, rank);
}

static tfm_status join_in_lists(const tfm__merges *m, tfm__merge_work *w, int32_t i,
                                int32_t result)
{
  tfm_status st = TFM_OK;
  symbol *v = w->symbol;
  leave_list(w, v[i].next);
  leave_list(w, i);
  join(v, i, result);
  if (v[i].next >= 0) {
    TFM_TRY(enter_list(w, i, rank_of(m, v[i].id, v[v[i].next].id)));
  }
  if (v[i].prev >= 0) {
    leave_list(w, v[i].prev);
    TFM_TRY(enter_list(w, v[i].prev, rank_of(m, v[v[i].prev].id, v[i].id)));
  }

fail:
  return st;
}

static tfm_status merge_by_lists(const tfm__merges *m, tfm__merge_work *w, size_t n)
{
  tfm_status st = TFM_OK;
  if (w->nbucket < m->ranks) {
    tfm_free(w->bucket);
    w->bucket = tfm_realloc(NULL, m->ranks, sizeof *w->bucket);
    w->nbucket = w->bucket ? m->ranks : 0;
    if (!w->bucket) {
      return TFM_E_NOMEM;
    }
    memset(w->bucket, 0xff, m->ranks * sizeof *w->bucket);
  }
  w->nheap = 0;
  for (size_t i = n; i-- > 0;) {
    TFM_TRY(enter_list(w, (int32_t)i, w->symbol[i].rank));
  }
  while (w->nheap) {
    uint32_t rank = (uint32_t)pop(w);
    while (w->bucket[rank] >= 0) {
      int32_t i = w->bucket[rank];
      while (w->symbol[i].prev >= 0 && w->symbol[w->symbol[i].prev].rank == rank) {
        i = w->symbol[i].prev; /* a run of one symbol is merged from its start */
      }
      while (i >= 0 && w->symbol[i].rank == rank) {
        TFM_TRY(join_in_lists(m, w, i, m->result[rank]));
        i = w->symbol[i].next;
      }
    }
  }
  return TFM_OK;

fail:
  tfm_free(w->bucket); /* its lists are no longer empty */
  w->bucket = NULL;
  w->nbucket = 0;
  return st;
}

tfm_status tfm__merge(const tfm__merges *m, tfm__merge_work *w, tfm__part *part, size_t *n)
{
  tfm_status st = TFM_OK;
  if (*n < 2) {
    return TFM_OK;
  }
  if (*n <= FEW && !m->shrinking) {
    *n = merge_few(m, part, *n);
    return TFM_OK;
  }
  TFM_TRY(lay_symbols(m, w, part, *n));
  if (m->ordered && !m->shrinking) {
    TFM_TRY(merge_by_lists(m, w, *n));
  } else {
    TFM_TRY(merge_by_heap(m, w, *n));
  }
  *n = take_symbols(w, part);

fail:
  return st;
}

void tfm__merge_work_trim(tfm__merge_work *w)
{
  enum { LARGE = 1 << 16 };
  if (w->symbol_cap > LARGE || w->heap_cap > LARGE) {
    tfm_free(w->symbol);
    tfm_free(w->heap);
    w->symbol = NULL;
    w->heap = NULL;
    w->symbol_cap = w->heap_cap = w->nheap = 0;
  }
}

void tfm__merge_work_fini(tfm__merge_work *w)
{
  tfm_free(w->symbol);
  tfm_free(w->heap);
  tfm_free(w->bucket);
  *w = (tfm__merge_work){0};
}
