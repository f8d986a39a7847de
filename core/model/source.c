#include "core/model/source.h"

#include "core/base/mem.h"
#include "core/kernels/pages.h"

static int64_t pages_for(int64_t tokens)
{
  return (tokens + TFM_PAGE_KEYS - 1) / TFM_PAGE_KEYS;
}

size_t tfm__sources_bytes(const tfm__sources_size *size)
{
  return (size_t)(size->npage * size->page_floats) * sizeof(float);
}

tfm_status tfm__sources_open(tfm__sources *sources, const tfm__sources_size *size, tfm_err *err)
{
  const size_t slots = (size_t)size->nslot;
  const size_t each = (size_t)pages_for(size->longest);
  const size_t pages = (size_t)size->npage;
  *sources = (tfm__sources){.nslot = size->nslot,
                            .longest = size->longest,
                            .npage = size->npage,
                            .page_floats = size->page_floats,
                            .bytes = tfm__sources_bytes(size)};
  sources->slots = tfm_calloc(slots + 1, sizeof *sources->slots);
  sources->table = tfm_calloc(slots * each + 1, sizeof *sources->table);
  sources->memory = tfm_alloc_aligned(sources->bytes / sizeof(float) + 1, sizeof(float));
  sources->pages = tfm_calloc(pages + 1, sizeof *sources->pages);
  sources->of_batch = tfm_calloc((size_t)size->max_sequences, sizeof *sources->of_batch);
  sources->keys = tfm_calloc((size_t)size->max_sequences, sizeof *sources->keys);
  if (!sources->slots || !sources->table || !sources->memory || !sources->pages ||
      !sources->of_batch || !sources->keys) {
    return tfm_fail(err, TFM_E_NOMEM, "keys and values of the source: %zu bytes",
                    sources->bytes);
  }
  for (size_t s = 0; s < slots; ++s) {
    sources->slots[s].page = sources->table + s * each;
  }
  for (int64_t p = 0; p < size->npage; ++p) {
    sources->pages[p] = sources->memory + p * size->page_floats;
  }
  return TFM_OK;
}

void tfm__sources_fini(tfm__sources *sources)
{
  tfm_free(sources->slots);
  tfm_free(sources->table);
  tfm_free(sources->memory);
  tfm_free(sources->pages);
  tfm_free(sources->of_batch);
  tfm_free(sources->keys);
  *sources = (tfm__sources){.nslot = 0};
}

static void let_go(tfm__sources *sources, tfm__cache *cache, int32_t slot)
{
  if (slot >= 0 && slot < sources->nslot) {
    tfm__slot *s = &sources->slots[slot];
    while (s->npage > 0) {
      tfm__cache_leave_page(cache, s->page[--s->npage]);
    }
    s->length = 0;
  }
}

void tfm__sources_leave(tfm__sources *sources, tfm__cache *cache, const tfm_batch *batch)
{
  for (int64_t i = 0; i < batch->nfreed; ++i) {
    let_go(sources, cache, batch->freed[i]);
  }
  for (int64_t b = 0; b < batch->B; ++b) {
    if (batch->start[b] == 0) {
      let_go(sources, cache, batch->slot[b]);
    }
  }
}

/* A sequence that goes on from another one of the same text shares its source. */
static void share_source(tfm__sources *sources, tfm__cache *cache, int32_t to, int32_t from)
{
  const tfm__slot *theirs = &sources->slots[from];
  tfm__slot *own = &sources->slots[to];
  if (own->npage == theirs->npage &&
      (own->npage == 0 || own->page[own->npage - 1] == theirs->page[own->npage - 1])) {
    return;
  }
  let_go(sources, cache, to);
  for (; own->npage < theirs->npage; ++own->npage) {
    own->page[own->npage] = theirs->page[own->npage];
    tfm__cache_share_page(cache, own->page[own->npage]);
  }
  own->length = theirs->length;
}

static int64_t source_of(const tfm_batch *batch, int64_t b)
{
  return batch->cu_source ? batch->cu_source[b + 1] - batch->cu_source[b] : 0;
}

tfm_status tfm__sources_take(tfm__sources *sources, tfm__cache *cache, const tfm_batch *batch,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int64_t b = 0; b < batch->B; ++b) {
    tfm__slot *slot = &sources->slots[batch->slot[b]];
    const int64_t n = source_of(batch, b);
    const bool begins = batch->start[b] == 0;
    if (batch->parent && !begins) {
      share_source(sources, cache, batch->slot[b], batch->parent[b]);
    }
    if (begins != (n > 0) || n > sources->longest) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       "slot %d: want a source of %d to %lld tokens at place %d, got %lld",
                       batch->slot[b], begins, begins ? (long long)sources->longest : 0,
                       batch->start[b], (long long)n));
    }
    while (slot->npage < pages_for(n)) {
      TFM_TRY(tfm__cache_take_page(cache, &slot->page[slot->npage], err));
      ++slot->npage;
    }
    slot->length = n > 0 ? n : slot->length;
    if (slot->length == 0) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "slot %d: it has no source", batch->slot[b]));
    }
    sources->of_batch[b] = slot->page;
    sources->keys[b] = (int32_t)slot->length;
  }

fail:
  return st;
}

void tfm__sources_spread(const tfm__sources *sources, const int32_t *cu, int64_t n)
{
  int64_t page = 0;
  for (int64_t b = 0; b < n; ++b) {
    sources->keys[b] = cu[b + 1] - cu[b];
    sources->of_batch[b] = sources->pages + page;
    page += pages_for(sources->keys[b]);
  }
  TFM_ASSERT(page <= sources->npage);
}
