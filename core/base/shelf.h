/** Blocks of memory side by side in one region, taken in an order that repeats: who takes the same
 * blocks in the same order from a copy of the region finds the same contents in them. Packed
 * weights lie so, that processes can share them (core/model/store.h). */
#ifndef TFM_CORE_BASE_SHELF_H
#define TFM_CORE_BASE_SHELF_H

#include <stdbool.h>
#include <stddef.h>

/** Plain data. */
typedef struct {
  unsigned char *base; /* aligned to TFM_ALIGN; borrowed */
  size_t bytes;        /* of the region */
  size_t used;
  bool filled; /* the contents are there already, and may not be written */
} tfm_shelf;

/** The next n elements of `bytes` each, aligned to TFM_ALIGN, not zeroed; NULL when the region has
 * no room for them. They stay until the region goes. Without a shelf (NULL) they are of the heap,
 * as tfm_alloc_huge() has it. */
void *tfm_shelf_take(tfm_shelf *shelf, size_t n, size_t bytes);

/** Whether what is taken next has its contents. False for NULL. */
bool tfm_shelf_filled(const tfm_shelf *shelf);

#endif
