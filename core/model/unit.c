#include "core/model/unit.h"

#include "core/base/mem.h"
#include "core/model/arch/registry.h"
#include "core/model/positions.h"
#include "core/model/weights.h"

#include <math.h>

/* The family's name of the first module the model has. */
static const char *first_name(const tfm_config *config, const tfm__module *modules, int n)
{
  const char *name = NULL;
  for (int i = 0; !name && i < n; ++i) {
    name = tfm__module_name(config, modules[i]);
  }
  return name;
}

/* A norm, where the layer has it. */
static tfm_status load_if_there(float **norm, const tfm__loader *loader, tfm__module module,
                                int64_t layer, tfm_err *err)
{
  const tfm_config *config = &loader->model->config;
  return tfm__module_name(config, module) && !tfm__layer_lacks(config, module, layer)
             ? tfm__norm_load(norm, loader, module, layer, err)
             : TFM_OK;
}

tfm__sees tfm__layer_sees(const tfm_config *config, int64_t layer)
{
  if (config->encoder > 0 && layer >= config->encoder) {
    return TFM__SEES_PAST;
  }
  return config->local && config->local[layer] ? TFM__SEES_LOCAL : TFM__SEES_ALL;
}

static void set_scores(tfm__unit *unit, const tfm_config *config, int64_t layer)
{
  const double width = config->score_width > 0 ? config->score_width : (double)config->D;
  const double terms = width * (double)config->score_terms;
  double scale = config->scores_scaled ? 1.0 / sqrt(terms) : 1.0;
  scale /= config->scores_by_layer ? (double)(layer + 1) : 1.0;
  unit->scale = (float)scale;
  unit->sees = tfm__layer_sees(config, layer);
}

/* The two products of a half layer, of several modules each. */
typedef struct {
  const tfm__module *in, *out;
  int nin, nout;
} products;

static tfm_status load_products(tfm__unit *unit, const tfm__loader *loader, const products *p,
                                int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  unit->in_name = first_name(&loader->model->config, p->in, p->nin);
  unit->out_name = first_name(&loader->model->config, p->out, p->nout);
  TFM_TRY(tfm__linear_load(&unit->in, loader, p->in, p->nin, layer, err));
  TFM_TRY(tfm__linear_load(&unit->out, loader, p->out, p->nout, layer, err));

fail:
  return st;
}

static tfm_status load_cross(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module query[] = {TFM__MODULE_CROSS_QUERY};
  static const tfm__module keys[] = {TFM__MODULE_CROSS_KEY, TFM__MODULE_CROSS_VALUE};
  static const tfm__module out[] = {TFM__MODULE_CROSS_CONTEXT};
  tfm__cross *cross = tfm_calloc(1, sizeof *cross);
  unit->cross = cross;
  if (!cross) {
    return tfm_fail(err, TFM_E_NOMEM, "a decoder's layer");
  }
  TFM_TRY(tfm__linear_load(&cross->query, loader, query, 1, layer, err));
  TFM_TRY(tfm__linear_load(&cross->keys, loader, keys, 2, layer, err));
  TFM_TRY(tfm__linear_load(&cross->out, loader, out, 1, layer, err));
  TFM_TRY(tfm__norm_load(&cross->norm, loader, TFM__MODULE_CROSS_NORM, layer, err));

fail:
  return st;
}

static tfm_status load_attention(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                                 tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module in[] = {TFM__MODULE_QKV, TFM__MODULE_QUERY, TFM__MODULE_KEY,
                                   TFM__MODULE_VALUE};
  static const tfm__module out[] = {TFM__MODULE_CONTEXT};
  static const products both = {in, out, 4, 1};
  set_scores(unit, &loader->model->config, layer);
  TFM_TRY(load_products(unit, loader, &both, layer, err));
  TFM_TRY(load_if_there(&unit->norm, loader, TFM__MODULE_ATTENTION_NORM, layer, err));
  TFM_TRY(load_if_there(&unit->after, loader, TFM__MODULE_ATTENTION_AFTER, layer, err));
  TFM_TRY(load_if_there(&unit->query_norm, loader, TFM__MODULE_QUERY_NORM, layer, err));
  TFM_TRY(load_if_there(&unit->key_norm, loader, TFM__MODULE_KEY_NORM, layer, err));
  TFM_TRY(tfm__positions_load(unit, loader, layer, err));
  if (unit->sees == TFM__SEES_PAST) {
    TFM_TRY(load_cross(unit, loader, layer, err));
  }

fail:
  return st;
}

static tfm_status load_ffn(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module in[] = {TFM__MODULE_GATE_UP, TFM__MODULE_GATE, TFM__MODULE_UP};
  static const tfm__module out[] = {TFM__MODULE_DOWN};
  static const products both = {in, out, 3, 1};
  const tfm_config *config = &loader->model->config;
  TFM_TRY(load_products(unit, loader, &both, layer, err));
  TFM_TRY(load_if_there(&unit->norm, loader, TFM__MODULE_FFN_NORM, layer, err));
  TFM_TRY(load_if_there(&unit->after, loader, TFM__MODULE_FFN_AFTER, layer, err));
  if (layer == config->L - 1 || layer == config->encoder - 1) {
    TFM_TRY(load_if_there(&unit->final, loader, TFM__MODULE_FINAL_NORM, layer, err));
  }

fail:
  return st;
}

static tfm_status load_beside(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module convolution[] = {TFM__MODULE_CONVOLUTION};
  unit->beside = tfm_calloc(1, sizeof *unit->beside);
  if (!unit->beside) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a whole layer"));
  }
  unit->beside->attention.on_shelf = unit->on_shelf;
  unit->beside->attention.H = unit->H;
  unit->beside->attention.D = unit->D;
  TFM_TRY(load_attention(&unit->beside->attention, loader, layer, err));
  if (loader->model->config.convolution > 0) {
    unit->beside->tokens = loader->model->config.convolution;
    TFM_TRY(tfm__linear_load(&unit->beside->convolution, loader, convolution, 1, layer, err));
    TFM_TRY(
        tfm__norm_load(&unit->beside->norm, loader, TFM__MODULE_CONVOLUTION_NORM, layer, err));
  }

fail:
  return st;
}

tfm_status tfm__unit_load(tfm__unit *unit, const tfm__loader *loader, int64_t u, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &loader->model->config;
  const int64_t attention = tfm__unit_attention(config, u);
  const int64_t ffn = tfm__unit_ffn(u);
  const int64_t encoder = config->encoder;
  *unit = (tfm__unit){.H = config->H, .D = config->D, .on_shelf = loader->shelf != NULL};
  unit->F = encoder > 0 && u / 2 >= encoder ? config->decoder_F : config->F;
  if (ffn >= 0) {
    TFM_TRY(load_ffn(unit, loader, ffn, err));
  }
  if (attention >= 0) {
    TFM_TRY(ffn >= 0 ? load_beside(unit, loader, attention, err)
                     : load_attention(unit, loader, attention, err));
  }

fail:
  return st;
}

void tfm__unit_fini(tfm__unit *unit)
{
  if (!unit->shared) {
    tfm_linear_close(unit->in);
    tfm_linear_close(unit->out);
  }
  if (!unit->shared && !unit->on_shelf) {
    tfm_free(unit->norm);
    tfm_free(unit->after);
    tfm_free(unit->query_norm);
    tfm_free(unit->key_norm);
    tfm_free(unit->final);
    tfm_free(unit->key_rows);
    tfm_free(unit->query_rows);
  }
  if (unit->cross) {
    tfm_linear_close(unit->cross->query);
    tfm_linear_close(unit->cross->keys);
    tfm_linear_close(unit->cross->out);
    if (!unit->on_shelf) {
      tfm_free(unit->cross->norm);
    }
    tfm_free(unit->cross);
  }
  if (unit->beside) {
    tfm__unit_fini(&unit->beside->attention);
    tfm_linear_close(unit->beside->convolution);
    if (!unit->on_shelf) {
      tfm_free(unit->beside->norm);
    }
    tfm_free(unit->beside);
  }
  *unit = (tfm__unit){.in = NULL};
}

/* ---- what a unit holds ---- */

enum { MOST_PRODUCTS = 5, MOST_FLOATS = 16 };

typedef struct {
  const tfm_linear *product[MOST_PRODUCTS];
  const char *name[MOST_PRODUCTS];
  int nproduct;
  const float *floats[MOST_FLOATS];
  size_t bytes[MOST_FLOATS];
  int nfloats;
} inventory;

static void list_product(inventory *all, const tfm_linear *product, const char *name)
{
  if (product) {
    all->product[all->nproduct] = product;
    all->name[all->nproduct++] = name;
  }
}

static void list_floats(inventory *all, const float *floats, size_t bytes)
{
  if (floats) {
    all->floats[all->nfloats] = floats;
    all->bytes[all->nfloats++] = bytes;
  }
}

static size_t norm_bytes(int64_t width)
{
  return 2 * (size_t)width * sizeof(float);
}

static void list_unit(inventory *all, const tfm__unit *unit)
{
  list_product(all, unit->in, unit->in_name);
  list_product(all, unit->out, unit->out_name);
  list_floats(all, unit->norm, norm_bytes(unit->H));
  list_floats(all, unit->after, norm_bytes(unit->H));
  list_floats(all, unit->query_norm, norm_bytes(unit->D));
  list_floats(all, unit->key_norm, norm_bytes(unit->D));
  list_floats(all, unit->final, norm_bytes(unit->H));
  list_floats(all, unit->key_rows, unit->position_bytes);
  list_floats(all, unit->query_rows, unit->position_bytes);
}

static inventory inventory_of(const tfm__unit *unit)
{
  inventory all = {.nproduct = 0};
  list_unit(&all, unit);
  if (unit->cross) {
    list_product(&all, unit->cross->query, "a decoder's query");
    list_product(&all, unit->cross->keys, "a decoder's keys of the source");
    list_product(&all, unit->cross->out, "a decoder's second attention");
    list_floats(&all, unit->cross->norm, norm_bytes(unit->H));
  }
  if (unit->beside) {
    list_unit(&all, &unit->beside->attention);
    list_product(&all, unit->beside->convolution, "the convolution");
    list_floats(&all, unit->beside->norm, norm_bytes(unit->H));
  }
  return all;
}

size_t tfm__unit_bytes(const tfm__unit *unit)
{
  const inventory all = inventory_of(unit);
  size_t bytes = 0;
  for (int i = 0; i < all.nproduct; ++i) {
    bytes += tfm_linear_bytes(all.product[i]);
  }
  for (int i = 0; i < all.nfloats; ++i) {
    bytes += all.bytes[i];
  }
  return bytes;
}

void tfm__unit_each_block(const tfm__unit *unit, tfm__block_fn fn, void *arg)
{
  const inventory all = inventory_of(unit);
  for (int i = 0; i < all.nproduct; ++i) {
    size_t bytes = 0;
    const void *p = tfm_linear_memory(all.product[i], &bytes);
    fn(arg, p, bytes);
  }
  for (int i = 0; i < all.nfloats; ++i) {
    fn(arg, all.floats[i], all.bytes[i]);
  }
}

const char *tfm__unit_probe(const tfm__unit *unit)
{
  const inventory all = inventory_of(unit);
  for (int i = 0; i < all.nproduct; ++i) {
    if (!tfm_linear_probe(all.product[i])) {
      return all.name[i];
    }
  }
  return NULL;
}
