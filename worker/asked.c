#include "worker/asked.h"

#include <string.h>

tfm_status tfm__asked_head(const tfm_msg_start *start, tfm_head_spec *spec, tfm_err *err)
{
  *spec = (tfm_head_spec){.pooling = (tfm_pooling)start->pooling,
                          .normalize = (tfm_normalize)start->normalize,
                          .dims = start->dims,
                          .top_k = start->top_k,
                          .lm = (tfm_lm)start->lm,
                          .choice = {.sample = start->sample,
                                     .seed = start->seed,
                                     .temperature = start->temperature,
                                     .top_p = start->top_p,
                                     .min_p = start->min_p,
                                     .typical_p = start->typical_p,
                                     .epsilon_cutoff = start->epsilon_cutoff,
                                     .eta_cutoff = start->eta_cutoff,
                                     .repetition_penalty = start->repetition_penalty,
                                     .no_repeat_ngram = start->no_repeat_ngram,
                                     .min_new = start->min_new,
                                     .min_length = start->min_length,
                                     .force_first = start->force_first,
                                     .force_last = start->force_last,
                                     .last_new = start->last_new,
                                     .last_length = start->last_length,
                                     .decay_after = start->decay_after,
                                     .decay = start->decay,
                                     .renormalize = start->renormalize,
                                     .branches = start->branches,
                                     .candidates = start->candidates},
                          .nonly = start->only.n,
                          .nsaid = start->said.n};
  _Static_assert((int)TFM_MSG_IDS == (int)TFM_HEAD_ONLY_MOST, "one list");
  memcpy(spec->only, start->only.v, sizeof spec->only);
  memcpy(spec->said, start->said.v, sizeof spec->said);
  if (!tfm_task_parse(start->task, &spec->task) || start->pooling >= TFM_POOLING_COUNT ||
      start->normalize > TFM_NORMALIZE_OFF || start->lm >= TFM_LM_COUNT) {
    return tfm_fail(err, TFM_E_CONFIG,
                    "task %s (pooling %d, normalize %d) is unknown to this build", start->task,
                    start->pooling, start->normalize);
  }
  return TFM_OK;
}

static tfm_status read_dtype(const char *name, tfm_precision *out, tfm_err *err)
{
  return tfm_precision_parse(name, out)
             ? TFM_OK
             : tfm_fail(err, TFM_E_CONFIG, "dtype %s is unknown to this build", name);
}

tfm_status tfm__asked_engine(const tfm_msg_start *start, tfm_engine *engine, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *engine = (tfm_engine){.backend = TFM_BACKEND_NATIVE};
  TFM_TRY(read_dtype(start->dtype, &engine->precision, err));
  TFM_TRY(read_dtype(start->kv, &engine->kv, err));
  TFM_TRY(read_dtype(start->wire, &engine->wire, err));
  if (engine->wire != TFM_FLOAT32 && engine->wire != TFM_BFLOAT16) {
    TFM_TRY(tfm_fail(err, TFM_E_CONFIG, "wire dtype %s is unknown to this build", start->wire));
  }
  if (!tfm_backend_parse(start->backend, &engine->backend)) {
    TFM_TRY(tfm_fail(err, TFM_E_CONFIG, "backend %s is unknown to this build", start->backend));
  }

fail:
  return st;
}
