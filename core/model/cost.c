#include "core/model/cost.h"

#include "core/model/arch/registry.h"

static tfm__part part_of(int64_t unit)
{
  return unit % 2 == 0 ? TFM__PART_ATTENTION : TFM__PART_FFN;
}

/* Flops of one row through the linear layers of a part. */
static double linear_flops(const tfm_config *config, tfm__part part)
{
  double flops = 0;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    const tfm__module_shape shape = tfm__module_shape_of(config, (tfm__module)m);
    if (tfm__module_part((tfm__module)m) == part && shape.kind == TFM__LINEAR &&
        tfm__module_name(config, (tfm__module)m)) {
      flops += 2.0 * (double)shape.rows * (double)shape.width;
    }
  }
  return flops;
}

double tfm_cost_unit(const tfm_config *config, int64_t unit, int64_t len)
{
  const double n = (double)len;
  double flops = n * linear_flops(config, part_of(unit));
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

int64_t tfm_cost_unit_bytes(const tfm_config *config, int64_t unit)
{
  return part_bytes(config, part_of(unit));
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
