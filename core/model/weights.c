#include "core/model/weights.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/model/shown.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

typedef struct {
  char text[NAME_MAX_BYTES];
} tensor_name;

/* "@" is the prefix of this file, "#" the layer's number or its group's, "%" its place in
 * there; "$" the side the layer is on, "&" the place of its ffn. */
static tensor_name expand(const tfm_model *model, const char *module, int64_t layer,
                          const char *suffix)
{
  const int64_t stored = tfm__layer_stored(&model->config, layer);
  const int64_t inner = model->config.inner;
  const bool decoder = model->config.encoder > 0 && layer >= model->config.encoder;
  tensor_name name = {.text = ""};
  char *to = name.text;
  char *end = name.text + sizeof name.text;
  for (const char *p = module; *p; ++p) {
    const size_t room = (size_t)(end - to);
    int n = 1;
    if (*p == '@') {
      n = snprintf(to, room, "%s", model->prefix);
    } else if (*p == '$') {
      n = snprintf(to, room, "%s", decoder ? "decoder" : "encoder");
    } else if (*p == '&') {
      n = snprintf(to, room, "%d", decoder ? 2 : 1);
    } else if (*p == '#' || *p == '%') {
      n = snprintf(to, room, "%lld", (long long)(*p == '#' ? stored / inner : stored % inner));
    } else {
      *to = *p;
    }
    TFM_ASSERT(n >= 0 && (size_t)n < room);
    to += n;
  }
  const int n = snprintf(to, (size_t)(end - to), "%s", suffix);
  TFM_ASSERT(n >= 0 && n < end - to);
  return name;
}

/* "[2,48]" */
static tensor_name shape_text(const int64_t *dim, int ndim)
{
  tensor_name s = {.text = "["};
  size_t at = 1;
  for (int i = 0; i < ndim; ++i) {
    const int n =
        snprintf(s.text + at, sizeof s.text - at, "%s%lld", i ? "," : "", (long long)dim[i]);
    TFM_ASSERT(n >= 0 && (size_t)n < sizeof s.text - at);
    at += (size_t)n;
  }
  (void)snprintf(s.text + at, sizeof s.text - at, "]");
  return s;
}

static tfm_status check_tensor(const tfm_checkpoint *ck, const tfm_tensor_info *info,
                               const int64_t *dim, int ndim, tfm_err *err)
{
  const char *file = tfm_checkpoint_file(ck, info->shard);
  bool same = info->ndim == ndim;
  for (int i = 0; same && i < ndim; ++i) {
    same = info->dim[i] == dim[i];
  }
  if (!same) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: %s: want shape %s as config.json says, got %s",
                    file, tfm__shown_of(info->name).text, shape_text(dim, ndim).text,
                    shape_text(info->dim, info->ndim).text);
  }
  if (!tfm_dtype_is_weight(info->dtype)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "%s: %s: dtype %s cannot be computed with: want F32, F16 or BF16", file,
                    tfm__shown_of(info->name).text, tfm_dtype_name(info->dtype));
  }
  return TFM_OK;
}

/* The tensor of a name in the family's spelling under its own suffix or the older one (NULL for
 * none). */
static tfm_status find_tensor(const tfm_model *model, const char *template, int64_t layer,
                              const char *suffix, const char *older,
                              const tfm_tensor_info **out, tfm_err *err)
{
  const tensor_name name = expand(model, template, layer, suffix);
  *out = tfm_checkpoint_find(model->checkpoint, name.text);
  if (!*out && older) {
    *out = tfm_checkpoint_find(model->checkpoint, expand(model, template, layer, older).text);
  }
  if (!*out) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: tensor %s is not there, but config.json asks for it",
                    tfm_checkpoint_file(model->checkpoint, -1), name.text);
  }
  return TFM_OK;
}

/* The decoder of a language model's head. Tied, its weight is the word table and its bias has a
 * name of its own; else both are the layer's, as the reference computes. Files may hold either name
 * of the bias, or both. */
static tfm_status find_decoder(const tfm_model *model, const tfm__head_row *head, bool biased,
                               tfm__tensors *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &model->config;
  const tfm_tensor_info *own =
      head->own_first
          ? tfm_checkpoint_find(model->checkpoint, expand(model, head->out, 0, ".weight").text)
          : NULL;
  const bool tied = head->tied && config->tied && !own;
  const char *weight = tied ? config->arch->module[TFM__MODULE_WORD] : head->out;
  const char *bias[] = {tied ? head->out_bias : head->out, tied ? head->out : head->out_bias};
  TFM_TRY(find_tensor(model, weight, 0, ".weight", NULL, &out->weight, err));
  for (int i = 0; i < 2 && biased && !out->bias; ++i) {
    if (!bias[i]) {
      continue;
    }
    const char *suffix = bias[i] == head->out ? ".bias" : "";
    out->bias = tfm_checkpoint_find(model->checkpoint, expand(model, bias[i], 0, suffix).text);
  }
  if (biased && !out->bias && !head->out_bias_maybe) {
    TFM_TRY(find_tensor(model, head->out_bias, 0, "", NULL, &out->bias, err));
  }

fail:
  return st;
}

/* [rows], or as a matrix of one row. */
static tfm_status check_bias(const tfm_model *model, const tfm_tensor_info *bias, int64_t rows,
                             bool matrix, tfm_err *err)
{
  const int64_t dim[2] = {1, rows};
  return check_tensor(model->checkpoint, bias, matrix ? dim : dim + 1, matrix ? 2 : 1, err);
}

tfm_status tfm__tensors_find(const tfm_model *model, tfm__module module, int64_t layer,
                             tfm__tensors *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__module_shape shape = tfm__module_shape_in(&model->config, module, layer);
  const bool norm = shape.kind == TFM__NORM;
  const bool turned = tfm__stored_transposed(&model->config, module);
  const int64_t H = model->config.H;
  int64_t dim[3] = {turned ? shape.width : shape.rows, turned ? shape.rows : shape.width};
  int ndim = norm ? 1 : 2;
  if (shape.kind == TFM__CONVOLUTION) {
    dim[1] = H;
    dim[2] = shape.width / H;
    ndim = 3;
  }
  const char *name = tfm__module_name(&model->config, module);
  const tfm__head_row *head = tfm__arch_head(model->config.arch, model->config.task);
  *out = (tfm__tensors){.weight = NULL};
  if (module == TFM__MODULE_HEAD_OUT && head->tied) {
    TFM_TRY(find_decoder(model, head, shape.bias, out, err));
  } else {
    TFM_TRY(
        find_tensor(model, name, layer, ".weight", norm ? ".gamma" : NULL, &out->weight, err));
    if (shape.bias) {
      TFM_TRY(find_tensor(model, name, layer, ".bias", norm ? ".beta" : NULL, &out->bias, err));
    }
  }
  TFM_TRY(check_tensor(model->checkpoint, out->weight, dim, ndim, err));
  if (out->bias) {
    const bool maybe = module == TFM__MODULE_HEAD_OUT && head->out_bias_maybe;
    TFM_TRY(check_bias(model, out->bias, shape.rows, maybe && out->bias->ndim == 2, err));
  }

fail:
  return st;
}

const tfm_tensor_info *tfm__table_spare(const tfm_model *model, tfm__module module,
                                        int64_t layer)
{
  const tfm__module_shape shape = tfm__module_shape_in(&model->config, module, layer);
  const char *name = model->config.arch->module[module];
  const tfm_tensor_info *info =
      name ? tfm_checkpoint_find(model->checkpoint, expand(model, name, layer, ".weight").text)
           : NULL;
  const bool fits = info && info->ndim == 2 && info->dim[0] == shape.rows &&
                    info->dim[1] == shape.width && tfm_dtype_is_weight(info->dtype);
  return fits ? info : NULL;
}

tfm_status tfm__prefix_find(tfm_model *model, tfm_err *err)
{
  const tfm_arch *arch = model->config.arch;
  const char *word = arch->module[TFM__MODULE_WORD];
  const char *tries[] = {arch->prefix, ""};
  tensor_name names[2];
  for (int i = 0; i < 2; ++i) {
    (void)snprintf(model->prefix, sizeof model->prefix, "%s", tries[i]);
    names[i] = expand(model, word, 0, ".weight");
    if (tfm_checkpoint_find(model->checkpoint, names[i].text)) {
      return TFM_OK;
    }
  }
  return tfm_fail(err, TFM_E_FORMAT,
                  "%s: tensor %s is not there (nor %s), but every %s model has it",
                  tfm_checkpoint_file(model->checkpoint, -1), names[0].text, names[1].text,
                  model->config.model_type);
}

static tfm_status no_memory(tfm_err *err, const char *what, int64_t floats)
{
  return tfm_fail(err, TFM_E_NOMEM, "%s: %lld bytes", what, (long long)floats * 4);
}

tfm_status tfm__norm_load(float **out, const tfm__loader *loader, tfm__module module,
                          int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__tensors found;
  const tfm_model *model = loader->model;
  const int64_t rows = tfm__module_shape_of(&model->config, module).rows;
  *out = NULL;
  float *norm = tfm_shelf_take(loader->shelf, (size_t)(2 * rows), sizeof *norm);
  if (!norm) {
    return no_memory(err, "reading a norm", 2 * rows);
  }
  if (tfm_shelf_filled(loader->shelf)) {
    *out = norm;
    return TFM_OK;
  }
  TFM_TRY(tfm__tensors_find(model, module, layer, &found, err));
  TFM_TRY(tfm_checkpoint_read(model->checkpoint, found.weight, norm, err));
  memset(norm + rows, 0, (size_t)rows * sizeof *norm);
  if (found.bias) {
    TFM_TRY(tfm_checkpoint_read(model->checkpoint, found.bias, norm + rows, err));
  }
  for (int64_t i = 0; model->config.arch->gain_less_one && i < rows; ++i) {
    norm[i] += 1.0f;
  }
  *out = norm;
  return TFM_OK;

fail:
  if (!loader->shelf) {
    tfm_free(norm);
  }
  return st;
}

tfm_status tfm__table_load(float **out, const tfm__loader *loader, tfm__module module,
                           int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__tensors found;
  *out = NULL;
  float *table = NULL;
  TFM_TRY(tfm__tensors_find(loader->model, module, layer, &found, err));
  table = tfm_shelf_take(loader->shelf, (size_t)found.weight->count, sizeof *table);
  if (!table) {
    TFM_TRY(no_memory(err, "reading an embedding table", found.weight->count));
  }
  if (!tfm_shelf_filled(loader->shelf)) {
    TFM_TRY(tfm_checkpoint_read(loader->model->checkpoint, found.weight, table, err));
  }
  *out = table;
  return TFM_OK;

fail:
  if (!loader->shelf) {
    tfm_free(table);
  }
  return st;
}
