/** String keys to int64 values: open addressing, keys copied into one arena. Built once, then
 * read: lookups are callable from many threads while nobody inserts. */
#ifndef TFM_CORE_BASE_MAP_H
#define TFM_CORE_BASE_MAP_H

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tfm_map_slot tfm_map_slot;

/** Zero-initialised is empty and ready. */
typedef struct {
  tfm_map_slot *slots;
  size_t nslot; /* a power of two, or 0 */
  size_t count;
  uint64_t seed; /* of the hash; random, so that no file can choose its collisions */
  tfm_arena keys;
} tfm_map;

/** Insert or look up: *found (never NULL) says whether the key was there, and then *old (when not
 * NULL) gets its value, which is left alone. Errors: TFM_E_NOMEM. */
tfm_status tfm_map_add(tfm_map *map, tfm_span key, int64_t value, bool *found, int64_t *old);

/** Insert or overwrite. Errors: TFM_E_NOMEM. */
tfm_status tfm_map_set(tfm_map *map, tfm_span key, int64_t value);

/** The value of a key; false when it is not there. */
bool tfm_map_get(const tfm_map *map, tfm_span key, int64_t *value);

void tfm_map_fini(tfm_map *map);

#endif
