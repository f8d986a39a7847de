#include "core/base/map.h"

#include "core/base/checked.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

#include <sys/random.h>

enum { FIRST_SLOTS = 16 };

struct tfm_map_slot {
  const char *key; /* in the arena; NULL when the slot is free */
  size_t n;
  uint64_t hash;
  int64_t value;
};

/* The slot that holds the key, or the free one where it belongs. There is always a free one. */
static tfm_map_slot *slot_of(const tfm_map *map, tfm_span key, uint64_t hash)
{
  size_t mask = map->nslot - 1;
  for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
    tfm_map_slot *slot = &map->slots[i];
    if (!slot->key) {
      return slot;
    }
    if (slot->hash == hash && tfm_span_eq((tfm_span){slot->key, slot->n}, key)) {
      return slot;
    }
  }
}

static void seed_once(tfm_map *map)
{
  if (!map->nslot && getrandom(&map->seed, sizeof map->seed, GRND_NONBLOCK) < 0) {
    map->seed = (uint64_t)(uintptr_t)map; /* early boot: address randomisation must do */
  }
}

/* At most two thirds full, so that probing stays short. */
static tfm_status make_room(tfm_map *map)
{
  if (map->nslot && map->count < map->nslot - map->nslot / 3 - 1) {
    return TFM_OK;
  }
  size_t nslot = FIRST_SLOTS;
  if (map->nslot && !tfm_mul_size(map->nslot, 2, &nslot)) {
    return TFM_E_NOMEM;
  }
  seed_once(map);
  tfm_map_slot *slots = tfm_calloc(nslot, sizeof *slots);
  if (!slots) {
    return TFM_E_NOMEM;
  }
  tfm_map_slot *old = map->slots;
  size_t nold = map->nslot;
  map->slots = slots;
  map->nslot = nslot;
  for (size_t i = 0; i < nold; ++i) {
    if (old[i].key) {
      *slot_of(map, (tfm_span){old[i].key, old[i].n}, old[i].hash) = old[i];
    }
  }
  tfm_free(old);
  return TFM_OK;
}

/* The slot of a key, made when missing; NULL when memory is out. */
static tfm_map_slot *find_or_add(tfm_map *map, tfm_span key, bool *found)
{
  if (make_room(map) != TFM_OK) {
    return NULL;
  }
  uint64_t hash = tfm__hash(map->seed, key.p, key.n);
  tfm_map_slot *slot = slot_of(map, key, hash);
  *found = slot->key != NULL;
  if (*found) {
    return slot;
  }
  char *copy = tfm_arena_alloc(&map->keys, key.n);
  if (!copy) {
    return NULL;
  }
  if (key.n) {
    memcpy(copy, key.p, key.n);
  }
  *slot = (tfm_map_slot){.key = copy, .n = key.n, .hash = hash};
  ++map->count;
  return slot;
}

tfm_status tfm_map_add(tfm_map *map, tfm_span key, int64_t value, bool *found, int64_t *old)
{
  tfm_map_slot *slot = find_or_add(map, key, found);
  if (!slot) {
    return TFM_E_NOMEM;
  }
  if (!*found) {
    slot->value = value;
  } else if (old) {
    *old = slot->value;
  }
  return TFM_OK;
}

tfm_status tfm_map_set(tfm_map *map, tfm_span key, int64_t value)
{
  bool found = false;
  tfm_map_slot *slot = find_or_add(map, key, &found);
  if (!slot) {
    return TFM_E_NOMEM;
  }
  slot->value = value;
  return TFM_OK;
}

bool tfm_map_get(const tfm_map *map, tfm_span key, int64_t *value)
{
  if (!map->count) {
    return false;
  }
  const tfm_map_slot *slot = slot_of(map, key, tfm__hash(map->seed, key.p, key.n));
  if (!slot->key) {
    return false;
  }
  *value = slot->value;
  return true;
}

void tfm_map_fini(tfm_map *map)
{
  tfm_free(map->slots);
  tfm_arena_fini(&map->keys);
  *map = (tfm_map){0};
}
