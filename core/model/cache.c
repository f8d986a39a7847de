#include "core/model/cache.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/pages.h"

static int64_t pages_for(int64_t tokens)
{
  return (tokens + TFM_PAGE_KEYS - 1) / TFM_PAGE_KEYS;
}

tfm_status tfm__cache_open(tfm__cache *cache, int64_t nslot, int64_t npage, int64_t page_floats,
                           int64_t longest, int64_t max_sequences, tfm_err *err)
{
  size_t floats = 0;
  const int64_t each = pages_for(longest);
  *cache = (tfm__cache){.nslot = nslot,
                        .npage = npage,
                        .longest = longest,
                        .page_floats = page_floats,
                        .nspare = npage};
  if (!tfm_mul_size((size_t)npage, (size_t)page_floats, &floats)) {
    return tfm_fail(err, TFM_E_NOMEM, "%lld pages of keys and values", (long long)npage);
  }
  cache->bytes = floats * sizeof(float);
  cache->memory =
      tfm_alloc_aligned(floats + 1, sizeof(float)); /* a slice without attention: 0 */
  cache->slots = tfm_calloc((size_t)nslot, sizeof *cache->slots);
  cache->table = tfm_calloc((size_t)(nslot * each), sizeof *cache->table);
  cache->spare = tfm_calloc((size_t)npage, sizeof *cache->spare);
  cache->of_batch = tfm_calloc((size_t)max_sequences, sizeof *cache->of_batch);
  if (!cache->memory || !cache->slots || !cache->table || !cache->spare || !cache->of_batch) {
    return tfm_fail(err, TFM_E_NOMEM,
                    "%lld pages of keys and values: %zu bytes; lower --kv-budget",
                    (long long)npage, cache->bytes);
  }
  for (int64_t s = 0; s < nslot; ++s) {
    cache->slots[s].page = cache->table + s * each;
  }
  for (int64_t p = 0; p < npage; ++p) {
    cache->spare[p] = (int32_t)(npage - 1 - p); /* the first page is taken first */
  }
  return TFM_OK;
}

void tfm__cache_fini(tfm__cache *cache)
{
  tfm_free(cache->memory);
  tfm_free(cache->slots);
  tfm_free(cache->table);
  tfm_free(cache->spare);
  tfm_free(cache->of_batch);
  *cache = (tfm__cache){.nslot = 0};
}

static void let_go(tfm__cache *cache, tfm__slot *slot)
{
  while (slot->npage > 0) {
    --slot->npage;
    const int64_t at =
        cache->page_floats ? (slot->page[slot->npage] - cache->memory) / cache->page_floats : 0;
    cache->spare[cache->nspare++] = (int32_t)at;
  }
  slot->length = 0;
}

static tfm_status grow(tfm__cache *cache, tfm__slot *slot, int64_t n, tfm_err *err)
{
  while (slot->npage < pages_for(slot->length + n)) {
    if (cache->nspare == 0) {
      return tfm_fail(err, TFM_E_FORMAT, "all %lld pages of keys and values are taken",
                      (long long)cache->npage);
    }
    slot->page[slot->npage++] =
        cache->memory + cache->spare[--cache->nspare] * cache->page_floats;
  }
  slot->length += n;
  return TFM_OK;
}

tfm_status tfm__cache_take(tfm__cache *cache, const tfm_batch *batch, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int64_t i = 0; i < batch->nfreed; ++i) {
    if (batch->freed[i] >= 0 && batch->freed[i] < cache->nslot) {
      let_go(cache, &cache->slots[batch->freed[i]]);
    }
  }
  for (int64_t b = 0; b < batch->B; ++b) {
    const int64_t n = batch->cu_len[b + 1] - batch->cu_len[b];
    if (batch->slot[b] < 0 || batch->slot[b] >= cache->nslot) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "slot: want 0 to %lld, got %d",
                       (long long)cache->nslot - 1, batch->slot[b]));
    }
    tfm__slot *slot = &cache->slots[batch->slot[b]];
    if (batch->start[b] == 0) {
      let_go(cache, slot);
    }
    if (batch->start[b] != slot->length || slot->length + n > cache->longest) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       "slot %d: want tokens from place %lld on, up to %lld, got %lld from %d",
                       batch->slot[b], (long long)slot->length, (long long)cache->longest,
                       (long long)n, batch->start[b]));
    }
    TFM_TRY(grow(cache, slot, n, err));
    cache->of_batch[b] = slot->page;
  }

fail:
  return st;
}
