#include "core/model/sight.h"

#include "core/base/mem.h"
#include "core/kernels/rope.h"
#include "core/model/frequency.h"
#include "core/model/weights.h"

#include <math.h>

/* Distances d >= 0: half of the buckets are for one alone. */
static int64_t bucket_of(int64_t d, int64_t buckets, int64_t farthest)
{
  const int64_t alone = buckets / 2;
  if (d < alone) {
    return d;
  }
  const float steps = (float)log((double)((float)d / (float)alone));
  const float all = (float)log((double)farthest / (double)alone);
  const int64_t bucket = alone + (int64_t)(steps / all * (float)(buckets - alone));
  return bucket < buckets ? bucket : buckets - 1;
}

int64_t tfm__sight_bucket(int64_t distance, int64_t buckets, int64_t farthest)
{
  const int64_t half = buckets / 2;
  return distance < 0 ? half + bucket_of(-distance, half, farthest)
                      : bucket_of(distance, half, farthest);
}

int64_t tfm__sight_bucket_behind(int64_t distance, int64_t buckets, int64_t farthest)
{
  return bucket_of(distance < 0 ? 0 : distance, buckets, farthest);
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
static void spread_bias(const tfm_config *config, const float *table, const tfm_heads *heads,
                        tfm__sight *sight, tfm__sees sees)
{
  const int64_t reach = sight->terms.reach;
  const int64_t width = 2 * reach - 1;
  const double scale = config->scores_scaled ? (double)heads->scale : 1.0;
  for (int64_t i = 0; i < width; ++i) {
    const int64_t distance = i - (reach - 1);
    const int64_t row =
        sees == TFM__SEES_PAST
            ? tfm__sight_bucket_behind(distance, config->buckets, config->farthest)
            : tfm__sight_bucket(distance, config->buckets, config->farthest);
    for (int64_t head = 0; head < heads->N; ++head) {
      sight->bias[head * width + i] = table[row * heads->N + head] / (float)scale;
    }
  }
}

static tfm_status open_bias(tfm__sight *sight, const tfm_model *model, const tfm_heads *heads,
                            tfm__sees sees, tfm_err *err)
{
  tfm_status st = TFM_OK;
  float *table = NULL;
  const tfm__loader heap = {.model = model};
  const size_t floats = (size_t)(heads->N * (2 * sight->terms.reach - 1));
  const int64_t layer = sees == TFM__SEES_PAST ? tfm_config_decoder(&model->config) : 0;
  TFM_TRY(tfm__table_load(&table, &heap, TFM__MODULE_POSITION_BIAS, layer, err));
  sight->bias = tfm_alloc_aligned(floats, sizeof *sight->bias);
  if (!sight->bias) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "attention's bias by distance: %zu bytes",
                     floats * sizeof *sight->bias));
  }
  spread_bias(&model->config, table, heads, sight, sees);
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
  const float stretch = tfm__frequencies(config, local, 0, frequency);
  tfm_rope_table(frequency, 0, places, half, sight->rope);
  for (int64_t i = 0; i < floats && (stretch < 1.0f || stretch > 1.0f); ++i) {
    sight->rope[i] *= stretch;
  }
  tfm_free(frequency);
  return TFM_OK;
}

/* A window counts the query's own token. */
static void open_window(tfm__sight *sight, const tfm_config *config, tfm__sees sees)
{
  const bool causal = config->causal || sees == TFM__SEES_PAST;
  sight->terms.windowed = true;
  sight->terms.before = sees == TFM__SEES_LOCAL ? config->window - 1 : INT32_MAX;
  sight->terms.after = causal ? 0 : sight->terms.before;
  sight->more = true;
}

tfm_status tfm__sight_measure(tfm__sight *sight, const tfm_config *config,
                              const tfm_heads *heads, int64_t longest, tfm__sees sees,
                              tfm_err *err)
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
  if (sees != TFM__SEES_ALL || config->causal) {
    open_window(sight, config, sees);
  }

fail:
  return st;
}

tfm_status tfm__sight_open(tfm__sight *sight, const tfm_model *model, const tfm_heads *heads,
                           int64_t longest, tfm__sees sees, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__sight_measure(sight, &model->config, heads, longest, sees, err));
  if (tfm__module_name(&model->config, TFM__MODULE_POSITION_BIAS)) {
    TFM_TRY(open_bias(sight, model, heads, sees, err));
  }
  if (model->config.rope > 0) {
    sight->by_length = model->config.scaling.dynamic ? &model->config : NULL;
    TFM_TRY(open_rope(sight, &model->config, sees == TFM__SEES_LOCAL, longest, err));
  }

fail:
  return st;
}

const float *tfm__sight_angles(const tfm__sight *sight, int64_t start, int64_t n, float *made)
{
  const tfm_config *config = sight->by_length;
  float *frequency = made + n * config->turned;
  if (start + n <= config->trained) {
    return sight->rope + start * config->turned;
  }
  (void)tfm__frequencies(config, false, start + n, frequency);
  tfm_rope_table(frequency, start, n, config->turned / 2, made);
  return made;
}

void tfm__sight_fini(tfm__sight *sight)
{
  tfm_free(sight->bias);
  tfm_free(sight->place);
  tfm_free(sight->rope);
  *sight = (tfm__sight){.more = false};
}
