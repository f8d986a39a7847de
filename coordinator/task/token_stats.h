/** Figures of many tokenized rows: what `tokenize --stats` prints. Memory is a counter a length. */
#ifndef TFM_COORDINATOR_TASK_TOKEN_STATS_H
#define TFM_COORDINATOR_TASK_TOKEN_STATS_H

#include "core/text/tokenizer.h"

/** Zero-initialised is empty; the caller sets unknown_id and max_length, and counts row_errors. */
typedef struct {
  int32_t unknown_id; /* -1: the tokenizer has none */
  size_t max_length;  /* rows with more tokens are over the limit; 0: there is none */
  int64_t rows, row_errors, bytes, tokens, specials, unknown, over;
  int64_t *of_length; /* [cap] rows of each length */
  size_t cap;
} tfm_token_stats;

/** Count a row of so many bytes, encoded in full. Errors: TFM_E_NOMEM. */
tfm_status tfm_token_stats_add(tfm_token_stats *s, size_t bytes, const tfm_encoding *e,
                               tfm_err *err) TFM_MUST_USE;

/** Append a line: one JSON object. Percentiles are the smallest length that so many rows do not
 * pass; bytes_per_token leaves special tokens out. Errors: TFM_E_NOMEM. */
tfm_status tfm_token_stats_print(const tfm_token_stats *s, tfm_buf *out) TFM_MUST_USE;

void tfm_token_stats_fini(tfm_token_stats *s);

#endif
