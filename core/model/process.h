/** Scores changed by what a text holds already. Room-private.
 *
 *  Order and meaning are the reference's (transformers, generation/logits_process.py): biases of
 * sequences, repetition_penalty, no_repeat_ngram_size, bad words, min_length, min_new_tokens, the
 * forced first and last token, exponential decay, suppressed tokens. */
#ifndef TFM_CORE_MODEL_PROCESS_H
#define TFM_CORE_MODEL_PROCESS_H

#include "core/base/status.h"
#include "core/model/head_spec.h"

/** What a pick looks back on. */
typedef struct {
  const int32_t *ids; /* [n] */
  int64_t n, made;    /* of which so many were added */
  uint32_t row;
  int64_t branch; /* of those that grow from one text */
} tfm__past;

/** Whether scores are changed at all. */
bool tfm__processes(const tfm_head_spec *spec);

/** Errors: TFM_E_CONFIG when spec->said is not as head_spec.h has it for ids below V. */
tfm_status tfm__said_check(const tfm_head_spec *spec, int64_t V, tfm_err *err) TFM_MUST_USE;

/** z [V] in and out; seen [V] zeros before and after. */
void tfm__process(const tfm_head_spec *spec, const tfm__past *past, float *z, int64_t V,
                  int64_t places, unsigned char *seen);

#endif
