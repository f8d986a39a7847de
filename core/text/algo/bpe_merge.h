/** The merging of byte pair encoding: of all neighbours that may merge, those of the lowest rank
 *  do, the leftmost first, until none may.
 *
 *  Source: Sennrich, Haddow, Birch 2016, with ranks as the `tokenizers` library applies them. */
#ifndef TFM_CORE_TEXT_ALGO_BPE_MERGE_H
#define TFM_CORE_TEXT_ALGO_BPE_MERGE_H

#include "core/base/status.h"
#include "core/text/algo/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t pair; /* left id and right id; UINT64_MAX: free */
  uint32_t rank;
  int32_t result;
} tfm__merge_slot;

/** Which pairs merge, when and into what. Read-only once ready: callable from many threads. */
typedef struct {
  tfm__merge_slot *slot; /* [1 << (64 - shift)] */
  unsigned shift;
  size_t n;        /* pairs held */
  int32_t *result; /* [ranks] of each rank */
  size_t ranks;
  size_t rank_cap;
  bool shrinking; /* some merge gives a token whose text is no longer than one of its parts' */
  bool ordered;   /* no token is merged further at a lower rank than it is made at */
} tfm__merges;

/** Working memory of one thread. Zero-initialised is empty and ready. */
typedef struct tfm__merge_work {
  struct tfm__merge_symbol *symbol;
  size_t symbol_cap;
  uint64_t *heap;
  size_t nheap, heap_cap;
  int32_t *bucket; /* [ranks] the first symbol in the list of each rank, -1 when empty */
  size_t nbucket;
} tfm__merge_work;

/** Make room for n pairs. Errors: TFM_E_NOMEM. */
tfm_status tfm__merges_reserve(tfm__merges *m, size_t n) TFM_MUST_USE;

/** A pair will soon be added: ask for what is to be fetched from memory then. Any ids. */
void tfm__merges_expect(const tfm__merges *m, int32_t left, int32_t right);

/** Add the next rank: left and right give result. A pair that is there already gets the new rank
 *  and result. Errors: TFM_E_NOMEM (also: 2^31 ranks). */
tfm_status tfm__merges_add(tfm__merges *m, int32_t left, int32_t right,
                           int32_t result) TFM_MUST_USE;

/** Find out about `ordered`, once all are added. highest: the highest id. Errors: TFM_E_NOMEM. */
tfm_status tfm__merges_ready(tfm__merges *m, int32_t highest) TFM_MUST_USE;

void tfm__merges_fini(tfm__merges *m);

/** Merge the *n parts of a word in place. Time: linear in *n, and d log d more for d ranks that
 *  occur in it; n log n when the merges are not `ordered`. Errors: TFM_E_NOMEM. */
tfm_status tfm__merge(const tfm__merges *m, tfm__merge_work *w, tfm__part *part,
                      size_t *n) TFM_MUST_USE;

/** Give back what a very long word took. */
void tfm__merge_work_trim(tfm__merge_work *w);
void tfm__merge_work_fini(tfm__merge_work *w);

#endif
