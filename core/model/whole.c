#include "core/model/whole.h"

#include "core/base/mem.h"
#include "core/model/arch/registry.h"
#include "core/model/slice_private.h"

struct tfm_whole {
  tfm_embed *embed;
  tfm_slice *slice;
  int64_t H, units, width, max_tokens;
  float *x; /* [max_tokens,H] */
};

tfm_status tfm_whole_open(tfm_whole **out, const tfm_model *model, tfm_engine engine,
                          int64_t max_tokens, int64_t max_sequences, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &model->config;
  const tfm_slice_options options = {
      .first = 0,
      .last = 2 * config->L,
      .head = tfm__arch_head(config->arch, config->task) != NULL,
      .engine = engine,
      .max_tokens = max_tokens,
      .max_sequences = max_sequences,
      .nthread = 1,
  };
  *out = NULL;
  tfm_whole *whole = tfm_calloc(1, sizeof *whole);
  if (!whole) {
    return tfm_fail(err, TFM_E_NOMEM, "the whole model");
  }
  whole->H = config->H;
  whole->units = options.last;
  whole->max_tokens = max_tokens;
  TFM_TRY(tfm_embed_open(&whole->embed, model, NULL, err));
  TFM_TRY(tfm_slice_open(&whole->slice, model, &options, err));
  whole->width = options.head ? tfm_slice_result_width(whole->slice) : 0;
  whole->x = tfm_alloc_aligned((size_t)(max_tokens * config->H), sizeof *whole->x);
  if (!whole->x) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "activations of %lld tokens", (long long)max_tokens));
  }
  *out = whole;
  return TFM_OK;

fail:
  tfm_whole_close(whole);
  return st;
}

void tfm_whole_close(tfm_whole *whole)
{
  if (!whole) {
    return;
  }
  tfm_embed_close(whole->embed);
  tfm_slice_close(whole->slice);
  tfm_free(whole->x);
  tfm_free(whole);
}

void tfm_whole_run(tfm_whole *whole, const tfm_ids *ids, float *result, tfm_whole_watch watch,
                   void *arg)
{
  const int64_t sources = ids->cu_source ? ids->cu_source[ids->B] : 0;
  const int64_t rows = sources + ids->T;
  TFM_ASSERT(rows <= whole->max_tokens);
  const tfm_batch batch = {.B = ids->B,
                           .T = ids->T,
                           .cu_len = ids->cu_len,
                           .x = whole->x + sources * whole->H,
                           .cu_source = ids->cu_source,
                           .source = whole->x,
                           .nmark = ids->nmark,
                           .marks = ids->marks,
                           .ids = ids->ids,
                           .slot = ids->slot,
                           .start = ids->start,
                           .row = ids->row};
  tfm_embed_run(whole->embed, ids, whole->x, NULL);
  if (watch) {
    watch(arg, -1, whole->x, rows, whole->H);
  }
  for (int64_t u = 0; u < whole->units; ++u) {
    tfm__slice_run_unit(whole->slice, u, &batch, NULL);
    if (watch) {
      watch(arg, u, whole->x, rows, whole->H);
    }
  }
  if (result && whole->width > 0) {
    tfm_slice_head(whole->slice, &batch, result, NULL);
  }
}

tfm_slice *tfm_whole_slice(tfm_whole *whole)
{
  return whole->slice;
}

int64_t tfm_whole_width(const tfm_whole *whole)
{
  return whole->width;
}
