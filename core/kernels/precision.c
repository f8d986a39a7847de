#include "core/kernels/precision.h"

#include <string.h>

#define PRECISION_NAME(name, text, per_word) [TFM_##name] = text,
#define PRECISION_WORD(name, text, per_word) [TFM_##name] = (per_word),
static const char *const names[TFM_PRECISION_COUNT] = {TFM_PRECISION_MAP(PRECISION_NAME)};
static const int words[TFM_PRECISION_COUNT] = {TFM_PRECISION_MAP(PRECISION_WORD)};

const char *tfm_precision_name(tfm_precision precision)
{
  return precision < TFM_PRECISION_COUNT ? names[precision] : "unknown";
}

bool tfm_precision_parse(const char *name, tfm_precision *out)
{
  for (int i = 0; i < TFM_PRECISION_COUNT; ++i) {
    if (strcmp(name, names[i]) == 0) {
      *out = (tfm_precision)i;
      return true;
    }
  }
  return false;
}

int tfm_precision_per_word(tfm_precision precision)
{
  return words[precision];
}

int tfm_precision_pieces(tfm_precision precision)
{
  return precision == TFM_BF16X3 ? 3 : precision == TFM_BF16X2 ? 2 : precision == TFM_BF16X1;
}

tfm_precision tfm_precision_dtype(tfm_precision precision)
{
  return precision == TFM_BF16X3 || precision == TFM_BF16X2 ? TFM_FLOAT32
         : precision == TFM_BF16X1                          ? TFM_BFLOAT16
         : precision == TFM_INT8_GROUPS                     ? TFM_INT8
                                                            : precision;
}

bool tfm_precision_narrow(tfm_precision precision)
{
  return tfm_precision_dtype(precision) != TFM_FLOAT32 && precision != TFM_INT8_GROUPS;
}

double tfm_precision_density(tfm_precision precision)
{
  const int pieces = tfm_precision_pieces(precision);
  if (precision == TFM_INT8_GROUPS) {
    return 4;
  }
  return (double)tfm_precision_per_word(precision) / (pieces ? pieces : 1);
}

double tfm_precision_speed(tfm_precision precision)
{
  const int pieces = tfm_precision_pieces(precision);
  return (double)tfm_precision_per_word(precision) / (pieces ? pieces * (pieces + 1) / 2 : 1);
}
