/** Which of the likeliest tokens one of them is drawn from. Room-private.
 *
 *  Order and meaning are the reference's (transformers, generation/logits_process.py), behind
 * temperature and top_k: top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff; each looks at the
 * probabilities of those the one before it left. */
#ifndef TFM_CORE_MODEL_NARROW_H
#define TFM_CORE_MODEL_NARROW_H

#include "core/model/head_spec.h"

/** Floats of `best` for n candidates. */
static inline int64_t tfm__narrow_floats(const tfm_choice *choice, int64_t n)
{
  return (choice->typical_p > 0.0 ? 6 : 3) * n;
}

/** best: scores [n], best first, ids [n], and room for their probabilities [n] and more. Returns
 * how many stay, at least the smaller of n and least: their scores, ids and probabilities are then
 * the first of each, best first. */
int64_t tfm__narrow(const tfm_choice *choice, int64_t least, float *best, int64_t n);

#endif
