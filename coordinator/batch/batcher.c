#include "coordinator/batch/batcher.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Sequences wait in `window` until it is full or flushed; then it is sorted and becomes `queue`,
 * from which packs are cut. The tail of a queue that does not fill a pack waits for the next
 * window. */
struct tfm_batcher {
  tfm_batcher_options options;
  tfm_sequence **window; /* [options.window] */
  int64_t nwindow;
  tfm_sequence **queue; /* [options.window + what one pack may hold] sorted, from `at` on */
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
    b->window = tfm_calloc(window, sizeof(tfm_sequence *));
    b->queue = tfm_calloc(window + pack, sizeof(tfm_sequence *));
  }
  if (!b || !b->window || !b->queue) {
    tfm_batcher_close(b);
    return tfm_fail(err, TFM_E_NOMEM, "a window of %lld sequences; lower --sort-window",
                    (long long)options->window);
  }
  *out = b;
  return TFM_OK;
}

bool tfm_batcher_room(const tfm_batcher *batcher)
{
  return batcher->nwindow < batcher->options.window;
}

void tfm_batcher_add(tfm_batcher *batcher, tfm_sequence *seq)
{
  batcher->window[batcher->nwindow] = seq;
  ++batcher->nwindow;
}

int64_t tfm_batcher_held(const tfm_batcher *batcher)
{
  return batcher->nwindow + batcher->nqueue - batcher->at;
}

/* The length a sequence is sorted by. */
static int64_t length_of(const tfm_sequence *s)
{
  return s->item->together ? s->item->longest : tfm_sequence_rows(s);
}

/* Longest first; of one length in input order, so that a run can be repeated exactly. */
static int longer_first(const void *left, const void *right)
{
  const tfm_sequence *a = *(tfm_sequence *const *)left;
  const tfm_sequence *b = *(tfm_sequence *const *)right;
  const int64_t n = length_of(a);
  const int64_t m = length_of(b);
  if (n != m) {
    return n > m ? -1 : 1;
  }
  if (a->item != b->item) {
    return a->item->row->number < b->item->row->number ? -1 : 1;
  }
  return a < b ? -1 : 1;
}

/* Whether a pack of T tokens should end before this sequence: it opens an item that wants to be
 * together, fits a pack of its own and not the rest of this one. */
static bool opens_another(const tfm_batcher *b, const tfm_sequence *s, int64_t T)
{
  if (T == 0 || !s->item->together || s != s->item->seqs) {
    return false;
  }
  const int64_t tokens = s->item->tokens;
  return tokens <= b->options.max_tokens && T + tokens > b->options.max_tokens;
}

/* Sequences [at, at + pack->B) that fit one pack; true when the pack is full: the next one did not
 * fit, or the limit on sequences is reached. */
static bool fill(const tfm_batcher *b, tfm_pack *pack)
{
  const tfm_batcher_options *o = &b->options;
  *pack = (tfm_pack){.B = 0};
  for (int64_t i = b->at; i < b->nqueue; ++i) {
    const tfm_sequence *s = b->queue[i];
    const int64_t T = pack->T + tfm_sequence_rows(s);
    const bool fits = T <= o->max_tokens && pack->rows + s->rows <= o->max_rows;
    if (pack->B == o->max_sequences || (pack->B > 0 && !fits) || opens_another(b, s, pack->T)) {
      return true;
    }
    ++pack->B;
    pack->T = T;
    pack->sources += s->nsource;
    pack->rows += s->rows;
    pack->marks += s->nmark;
  }
  return pack->B == o->max_sequences || pack->T >= o->max_tokens;
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

static tfm_status cut_pack(tfm_batcher *b, const tfm_pack *counts, tfm_pack **out, tfm_err *err)
{
  tfm_pack *pack = tfm_calloc(1, sizeof *pack);
  if (pack) {
    *pack = *counts;
    pack->seqs = tfm_calloc((size_t)counts->B, sizeof(tfm_sequence *));
  }
  if (!pack || !pack->seqs) {
    tfm_pack_close(pack);
    return tfm_fail(err, TFM_E_NOMEM, "a micro-batch of %lld sequences", (long long)counts->B);
  }
  memcpy(pack->seqs, b->queue + b->at, (size_t)counts->B * sizeof(tfm_sequence *));
  b->at += counts->B;
  *out = pack;
  return TFM_OK;
}

tfm_status tfm_batcher_next(tfm_batcher *batcher, bool flush, tfm_pack **pack, tfm_err *err)
{
  tfm_pack counts;
  *pack = NULL;
  bool full = fill(batcher, &counts);
  if (!full && (flush || !tfm_batcher_room(batcher))) {
    turn_window(batcher);
    full = fill(batcher, &counts);
  }
  if (counts.B == 0 || (!full && !flush)) {
    return TFM_OK;
  }
  return cut_pack(batcher, &counts, pack, err);
}

void tfm_pack_close(tfm_pack *pack)
{
  if (pack) {
    tfm_free(pack->seqs);
    tfm_free(pack->freed);
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
