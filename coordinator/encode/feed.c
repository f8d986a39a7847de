#include "coordinator/encode/feed.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
  RING = 4096,           /* rows the feed holds */
  BACKLOG = 32,          /* rows read before the reading thread helps to encode */
  CLAIM = 16,            /* rows a thread takes at once, unless they are long: */
  CLAIM_BYTES = 16 << 10 /* no more once it has this much text */
};

static const int64_t ring_bytes = 64 << 20;
static const double close_patience_s = 0.2;

/* A row has one place from the moment it is read: row, then item. While a thread encodes it both
 * are NULL. */
typedef struct {
  tfm_row *row;
  tfm_item *item;
  int64_t bytes; /* of it, in the sum */
} place;

typedef struct {
  tfm_feed *feed;
  pthread_t thread;
  atomic_bool gone; /* it has returned */
} worker;

struct tfm_feed {
  tfm_reader *reader;
  const tfm_encoder *encoder;
  void (*wake)(void *arg);
  void *arg;
  int nworker;
  worker workers[TFM_FEED_THREADS_MOST];
  pthread_mutex_t lock; /* of all below */
  pthread_cond_t work;  /* a row to encode, room to read, or the end */
  pthread_cond_t ready; /* the next item, or the end */
  place ring[RING];
  uint64_t taken, claimed, read; /* rows [taken, claimed) are being encoded or are ready,
                                    [claimed, read) wait for a thread */
  int64_t bytes;
  int idle;     /* threads that wait for work */
  bool reading; /* a thread has the reader */
  double read_s, encode_s;
  bool closing;
  bool ended;      /* nothing more will be read */
  bool broken;     /* a row could not even fail: memory is out */
  tfm_err failure; /* status != OK: why it ended early */
};

static place *place_of(tfm_feed *feed, uint64_t i)
{
  return &feed->ring[i % RING];
}

static int64_t row_bytes(const tfm_row *row)
{
  const tfm_item item = {.row = (tfm_row *)(uintptr_t)row};
  return tfm_item_bytes(&item, 0);
}

/* A single row always has room. */
static bool has_room(const tfm_feed *feed)
{
  uint64_t held = feed->read - feed->taken;
  return held == 0 || (held < RING && feed->bytes < ring_bytes);
}

/* ---- a thread's turns; the lock is held before and after each ---- */

static void stop_at(tfm_feed *feed, const tfm_err *err)
{
  feed->ended = true;
  feed->failure = feed->failure.status == TFM_OK ? *err : feed->failure;
  (void)pthread_cond_broadcast(&feed->work);
  (void)pthread_cond_broadcast(&feed->ready);
}

/* Read one row; it is there for any thread to encode before the next read may block. */
static void read_row(tfm_feed *feed)
{
  tfm_row *row = NULL;
  tfm_err err = {0};
  feed->reading = true;
  (void)pthread_mutex_unlock(&feed->lock);
  const double begin_s = tfm_now_s();
  tfm_status st = tfm_reader_next(feed->reader, &row, &err);
  const double took_s = tfm_now_s() - begin_s;
  (void)pthread_mutex_lock(&feed->lock);
  feed->read_s += took_s;
  feed->reading = false;
  if (st != TFM_OK || !row) {
    stop_at(feed, &err);
    return;
  }
  *place_of(feed, feed->read) = (place){.row = row, .bytes = row_bytes(row)};
  feed->bytes += place_of(feed, feed->read)->bytes;
  ++feed->read;
  if (feed->idle) {
    (void)pthread_cond_signal(&feed->work);
  }
}

static tfm_item *encode_row(tfm_feed *feed, tfm_row *row, tfm_encoding *scratch, tfm_err *err)
{
  tfm_item *item = tfm_item_open(row);
  if (!item) {
    (void)tfm_fail(err, TFM_E_NOMEM, "a row of input");
  } else if (tfm_encoder_run(feed->encoder, item, scratch, err) != TFM_OK) {
    tfm_item_close(item);
    item = NULL;
  }
  return item;
}

static void encode_rows(tfm_feed *feed, tfm_encoding *scratch)
{
  tfm_row *rows[CLAIM];
  tfm_item *items[CLAIM] = {0};
  tfm_err err = {0};
  const uint64_t from = feed->claimed;
  uint64_t n = 0;
  for (int64_t bytes = 0; n < CLAIM && from + n < feed->read && bytes < CLAIM_BYTES; ++n) {
    place *p = place_of(feed, from + n);
    bytes += p->bytes;
    rows[n] = p->row;
    p->row = NULL;
  }
  feed->claimed += n;
  (void)pthread_mutex_unlock(&feed->lock);
  const double begin_s = tfm_thread_cpu_s();
  uint64_t made = 0;
  for (; made < n; ++made) {
    items[made] = encode_row(feed, rows[made], scratch, &err);
    if (!items[made]) {
      break;
    }
  }
  for (uint64_t i = made + 1; i < n; ++i) {
    tfm_row_free(rows[i]);
  }
  const double took_s = tfm_thread_cpu_s() - begin_s;
  (void)pthread_mutex_lock(&feed->lock);
  feed->encode_s += took_s;
  for (uint64_t i = 0; i < made; ++i) {
    place *p = place_of(feed, from + i);
    int64_t bytes = tfm_item_bytes(items[i], 0);
    feed->bytes += bytes - p->bytes;
    *p = (place){.item = items[i], .bytes = bytes};
  }
  if (made < n) {
    feed->broken = true;
    stop_at(feed, &err);
  } else if (from == feed->taken) {
    (void)pthread_cond_signal(&feed->ready);
    if (feed->wake) {
      feed->wake(feed->arg);
    }
  }
}

static void do_turns(tfm_feed *feed, tfm_encoding *scratch)
{
  const uint64_t enough = feed->nworker > 1 ? BACKLOG : 1;
  while (!feed->closing && !feed->broken) {
    uint64_t backlog = feed->read - feed->claimed;
    if (!feed->reading && !feed->ended && backlog < enough && has_room(feed)) {
      read_row(feed);
    } else if (backlog) {
      encode_rows(feed, scratch);
    } else if (feed->ended) {
      break;
    } else {
      ++feed->idle;
      (void)pthread_cond_wait(&feed->work, &feed->lock);
      --feed->idle;
    }
  }
}

static void *worker_main(void *arg)
{
  worker *w = arg;
  tfm_feed *feed = w->feed;
  tfm_encoding scratch = {0};
  (void)pthread_mutex_lock(&feed->lock);
  do_turns(feed, &scratch);
  (void)pthread_mutex_unlock(&feed->lock);
  if (feed->wake) {
    feed->wake(feed->arg);
  }
  tfm_encoding_fini(&scratch);
  atomic_store(&w->gone, true);
  return NULL;
}

/* ---- the taker's side ---- */

tfm_status tfm_feed_open(tfm_feed **out, tfm_reader *reader, const tfm_encoder *encoder,
                         int64_t threads, void (*wake)(void *arg), void *arg, tfm_err *err)
{
  *out = NULL;
  tfm_feed *feed = tfm_calloc(1, sizeof *feed);
  if (!feed) {
    return tfm_fail(err, TFM_E_NOMEM, "the reading threads");
  }
  threads = threads < 1 ? 1 : threads;
  threads = threads > TFM_FEED_THREADS_MOST ? TFM_FEED_THREADS_MOST : threads;
  feed->reader = reader;
  feed->encoder = encoder;
  feed->wake = wake;
  feed->arg = arg;
  tfm_reader_tell(reader, wake, arg);
  (void)pthread_mutex_init(&feed->lock, NULL);
  (void)pthread_cond_init(&feed->work, NULL);
  (void)pthread_cond_init(&feed->ready, NULL);
  (void)pthread_mutex_lock(&feed->lock); /* nworker is read by threads that have begun */
  for (worker *w = feed->workers; feed->nworker < threads; ++w) {
    w->feed = feed;
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
      break; /* fewer do as well, but for none */
    }
    ++feed->nworker;
  }
  (void)pthread_mutex_unlock(&feed->lock);
  if (feed->nworker == 0) {
    (void)tfm_feed_close(feed);
    return tfm_fail(err, TFM_E_NOMEM, "the reading thread could not be started");
  }
  *out = feed;
  return TFM_OK;
}

static tfm_item *take(tfm_feed *feed, tfm_feed_state *state)
{
  place *p = place_of(feed, feed->taken);
  if (feed->taken != feed->claimed && p->item) {
    tfm_item *item = p->item;
    feed->bytes -= p->bytes;
    *p = (place){0};
    ++feed->taken;
    if (feed->idle) {
      (void)pthread_cond_signal(&feed->work);
    }
    return item;
  }
  if (feed->broken || (feed->ended && feed->taken == feed->read)) {
    *state = feed->failure.status == TFM_OK ? TFM_FEED_END : TFM_FEED_FAILED;
  } else {
    bool blocked = feed->taken == feed->read && tfm_reader_waiting(feed->reader);
    *state = blocked ? TFM_FEED_WAITING : TFM_FEED_MORE;
  }
  return NULL;
}

tfm_item *tfm_feed_take(tfm_feed *feed, tfm_feed_state *state)
{
  (void)pthread_mutex_lock(&feed->lock);
  tfm_item *item = take(feed, state);
  (void)pthread_mutex_unlock(&feed->lock);
  return item;
}

tfm_item *tfm_feed_await(tfm_feed *feed, tfm_feed_state *state)
{
  (void)pthread_mutex_lock(&feed->lock);
  tfm_item *item = take(feed, state);
  while (!item && *state != TFM_FEED_END && *state != TFM_FEED_FAILED) {
    (void)pthread_cond_wait(&feed->ready, &feed->lock);
    item = take(feed, state);
  }
  (void)pthread_mutex_unlock(&feed->lock);
  return item;
}

const tfm_err *tfm_feed_error(const tfm_feed *feed)
{
  return &feed->failure;
}

tfm_feed_times tfm_feed_timed(tfm_feed *feed)
{
  (void)pthread_mutex_lock(&feed->lock);
  const tfm_feed_times times = {feed->nworker, feed->read_s, feed->encode_s};
  (void)pthread_mutex_unlock(&feed->lock);
  return times;
}

/* Join the threads that return in time; false when some do not, which are then left alone. */
static bool join(tfm_feed *feed)
{
  bool all = true;
  double until = tfm_now_s() + close_patience_s;
  for (int i = 0; i < feed->nworker; ++i) {
    worker *w = &feed->workers[i];
    while (!atomic_load(&w->gone) && tfm_now_s() < until) {
      tfm_sleep_s(1e-3);
    }
    if (atomic_load(&w->gone)) {
      (void)pthread_join(w->thread, NULL);
    } else {
      (void)pthread_detach(w->thread); /* blocked in read(2) */
      all = false;
    }
  }
  return all;
}

bool tfm_feed_close(tfm_feed *feed)
{
  if (!feed) {
    return true;
  }
  (void)pthread_mutex_lock(&feed->lock);
  feed->closing = true;
  (void)pthread_cond_broadcast(&feed->work);
  (void)pthread_mutex_unlock(&feed->lock);
  if (!join(feed)) {
    return false; /* what it has stays until exit */
  }
  for (; feed->taken != feed->read; ++feed->taken) {
    tfm_item_close(place_of(feed, feed->taken)->item);
    tfm_row_free(place_of(feed, feed->taken)->row);
  }
  (void)pthread_cond_destroy(&feed->ready);
  (void)pthread_cond_destroy(&feed->work);
  (void)pthread_mutex_destroy(&feed->lock);
  tfm_free(feed);
  return true;
}
