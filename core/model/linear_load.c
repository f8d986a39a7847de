/* Linear layers, packed while they are read: a checkpoint's weights are never in memory twice. */
#include "core/base/mem.h"
#include "core/model/weights.h"

#include <string.h>

enum { STRIP_FLOATS = 1 << 18 }; /* read at a time, and no less than a panel */

/* The next outputs of a layer, until they are enough to be packed. */
typedef struct {
  tfm_linear *to;
  int64_t width;
  int64_t room;  /* outputs it has room for, a multiple of TFM_LINEAR_PANEL */
  int64_t at, n; /* it holds outputs [at, at + n) */
  float *weight; /* [room,width] */
  float *bias;   /* [room] */
} strip;

static int64_t strip_room(int64_t width)
{
  const int64_t panels = STRIP_FLOATS / width / TFM_LINEAR_PANEL;
  return (panels > 1 ? panels : 1) * TFM_LINEAR_PANEL;
}

static tfm_status no_memory(tfm_err *err, const char *what, int64_t floats)
{
  return tfm_fail(err, TFM_E_NOMEM, "%s: %lld bytes", what, (long long)floats * 4);
}

static tfm_status strip_open(strip *s, int64_t rows, int64_t width, tfm_err *err)
{
  s->width = width;
  s->room = strip_room(width) < rows ? strip_room(width)
                                     : rows + (TFM_LINEAR_PANEL - 1) -
                                           (rows + TFM_LINEAR_PANEL - 1) % TFM_LINEAR_PANEL;
  s->weight = tfm_alloc_aligned((size_t)(s->room * width), sizeof *s->weight);
  s->bias = tfm_alloc_aligned((size_t)s->room, sizeof *s->bias);
  return s->weight && s->bias ? TFM_OK : no_memory(err, "reading weights", s->room * width);
}

static void strip_fini(strip *s)
{
  tfm_free(s->weight);
  tfm_free(s->bias);
}

static void strip_flush(strip *s)
{
  tfm_linear_put(s->to, s->at, s->n, s->weight, s->bias);
  s->at += s->n;
  s->n = 0;
}

/* Where a module's outputs come from. */
typedef struct {
  const tfm_checkpoint *checkpoint;
  tfm__tensors found;
  tfm__module_shape shape;
  int64_t tokens; /* of a convolution; else 0 */
  int64_t D;      /* width of heads whose query, key and value are together; else 0 */
  float *stored;  /* all of it, [width,rows], of a module that is stored so; owned, or NULL */
} source;

static tfm_status source_open(source *from, const tfm_model *model, tfm__module module,
                              int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *from = (source){.checkpoint = model->checkpoint,
                   .shape = tfm__module_shape_in(&model->config, module, layer)};
  from->tokens = from->shape.kind == TFM__CONVOLUTION ? model->config.convolution : 0;
  from->D = model->config.arch->qkv_by_head && module == TFM__MODULE_QKV ? model->config.D : 0;
  TFM_TRY(tfm__tensors_find(model, module, layer, &from->found, err));
  if (tfm__stored_transposed(&model->config, module)) {
    const tfm_tensor_info *info = from->found.weight;
    from->stored = tfm_alloc_aligned((size_t)info->count, sizeof *from->stored);
    if (!from->stored) {
      TFM_TRY(no_memory(err, "reading weights", info->count));
    }
    TFM_TRY(tfm_checkpoint_read(from->checkpoint, info, from->stored, err));
  }

fail:
  return st;
}

static void turn_stored(const source *from, int64_t first, int64_t n, float *weight)
{
  const int64_t rows = from->shape.rows;
  const int64_t width = from->shape.width;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      weight[i * width + k] = from->stored[k * rows + first + i];
    }
  }
}

/* A file has an output's weights as [in][token], packing wants [token][in]. */
static tfm_status turn_convolution(const source *from, int64_t n, float *weight, tfm_err *err)
{
  const int64_t width = from->shape.width;
  const int64_t H = width / from->tokens;
  float *row = tfm_alloc_aligned((size_t)width, sizeof *row);
  if (!row) {
    return no_memory(err, "reading a convolution", width);
  }
  for (float *to = weight; to < weight + n * width; to += width) {
    memcpy(row, to, (size_t)width * sizeof *row);
    for (int64_t i = 0; i < H; ++i) {
      for (int64_t t = 0; t < from->tokens; ++t) {
        to[t * H + i] = row[i * from->tokens + t];
      }
    }
  }
  tfm_free(row);
  return TFM_OK;
}

/* Rows [first, first + n) of queries, keys, values of which a file has a head's together. */
static tfm_status read_by_head(const source *from, const tfm_tensor_info *info, int64_t first,
                               int64_t n, float *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t D = from->D;
  const int64_t heads = from->shape.rows / (3 * D);
  const int64_t width = info->count / from->shape.rows;
  for (int64_t r = first, most = 0; r < first + n; r += most) {
    const int64_t left = first + n - r;
    const int64_t part = r / (heads * D);
    const int64_t row = (r / D % heads * 3 + part) * D + r % D;
    most = D - r % D < left ? D - r % D : left;
    TFM_TRY(tfm_checkpoint_read_part(from->checkpoint, info, row * width, most * width,
                                     out + (r - first) * width, err));
  }

fail:
  return st;
}

static tfm_status read_rows(const source *from, const tfm_tensor_info *info, int64_t first,
                            int64_t n, float *out, tfm_err *err)
{
  const int64_t width = info->count / from->shape.rows;
  return from->D ? read_by_head(from, info, first, n, out, err)
                 : tfm_checkpoint_read_part(from->checkpoint, info, first * width, n * width,
                                            out, err);
}

/* Outputs [first, first + n) of a module. */
static tfm_status read_outputs(const source *from, int64_t first, int64_t n, float *weight,
                               float *bias, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (from->stored) {
    turn_stored(from, first, n, weight);
  } else {
    TFM_TRY(read_rows(from, from->found.weight, first, n, weight, err));
  }
  if (from->tokens) {
    TFM_TRY(turn_convolution(from, n, weight, err));
  }
  memset(bias, 0, (size_t)n * sizeof *bias);
  if (from->found.bias) {
    TFM_TRY(read_rows(from, from->found.bias, first, n, bias, err));
  }

fail:
  return st;
}

/* All outputs of a module, behind those that are there already. */
static tfm_status load_module(strip *s, const tfm_model *model, tfm__module module,
                              int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  source from;
  TFM_TRY(source_open(&from, model, module, layer, err));
  for (int64_t r = 0, n = 0; r < from.shape.rows; r += n) {
    n = from.shape.rows - r < s->room - s->n ? from.shape.rows - r : s->room - s->n;
    TFM_TRY(read_outputs(&from, r, n, s->weight + s->n * s->width, s->bias + s->n, err));
    s->n += n;
    if (s->n == s->room) {
      strip_flush(s);
    }
  }

fail:
  tfm_free(from.stored);
  return st;
}

tfm_status tfm__linear_load(tfm_linear **out, const tfm__loader *loader,
                            const tfm__module *modules, int nmodule, int64_t layer,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_model *model = loader->model;
  const int64_t width = tfm__module_shape_in(&model->config, modules[0], layer).width;
  int64_t rows = 0;
  strip s = {.n = 0};
  for (int i = 0; i < nmodule; ++i) {
    if (tfm__module_name(&model->config, modules[i])) {
      rows += tfm__module_shape_in(&model->config, modules[i], layer).rows;
    }
  }
  TFM_TRY(tfm_linear_begin_on(out, loader->engine, rows, width, loader->shelf, err));
  if (tfm_shelf_filled(loader->shelf)) {
    return TFM_OK;
  }
  s.to = *out;
  TFM_TRY(strip_open(&s, rows, width, err));
  for (int i = 0; i < nmodule; ++i) {
    if (tfm__module_name(&model->config, modules[i])) {
      TFM_TRY(load_module(&s, model, modules[i], layer, err));
    }
  }
  if (s.n > 0) {
    strip_flush(&s);
  }
  strip_fini(&s);
  return TFM_OK;

fail:
  strip_fini(&s);
  tfm_linear_close(*out);
  *out = NULL;
  return st;
}

int64_t tfm__linear_passing(const tfm_config *config, tfm__module module)
{
  const tfm__module_shape shape = tfm__module_shape_of(config, module);
  const int64_t room = strip_room(shape.width);
  const int64_t stored = tfm__stored_transposed(config, module) ? shape.rows : 0;
  return ((room < shape.rows ? room : shape.rows) + stored) * shape.width *
         (int64_t)sizeof(float);
}
