#include "worker/states.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/bfloat16.h"
#include "worker/finite.h"

#include <string.h>

tfm_status tfm__states_open(tfm_stage *stage, bool bfloat16, tfm_err *err)
{
  const tfm_msg_assign *a = &stage->assign;
  const size_t sequences = (size_t)a->max_sequences;
  stage->cu_len = tfm_calloc(sequences + 1, sizeof *stage->cu_len);
  stage->cu_source = tfm_calloc(sequences + 1, sizeof *stage->cu_source);
  stage->bad = tfm_calloc(sequences, sizeof *stage->bad);
  if (!stage->cu_len || !stage->cu_source || !stage->bad) {
    return tfm_fail(err, TFM_E_NOMEM, "lengths of %zu sequences", sequences);
  }
  if (!bfloat16) {
    return TFM_OK;
  }
  size_t floats = 0;
  stage->x = tfm_mul_size((size_t)a->max_tokens, (size_t)a->hidden, &floats)
                 ? tfm_alloc_aligned(floats, sizeof *stage->x)
                 : NULL;
  return stage->x ? TFM_OK
                  : tfm_fail(err, TFM_E_NOMEM, "hidden states of %lld tokens x %lld",
                             (long long)a->max_tokens, (long long)a->hidden);
}

void tfm__states_close(tfm_stage *stage)
{
  tfm_free(stage->cu_len);
  tfm_free(stage->cu_source);
  tfm_free(stage->bad);
  tfm_free(stage->x);
}

float *tfm__states_of(const tfm_stage *stage, const tfm_frame *frame)
{
  return stage->x ? stage->x : tfm_frame_values(frame->bytes, tfm_frame_table(&frame->head));
}

static uint16_t *halves_of(const tfm_frame *frame)
{
  return tfm_frame_halves(frame->bytes, tfm_frame_table(&frame->head));
}

static void widen(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch)
{
  const int64_t H = stage->assign.hidden;
  const int64_t sources = frame->head.T - batch->T;
  const uint16_t *halves = halves_of(frame);
  tfm_bfloat16_widen(halves, frame->head.T * H, stage->x, tfm_team_par(stage->team));
  if (batch->cu_source) {
    tfm_finite_enter_halves(halves, batch->source, batch->cu_source, batch->B, H, stage->bad);
  }
  halves += sources * H;
  tfm_finite_enter_halves(halves, batch->x, batch->cu_len, batch->B, H, stage->bad);
}

static void narrow(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch)
{
  const int64_t H = stage->assign.hidden;
  const int64_t sources = frame->head.T - batch->T;
  uint16_t *halves = halves_of(frame);
  tfm_bfloat16_narrow(stage->x, frame->head.T * H, halves, tfm_team_par(stage->team));
  if (batch->cu_source) {
    tfm_finite_leave_halves(halves, batch->cu_source, batch->B, H, stage->bad);
  }
  halves += sources * H;
  tfm_finite_leave_halves(halves, batch->cu_len, batch->B, H, stage->bad);
}

void tfm__states_enter(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch)
{
  const int64_t H = stage->assign.hidden;
  memset(stage->bad, 0, (size_t)batch->B * sizeof *stage->bad);
  if (stage->x) {
    widen(stage, frame, batch);
    return;
  }
  if (batch->cu_source) {
    tfm_finite_enter(batch->source, batch->cu_source, batch->B, H, stage->bad);
  }
  tfm_finite_enter(batch->x, batch->cu_len, batch->B, H, stage->bad);
}

void tfm__states_leave(tfm_stage *stage, const tfm_frame *frame, const tfm_batch *batch)
{
  const int64_t H = stage->assign.hidden;
  const int at = stage->assign.stage;
  if (batch->cu_source) {
    tfm_finite_leave(batch->source, batch->cu_source, batch->B, H, at, stage->bad);
  }
  tfm_finite_leave(batch->x, batch->cu_len, batch->B, H, at, stage->bad);
  if (stage->x && !stage->assign.head) {
    narrow(stage, frame, batch);
  }
}
