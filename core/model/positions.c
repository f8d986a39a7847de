#include "core/model/positions.h"

#include "core/base/mem.h"
#include "core/kernels/attention.h"
#include "core/kernels/layernorm.h"
#include "core/model/arch/registry.h"
#include "core/model/weights.h"

#include <string.h>

/* The table [R,H], normalised where the model says so. */
static tfm_status load_rows(float **out, const tfm__loader *heap, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &heap->model->config;
  const int64_t H = config->H;
  float *norm = NULL;
  TFM_TRY(tfm__table_load(out, heap, TFM__MODULE_POSITION_ROWS, 0, err));
  if (tfm__module_name(config, TFM__MODULE_POSITION_NORM)) {
    TFM_TRY(tfm__norm_load(&norm, heap, TFM__MODULE_POSITION_NORM, 0, err));
    const tfm_norm learned = {norm, norm + H, config->norm_eps};
    tfm_layernorm(*out, H, config->relative, H, &learned, *out, H, NULL);
  }

fail:
  tfm_free(norm);
  return st;
}

/* What the rows of one layer are made of. */
typedef struct {
  const tfm__loader *loader;
  tfm__loader heap; /* the same, but for what is made of what it loads */
  int64_t layer;
  const tfm_linear *qkv; /* [3H,H] of the layer */
  const float *rows;     /* [R,H] */
} maker;

/* Columns [first, first + H) of y [R,width], packed. Changes y. */
static void pack_columns(float *out, const tfm_config *config, float *y, int64_t width,
                         int64_t first)
{
  const int64_t H = config->H;
  const tfm_heads heads = {.N = config->N, .D = config->D};
  const size_t floats = tfm_attention_pack_floats(&heads, config->relative);
  for (int64_t r = 0; r < config->relative; ++r) {
    memmove(y + r * H, y + r * width + first, (size_t)H * sizeof *y);
  }
  memset(out, 0, floats * sizeof *out);
  tfm_attention_pack(&heads, y, config->relative, out);
}

/* Columns [first, first + H) of what a product of `width` outputs makes of the rows. */
static tfm_status make_rows(float *out, const maker *from, const tfm_linear *product,
                            int64_t width, int64_t first, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &from->loader->model->config;
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  float *y = tfm_alloc_aligned((size_t)(config->relative * width), sizeof *y);
  if (!y) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%lld relative positions", (long long)config->relative));
  }
  tfm_linear_run(product, from->rows, config->H, config->relative, y, width, &plain, NULL);
  pack_columns(out, config, y, width, first);

fail:
  tfm_free(y);
  return st;
}

/* The layer's own query and key products make them where they are shared, else products of their
 * own, which nothing else needs: those in float32. */
static tfm_status load_kind(float **out, const maker *from, tfm__module own, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &from->loader->model->config;
  const int64_t H = config->H;
  const tfm_heads heads = {.N = config->N, .D = config->D};
  const size_t floats = tfm_attention_pack_floats(&heads, config->relative);
  tfm_linear *product = NULL;
  *out = tfm_shelf_take(from->loader->shelf, floats, sizeof **out);
  if (!*out) {
    return tfm_fail(err, TFM_E_NOMEM, "rows of relative positions: %zu bytes",
                    floats * sizeof **out);
  }
  if (tfm_shelf_filled(from->loader->shelf)) {
    return TFM_OK;
  }
  if (!tfm__module_name(config, own)) {
    const int64_t first = own == TFM__MODULE_POSITION_KEY ? H : 0;
    return make_rows(*out, from, from->qkv, 3 * H, first, err);
  }
  TFM_TRY(tfm__linear_load(&product, &from->heap, &own, 1, from->layer, err));
  TFM_TRY(make_rows(*out, from, product, H, 0, err));

fail:
  tfm_linear_close(product);
  return st;
}

tfm_status tfm__positions_load(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  float *rows = NULL;
  const tfm_model *model = loader->model;
  maker from = {.loader = loader,
                .heap = {model,
                         {.backend = loader->engine.backend, .precision = TFM_FLOAT32},
                         NULL,
                         loader->par},
                .layer = layer,
                .qkv = unit->in};
  if (!tfm__module_name(&model->config, TFM__MODULE_POSITION_ROWS)) {
    return TFM_OK;
  }
  if (!tfm_shelf_filled(loader->shelf)) {
    TFM_TRY(load_rows(&rows, &from.heap, err));
  }
  from.rows = rows;
  const tfm_heads heads = {.N = model->config.N, .D = model->config.D};
  unit->position_bytes =
      tfm_attention_pack_floats(&heads, model->config.relative) * sizeof(float);
  if (model->config.meets_key_rows) {
    TFM_TRY(load_kind(&unit->key_rows, &from, TFM__MODULE_POSITION_KEY, err));
  }
  if (model->config.meets_query_rows) {
    TFM_TRY(load_kind(&unit->query_rows, &from, TFM__MODULE_POSITION_QUERY, err));
  }

fail:
  tfm_free(rows);
  return st;
}

int64_t tfm__positions_passing(const tfm_config *config)
{
  const int64_t H = config->H;
  const bool own = tfm__module_name(config, TFM__MODULE_POSITION_KEY) ||
                   tfm__module_name(config, TFM__MODULE_POSITION_QUERY);
  if (!tfm__module_name(config, TFM__MODULE_POSITION_ROWS)) {
    return 0;
  }
  const int64_t made = config->relative * (own ? H : 3 * H);
  return (config->relative * H + made + (own ? H * H : 0)) * (int64_t)sizeof(float);
}
