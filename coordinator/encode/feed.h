/** Rows read and tokenized ahead, on threads of their own, in input order and within a bound.
 *
 *  Reading may block (a pipe) and tokenizing takes time, so both happen beside the thread that
 * talks to the ranks. One thread at a time reads; whoever is free encodes what was read; items are
 * taken in input order whatever the number of threads. The feed stops reading when what it holds
 * passes its bounds; memory does not grow with the input. Threads with nothing to do sleep.
 */
#ifndef TFM_COORDINATOR_ENCODE_FEED_H
#define TFM_COORDINATOR_ENCODE_FEED_H

#include "coordinator/encode/encoder.h"
#include "coordinator/input/reader.h"

typedef struct tfm_feed tfm_feed;

typedef enum {
  TFM_FEED_MORE,    /* nothing ready this moment, more is being made */
  TFM_FEED_WAITING, /* nothing ready, and the input is slow: send what you have */
  TFM_FEED_END,     /* all rows have been taken */
  TFM_FEED_FAILED   /* the input broke: tfm_feed_error() */
} tfm_feed_state;

enum { TFM_FEED_THREADS_MOST = 64 };

/** Start the threads: as many as asked for, at least one and at most TFM_FEED_THREADS_MOST.
 * borrows: reader and encoder, until closed; encoder->row is called from all of them. wake(arg) is
 * called from a thread when the next item became ready, and when the input becomes slow; NULL:
 * nobody is woken. gives: *out. Errors: TFM_E_NOMEM. */
tfm_status tfm_feed_open(tfm_feed **out, tfm_reader *reader, const tfm_encoder *encoder,
                         int64_t threads, void (*wake)(void *arg), void *arg,
                         tfm_err *err) TFM_MUST_USE;

/** The next item, or NULL with *state telling why. gives: the item. Never blocks. */
tfm_item *tfm_feed_take(tfm_feed *feed, tfm_feed_state *state);

/** The same, waiting (asleep) until there is one or no more will come: *state is TFM_FEED_END or
 * TFM_FEED_FAILED with NULL. */
tfm_item *tfm_feed_await(tfm_feed *feed, tfm_feed_state *state);

/** After TFM_FEED_FAILED: what happened; borrowed. */
const tfm_err *tfm_feed_error(const tfm_feed *feed);

/** Stop and join. False when a thread is blocked in a read of a pipe and was left behind: the
 * process is about to end, and what the feed borrowed must stay. NULL is allowed (true). */
bool tfm_feed_close(tfm_feed *feed);

/** What the threads did so far. */
typedef struct {
  int threads;
  double read_s;   /* in reads, waiting for a slow input included */
  double encode_s; /* CPU seconds of encoding, of all threads together */
} tfm_feed_times;
tfm_feed_times tfm_feed_timed(tfm_feed *feed);

#endif
