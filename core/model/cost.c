#include "core/model/cost.h"

#include "core/kernels/pages.h"
#include "core/model/arch/registry.h"

/* Of a layer, for the parts of a block. */
static bool is_product_of(const tfm_config *config, tfm__part part, tfm__module module,
                          int64_t layer)
{
  const tfm__kind kind = tfm__module_shape_of(config, module).kind;
  return tfm__module_part(module) == part &&
         (kind == TFM__LINEAR || kind == TFM__CONVOLUTION) &&
         tfm__module_name(config, module) && !tfm__layer_lacks(config, module, layer);
}

static bool is_language_model(const tfm_config *config)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  return head && head->view == TFM__VIEW_LM;
}

/* Of a sequence of len tokens those whose results of this layer are wanted: a masked row has one or
 * two masks, and of a text that grows each token is wanted once. */
static int64_t wanted_of(const tfm_config *config, int64_t layer, int64_t len)
{
  const bool all = config->wanted == TFM_WANTED_ALL || is_language_model(config) ||
                   (config->convolution > 0 && layer == 0);
  return all || layer + 1 < config->L ? len : 1;
}

/* What a token needs that only others look at. */
static bool is_for_others(tfm__module module)
{
  return module == TFM__MODULE_KEY || module == TFM__MODULE_VALUE ||
         module == TFM__MODULE_CROSS_KEY || module == TFM__MODULE_CROSS_VALUE;
}

/* Flops of a sequence of len tokens, of which `wanted` are, through the products of a part. */
static double product_flops(const tfm_config *config, tfm__part part, int64_t layer,
                            int64_t len, int64_t wanted)
{
  double flops = 0;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    if (is_product_of(config, part, (tfm__module)m, layer)) {
      const tfm__module_shape shape = tfm__module_shape_in(config, (tfm__module)m, layer);
      const int64_t queries = config->N * config->D;
      const int64_t rest = m == TFM__MODULE_QKV ? shape.rows - queries : 0;
      const int64_t rows = is_for_others((tfm__module)m) ? len : wanted;
      const int64_t outputs = rows * (shape.rows - rest) + len * rest;
      flops += 2.0 * (double)outputs * (double)shape.width;
    }
  }
  return flops;
}

/* Tables of relative positions a layer's queries and keys meet. */
static int64_t position_tables(const tfm_config *config)
{
  return (config->meets_key_rows ? 1 : 0) + (config->meets_query_rows ? 1 : 0);
}

/* Scores of the tokens that are wanted, and the values they weigh. */
static double score_flops(const tfm_config *config, int64_t layer, int64_t len, int64_t wanted)
{
  const double wide = (double)(config->N * config->D);
  const bool local = config->local && config->local[layer];
  const int64_t window = config->causal ? config->window : 2 * config->window - 1;
  const int64_t keys = local && window < len ? window : len;
  const int64_t places = 2 * len - 1 < config->relative ? 2 * len - 1 : config->relative;
  const int64_t met =
      (config->meets_key_rows ? wanted : 0) + (config->meets_query_rows ? len : 0);
  return 4.0 * (double)wanted * (double)keys * wide + 2.0 * (double)met * (double)places * wide;
}

/* Whether kernels/attention.h computes them in bfloat16. */
static bool narrow_scores(const tfm_config *config, tfm_precision precision, int64_t layer)
{
  const bool decodes = config->causal || (config->encoder > 0 && layer >= config->encoder);
  const bool all = !decodes && !(config->local && config->local[layer]);
  return tfm_precision_narrow(precision) && all && position_tables(config) == 0;
}

tfm_cost_parts tfm_cost_unit_parts(const tfm_config *config, tfm_precision precision,
                                   int64_t unit, int64_t len)
{
  const int64_t attention = tfm__unit_attention(config, unit);
  const int64_t ffn = tfm__unit_ffn(unit);
  const int64_t wanted = wanted_of(config, unit / 2, len);
  double products = ffn < 0 ? 0.0 : product_flops(config, TFM__PART_FFN, ffn, len, wanted);
  double scores = 0.0;
  if (attention >= 0) {
    products += product_flops(config, TFM__PART_ATTENTION, attention, len, wanted);
    scores = score_flops(config, attention, len, wanted);
    scores /= narrow_scores(config, precision, attention) ? 2 : 1;
  }
  return (tfm_cost_parts){products / tfm_precision_speed(precision), scores};
}

double tfm_cost_unit(const tfm_config *config, tfm_precision precision, int64_t unit,
                     int64_t len)
{
  const tfm_cost_parts parts = tfm_cost_unit_parts(config, precision, unit, len);
  return parts.products + parts.scores;
}

tfm_precision tfm_cost_head_precision(const tfm_config *config, tfm_precision precision)
{
  const bool pieces = tfm_precision_pieces(precision) > 0;
  return !is_language_model(config) ? TFM_FLOAT32
         : pieces                   ? tfm_precision_dtype(precision)
                                    : precision;
}

double tfm_cost_head(const tfm_config *config, tfm_precision precision, int64_t len)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  /* A masked row has one or two masks. */
  const bool each = (head && head->view == TFM__VIEW_EACH) || is_language_model(config);
  const int64_t rows = each ? len : 1;
  return product_flops(config, TFM__PART_HEAD, 0, rows, rows) /
         tfm_precision_speed(tfm_cost_head_precision(config, precision));
}

static int64_t part_bytes(const tfm_config *config, tfm__part part)
{
  return tfm__part_floats(config, part) * (int64_t)sizeof(float);
}

/* What a linear layer weighs less than in float32, which may be negative: int8 has a scale and a
 * shift for each output, or a scale for each of its groups. */
static int64_t saved_bytes(tfm__module_shape shape, tfm_precision precision)
{
  const int64_t words = (int64_t)((double)shape.width / tfm_precision_density(precision));
  const int64_t groups = (shape.width + TFM_PRECISION_GROUP - 1) / TFM_PRECISION_GROUP;
  const int64_t beside = precision == TFM_INT8 ? 2 : precision == TFM_INT8_GROUPS ? groups : 0;
  return 4 * shape.rows * (shape.width - words - beside);
}

/* The modules of layer `layer` that bear a unit's name. */
static int64_t half_bytes(const tfm_config *config, tfm_precision precision, tfm__part part,
                          int64_t layer)
{
  const int64_t unit = 2 * layer + (part == TFM__PART_FFN ? 1 : 0);
  int64_t bytes = tfm__unit_floats(config, unit) * (int64_t)sizeof(float);
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    if (is_product_of(config, part, (tfm__module)m, layer)) {
      bytes -= saved_bytes(tfm__module_shape_in(config, (tfm__module)m, layer), precision);
    }
  }
  return bytes;
}

int64_t tfm_cost_unit_bytes(const tfm_config *config, tfm_precision precision, int64_t unit)
{
  const int64_t attention = tfm__unit_attention(config, unit);
  const int64_t ffn = tfm__unit_ffn(unit);
  int64_t bytes = ffn < 0 ? 0 : half_bytes(config, precision, TFM__PART_FFN, ffn);
  if (attention >= 0) {
    bytes += half_bytes(config, precision, TFM__PART_ATTENTION, attention);
    bytes += position_tables(config) * config->relative * config->H * (int64_t)sizeof(float);
  }
  return bytes;
}

int64_t tfm_cost_unit_twin(const tfm_config *config, int64_t unit)
{
  return tfm__unit_twin(config, unit);
}

int64_t tfm_cost_head_bytes(const tfm_config *config, tfm_precision precision)
{
  const tfm_precision own = tfm_cost_head_precision(config, precision);
  int64_t bytes = part_bytes(config, TFM__PART_HEAD);
  for (int m = 0; own != TFM_FLOAT32 && m < TFM__MODULE_COUNT; ++m) {
    if (is_product_of(config, TFM__PART_HEAD, (tfm__module)m, 0)) {
      bytes -= saved_bytes(tfm__module_shape_of(config, (tfm__module)m), own);
    }
  }
  return bytes;
}

int64_t tfm_cost_embed_bytes(const tfm_config *config)
{
  const int64_t second = tfm_config_decoder(config);
  int64_t floats = tfm__part_floats(config, TFM__PART_EMBED);
  floats += config->sinusoidal ? (second ? 2 : 1) * config->positions * config->E : 0;
  if (second) {
    floats += tfm__module_floats(config, TFM__MODULE_POSITION, second) +
              tfm__module_floats(config, TFM__MODULE_EMBED_NORM, second);
  }
  return floats * (int64_t)sizeof(float);
}

int64_t tfm_cost_page_layers(const tfm_config *config, int64_t first, int64_t last)
{
  const int64_t decoder = 2 * config->encoder;
  first = first > decoder ? first : decoder;
  const int64_t does = config->parallel ? 0 : 1; /* the unit before the ffn's */
  return last > first ? (last + does) / 2 - (first + does) / 2 : 0;
}

int64_t tfm_cost_page_bytes(const tfm_config *config, tfm_precision kv, int64_t first,
                            int64_t last)
{
  const tfm_heads heads = {.N = config->N, .G = config->G, .D = config->D, .kv = kv};
  return tfm_cost_page_layers(config, first, last) * tfm_page_floats(&heads) *
         (int64_t)sizeof(float);
}
