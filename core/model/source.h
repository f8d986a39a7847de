/** What a decoder keeps of the text it answers: keys and values of an encoder's output, in pages.
 * Room-private.
 *
 *  Of sequences that grow each slot keeps those of its own source, in pages of the cache, as long
 * as the sequence lives. Whole ones have theirs in pages of a run of sequences, of one layer at a
 * time. */
#ifndef TFM_CORE_MODEL_SOURCE_H
#define TFM_CORE_MODEL_SOURCE_H

#include "core/model/cache.h"

/** Zero-initialised is empty. Either has slots, or pages of its own. */
typedef struct {
  int64_t nslot, longest;
  tfm__slot *slots; /* [nslot]; length: of the source */
  float **table;    /* the slots' lists */
  float *memory;    /* [npage, page_floats] */
  int64_t npage, page_floats;
  float **pages; /* [npage] */
  float *const *
      *of_batch; /* [max_sequences] pages of each sequence of the batch taken last, or of
                              the run */
  int32_t *keys; /* [max_sequences] tokens of its source */
  size_t bytes;
} tfm__sources;

/** For nslot sequences that grow, whose sources have up to `longest` tokens; or, with no slots, for
 * runs of whole ones in npage pages of page_floats. gives: *sources, release with
 * tfm__sources_fini(). */
typedef struct {
  int64_t nslot, longest;
  int64_t npage, page_floats;
  int64_t max_sequences;
} tfm__sources_size;

size_t tfm__sources_bytes(const tfm__sources_size *size);
tfm_status tfm__sources_open(tfm__sources *sources, const tfm__sources_size *size,
                             tfm_err *err) TFM_MUST_USE;
void tfm__sources_fini(tfm__sources *sources);

/** Give back the pages of slots of a batch that are free, or in which another sequence begins:
 * before the batch's tokens take some. */
void tfm__sources_leave(tfm__sources *sources, tfm__cache *cache, const tfm_batch *batch);

/** Take pages for the sources that come with a batch, whose slots and places have been checked: a
 * sequence brings one when it begins, and not later. Errors: TFM_E_FORMAT, named. */
tfm_status tfm__sources_take(tfm__sources *sources, tfm__cache *cache, const tfm_batch *batch,
                             tfm_err *err) TFM_MUST_USE;

/** Pages for n whole sequences whose sources are between cu [n + 1]. */
void tfm__sources_spread(const tfm__sources *sources, const int32_t *cu, int64_t n);

#endif
