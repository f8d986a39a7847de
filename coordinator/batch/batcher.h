/** Sequences to micro-batches: packed end to end up to a token budget, out of a bounded look-ahead
 * window.
 *
 *  Sequences of a window are taken longest first, so that a micro-batch holds sequences of like
 * length and attention costs each stage about the same; the writer puts them back in order. Those
 * of an item that wants to be `together` count as long as its longest and share a micro-batch where
 * they fit one. Which sequences share a micro-batch never changes a result (DESIGN D3). One longer
 * than the budget travels alone. Pure bookkeeping: no I/O, no threads.
 */
#ifndef TFM_COORDINATOR_BATCH_BATCHER_H
#define TFM_COORDINATOR_BATCH_BATCHER_H

#include "coordinator/encode/item.h"

typedef struct tfm_batcher tfm_batcher;

typedef struct {
  int64_t max_tokens;    /* the budget */
  int64_t max_sequences; /* of one micro-batch at most */
  int64_t max_rows;      /* rows of results of one micro-batch; one with more travels alone */
  int64_t window;        /* sequences looked at together; 1 keeps the input's order */
} tfm_batcher_options;

/** Sequences of one micro-batch; borrowed, in the order they are packed. */
typedef struct {
  int64_t B, T;        /* T: rows of x, of their sources too */
  int64_t sources;     /* of which so many are an encoder's */
  int64_t rows, marks; /* of all of them */
  tfm_sequence **seqs; /* [B], owned by the pack */
  int64_t nfreed;
  int32_t *freed; /* [nfreed] slots of texts that are finished; owned */
  uint64_t batch; /* its number on the wire, once it is sent */
} tfm_pack;

/** gives: *out. Errors: TFM_E_NOMEM. */
tfm_status tfm_batcher_open(tfm_batcher **out, const tfm_batcher_options *options,
                            tfm_err *err) TFM_MUST_USE;

/** Whether another sequence may be added now: the window is not full. */
bool tfm_batcher_room(const tfm_batcher *batcher);

/** Add a sequence of an encoded row, those of one row one after the other. borrows: seq. */
void tfm_batcher_add(tfm_batcher *batcher, tfm_sequence *seq);

/** The next micro-batch that is ready: full, or anything at all when flush says that nothing
 * more is coming soon. *pack is NULL when there is none. gives: *pack, release with
 * tfm_pack_close(). Errors: TFM_E_NOMEM. */
tfm_status tfm_batcher_next(tfm_batcher *batcher, bool flush, tfm_pack **pack,
                            tfm_err *err) TFM_MUST_USE;

/** Sequences inside. */
int64_t tfm_batcher_held(const tfm_batcher *batcher);

void tfm_pack_close(tfm_pack *pack);
void tfm_batcher_close(tfm_batcher *batcher);

#endif
