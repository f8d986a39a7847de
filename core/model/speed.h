/** How long this core takes for the parts of a model, measured on a slice of it: what turns the
 * flops of cost.h into seconds. Only plans and predictions look at it, never a result. */
#ifndef TFM_CORE_MODEL_SPEED_H
#define TFM_CORE_MODEL_SPEED_H

#include "core/model/slice.h"

/** Seconds of one thread for a flop as cost.h counts it; 0: not measured, the slice had none. */
typedef struct {
  double attention; /* the linear layers of an attention, and its norms */
  double scores;
  double ffn; /* with its norms */
  double head;
} tfm_speed;

/** Run warm micro-batches through the slice's first attention, its first ffn and its head, and
 * take the median of their times. Layers of a kind cost the same: one stands for all.
 *
 *  slice    of this model, made for `options`; of whole sequences (TFM_ASSERT: no slots)
 *  Cost:    a row and one or more micro-batches of 128 to 1024 tokens through one layer, its
 *           attention twice; 5 ms each, or one of the least there is.
 *  Numerics: x is made up; what the slice computes for others later does not change.
 *  Threads: times are CPU seconds of the calling thread, so that others may share its core.
 *  Errors:  TFM_E_NOMEM. */
tfm_status tfm_speed_measure(tfm_speed *speed, tfm_slice *slice, const tfm_model *model,
                             const tfm_slice_options *options, tfm_err *err) TFM_MUST_USE;

/** Micro-batches as they will come. */
typedef struct {
  const tfm_ids *batches; /* [n] of whole sequences, within the slice's limits; n >= 1 */
  size_t n;
  double enough_s; /* CPU seconds after which no more is measured */
} tfm_speed_rows;

/** The same from passes of those through all units of the slice in order and its head, again and
 * again: weights then come from as far away as they do for a core that runs these units in turn.
 *  A decoder behind an encoder cannot be measured so (TFM_ASSERT). Numerics, threads, errors: as
 *  above. */
tfm_status tfm_speed_walk(tfm_speed *speed, tfm_slice *slice, const tfm_model *model,
                          const tfm_slice_options *options, const tfm_speed_rows *of,
                          tfm_err *err) TFM_MUST_USE;

/** Where `speed` says nothing, what `other` says. */
void tfm_speed_fill(tfm_speed *speed, const tfm_speed *other);

/** Seconds of one thread for a sequence of len tokens: through one unit, and the head. */
double tfm_speed_unit_s(const tfm_speed *speed, const tfm_config *config,
                        tfm_precision precision, int64_t unit, int64_t len);
double tfm_speed_head_s(const tfm_speed *speed, const tfm_config *config,
                        tfm_precision precision, int64_t len);

#endif
