#include "core/model/pieces.h"

#include "core/base/mem.h"

#include <math.h>

enum { AT_ONCE = 1 << 18 }; /* weights */

bool tfm_pieces_hold(float largest)
{
  return largest <= 0.0f || (largest >= 0x1p-80f && largest <= 0x1p100f);
}

static tfm_status find_largest(const tfm_checkpoint *checkpoint, const tfm_tensor_info *info,
                               float *part, float *largest, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *largest = 0.0f;
  for (int64_t at = 0; at < info->count; at += AT_ONCE) {
    const int64_t n = info->count - at < AT_ONCE ? info->count - at : AT_ONCE;
    TFM_TRY(tfm_checkpoint_read_part(checkpoint, info, at, n, part, err));
    for (int64_t i = 0; i < n; ++i) {
      *largest = fabsf(part[i]) > *largest ? fabsf(part[i]) : *largest;
    }
  }

fail:
  return st;
}

/* Half precision reaches from 2^-24 to 2^16, and always fits. */
static bool is_in_question(const tfm_model *model, const tfm_tensor_info *info)
{
  return (info->dtype == TFM_F32 || info->dtype == TFM_BF16) && info->ndim == 2 &&
         info->dim[0] != model->config.V;
}

tfm_status tfm_pieces_hold_model(const tfm_model *model, bool *hold, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t count = tfm_checkpoint_count(model->checkpoint);
  float *part = tfm_alloc_aligned(AT_ONCE, sizeof *part);
  *hold = true;
  if (!part) {
    return tfm_fail(err, TFM_E_NOMEM, "reading %d weights", AT_ONCE);
  }
  for (int64_t i = 0; i < count && *hold; ++i) {
    const tfm_tensor_info *info = tfm_checkpoint_at(model->checkpoint, i);
    float largest = 0.0f;
    if (is_in_question(model, info)) {
      TFM_TRY(find_largest(model->checkpoint, info, part, &largest, err));
      *hold = tfm_pieces_hold(largest);
    }
  }

fail:
  tfm_free(part);
  return st;
}
