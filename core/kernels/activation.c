#include "core/kernels/activation.h"

#include "core/kernels/table.h"

#include <string.h>

#define ACTIVATION_NAME(name, text) [TFM_ACT_##name] = text,
static const char *const activation_names[TFM_ACT_COUNT] = {
    TFM_ACTIVATION_MAP(ACTIVATION_NAME)};

/* Other spellings checkpoints use for the same function. */
static const struct {
  const char *name;
  tfm_activation act;
} activation_aliases[] = {
    {"gelu_pytorch_tanh", TFM_ACT_GELU_NEW},
    {"gelu_fast", TFM_ACT_GELU_NEW},
    {"swish", TFM_ACT_SILU},
};

const char *tfm_activation_name(tfm_activation act)
{
  return act < TFM_ACT_COUNT ? activation_names[act] : "unknown";
}

bool tfm_activation_parse(const char *name, tfm_activation *out)
{
  for (int i = 0; i < TFM_ACT_COUNT; ++i) {
    if (strcmp(name, activation_names[i]) == 0) {
      *out = (tfm_activation)i;
      return true;
    }
  }
  for (size_t i = 0; i < sizeof activation_aliases / sizeof activation_aliases[0]; ++i) {
    if (strcmp(name, activation_aliases[i].name) == 0) {
      *out = activation_aliases[i].act;
      return true;
    }
  }
  return false;
}

void tfm_activate(tfm_activation act, const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->activate[act](x, n, y);
}

void tfm_sigmoid(const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->sigmoid(x, n, y);
}

void tfm_softmax(const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->softmax(x, n, y);
}
