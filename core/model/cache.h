/** Keys and values of sequences that grow, in pages. Room-private.
 *
 *  A slot is a sequence in flight; its pages are taken one by one out of a fixed number, and go
 * back when it is freed or another sequence begins in it. A slot may go on from any place of
 * another one: the pages before it are then shared by both, and the last of them is copied by who
 * writes to it first. Who sends batches sees to it that pages never run out
 * (coordinator/schedule/turns.h). */
#ifndef TFM_CORE_MODEL_CACHE_H
#define TFM_CORE_MODEL_CACHE_H

#include "core/base/status.h"
#include "core/model/batch.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
  float **page; /* [pages a sequence can have]; NULL where there are none for the time being */
  int64_t npage;
  int64_t length; /* tokens so far */
} tfm__slot;

/** Zero-initialised is empty. */
typedef struct {
  int64_t nslot, npage, longest;
  int64_t page_floats;
  float *memory;
  tfm__slot *slots;
  float **table;   /* the slots' lists, twice as many */
  float ***lists;  /* [nslot] those no slot has */
  tfm__slot *next; /* [nslot] what slots of a batch become that go on from others */
  int32_t *users;  /* [npage] slots that have the page */
  int32_t *spare;  /* [npage] pages nobody has; the first nspare count */
  int64_t nspare, nlist;
  float *const **of_batch; /* [max_sequences] pages of each sequence of the batch taken last */
  size_t bytes;
} tfm__cache;

/** Room for nslot sequences of up to `longest` tokens in npage pages of page_floats each. Pages are
 * touched when they are first written. gives: *cache, release with tfm__cache_fini(). */
tfm_status tfm__cache_open(tfm__cache *cache, int64_t nslot, int64_t npage, int64_t page_floats,
                           int64_t longest, int64_t max_sequences, tfm_err *err) TFM_MUST_USE;
void tfm__cache_fini(tfm__cache *cache);

/** Let the batch's tokens join their slots: of_batch is theirs afterwards. Errors: TFM_E_FORMAT (a
 * slot or place that cannot be, or no page left), named; the cache is not to be used then. */
tfm_status tfm__cache_take(tfm__cache *cache, const tfm_batch *batch,
                           tfm_err *err) TFM_MUST_USE;

/** One page more, one less, or one that somebody else has too: for what belongs to sequences
 * besides their own tokens. Errors: TFM_E_FORMAT (no page left). */
tfm_status tfm__cache_take_page(tfm__cache *cache, float **page, tfm_err *err) TFM_MUST_USE;
void tfm__cache_leave_page(tfm__cache *cache, const float *page);
void tfm__cache_share_page(tfm__cache *cache, const float *page);

#endif
