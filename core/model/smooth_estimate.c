/* Scales from the weights alone: what queries, keys and values are made of comes from a norm, whose
 * gain and bias say which of it is large. */
#include "core/model/smooth_private.h"

#include "core/base/mem.h"
#include "core/model/weights.h"

#include <math.h>
#include <string.h>

/* Before gain and bias a norm's outputs are about 1; of many tokens the largest about this. */
static const float far = 3.0f;

/* The norm that makes a layer's input. */
typedef struct {
  tfm__module module;
  int64_t layer;
} origin;

static bool has(const tfm_config *config, tfm__module module, int64_t layer)
{
  return tfm__module_name(config, module) && !tfm__layer_lacks(config, module, layer);
}

/* Layers with the same weights have the same scales, whichever a rank has. */
static int64_t first_alike(const tfm_config *config, int64_t layer)
{
  int64_t first = 0;
  while (tfm__layer_stored(config, first) != tfm__layer_stored(config, layer)) {
    ++first;
  }
  return first;
}

/* What ends a layer where norms come last. */
static origin end_of(const tfm_config *config, int64_t layer)
{
  return has(config, TFM__MODULE_CONVOLUTION_NORM, layer)
             ? (origin){TFM__MODULE_CONVOLUTION_NORM, layer}
             : (origin){TFM__MODULE_FFN_NORM, layer};
}

static origin origin_of(const tfm_config *config, int64_t layer)
{
  const bool pre = config->arch->block == &tfm__block_pre_norm;
  const bool opens = layer == 0 || layer == tfm_config_decoder(config);
  if (pre && has(config, TFM__MODULE_ATTENTION_NORM, layer)) {
    return (origin){TFM__MODULE_ATTENTION_NORM, layer};
  }
  if (config->groups > 0) { /* nearly always behind a layer like it */
    return end_of(config, layer > 0 ? layer - 1 : 0);
  }
  return opens || pre ? (origin){TFM__MODULE_EMBED_NORM, layer} : end_of(config, layer - 1);
}

tfm_status tfm__smooth_estimate(const tfm__loader *loader, int64_t layer, int64_t width,
                                float *reach, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &loader->model->config;
  const tfm__loader heap = {.model = loader->model, .engine = loader->engine};
  const origin from = origin_of(config, first_alike(config, layer));
  float *norm = NULL;
  for (int64_t k = 0; k < width; ++k) {
    reach[k] = 1.0f;
  }
  if (!has(config, from.module, from.layer) ||
      tfm__module_shape_in(config, from.module, from.layer).rows != width) {
    return TFM_OK;
  }
  TFM_TRY(tfm__norm_load(&norm, &heap, from.module, from.layer, err));
  for (int64_t k = 0; k < width; ++k) {
    reach[k] = far * fabsf(norm[k]) + fabsf(norm[width + k]);
  }

fail:
  tfm_free(norm);
  return st;
}
