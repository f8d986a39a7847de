/** How a language model's head picks the next token out of its logits. Room-private.
 *
 *  First the scores are changed by what the text holds already (process.h), then, when sampling,
 * the candidates are narrowed by temperature, top_k and what narrow.h has, and one of them is
 * drawn. Of equal scores the lower id comes first, so that of candidates that tie at top_k the
 * lowest ids stay. For beams a row is the best candidates by log-probability, or such that were
 * drawn without replacement, with what they were drawn by: who has all rows of a text chooses
 * among them.
 *
 *  Random numbers are counters (Philox 4x32-10; Salmon et al. 2011), keyed by the seed and counted
 * by the text's row, step and branch: what a text becomes does not depend on what shares its batch.
 */
#ifndef TFM_CORE_MODEL_CHOOSE_H
#define TFM_CORE_MODEL_CHOOSE_H

#include "core/base/status.h"
#include "core/model/batch.h"
#include "core/model/head_spec.h"

#include <stddef.h>

/** Zero-initialised is empty, and picks the likeliest. */
typedef struct {
  bool chooses; /* there is more to do than to take the likeliest */
  const tfm_head_spec *spec;
  int64_t V, candidates, longest, slots;
  int32_t *history; /* [2 * slots, longest] ids of texts that grow */
  int32_t **of;     /* [2 * slots] rows of it: a slot's, and behind them its spare one */
  int64_t *length;  /* [slots] of them */
  int64_t *prompt;  /* [slots] that were there before the first was added; 0: not known yet */
  uint32_t *row;    /* [slots] whose they are */
  float *scores;    /* [tile, V] */
  float *best; /* [tile, best_floats]: scores, ids, probabilities, and room to order them */
  int64_t best_floats;
  unsigned char *seen; /* [tile, V] zeros between picks */
  size_t bytes;
} tfm__chooser;

/** Get ready to pick `tile` tokens side by side out of V, for slots of up to `longest` tokens.
 * borrows: spec. gives: *chooser, release with tfm__chooser_fini(). Errors: TFM_E_NOMEM;
 * TFM_E_CONFIG when spec->said is not as head_spec.h has it. */
tfm_status tfm__chooser_open(tfm__chooser *chooser, const tfm_head_spec *spec, int64_t V,
                             int64_t tile, int64_t slots, int64_t longest,
                             tfm_err *err) TFM_MUST_USE;
void tfm__chooser_fini(tfm__chooser *chooser);

/** Note the tokens of a batch whose slots and places have been checked. */
void tfm__chooser_take(tfm__chooser *chooser, const tfm_batch *batch);

/** The row of results (head_spec.h) of mark m of the batch, whose logits are z [V], overwritten;
 * `place` below the tile is the caller's alone. What came before is the slot's history, or all of a
 * whole sequence up to the mark; of a whole sequence the first mark ends what was there before. */
void tfm__chooser_row(const tfm__chooser *chooser, const tfm_batch *batch, int64_t m, float *z,
                      int64_t place, float *result);

/** Philox 4x32-10: four random words of a counter under a key. */
void tfm__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
