#include "coordinator/batch/batcher.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Rows wait in `window` until it is full or flushed; then it is sorted and becomes `queue`,
 * from which packs are cut. The tail of a queue that does not fill a pack waits for the next
 * window. */
struct tfm_batcher {
  tfm_batcher_options options;
  tfm_item **window; /* [options.window] */
  int64_t nwindow;
  tfm_item **queue; /* [options.window + what one pack may hold] sorted rows from `at` on */
  int64_t nqueue, at;
};

tfm_status tfm_batcher_open(tfm_batcher **out, const tfm_batcher_options *options, tfm_err *err)
{
  *out = NULL;
  tfm_batcher *b = tfm_calloc(1, sizeof *b);
  size_t window = (size_t)options->window;
  size_t pack = (size_t)options->max_sequences;
  if (b) {
    b->options = *options;
    b->window = tfm_calloc(window, sizeof(tfm_item *));
    b->queue = tfm_calloc(window + pack, sizeof(tfm_item *));
  }
  if (!b || !b->window || !b->queue) {
    tfm_batcher_close(b);
    return tfm_fail(err, TFM_E_NOMEM, "a window of %lld rows; lower --sort-window",
                    (long long)options->window);
  }
  *out = b;
  return TFM_OK;
}

bool tfm_batcher_room(const tfm_batcher *batcher)
{
  return batcher->nwindow < batcher->options.window;
}

void tfm_batcher_add(tfm_batcher *batcher, tfm_item *item)
{
  batcher->window[batcher->nwindow] = item;
  ++batcher->nwindow;
}

int64_t tfm_batcher_held(const tfm_batcher *batcher)
{
  return batcher->nwindow + batcher->nqueue - batcher->at;
}

/* Longest first; rows of one length in input order, so that a run can be repeated exactly. */
static int longer_first(const void *left, const void *right)
{
  const tfm_item *a = *(tfm_item *const *)left;
  const tfm_item *b = *(tfm_item *const *)right;
  if (a->n != b->n) {
    return a->n > b->n ? -1 : 1;
  }
  return a->row->number < b->row->number ? -1 : 1;
}

/* Rows [at, at + *B) that fit one pack; true when the pack is full: the next row did not fit,
 * or the limit on rows is reached. */
static bool fill(const tfm_batcher *b, int64_t *B, int64_t *T)
{
  *B = 0;
  *T = 0;
  for (int64_t i = b->at; i < b->nqueue; ++i) {
    int64_t n = b->queue[i]->n;
    if (*B == b->options.max_sequences || (*B > 0 && *T + n > b->options.max_tokens)) {
      return true;
    }
    ++*B;
    *T += n;
  }
  return *B == b->options.max_sequences || *T >= b->options.max_tokens;
}

/* The window joins the queue, behind what is left of the last one. */
static void turn_window(tfm_batcher *b)
{
  int64_t rest = b->nqueue - b->at;
  memmove(b->queue, b->queue + b->at, (size_t)rest * sizeof *b->queue);
  if (b->nwindow) {
    memcpy(b->queue + rest, b->window, (size_t)b->nwindow * sizeof *b->queue);
    if (b->options.window > 1) {
      qsort(b->queue + rest, (size_t)b->nwindow, sizeof *b->queue, longer_first);
    }
  }
  b->at = 0;
  b->nqueue = rest + b->nwindow;
  b->nwindow = 0;
}

static tfm_status cut_pack(tfm_batcher *b, int64_t B, int64_t T, tfm_pack **out, tfm_err *err)
{
  tfm_pack *pack = tfm_calloc(1, sizeof *pack);
  if (pack) {
    pack->items = tfm_calloc((size_t)B, sizeof(tfm_item *));
  }
  if (!pack || !pack->items) {
    tfm_pack_close(pack);
    return tfm_fail(err, TFM_E_NOMEM, "a micro-batch of %lld rows", (long long)B);
  }
  pack->B = B;
  pack->T = T;
  memcpy(pack->items, b->queue + b->at, (size_t)B * sizeof(tfm_item *));
  b->at += B;
  *out = pack;
  return TFM_OK;
}

tfm_status tfm_batcher_next(tfm_batcher *batcher, bool flush, tfm_pack **pack, tfm_err *err)
{
  int64_t B = 0;
  int64_t T = 0;
  *pack = NULL;
  bool full = fill(batcher, &B, &T);
  if (!full && (flush || !tfm_batcher_room(batcher))) {
    turn_window(batcher);
    full = fill(batcher, &B, &T);
  }
  if (B == 0 || (!full && !flush)) {
    return TFM_OK;
  }
  return cut_pack(batcher, B, T, pack, err);
}

void tfm_pack_close(tfm_pack *pack)
{
  if (pack) {
    tfm_free(pack->items);
    tfm_free(pack);
  }
}

void tfm_batcher_close(tfm_batcher *batcher)
{
  if (batcher) {
    tfm_free(batcher->window);
    tfm_free(batcher->queue);
    tfm_free(batcher);
  }
}
