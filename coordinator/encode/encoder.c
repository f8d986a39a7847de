#include "coordinator/encode/encoder.h"

#include "core/base/mem.h"

#include <string.h>

/* Keep a failure as the row's own; memory alone ends the job. */
static tfm_status row_failed(tfm_item *item, const tfm_err *err)
{
  if (err->status == TFM_E_NOMEM) {
    return TFM_E_NOMEM;
  }
  tfm_item_fail(item, err);
  return TFM_OK;
}

static tfm_status keep_ids(tfm_item *item, const tfm_encoding *e, tfm_err *err)
{
  item->ids = tfm_calloc(2 * e->n, sizeof *item->ids);
  if (!item->ids) {
    return tfm_fail(err, TFM_E_NOMEM, "ids of row %lld", (long long)item->row->number);
  }
  item->n = (int64_t)e->n;
  item->type_ids = item->ids + e->n;
  memcpy(item->ids, e->ids, e->n * sizeof *e->ids);
  memcpy(item->type_ids, e->type_ids, e->n * sizeof *e->type_ids);
  item->truncated = e->truncated;
  return TFM_OK;
}

tfm_status tfm_encoder_run(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err)
{
  const tfm_row *row = item->row;
  if (row->status != TFM_OK) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, row->status, "%.*s", (int)row->error.n, row->error.p);
    return row_failed(item, &bad);
  }
  tfm_encode_options options = {.add_special_tokens = true,
                                .max_length = (size_t)encoder->max_length};
  /* An empty second text is none: the reference's tokenizers take "" for "not given". */
  tfm_span pair = row->pair.n ? row->pair : (tfm_span){0};
  tfm_err bad = {0};
  if (tfm_tokenizer_encode(encoder->tokenizer, row->text, pair, &options, scratch, &bad) !=
      TFM_OK) {
    *err = bad;
    return row_failed(item, &bad);
  }
  if (scratch->truncated && encoder->overflow == TFM_OVERFLOW_ERROR) {
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "the text is longer than %lld tokens; shorten it or pass "
                   "--on-overflow truncate",
                   (long long)encoder->max_length);
    return row_failed(item, &bad);
  }
  if (scratch->n == 0) {
    (void)tfm_fail(&bad, TFM_E_FORMAT, "the text has no tokens");
    return row_failed(item, &bad);
  }
  if (tfm_embed_check(encoder->embed, scratch->ids, scratch->type_ids, (int64_t)scratch->n,
                      &bad) != TFM_OK) {
    return row_failed(item, &bad);
  }
  return keep_ids(item, scratch, err);
}
