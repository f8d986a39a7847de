/* Micro-batches to measure with: made of one length, or read and packed as a job would. */
#include "coordinator/bench/load.h"

#include "coordinator/batch/batcher.h"
#include "core/base/mem.h"
#include "core/model/cost.h"

#include <stdio.h>
#include <string.h>

enum { MADE_TOKENS = 16384 /* of one length, about */ };

/* Room for a micro-batch in one piece of memory, which starts with its ids. */
static tfm_status add_batch(tfm__load *l, int64_t B, int64_t T, int64_t nmark, tfm_ids **out,
                            tfm_err *err)
{
  if (l->nbatch == l->cap) {
    const size_t cap = l->cap ? 2 * l->cap : 64;
    tfm_ids *batch = tfm_realloc(l->batch, cap, sizeof *batch);
    if (!batch) {
      return tfm_fail(err, TFM_E_NOMEM, "%zu micro-batches", cap);
    }
    l->batch = batch;
    l->cap = cap;
  }
  int32_t *ids = tfm_calloc((size_t)(2 * T + B + 1 + nmark), sizeof *ids);
  if (!ids) {
    return tfm_fail(err, TFM_E_NOMEM, "a micro-batch of %lld tokens", (long long)T);
  }
  *out = &l->batch[l->nbatch++];
  **out = (tfm_ids){.B = B,
                    .T = T,
                    .nmark = nmark,
                    .ids = ids,
                    .type_ids = ids + T,
                    .cu_len = ids + 2 * T,
                    .marks = ids + 2 * T + B + 1};
  return TFM_OK;
}

/* The arrays of a batch are borrowed as constants by those who run it; here they are filled. */
static int32_t *writable(const int32_t *borrowed)
{
  return (int32_t *)(uintptr_t)borrowed;
}

static void count_row(const tfm_job *job, tfm__load *l, int64_t n)
{
  const tfm_config *config = &job->model.config;
  for (int64_t u = 0; u < 2 * config->L; ++u) {
    l->flops += tfm_cost_unit(config, TFM_FLOAT32, u, n);
  }
  l->flops += tfm_cost_head(config, TFM_FLOAT32, n);
  l->tokens += (double)n;
}

/* Rows of n random ids. */
tfm_status tfm__load_make(tfm__load *l, const tfm_job *job, int64_t n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  uint32_t seed = 1;
  (void)snprintf(l->name, sizeof l->name, "%lld", (long long)n);
  const int64_t fit = job->budget / n;
  const int64_t B = fit < 1 ? 1 : fit < job->max_sequences ? fit : job->max_sequences;
  while (l->tokens < MADE_TOKENS) {
    tfm_ids *batch = NULL;
    TFM_TRY(add_batch(l, B, B * n, job->encoder.mark_last ? B : 0, &batch, err));
    for (int64_t t = 0; t < B * n; ++t) {
      seed = seed * 1664525U + 1013904223U;
      writable(batch->ids)[t] = (int32_t)((seed >> 8) % (uint32_t)job->model.config.V);
    }
    for (int64_t i = 0; i < B; ++i) {
      writable(batch->cu_len)[i + 1] = (int32_t)((i + 1) * n);
      if (batch->nmark) {
        writable(batch->marks)[i] = (int32_t)((i + 1) * n - 1);
      }
      count_row(job, l, n);
    }
    l->rows += (double)B;
  }

fail:
  return st;
}

static tfm_status copy_pack(const tfm_job *job, tfm__load *l, const tfm_pack *pack,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_ids *batch = NULL;
  TFM_TRY(add_batch(l, pack->B, pack->T, pack->marks, &batch, err));
  int32_t at = 0;
  int64_t mark = 0;
  for (int64_t i = 0; i < pack->B; ++i) {
    const tfm_sequence *s = pack->seqs[i];
    memcpy(writable(batch->ids) + at, s->ids, (size_t)s->n * sizeof *s->ids);
    memcpy(writable(batch->type_ids) + at, s->type_ids, (size_t)s->n * sizeof *s->type_ids);
    for (int64_t m = 0; m < s->nmark; ++m) {
      writable(batch->marks)[mark++] = at + s->marks[m];
    }
    at += (int32_t)s->n;
    writable(batch->cu_len)[i + 1] = at;
    count_row(job, l, s->n);
  }

fail:
  return st;
}

/* As many micro-batches as the batcher has ready. */
static tfm_status drain(const tfm_job *job, tfm__load *l, tfm_batcher *batcher, bool flush,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_pack *pack = NULL;
  do {
    tfm_pack_close(pack);
    pack = NULL;
    TFM_TRY(tfm_batcher_next(batcher, flush, &pack, err));
    if (pack) {
      TFM_TRY(copy_pack(job, l, pack, err));
    }
  } while (pack);

fail:
  tfm_pack_close(pack);
  return st;
}

/* The input's rows, tokenized and packed as a job would. Rows that fail are left out. */
static tfm_status read_items(const tfm_job *job, tfm__load *l, tfm_batcher *batcher,
                             tfm_item ***items, size_t *nitem, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_encoding scratch = {0};
  size_t cap = 0;
  tfm_row *row = NULL;
  for (;;) {
    TFM_TRY(tfm_reader_next(job->reader, &row, err));
    if (!row) {
      break;
    }
    if (*nitem == cap) {
      cap = cap ? 2 * cap : 1024;
      tfm_item **more = tfm_realloc(*items, cap, sizeof(tfm_item *));
      if (!more) {
        tfm_row_free(row);
        TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%zu rows", cap));
      }
      *items = more;
    }
    tfm_item *item = tfm_item_open(row);
    if (!item) {
      TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a row"));
    }
    (*items)[(*nitem)++] = item;
    TFM_TRY(tfm_encoder_run(&job->encoder, item, &scratch, err));
    for (int64_t i = 0; item->status == TFM_OK && i < item->nseq; ++i) {
      while (!tfm_batcher_room(batcher)) {
        TFM_TRY(drain(job, l, batcher, false, err));
      }
      tfm_batcher_add(batcher, &item->seqs[i]);
    }
    l->rows += item->status == TFM_OK;
  }
  TFM_TRY(drain(job, l, batcher, true, err));

fail:
  tfm_encoding_fini(&scratch);
  return st;
}

tfm_status tfm__load_read(tfm__load *l, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_item **items = NULL;
  size_t nitem = 0;
  tfm_batcher *batcher = NULL;
  const tfm_batcher_options options = {.max_tokens = job->budget,
                                       .max_sequences = job->max_sequences,
                                       .max_rows = job->max_rows,
                                       .window = job->window};
  (void)snprintf(l->name, sizeof l->name, "as read");
  TFM_TRY(tfm_batcher_open(&batcher, &options, err));
  TFM_TRY(read_items(job, l, batcher, &items, &nitem, err));
  if (l->nbatch == 0) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING,
                     "the input holds no row to encode; --lengths 128 needs no input"));
  }

fail:
  tfm_batcher_close(batcher);
  for (size_t i = 0; i < nitem; ++i) {
    tfm_item_close(items[i]);
  }
  tfm_free(items);
  return st;
}

void tfm__load_fini(tfm__load *l)
{
  for (size_t i = 0; i < l->nbatch; ++i) {
    tfm_free(writable(l->batch[i].ids));
  }
  tfm_free(l->batch);
  *l = (tfm__load){.batch = NULL};
}
