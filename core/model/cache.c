#include "core/model/cache.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/pages.h"

#include <string.h>

static int64_t pages_for(int64_t tokens)
{
  return (tokens + TFM_PAGE_KEYS - 1) / TFM_PAGE_KEYS;
}

static tfm_status make_memory(tfm__cache *cache, int64_t each, int64_t max_sequences,
                              tfm_err *err)
{
  const size_t slots = (size_t)cache->nslot;
  size_t floats = 0;
  if (!tfm_mul_size((size_t)cache->npage, (size_t)cache->page_floats, &floats)) {
    return tfm_fail(err, TFM_E_NOMEM, "%lld pages of keys and values", (long long)cache->npage);
  }
  cache->bytes = floats * sizeof(float);
  cache->memory =
      tfm_alloc_aligned(floats + 1, sizeof(float)); /* a slice without attention: 0 */
  cache->slots = tfm_calloc(slots, sizeof *cache->slots);
  cache->next = tfm_calloc(slots, sizeof *cache->next);
  cache->lists = tfm_calloc(slots, sizeof *cache->lists);
  cache->table = tfm_calloc(2 * slots * (size_t)each, sizeof *cache->table);
  cache->users = tfm_calloc((size_t)cache->npage, sizeof *cache->users);
  cache->spare = tfm_calloc((size_t)cache->npage, sizeof *cache->spare);
  cache->of_batch = tfm_calloc((size_t)max_sequences, sizeof *cache->of_batch);
  if (!cache->memory || !cache->slots || !cache->next || !cache->lists || !cache->table ||
      !cache->users || !cache->spare || !cache->of_batch) {
    return tfm_fail(err, TFM_E_NOMEM,
                    "%lld pages of keys and values: %zu bytes; lower --kv-budget",
                    (long long)cache->npage, cache->bytes);
  }
  return TFM_OK;
}

tfm_status tfm__cache_open(tfm__cache *cache, int64_t nslot, int64_t npage, int64_t page_floats,
                           int64_t longest, int64_t max_sequences, tfm_err *err)
{
  const int64_t each = pages_for(longest);
  *cache = (tfm__cache){.nslot = nslot,
                        .npage = npage,
                        .longest = longest,
                        .page_floats = page_floats,
                        .nspare = npage,
                        .nlist = nslot};
  const tfm_status st = make_memory(cache, each, max_sequences, err);
  for (int64_t s = 0; st == TFM_OK && s < nslot; ++s) {
    cache->slots[s].page = cache->table + s * each;
    cache->lists[s] = cache->table + (nslot + s) * each;
  }
  for (int64_t p = 0; st == TFM_OK && p < npage; ++p) {
    cache->spare[p] = (int32_t)(npage - 1 - p); /* the first page is taken first */
  }
  return st;
}

void tfm__cache_fini(tfm__cache *cache)
{
  tfm_free(cache->memory);
  tfm_free(cache->slots);
  tfm_free(cache->next);
  tfm_free(cache->lists);
  tfm_free(cache->table);
  tfm_free(cache->users);
  tfm_free(cache->spare);
  tfm_free(cache->of_batch);
  *cache = (tfm__cache){.nslot = 0};
}

static int64_t number_of(const tfm__cache *cache, const float *page)
{
  return cache->page_floats ? (page - cache->memory) / cache->page_floats : 0;
}

/* Pages of no floats, in a slice without attention, are not counted. */
void tfm__cache_leave_page(tfm__cache *cache, const float *page)
{
  const int64_t at = number_of(cache, page);
  if (cache->page_floats && --cache->users[at] == 0) {
    cache->spare[cache->nspare++] = (int32_t)at;
  }
}

void tfm__cache_share_page(tfm__cache *cache, const float *page)
{
  cache->users[number_of(cache, page)] += cache->page_floats > 0;
}

static void let_go(tfm__cache *cache, tfm__slot *slot)
{
  while (slot->npage > 0) {
    tfm__cache_leave_page(cache, slot->page[--slot->npage]);
  }
  slot->length = 0;
}

tfm_status tfm__cache_take_page(tfm__cache *cache, float **page, tfm_err *err)
{
  if (cache->page_floats == 0) {
    *page = cache->memory;
    return TFM_OK;
  }
  if (cache->nspare == 0) {
    return tfm_fail(err, TFM_E_FORMAT, "all %lld pages of keys and values are taken",
                    (long long)cache->npage);
  }
  const int32_t at = cache->spare[--cache->nspare];
  cache->users[at] = 1;
  *page = cache->memory + at * cache->page_floats;
  return TFM_OK;
}

/* The page that is written to next must be the slot's alone. */
static tfm_status own_last(tfm__cache *cache, tfm__slot *slot, tfm_err *err)
{
  if (slot->length % TFM_PAGE_KEYS == 0 || cache->page_floats == 0) {
    return TFM_OK;
  }
  float **last = &slot->page[slot->npage - 1];
  float *copy = NULL;
  if (cache->users[number_of(cache, *last)] == 1) {
    return TFM_OK;
  }
  const tfm_status st = tfm__cache_take_page(cache, &copy, err);
  if (st == TFM_OK) {
    memcpy(copy, *last, (size_t)cache->page_floats * sizeof *copy);
    tfm__cache_leave_page(cache, *last);
    *last = copy;
  }
  return st;
}

static tfm_status grow(tfm__cache *cache, tfm__slot *slot, int64_t n, tfm_err *err)
{
  tfm_status st = own_last(cache, slot, err);
  while (st == TFM_OK && slot->npage < pages_for(slot->length + n)) {
    st = tfm__cache_take_page(cache, &slot->page[slot->npage], err);
    slot->npage += st == TFM_OK;
  }
  slot->length += n;
  return st;
}

static bool goes_on(const tfm_batch *batch, int64_t b)
{
  return batch->parent && batch->parent[b] != batch->slot[b] && batch->start[b] > 0;
}

/* Slots that go on from others share their pages, all at once: those others may do so too. */
static void fork_slots(tfm__cache *cache, const tfm_batch *batch)
{
  for (int64_t b = 0; b < batch->B; ++b) {
    if (!goes_on(batch, b)) {
      continue;
    }
    const tfm__slot *from = &cache->slots[batch->parent[b]];
    tfm__slot *to = &cache->next[batch->slot[b]];
    const int64_t length = batch->start[b] < from->length ? batch->start[b] : from->length;
    *to = (tfm__slot){cache->lists[--cache->nlist], pages_for(length), length};
    memcpy(to->page, from->page, (size_t)from->npage * sizeof *to->page);
    for (int64_t i = 0; i < to->npage; ++i) {
      tfm__cache_share_page(cache, to->page[i]);
    }
  }
  for (int64_t b = 0; b < batch->B; ++b) {
    if (goes_on(batch, b)) {
      tfm__slot *slot = &cache->slots[batch->slot[b]];
      let_go(cache, slot);
      cache->lists[cache->nlist++] = slot->page;
      *slot = cache->next[batch->slot[b]];
    }
  }
}

/* Every slot is one, and none is there twice. */
static tfm_status check_slots(const tfm__cache *cache, const tfm_batch *batch, tfm_err *err)
{
  for (int64_t b = 0; b < batch->B; ++b) {
    const int32_t slots[2] = {batch->slot[b],
                              batch->parent ? batch->parent[b] : batch->slot[b]};
    for (int i = 0; i < 2; ++i) {
      if (slots[i] < 0 || slots[i] >= cache->nslot) {
        return tfm_fail(err, TFM_E_FORMAT, "%s: want 0 to %lld, got %d", i ? "parent" : "slot",
                        (long long)cache->nslot - 1, slots[i]);
      }
    }
  }
  for (int64_t b = 0; b < batch->B; ++b) {
    cache->next[batch->slot[b]].npage = 0;
  }
  for (int64_t b = 0; b < batch->B; ++b) {
    if (cache->next[batch->slot[b]].npage++ > 0) {
      return tfm_fail(err, TFM_E_FORMAT, "slot %d: want it once, got it twice", batch->slot[b]);
    }
  }
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
  TFM_TRY(check_slots(cache, batch, err));
  fork_slots(cache, batch);
  for (int64_t b = 0; b < batch->B; ++b) {
    const int64_t n = batch->cu_len[b + 1] - batch->cu_len[b];
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
