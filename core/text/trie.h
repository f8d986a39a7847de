/** A trie of byte strings as a double array: one load and one comparison a byte.
 *
 *  The child of node v by byte c is slot base[v] ^ c, and it is a child when its check names v.
 *  Several tries may share the arrays, each with its own root. Built once, then read: callable
 *  from many threads.
 *  Source: Aoe 1989 (double arrays); Yata's darts-clone for the exclusive-or form. */
#ifndef TFM_CORE_TEXT_TRIE_H
#define TFM_CORE_TEXT_TRIE_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int32_t
      base; /* of the children; -1 for a node without any. Of a free slot: the next free one,
                    while the trie is built */
  int32_t check; /* the parent; -1 when the slot is free, -2 at a root */
} tfm__trie_unit;

/** Zero-initialised is empty and ready. */
typedef struct {
  tfm__trie_unit *unit; /* [slots] */
  int32_t *value; /* [slots] of the string that ends at a node, -1 when none does. Of a free
                           slot: the free one before it, while the trie is built */
  size_t slots;   /* a multiple of 256 */
  size_t slot_cap;
  int32_t *order; /* [nodes] every node, parents before children, by depth over all tries */
  size_t nodes;
  size_t order_cap;
  size_t *level; /* [levels + 1] where in `order` the nodes of each depth begin; the last one is
                    where they all end */
  size_t levels;
  size_t level_cap;
  int32_t first, last; /* building only: the ends of the list of free slots, oldest first; -1
                          when it is empty */
} tfm__trie;

/** A string and what it stands for. */
typedef struct {
  tfm_span key;  /* not empty, and shorter than 4 GiB */
  int32_t value; /* >= 0 */
} tfm__trie_item;

/** Make ntrie tries: trie i of the items [start[i], start[i+1]); its root goes to root[i]. Of equal
 *  keys the first in the given order wins. Time is linear in the bytes of the keys. Call once.
 *  gives: the arrays, release with tfm__trie_fini(). Errors: TFM_E_NOMEM (also: more than 2^30
 *  nodes). */
tfm_status tfm__trie_build(tfm__trie *t, const tfm__trie_item *items, const size_t *start,
                           int ntrie, int32_t *root) TFM_MUST_USE;

void tfm__trie_fini(tfm__trie *t);

/** The child of node by a byte, -1 when there is none. */
static inline int32_t tfm__trie_child(const tfm__trie *t, int32_t node, unsigned char c)
{
  int32_t base = t->unit[node].base;
  if (base < 0) {
    return -1;
  }
  int32_t child = base ^ c;
  return t->unit[child].check == node ? child : -1;
}

#endif
