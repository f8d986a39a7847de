#include "core/model/frequency.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* Long waves are stretched, short ones kept, those in between go from one to the other. */
static float by_wavelength(const tfm_rope_scaling *scaling, float frequency)
{
  const float factor = (float)scaling->factor;
  const float original = (float)scaling->original;
  const float longest = (float)((double)scaling->original / scaling->low);
  const float shortest = (float)((double)scaling->original / scaling->high);
  const float wave = (float)(2.0 * PI) / frequency;
  if (wave > longest) {
    return frequency / factor;
  }
  if (wave < shortest) {
    return frequency;
  }
  const float smooth =
      (original / wave - (float)scaling->low) / (float)(scaling->high - scaling->low);
  return (1.0f - smooth) * frequency / factor + smooth * frequency;
}

/* The pair that turns so many times over the original positions. */
static double pair_of_turns(const tfm_config *config, double turns)
{
  const double places = (double)config->scaling.original;
  return (double)config->turned * log(places / (turns * 2.0 * PI)) / (2.0 * log(config->rope));
}

/* Where yarn's way from kept to stretched begins and ends, in pairs. */
static void ramp_of(const tfm_config *config, float *from, float *width)
{
  double low = pair_of_turns(config, config->scaling.high);
  double high = pair_of_turns(config, config->scaling.low);
  if (config->scaling.whole) {
    low = floor(low);
    high = ceil(high);
  }
  low = low > 0.0 ? low : 0.0;
  high = high < (double)(config->turned - 1) ? high : (double)(config->turned - 1);
  high += high > low || high < low ? 0.0 : 0.001; /* the reference's guard */
  *from = (float)low;
  *width = (float)(high - low);
}

/* The base so that the longest wave of a longer text is as much longer. */
static double raised(const tfm_config *config, double base, int64_t length)
{
  const double factor = config->scaling.factor;
  const float exponent = (float)((double)config->turned / (double)(config->turned - 2));
  const float grown = (float)factor * (float)length / (float)config->trained;
  const float rest = grown - (float)(factor - 1.0);
  return (double)((float)base * (float)pow((double)rest, (double)exponent));
}

float tfm__frequencies(const tfm_config *config, bool local, int64_t length, float *frequency)
{
  const tfm_rope_scaling *scaling = &config->scaling;
  double base = local && config->rope_local > 0 ? config->rope_local : config->rope;
  if (scaling->dynamic && length > config->trained) {
    base = raised(config, base, length);
  }
  const float factor = (float)scaling->factor;
  float from = 0.0f;
  float width = 1.0f;
  if (scaling->kind == TFM_ROPE_YARN) {
    ramp_of(config, &from, &width);
  }
  for (int64_t i = 0; i < config->turned / 2; ++i) {
    const float power = (float)pow(base, (double)((float)(2 * i) / (float)config->turned));
    const float plain = 1.0f / power;
    float ramp = ((float)i - from) / width;
    ramp = ramp < 0.0f ? 0.0f : ramp > 1.0f ? 1.0f : ramp;
    switch (scaling->kind) {
    case TFM_ROPE_DEFAULT:
      frequency[i] = plain;
      break;
    case TFM_ROPE_LINEAR:
      frequency[i] = plain / factor;
      break;
    case TFM_ROPE_LLAMA3:
      frequency[i] = by_wavelength(scaling, plain);
      break;
    case TFM_ROPE_YARN:
      frequency[i] = 1.0f / (factor * power) * (1.0f - (1.0f - ramp)) + plain * (1.0f - ramp);
      break;
    }
  }
  return scaling->kind == TFM_ROPE_YARN ? (float)scaling->attention : 1.0f;
}
