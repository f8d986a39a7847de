#include "core/model/cost.h"

#include "core/model/arch/registry.h"

static tfm__part part_of(int64_t unit)
{
  return unit % 2 == 0 ? TFM__PART_ATTENTION : TFM__PART_FFN;
}

static bool is_linear_of(const tfm_config *config, tfm__part part, tfm__module module)
{
  return tfm__module_part(module) == part &&
         tfm__module_shape_of(config, module).kind == TFM__LINEAR &&
         tfm__module_name(config, module);
}

/* Flops of one row through the linear layers of a part. */
static double linear_flops(const tfm_config *config, tfm__part part)
{
  double flops = 0;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    if (is_linear_of(config, part, (tfm__module)m)) {
      const tfm__module_shape shape = tfm__module_shape_of(config, (tfm__module)m);
      flops += 2.0 * (double)shape.rows * (double)shape.width;
    }
  }
  return flops;
}

double tfm_cost_unit(const tfm_config *config, tfm_precision precision, int64_t unit,
                     int64_t len)
{
  const double n = (double)len;
  double flops = n * linear_flops(config, part_of(unit)) / tfm_precision_per_word(precision);
  if (part_of(unit) == TFM__PART_ATTENTION) {
    flops += 4.0 * n * n * (double)(config->N * config->D); /* scores, and their values */
  }
  return flops;
}

double tfm_cost_head(const tfm_config *config, int64_t len)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  /* A masked row has one or two masks. */
  const bool each = head && head->view == TFM__VIEW_EACH;
  return linear_flops(config, TFM__PART_HEAD) * (each ? (double)len : 1.0);
}

static int64_t part_bytes(const tfm_config *config, tfm__part part)
{
  return tfm__part_floats(config, part) * (int64_t)sizeof(float);
}

/* What a linear layer weighs less than in float32: int8 has a scale and a shift for each output. */
static int64_t saved_bytes(tfm__module_shape shape, tfm_precision precision)
{
  const int64_t words = shape.width / tfm_precision_per_word(precision);
  return 4 * shape.rows * (shape.width - words - (precision == TFM_INT8 ? 2 : 0));
}

int64_t tfm_cost_unit_bytes(const tfm_config *config, tfm_precision precision, int64_t unit)
{
  int64_t bytes = part_bytes(config, part_of(unit));
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    if (is_linear_of(config, part_of(unit), (tfm__module)m)) {
      bytes -= saved_bytes(tfm__module_shape_of(config, (tfm__module)m), precision);
    }
  }
  return bytes;
}

int64_t tfm_cost_unit_twin(const tfm_config *config, int64_t unit)
{
  return tfm__unit_twin(config, unit);
}

int64_t tfm_cost_head_bytes(const tfm_config *config)
{
  return part_bytes(config, TFM__PART_HEAD);
}

int64_t tfm_cost_embed_bytes(const tfm_config *config)
{
  return part_bytes(config, TFM__PART_EMBED);
}
