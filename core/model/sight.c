#include "core/model/sight.h"

#include "core/base/mem.h"
#include "core/kernels/rope.h"
#include "core/model/frequency.h"
#include "core/model/weights.h"

#include <math.h>

int64_t tfm__sight_bucket(int64_t distance, int64_t buckets, int64_t farthest)
{
  const int64_t half = buckets / 2;
  const int64_t alone = half / 2;
  const int64_t first = distance < 0 ? half : 0;
  const int64_t d = distance < 0 ? -distance : distance;
  if (d < alone) {
    return first + d;
  }
  const float steps = (float)log((double)((float)d / (float)alone));
  const float all = (float)log((double)farthest / (double)alone);
  const int64_t bucket = alone + (int64_t)(steps / all * (float)(half - alone));
  return first + (bucket < half ? bucket : half - 1);
}

int64_t tfm__sight_log_bucket(int64_t distance, int64_t buckets, int64_t farthest)
{
  const int64_t middle = buckets / 2;
  const int64_t d = distance < 0 ? -distance : distance;
  if (d <= middle) {
    return distance;
  }
  const float steps = (float)log((double)((float)d / (float)middle));
  const float all = (float)log((double)(float)((double)(farthest - 1) / (double)middle));
  const int64_t bucket = middle + (int64_t)ceilf(steps / all * (float)(middle - 1));
  return distance < 0 ? -bucket : bucket;
}

/* Rows of relative positions by distance: zero is in the middle of them. */
static tfm_status open_places(tfm__sight *sight, const tfm_config *config, int64_t reach,
                              tfm_err *err)
{
  const int64_t width = 2 * reach - 1;
  const int64_t zero = config->relative / 2;
  const size_t bytes = (size_t)width * sizeof *sight->place;
  sight->place = tfm_alloc_aligned((size_t)width, sizeof *sight->place);
  if (!sight->place) {
    return tfm_fail(err, TFM_E_NOMEM, "attention's places by distance: %zu bytes", bytes);
  }
  for (int64_t i = 0; i < width; ++i) {
    const int64_t distance = i - (reach - 1);
    const int64_t step =
        config->buckets ? tfm__sight_log_bucket(distance, config->buckets, config->farthest)
                        : distance;
    const int64_t row = zero + step < 0 ? 0 : zero + step;
    sight->place[i] = (int32_t)(row < config->relative ? row : config->relative - 1);
  }
  sight->terms.place = sight->place;
  sight->terms.R = config->relative;
  sight->bytes += bytes;
  sight->more = true;
  return TFM_OK;
}

/* The kernel scales what it adds to q.k; this bias is for scaled scores. */
static void spread_bias(const tfm_model *model, const float *table, const tfm_heads *heads,
                        int64_t reach, float *bias)
{
  const tfm_config *config = &model->config;
  const int64_t width = 2 * reach - 1;
  for (int64_t i = 0; i < width; ++i) {
    const int64_t distance = i - (reach - 1);
    const int64_t row = tfm__sight_bucket(distance, config->buckets, config->farthest);
    for (int64_t head = 0; head < heads->N; ++head) {
      bias[head * width + i] = table[row * heads->N + head] / heads->scale;
    }
  }
}

static tfm_status open_bias(tfm__sight *sight, const tfm_model *model, const tfm_heads *heads,
                            int64_t reach, tfm_err *err)
{
  tfm_status st = TFM_OK;
  float *table = NULL;
  const size_t floats = (size_t)(heads->N * (2 * reach - 1));
  TFM_TRY(tfm__table_load(&table, model, TFM__MODULE_POSITION_BIAS, err));
  sight->bias = tfm_alloc_aligned(floats, sizeof *sight->bias);
  if (!sight->bias) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "attention's bias by distance: %zu bytes",
                     floats * sizeof *sight->bias));
  }
  spread_bias(model, table, heads, reach, sight->bias);
  sight->terms.bias = sight->bias;

fail:
  tfm_free(table);
  return st;
}

static tfm_status open_rope(tfm__sight *sight, const tfm_config *config, bool local,
                            int64_t places, tfm_err *err)
{
  const int64_t half = config->turned / 2;
  const int64_t floats = places * config->turned;
  float *frequency = tfm_alloc_aligned((size_t)half, sizeof *frequency);
  sight->rope = tfm_alloc_aligned((size_t)floats, sizeof *sight->rope);
  if (!frequency || !sight->rope) {
    tfm_free(frequency);
    return tfm_fail(err, TFM_E_NOMEM, "attention's angles of %lld places: %lld bytes",
                    (long long)places, (long long)floats * 4);
  }
  const float stretch = tfm__frequencies(config, local, frequency);
  tfm_rope_table(frequency, places, half, sight->rope);
  for (int64_t i = 0; i < floats && (stretch < 1.0f || stretch > 1.0f); ++i) {
    sight->rope[i] *= stretch;
  }
  tfm_free(frequency);
  return TFM_OK;
}

/* A window counts the query's own token. */
static void open_window(tfm__sight *sight, const tfm_config *config, bool local)
{
  sight->terms.windowed = true;
  sight->terms.before = local ? config->window - 1 : INT32_MAX;
  sight->terms.after = config->causal ? 0 : sight->terms.before;
  sight->more = true;
}

tfm_status tfm__sight_measure(tfm__sight *sight, const tfm_config *config,
                              const tfm_heads *heads, int64_t longest, bool local, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *sight = (tfm__sight){.terms = {.reach = longest}};
  if (tfm__module_name(config, TFM__MODULE_POSITION_BIAS)) {
    sight->bytes += (size_t)(heads->N * (2 * longest - 1)) * sizeof *sight->bias;
    sight->more = true;
  }
  if (tfm__module_name(config, TFM__MODULE_POSITION_ROWS)) {
    TFM_TRY(open_places(sight, config, longest, err));
  }
  if (config->rope > 0) {
    sight->bytes += (size_t)(longest * config->turned) * sizeof *sight->rope;
  }
  if (local || config->causal) {
    open_window(sight, config, local);
  }

fail:
  return st;
}

tfm_status tfm__sight_open(tfm__sight *sight, const tfm_model *model, const tfm_heads *heads,
                           int64_t longest, bool local, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__sight_measure(sight, &model->config, heads, longest, local, err));
  if (tfm__module_name(&model->config, TFM__MODULE_POSITION_BIAS)) {
    TFM_TRY(open_bias(sight, model, heads, longest, err));
  }
  if (model->config.rope > 0) {
    TFM_TRY(open_rope(sight, &model->config, local, longest, err));
  }

fail:
  return st;
}

void tfm__sight_fini(tfm__sight *sight)
{
  tfm_free(sight->bias);
  tfm_free(sight->place);
  tfm_free(sight->rope);
  *sight = (tfm__sight){.more = false};
}
