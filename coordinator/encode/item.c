#include "coordinator/encode/item.h"

#include "core/base/mem.h"

#include <string.h>

tfm_item *tfm_item_open(tfm_row *row)
{
  tfm_item *item = tfm_calloc(1, sizeof *item);
  if (!item) {
    tfm_row_free(row);
    return NULL;
  }
  item->row = row;
  return item;
}

static bool grow(tfm_item *item)
{
  if (item->nseq < item->cap) {
    return true;
  }
  int64_t cap = item->cap ? 2 * item->cap : 1;
  tfm_sequence *seqs = tfm_realloc(item->seqs, (size_t)cap, sizeof *seqs);
  if (!seqs) {
    return false;
  }
  item->seqs = seqs;
  item->cap = cap;
  return true;
}

/* One block a sequence, which belongs to `ids`. */
tfm_sequence *tfm_item_add(tfm_item *item, int64_t n, int64_t nmark, bool places)
{
  const size_t ints = (size_t)((places ? 5 : 2) * n + nmark);
  const size_t bytes = ints * sizeof(int32_t) + (places ? 2 * (size_t)n : 0);
  int32_t *block = grow(item) ? tfm_realloc(NULL, bytes, 1) : NULL;
  if (!block) {
    return NULL;
  }
  tfm_sequence *s = &item->seqs[item->nseq++];
  *s = (tfm_sequence){.item = item,
                      .n = n,
                      .ids = block,
                      .type_ids = block + n,
                      .nmark = nmark,
                      .marks = block + 2 * n};
  if (places) {
    int32_t *at = s->marks + nmark;
    s->places = (tfm_places){.begin = at, .end = at + n, .word = at + 2 * n};
    s->places.special = (uint8_t *)(at + 3 * n);
    s->places.which = s->places.special + n;
  }
  return s;
}

bool tfm_sequence_read(tfm_sequence *s, const int32_t *ids, int64_t n)
{
  s->source = tfm_calloc((size_t)n, sizeof *s->source);
  if (s->source) {
    memcpy(s->source, ids, (size_t)n * sizeof *ids);
    s->nsource = n;
  }
  return s->source != NULL;
}

void tfm_item_fail(tfm_item *item, const tfm_err *err)
{
  if (item->status != TFM_OK) {
    return;
  }
  item->status = err->status;
  item->err = tfm_calloc(1, sizeof *item->err);
  if (item->err) {
    *item->err = *err;
  }
}

const char *tfm_item_error(const tfm_item *item)
{
  return item->err ? item->err->text : tfm_status_text(item->status);
}

int64_t tfm_item_bytes(const tfm_item *item, int64_t width)
{
  const tfm_row *row = item->row;
  int64_t bytes = (int64_t)(sizeof *item + sizeof *row + row->text.n + row->pair.n + row->id.n);
  for (int i = 0; i < row->nlist; ++i) {
    bytes += (int64_t)(sizeof row->list[i] + row->list[i].n);
  }
  for (int64_t i = 0; i < item->nseq; ++i) {
    const tfm_sequence *s = &item->seqs[i];
    const int64_t ints = (s->places.begin ? 5 : 2) * s->n + s->nmark + s->nsource;
    bytes += (int64_t)sizeof *s + ints * (int64_t)sizeof *s->ids +
             (s->places.begin ? 2 * s->n : 0) + s->rows * width * (int64_t)sizeof *s->values;
  }
  return bytes;
}

void tfm_item_close(tfm_item *item)
{
  if (!item) {
    return;
  }
  for (int64_t s = 0; s < item->nseq; ++s) {
    tfm_free(item->seqs[s].ids);
    tfm_free(item->seqs[s].source);
    tfm_free(item->seqs[s].values);
    tfm_free(item->seqs[s].ends);
  }
  tfm_free(item->seqs);
  tfm_row_free(item->row);
  tfm_free(item->err);
  tfm_free(item);
}
