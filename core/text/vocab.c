#include "core/text/vocab.h"

#include "core/base/mem.h"

#include <string.h>

enum {
  LEAST_SLOTS = 1024,
  AHEAD = 16, /* entries whose slots are asked for beforehand */
  GROUP = 32  /* tokens that are looked up together */
};

void tfm__vocab_init(tfm__vocab *v)
{
  *v = (tfm__vocab){.highest = -1};
}

/* Multiply and fold over words of 8 bytes. The start depends on where the vocabulary lies, so
 * that a file cannot be made whose tokens all fall into one slot. */
static uint32_t hash_of(const tfm__vocab *v, tfm_span s)
{
  uint64_t h = (uint64_t)(uintptr_t)v * 0x9e3779b97f4a7c15u + s.n;
  uint64_t word = 0;
  const char *p = s.p;
  size_t n = s.n;
  for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
    memcpy(&word, p, sizeof word);
    h = (h ^ word) * 0xd6e8feb86659fd93u;
    h ^= h >> 32;
  }
  word = 0;
  for (size_t i = 0; i < n; ++i) {
    word = word << 8 | (unsigned char)p[i];
  }
  h = (h ^ word) * 0xd6e8feb86659fd93u;
  h ^= h >> 32;
  h *= 0x9e3779b97f4a7c15u;
  return (uint32_t)(h >> 32);
}

/* The slot of a token, or the free one where it belongs. The table is never full. */
static size_t slot_of(const tfm__vocab *v, tfm_span token, uint32_t hash)
{
  size_t i = hash & (v->nslot - 1);
  while (v->slot[i].entry >= 0) {
    if (v->slot[i].hash == hash &&
        tfm_span_eq(tfm__vocab_entry_text(v, &v->entry[v->slot[i].entry]), token)) {
      return i;
    }
    i = (i + 1) & (v->nslot - 1);
  }
  return i;
}

static bool take_slots(tfm__vocab *v, size_t nslot)
{
  tfm__vocab_slot *slot = tfm_realloc_huge(NULL, nslot, sizeof *slot);
  if (!slot) {
    return false;
  }
  memset(slot, 0xff, nslot * sizeof *slot);
  tfm_free(v->slot);
  v->slot = slot;
  v->nslot = nslot;
  return true;
}

static bool grow_slots(tfm__vocab *v)
{
  if (!take_slots(v, v->nslot ? v->nslot * 4 : LEAST_SLOTS)) { /* entries are moved seldom */
    return false;
  }
  for (size_t k = 0; k < v->n; ++k) {
    size_t i = v->entry[k].hash & (v->nslot - 1);
    while (v->slot[i].entry >= 0) {
      i = (i + 1) & (v->nslot - 1);
    }
    v->slot[i] = (tfm__vocab_slot){v->entry[k].hash, (int32_t)k};
  }
  return true;
}

static bool grow_entries(tfm__vocab *v)
{
  size_t cap = v->cap ? v->cap * 2 : LEAST_SLOTS / 2;
  tfm__vocab_entry *entry = tfm_realloc_huge(v->entry, cap, sizeof *entry);
  if (!entry) {
    return false;
  }
  v->entry = entry;
  v->cap = cap;
  return true;
}

static bool grow_ids(tfm__vocab *v, int32_t id)
{
  size_t cap = v->by_id_cap ? v->by_id_cap : LEAST_SLOTS;
  while (cap <= (size_t)id) {
    cap *= 2;
  }
  int32_t *by_id = tfm_realloc_huge(v->by_id, cap, sizeof *by_id);
  if (!by_id) {
    return false;
  }
  memset(by_id + v->by_id_cap, 0xff, (cap - v->by_id_cap) * sizeof *by_id);
  v->by_id = by_id;
  v->by_id_cap = cap;
  return true;
}

/* Give entry k the id. */
static tfm__vocab_answer set_id(tfm__vocab *v, int32_t k, int32_t id)
{
  TFM_ASSERT(id >= 0 && id <= TFM__HIGHEST_ID);
  if ((size_t)id >= v->by_id_cap && !grow_ids(v, id)) {
    return TFM__NO_MEMORY;
  }
  if (v->by_id[id] >= 0) {
    return TFM__SAME_ID;
  }
  v->by_id[id] = k;
  v->highest = id > v->highest ? id : v->highest;
  return TFM__ADDED;
}

/* Append the entry of a token; its text gets no slot. */
static tfm__vocab_answer append(tfm__vocab *v, tfm_span token, uint32_t hash, int32_t id)
{
  if (v->n == v->cap && !grow_entries(v)) {
    return TFM__NO_MEMORY;
  }
  size_t from = v->text.n;
  if (token.n > UINT32_MAX - from || v->n >= INT32_MAX ||
      tfm_buf_reserve(&v->text, token.n + 1) != TFM_OK || /* an empty token has a place too */
      tfm_buf_span(&v->text, token) != TFM_OK) {
    return TFM__NO_MEMORY;
  }
  tfm__vocab_answer answer = set_id(v, (int32_t)v->n, id);
  if (answer != TFM__ADDED) {
    v->text.n = from;
    return answer;
  }
  v->entry[v->n++] = (tfm__vocab_entry){(uint32_t)from, (uint32_t)token.n, hash, id};
  return TFM__ADDED;
}

tfm__vocab_answer tfm__vocab_add(tfm__vocab *v, tfm_span token, int32_t id)
{
  if (v->n * 2 >= v->nslot && !grow_slots(v)) {
    return TFM__NO_MEMORY;
  }
  uint32_t hash = hash_of(v, token);
  size_t i = slot_of(v, token, hash);
  if (v->slot[i].entry >= 0) {
    return TFM__SAME_TEXT;
  }
  tfm__vocab_answer answer = append(v, token, hash, id);
  if (answer == TFM__ADDED) {
    v->slot[i] = (tfm__vocab_slot){hash, (int32_t)(v->n - 1)};
  }
  return answer;
}

tfm__vocab_answer tfm__vocab_append(tfm__vocab *v, tfm_span token, int32_t id)
{
  return append(v, token, hash_of(v, token), id);
}

tfm__vocab_answer tfm__vocab_index(tfm__vocab *v, size_t *twice)
{
  size_t nslot = LEAST_SLOTS;
  while (nslot < v->n * 2) {
    nslot *= 2;
  }
  if (!take_slots(v, nslot)) {
    return TFM__NO_MEMORY;
  }
  for (size_t k = 0; k < v->n; ++k) {
    if (k + AHEAD < v->n) {
      __builtin_prefetch(&v->slot[v->entry[k + AHEAD].hash & (nslot - 1)], 1);
    }
    const tfm__vocab_entry *e = &v->entry[k];
    tfm__vocab_slot *slot = &v->slot[slot_of(v, tfm__vocab_entry_text(v, e), e->hash)];
    if (slot->entry >= 0) {
      *twice = k;
      return TFM__SAME_TEXT;
    }
    *slot = (tfm__vocab_slot){e->hash, (int32_t)k};
  }
  return TFM__ADDED;
}

tfm__vocab_answer tfm__vocab_move(tfm__vocab *v, tfm_span token, int32_t id)
{
  int32_t k = v->slot[slot_of(v, token, hash_of(v, token))].entry;
  TFM_ASSERT(k >= 0);
  tfm__vocab_answer answer = set_id(v, k, id);
  if (answer == TFM__ADDED) {
    v->by_id[v->entry[k].id] = -1;
    v->entry[k].id = id;
  }
  return answer;
}

int32_t tfm__vocab_id(const tfm__vocab *v, tfm_span token)
{
  if (v->nslot == 0) { /* empty, or half read when reading failed */
    return -1;
  }
  int32_t k = v->slot[slot_of(v, token, hash_of(v, token))].entry;
  return k < 0 ? -1 : v->entry[k].id;
}

/* The entry whose hash is the token's, and most probably the token; -1: there is none. */
static int32_t likely_entry(const tfm__vocab *v, uint32_t hash)
{
  size_t i = hash & (v->nslot - 1);
  while (v->slot[i].entry >= 0 && v->slot[i].hash != hash) {
    i = (i + 1) & (v->nslot - 1);
  }
  return v->slot[i].entry;
}

/* Each loop asks for what the next one needs, so that waits overlap. */
static void find_group(const tfm__vocab *v, const tfm_span *token, size_t n, int32_t *id)
{
  uint32_t hash[GROUP];
  int32_t entry[GROUP];
  for (size_t i = 0; i < n; ++i) {
    hash[i] = hash_of(v, token[i]);
    __builtin_prefetch(&v->slot[hash[i] & (v->nslot - 1)]);
  }
  for (size_t i = 0; i < n; ++i) {
    entry[i] = likely_entry(v, hash[i]);
    if (entry[i] >= 0) {
      __builtin_prefetch(&v->entry[entry[i]]);
    }
  }
  for (size_t i = 0; i < n; ++i) {
    if (entry[i] >= 0) {
      __builtin_prefetch(v->text.data + v->entry[entry[i]].from);
    }
  }
  for (size_t i = 0; i < n; ++i) {
    int32_t k = v->slot[slot_of(v, token[i], hash[i])].entry;
    id[i] = k < 0 ? -1 : v->entry[k].id;
  }
}

void tfm__vocab_ids(const tfm__vocab *v, const tfm_span *token, size_t n, int32_t *id)
{
  if (v->nslot == 0) { /* empty, or half read when reading failed */
    memset(id, 0xff, n * sizeof *id);
    return;
  }
  for (size_t i = 0; i < n; i += GROUP) {
    find_group(v, token + i, n - i < GROUP ? n - i : GROUP, id + i);
  }
}

tfm_span tfm__vocab_text(const tfm__vocab *v, int32_t id)
{
  if (id < 0 || id > v->highest || v->by_id[id] < 0) {
    return (tfm_span){NULL, 0};
  }
  return tfm__vocab_entry_text(v, &v->entry[v->by_id[id]]);
}

void tfm__vocab_fini(tfm__vocab *v)
{
  tfm_buf_fini(&v->text);
  tfm_free(v->entry);
  tfm_free(v->slot);
  tfm_free(v->by_id);
  tfm__vocab_init(v);
}
