/* Linear layers, packed while they are read: a checkpoint's weights are never in memory twice. */
#include "core/base/mem.h"
#include "core/model/smooth_private.h"
#include "core/model/weights.h"

#include <math.h>
#include <string.h>

enum { STRIP_FLOATS = 1 << 18 }; /* a thread reads at a time, and no less than a panel */

/* Outputs of a layer on their way from the file: a thread's own. */
typedef struct {
  float *weight;     /* [room,width] */
  float *bias;       /* [room] */
  tfm_status failed; /* the first strip that failed of those this thread had, and why */
  int task;
  tfm_err err;
} strip;

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* Outputs a strip has room for, a multiple of TFM_LINEAR_PANEL. */
static int64_t strip_room(int64_t rows, int64_t width)
{
  const int64_t panels = most(STRIP_FLOATS / width / TFM_LINEAR_PANEL, 1);
  const int64_t needed = (rows + TFM_LINEAR_PANEL - 1) / TFM_LINEAR_PANEL;
  return least(panels, needed) * TFM_LINEAR_PANEL;
}

static tfm_status no_memory(tfm_err *err, const char *what, int64_t floats)
{
  return tfm_fail(err, TFM_E_NOMEM, "%s: %lld bytes", what, (long long)floats * 4);
}

/* Where a module's outputs come from. */
typedef struct {
  const tfm_checkpoint *checkpoint;
  int64_t at; /* its first output's number in the layer */
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
  for (int64_t r = first, some = 0; r < first + n; r += some) {
    const int64_t left = first + n - r;
    const int64_t part = r / (heads * D);
    const int64_t row = (r / D % heads * 3 + part) * D + r % D;
    some = D - r % D < left ? D - r % D : left;
    TFM_TRY(tfm_checkpoint_read_part(from->checkpoint, info, row * width, some * width,
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

enum { MODULES = 4 };

/* A layer that is read and packed: a strip a task, any number of them at once. */
typedef struct {
  tfm_linear *to;
  int64_t rows, width, room;
  source from[MODULES];
  int nsource;
  strip *strips; /* [nthread] */
  int nthread;
  float *column; /* [nthread,width] of an int8 layer with factors: its weights' largest for each
                    input so far, by thread; else NULL */
  float *scale;  /* [width] then what weights are multiplied by */
} reading;

/* Where outputs [first, end) of the layer meet a source's: its own [*begin, *begin + result). */
static int64_t meets(const source *from, int64_t first, int64_t end, int64_t *begin)
{
  *begin = most(first - from->at, 0);
  return least(end - from->at, from->shape.rows) - *begin;
}

/* Outputs [first, first + n) of the layer, of as many modules as they are of. */
static tfm_status fill_strip(const reading *r, strip *s, int64_t first, int64_t n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t begin = 0;
  if (!s->weight) {
    s->weight = tfm_alloc_aligned((size_t)(r->room * r->width), sizeof *s->weight);
    s->bias = tfm_alloc_aligned((size_t)r->room, sizeof *s->bias);
  }
  if (!s->weight || !s->bias) {
    return no_memory(err, "reading weights", r->room * r->width);
  }
  for (int i = 0; i < r->nsource; ++i) {
    const source *from = &r->from[i];
    const int64_t some = meets(from, first, first + n, &begin);
    const int64_t place = from->at + begin - first;
    if (some > 0) {
      TFM_TRY(
          read_outputs(from, begin, some, s->weight + place * r->width, s->bias + place, err));
    }
  }

fail:
  return st;
}

/* Fill a thread's strip with a task's outputs; how many, 0 where this or an earlier one failed. */
static int64_t next_strip(const reading *r, int task, strip *s)
{
  const int64_t first = task * r->room;
  const int64_t n = least(r->room, r->rows - first);
  tfm_err err = {.status = TFM_OK};
  if (s->failed != TFM_OK && s->task < task) {
    return 0;
  }
  const tfm_status st = fill_strip(r, s, first, n, &err);
  if (st == TFM_OK) {
    return n;
  }
  s->failed = st;
  s->task = task;
  s->err = err;
  return 0;
}

static void read_strip(void *arg, int task, int thread)
{
  const reading *r = arg;
  strip *s = &r->strips[thread];
  const int64_t n = next_strip(r, task, s);
  for (int64_t i = 0; r->scale && i < n; ++i) {
    for (int64_t k = 0; k < r->width; ++k) {
      s->weight[i * r->width + k] *= r->scale[k];
    }
  }
  if (n > 0) {
    tfm_linear_put(r->to, task * r->room, n, s->weight, s->bias);
  }
}

/* The same weights, looked at only. */
static void look_at_strip(void *arg, int task, int thread)
{
  const reading *r = arg;
  strip *s = &r->strips[thread];
  float *column = r->column + thread * r->width;
  const int64_t n = next_strip(r, task, s);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < r->width; ++k) {
      column[k] = fmaxf(column[k], fabsf(s->weight[i * r->width + k]));
    }
  }
}

static tfm_status reading_open(reading *r, const tfm_model *model, const tfm__module *modules,
                               int nmodule, int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t at = 0;
  TFM_ASSERT(nmodule <= MODULES);
  for (int i = 0; i < nmodule; ++i) {
    if (tfm__module_name(&model->config, modules[i])) {
      source *from = &r->from[r->nsource++];
      TFM_TRY(source_open(from, model, modules[i], layer, err));
      from->at = at;
      at += from->shape.rows;
    }
  }
  r->strips = tfm_calloc((size_t)r->nthread, sizeof *r->strips);
  if (!r->strips) {
    TFM_TRY(no_memory(err, "reading weights", r->room * r->width));
  }

fail:
  return st;
}

static void reading_fini(reading *r)
{
  for (int i = 0; i < r->nsource; ++i) {
    tfm_free(r->from[i].stored);
  }
  for (int i = 0; r->strips && i < r->nthread; ++i) {
    tfm_free(r->strips[i].weight);
    tfm_free(r->strips[i].bias);
  }
  tfm_free(r->strips);
  tfm_free(r->column);
  tfm_free(r->scale);
}

/* The failure of the first strip that has one, whoever read it. */
static tfm_status first_failure(const reading *r, tfm_err *err)
{
  const strip *first = NULL;
  for (int i = 0; i < r->nthread; ++i) {
    const strip *s = &r->strips[i];
    if (s->failed != TFM_OK && (!first || s->task < first->task)) {
      first = s;
    }
  }
  if (!first) {
    return TFM_OK;
  }
  if (err) {
    *err = first->err;
  }
  return first->failed;
}

static int task_count(const reading *r)
{
  return (int)((r->rows + r->room - 1) / r->room);
}

/* Find the scales of an int8 layer's inputs, a file's after a look at all of its weights, and tell
 * the layer. */
static tfm_status smooth_inputs(reading *r, const tfm__loader *loader, tfm__place place,
                                int64_t layer, tfm_par *par, tfm_err *err)
{
  tfm_status st = TFM_OK;
  r->column = tfm_calloc((size_t)(r->nthread * r->width), sizeof *r->column);
  r->scale = tfm_calloc((size_t)r->width, sizeof *r->scale);
  if (!r->column || !r->scale) {
    return no_memory(err, "scales of inputs", (r->nthread + 1) * r->width);
  }
  if (loader->engine.smooth->layers) {
    tfm_par_for(par, task_count(r), look_at_strip, r);
  }
  TFM_TRY(first_failure(r, err));
  for (int64_t i = r->width; i < r->nthread * r->width; ++i) {
    r->column[i % r->width] = fmaxf(r->column[i % r->width], r->column[i]);
  }
  TFM_TRY(tfm__smooth_scales(loader, place, layer, r->column, r->width, r->scale, err));
  for (int64_t k = 0; k < r->width; ++k) {
    r->column[k] = 1.0f / r->scale[k]; /* both are powers of two */
  }
  tfm_linear_smooth(r->to, r->column);

fail:
  return st;
}

tfm_status tfm__linear_load(tfm_linear **out, const tfm__loader *loader,
                            const tfm__module *modules, int nmodule, int64_t layer,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_model *model = loader->model;
  /* onednn's outputs are put by one thread. */
  tfm_par *par = loader->engine.backend == TFM_BACKEND_ONEDNN ? NULL : loader->par;
  reading r = {.width = tfm__module_shape_in(&model->config, modules[0], layer).width,
               .nthread = tfm_par_threads(par)};
  for (int i = 0; i < nmodule; ++i) {
    if (tfm__module_name(&model->config, modules[i])) {
      r.rows += tfm__module_shape_in(&model->config, modules[i], layer).rows;
    }
  }
  r.room = strip_room(r.rows, r.width);
  const tfm__place place = tfm__place_of(modules[0]);
  tfm_engine engine = loader->engine;
  if (tfm_engine_smooths(engine) && !tfm__smooth_has(engine.smooth, place)) {
    engine.smooth = NULL;
  }
  TFM_TRY(tfm_linear_begin_on(out, engine, r.rows, r.width, loader->shelf, err));
  if (tfm_shelf_filled(loader->shelf)) {
    return TFM_OK;
  }
  r.to = *out;
  TFM_TRY(reading_open(&r, model, modules, nmodule, layer, err));
  if (tfm_engine_smooths(engine)) {
    TFM_TRY(smooth_inputs(&r, loader, place, layer, par, err));
  }
  tfm_par_for(par, task_count(&r), read_strip, &r);
  TFM_TRY(first_failure(&r, err));
  reading_fini(&r);
  return TFM_OK;

fail:
  reading_fini(&r);
  tfm_linear_close(*out);
  *out = NULL;
  return st;
}

int64_t tfm__linear_passing(const tfm_config *config, tfm__module module, int nthread)
{
  const tfm__module_shape shape = tfm__module_shape_of(config, module);
  const int64_t strips = nthread * least(strip_room(shape.rows, shape.width), shape.rows);
  const int64_t stored = tfm__stored_transposed(config, module) ? shape.rows : 0;
  return (strips + stored) * shape.width * (int64_t)sizeof(float);
}
