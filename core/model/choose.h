/** How a language model's head picks the next token out of its logits. Room-private.
 *
 *  First the scores are changed by what the text holds already, then, when sampling, the candidates
 * are narrowed and one of them is drawn. Order and meaning are the reference's (transformers,
 * generation/logits_process.py): repetition_penalty, no_repeat_ngram_size, min_new_tokens;
 * temperature, top_k, top_p, min_p. Of equal scores the lower id comes first, so that of
 * candidates that tie at top_k the lowest ids stay.
 *
 *  Random numbers are counters (Philox 4x32-10; Salmon et al. 2011), keyed by the seed and counted
 * by the text's row and step: what a text becomes does not depend on what shares its batch. */
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
  int64_t V, candidates, longest;
  int32_t *history; /* [slots, longest] ids of texts that grow */
  int64_t *length;  /* [slots] of them */
  int64_t *prompt;  /* [slots] that were there before the first was added; 0: not known yet */
  float *scores;    /* [tile, V] */
  float *best;      /* [tile, 3 * candidates]: scores, ids, probabilities */
  unsigned char *seen; /* [tile, V] zeros between picks */
  size_t bytes;
} tfm__chooser;

/** Get ready to pick `tile` tokens side by side out of V, for slots of up to `longest` tokens.
 * borrows: spec. gives: *chooser, release with tfm__chooser_fini(). */
tfm_status tfm__chooser_open(tfm__chooser *chooser, const tfm_head_spec *spec, int64_t V,
                             int64_t tile, int64_t slots, int64_t longest,
                             tfm_err *err) TFM_MUST_USE;
void tfm__chooser_fini(tfm__chooser *chooser);

/** Note the tokens of a batch whose slots and places have been checked. */
void tfm__chooser_take(tfm__chooser *chooser, const tfm_batch *batch);

/** The token to follow mark m of the batch, whose logits are z [V]; `place` below the tile is the
 * caller's alone. What came before is the slot's history, or all of a whole sequence up to the
 * mark; of a whole sequence the first mark ends what was there before. */
int64_t tfm__chooser_pick(const tfm__chooser *chooser, const tfm_batch *batch, int64_t m,
                          const float *z, int64_t place);

/** Philox 4x32-10: four random words of a counter under a key. */
void tfm__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
