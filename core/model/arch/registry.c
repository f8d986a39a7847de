#include "core/model/arch/registry.h"

#include <string.h>

_Static_assert(TFM__MODULE_COUNT <= 64, "config has sets of modules, a bit for each");

#define FAMILY_ROW(name) &tfm__arch_##name,
static const tfm_arch *const families[] = {TFM__FAMILY_MAP(FAMILY_ROW) NULL};

const tfm_arch *tfm__arch_at(int i)
{
  return families[i];
}

const tfm_arch *tfm__arch_find(const char *model_type, const char **name)
{
  for (int i = 0; families[i]; ++i) {
    *name = families[i]->model_type;
    const char *const *sister = families[i]->sisters;
    while (*name && strcmp(*name, model_type) != 0) {
      *name = sister ? *sister++ : NULL;
    }
    if (*name) {
      return families[i];
    }
  }
  return NULL;
}

static const tfm__head_row pooled = {.task = TFM_TASK_FEATURE_EXTRACTION,
                                     .view = TFM__VIEW_POOLED};

const tfm__head_row *tfm__arch_head(const tfm_arch *arch, tfm_task task)
{
  for (const tfm__head_row *row = arch->heads; row->task != TFM_TASK_NONE; ++row) {
    if (row->task == task) {
      return row;
    }
  }
  return task == pooled.task ? &pooled : NULL;
}

typedef enum {
  AXIS_ONE,
  AXIS_H,
  AXIS_HC,
  AXIS_D,
  AXIS_Q,
  AXIS_K,
  AXIS_QKV,
  AXIS_N,
  AXIS_F,
  AXIS_F2,
  AXIS_V,
  AXIS_P,
  AXIS_R,
  AXIS_Y,
  AXIS_E,
  AXIS_W,
  AXIS_I,
  AXIS_O
} axis;

typedef struct {
  tfm__part part;
  tfm__kind kind;
  axis rows, width;
} module_row;

#define MODULE_ROW(name, part, kind, rows, width)                                              \
  [TFM__MODULE_##name] = {TFM__PART_##part, TFM__##kind, AXIS_##rows, AXIS_##width},
static const module_row modules[TFM__MODULE_COUNT] = {TFM__MODULE_MAP(MODULE_ROW)};

static int64_t head_inner(const tfm_config *config)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  return head && head->narrow ? config->E : config->H;
}

static int64_t head_outputs(const tfm_config *config)
{
  if (config->task == TFM_TASK_FILL_MASK || config->task == TFM_TASK_TEXT_GENERATION) {
    return config->V;
  }
  return config->task == TFM_TASK_QUESTION_ANSWERING ? 2 : config->nlabel;
}

static int64_t axis_length(const tfm_config *config, axis a, int64_t layer)
{
  const bool decoder = config->encoder > 0 && layer >= config->encoder;
  const int64_t F = decoder ? config->decoder_F : config->F;
  switch (a) {
  case AXIS_H:
    return config->H;
  case AXIS_HC:
    return config->H * config->convolution;
  case AXIS_D:
    return config->D;
  case AXIS_Q:
    return config->N * config->D;
  case AXIS_K:
    return config->G * config->D;
  case AXIS_QKV:
    return (config->N + 2 * config->G) * config->D;
  case AXIS_N:
    return config->N;
  case AXIS_F:
    return F;
  case AXIS_F2:
    return 2 * F;
  case AXIS_V:
    return config->V;
  case AXIS_P:
    return config->positions;
  case AXIS_R:
    return config->relative;
  case AXIS_Y:
    return config->types;
  case AXIS_E:
    return config->E;
  case AXIS_W:
    return config->arch->project_first ? config->H : config->E;
  case AXIS_I:
    return head_inner(config);
  case AXIS_O:
    return head_outputs(config);
  case AXIS_ONE:
    break;
  }
  return 1;
}

const char *tfm__module_name(const tfm_config *config, tfm__module module)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  if (tfm__module_part(module) != TFM__PART_HEAD) {
    const bool absent = (config->absent >> module & 1) != 0;
    return absent ? NULL : config->arch->module[module];
  }
  if (!head) {
    return NULL;
  }
  return module == TFM__MODULE_HEAD_DENSE  ? head->dense
         : module == TFM__MODULE_HEAD_NORM ? head->norm
                                           : head->out;
}

void tfm__config_without(tfm_config *config, tfm__module module)
{
  config->absent |= UINT64_C(1) << module;
}

void tfm__config_without_bias(tfm_config *config, tfm__module module)
{
  config->unbiased |= UINT64_C(1) << module;
}

int64_t tfm__layer_stored(const tfm_config *config, int64_t layer)
{
  if (config->encoder > 0 && layer >= config->encoder) {
    return layer - config->encoder;
  }
  if (config->groups == 0) {
    return layer;
  }
  /* As the reference computes it, division by division. */
  const double each = (double)(config->L / config->inner) / (double)config->groups;
  const int64_t group = (int64_t)((double)(layer / config->inner) / each);
  return group * config->inner + layer % config->inner;
}

int64_t tfm__unit_twin(const tfm_config *config, int64_t unit)
{
  const int64_t before = unit / 2 - config->inner;
  const bool same = before >= 0 && config->groups > 0 &&
                    tfm__layer_stored(config, before) == tfm__layer_stored(config, unit / 2);
  return same ? unit - 2 * config->inner : -1;
}

tfm__part tfm__module_part(tfm__module module)
{
  return modules[module].part;
}

tfm__module_shape tfm__module_shape_of(const tfm_config *config, tfm__module module)
{
  return tfm__module_shape_in(config, module, 0);
}

tfm__module_shape tfm__module_shape_in(const tfm_config *config, tfm__module module,
                                       int64_t layer)
{
  const module_row *row = &modules[module];
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  const bool never = row->kind == TFM__TABLE || (row->kind == TFM__NORM && config->arch->rms) ||
                     (module == TFM__MODULE_HEAD_OUT && head && head->plain);
  return (tfm__module_shape){.kind = row->kind,
                             .rows = axis_length(config, row->rows, layer),
                             .width = axis_length(config, row->width, layer),
                             .bias = !never && (config->unbiased >> module & 1) == 0};
}

bool tfm__stored_transposed(const tfm_config *config, tfm__module module)
{
  const module_row *row = &modules[module];
  const bool of_layer = row->part == TFM__PART_ATTENTION || row->part == TFM__PART_FFN;
  return config->arch->transposed && of_layer && row->kind == TFM__LINEAR;
}

bool tfm__layer_lacks(const tfm_config *config, tfm__module module, int64_t layer)
{
  if (module == TFM__MODULE_CONVOLUTION || module == TFM__MODULE_CONVOLUTION_NORM) {
    return layer > 0;
  }
  if (module >= TFM__MODULE_CROSS_QUERY && module <= TFM__MODULE_CROSS_NORM) {
    return config->encoder == 0 || layer < config->encoder;
  }
  return module == TFM__MODULE_ATTENTION_NORM && layer == 0 && config->arch->first_bare;
}

int64_t tfm__unit_attention(const tfm_config *config, int64_t unit)
{
  const bool whole = config->parallel || (config->convolution > 0 && unit < 2);
  const bool does = unit % 2 == (whole ? 1 : 0);
  return does ? unit / 2 : -1;
}

int64_t tfm__unit_ffn(int64_t unit)
{
  return unit % 2 == 1 ? unit / 2 : -1;
}

int64_t tfm__module_floats(const tfm_config *config, tfm__module module, int64_t layer)
{
  const tfm__module_shape shape = tfm__module_shape_in(config, module, layer);
  const bool there =
      tfm__module_name(config, module) && !tfm__layer_lacks(config, module, layer);
  return there ? shape.rows * shape.width + (shape.bias ? shape.rows : 0) : 0;
}

static int64_t part_floats(const tfm_config *config, tfm__part part, int64_t layer)
{
  int64_t floats = 0;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    floats += modules[m].part == part ? tfm__module_floats(config, (tfm__module)m, layer) : 0;
  }
  return floats;
}

int64_t tfm__part_floats(const tfm_config *config, tfm__part part)
{
  return part_floats(config, part, 0);
}

int64_t tfm__unit_floats(const tfm_config *config, int64_t unit)
{
  return part_floats(config, unit % 2 == 0 ? TFM__PART_ATTENTION : TFM__PART_FFN, unit / 2);
}
