/** The spans of one sequence that answer best, out of a start and an end logit for each token.
 *
 *  Source: transformers 4.57, pipelines/question_answering.py (select_starts_ends, decode_spans).
 */
#ifndef TFM_COORDINATOR_TASK_SPANS_H
#define TFM_COORDINATOR_TASK_SPANS_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/** Tokens first to last. Where there are fewer spans than were asked for, pairs that are none
 * follow with score 0, and last may stand before first: the reference counts them too. */
typedef struct {
  int32_t first, last;
  float score;
} tfm_token_span;

/** Zero-initialised is ready. One serves many sequences: its memory is kept. */
typedef struct {
  tfm_token_span *v; /* [n] best first; of equals the earlier first, then the shorter */
  int64_t n;
  float none; /* the score of the first token alone: that there is no answer */
  int64_t cap, token_cap;
  float *start, *end;
} tfm_spans;

/** logits  [n,2]  start and end logit of each token, finite
 *  allowed [n]    which tokens take part
 *  longest >= 1   tokens of a span
 *  most    >= 1   spans to keep, before those with a token that is not allowed are dropped
 *
 * A score is the product of the softmax of either logit over the tokens that take part. The first
 * token takes part in that, but in no span. Errors: TFM_E_NOMEM. */
tfm_status tfm_spans_find(tfm_spans *spans, const float *logits, const bool *allowed, int64_t n,
                          int64_t longest, int64_t most, tfm_err *err) TFM_MUST_USE;

void tfm_spans_fini(tfm_spans *spans);

#endif
