/** Reading the merges of byte pair encoding, and which characters they join. */
#ifndef TFM_CORE_TEXT_ALGO_READ_MERGES_H
#define TFM_CORE_TEXT_ALGO_READ_MERGES_H

#include "core/text/algo/bpe_merge.h"
#include "core/text/component.h"

enum { TFM__JOIN_BITS = 1 << 17 };

/** Which characters a merge may join: the last one of its left token and the first one of its
 *  right token. A set of hashed pairs: one that collides with another is in it too. */
typedef struct {
  uint64_t bits[TFM__JOIN_BITS / 64];
} tfm__joins;

static inline size_t tfm__join_bit(uint32_t left, uint32_t right)
{
  return (left * 0x9e3779b1u + right * 0x85ebca77u) >> 15;
}

static inline bool tfm__joins_has(const tfm__joins *j, uint32_t left, uint32_t right)
{
  size_t i = tfm__join_bit(left, right);
  return j->bits[i / 64] >> i % 64 & 1;
}

/** Read merges whose vocabulary has been read: `raw` is the text of the array, or "null" when they
 *  are given (l->given). Of a right token the prefix is cut off where it is joined. *m and *j are
 *  empty. Fails (the loader's reader) at the first that is no merge, or of which a token is not in
 *  the vocabulary. */
void tfm__read_merges(tfm__loader *l, tfm_span raw, tfm_span prefix, tfm__merges *m,
                      tfm__joins *j);

#endif
