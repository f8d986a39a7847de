#include "coordinator/encode/feed.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { RING = 4096 }; /* items */

static const int64_t ring_bytes = 64 << 20;
static const double close_patience_s = 0.2;

struct tfm_feed {
  tfm_reader *reader;
  const tfm_encoder *encoder;
  void (*wake)(void *arg);
  void *arg;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t room;
  tfm_item *ring[RING]; /* items [taken, made) */
  uint64_t made, taken;
  int64_t bytes;
  bool closing;
  bool ended;       /* no more items will come */
  atomic_bool gone; /* the thread has returned */
  tfm_err failure;  /* status != OK: why it ended early */
};

/* Wait for room, put the item in. False when the feed is closing. takes: item. */
static bool put(tfm_feed *feed, tfm_item *item)
{
  int64_t bytes = tfm_item_bytes(item, 0);
  (void)pthread_mutex_lock(&feed->lock);
  while (!feed->closing && feed->made != feed->taken &&
         (feed->made - feed->taken == RING || feed->bytes + bytes > ring_bytes)) {
    (void)pthread_cond_wait(&feed->room, &feed->lock);
  }
  bool open = !feed->closing;
  bool first = feed->made == feed->taken;
  if (open) {
    feed->ring[feed->made % RING] = item;
    ++feed->made;
    feed->bytes += bytes;
  }
  (void)pthread_mutex_unlock(&feed->lock);
  if (!open) {
    tfm_item_close(item);
  } else if (first) {
    feed->wake(feed->arg);
  }
  return open;
}

static tfm_status make_items(tfm_feed *feed, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_encoding scratch = {0};
  for (bool open = true; open;) {
    tfm_row *row = NULL;
    TFM_TRY(tfm_reader_next(feed->reader, &row, err));
    if (!row) {
      break;
    }
    tfm_item *item = tfm_item_open(row);
    if (!item) {
      TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a row of input"));
    }
    st = tfm_encoder_run(feed->encoder, item, &scratch, err);
    if (st != TFM_OK) {
      tfm_item_close(item);
      goto fail;
    }
    open = put(feed, item);
  }

fail:
  tfm_encoding_fini(&scratch);
  return st;
}

static void *feed_main(void *arg)
{
  tfm_feed *feed = arg;
  tfm_err err = {0};
  (void)make_items(feed, &err);
  (void)pthread_mutex_lock(&feed->lock);
  feed->ended = true;
  feed->failure = err;
  (void)pthread_mutex_unlock(&feed->lock);
  feed->wake(feed->arg);
  atomic_store(&feed->gone, true);
  return NULL;
}

tfm_status tfm_feed_open(tfm_feed **out, tfm_reader *reader, const tfm_encoder *encoder,
                         void (*wake)(void *arg), void *arg, tfm_err *err)
{
  *out = NULL;
  tfm_feed *feed = tfm_calloc(1, sizeof *feed);
  if (!feed) {
    return tfm_fail(err, TFM_E_NOMEM, "the reading thread");
  }
  feed->reader = reader;
  feed->encoder = encoder;
  feed->wake = wake;
  feed->arg = arg;
  (void)pthread_mutex_init(&feed->lock, NULL);
  (void)pthread_cond_init(&feed->room, NULL);
  if (pthread_create(&feed->thread, NULL, feed_main, feed) != 0) {
    tfm_free(feed);
    return tfm_fail(err, TFM_E_NOMEM, "the reading thread could not be started");
  }
  *out = feed;
  return TFM_OK;
}

tfm_item *tfm_feed_take(tfm_feed *feed, tfm_feed_state *state)
{
  tfm_item *item = NULL;
  (void)pthread_mutex_lock(&feed->lock);
  if (feed->made != feed->taken) {
    item = feed->ring[feed->taken % RING];
    ++feed->taken;
    feed->bytes -= tfm_item_bytes(item, 0);
    (void)pthread_cond_signal(&feed->room);
  } else if (feed->ended) {
    *state = feed->failure.status == TFM_OK ? TFM_FEED_END : TFM_FEED_FAILED;
  } else {
    *state = tfm_reader_waiting(feed->reader) ? TFM_FEED_WAITING : TFM_FEED_MORE;
  }
  (void)pthread_mutex_unlock(&feed->lock);
  return item;
}

const tfm_err *tfm_feed_error(const tfm_feed *feed)
{
  return &feed->failure;
}

double tfm_feed_cpu_s(const tfm_feed *feed)
{
  clockid_t id = 0;
  struct timespec t = {0};
  if (!atomic_load(&feed->gone) && pthread_getcpuclockid(feed->thread, &id) == 0) {
    (void)clock_gettime(id, &t);
  }
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool tfm_feed_close(tfm_feed *feed)
{
  if (!feed) {
    return true;
  }
  (void)pthread_mutex_lock(&feed->lock);
  feed->closing = true;
  (void)pthread_cond_signal(&feed->room);
  (void)pthread_mutex_unlock(&feed->lock);
  double until = tfm_now_s() + close_patience_s;
  while (!atomic_load(&feed->gone) && tfm_now_s() < until) {
    tfm_sleep_s(1e-3);
  }
  if (!atomic_load(&feed->gone)) {
    (void)pthread_detach(feed->thread); /* blocked in read(2); it keeps its memory until exit */
    return false;
  }
  (void)pthread_join(feed->thread, NULL);
  while (feed->taken != feed->made) {
    tfm_item_close(feed->ring[feed->taken % RING]);
    ++feed->taken;
  }
  (void)pthread_cond_destroy(&feed->room);
  (void)pthread_mutex_destroy(&feed->lock);
  tfm_free(feed);
  return true;
}
