/** The rows of a batch that the head looks at: all that a last layer's results are wanted of. Rows
 *  never mix but in attention to keys and values, so those that are wanted have the same bits
 *  without the others. Room-private.
 *
 *  A span is the rows [from, end) of one sequence, counted from its first; of a batch there are B,
 *  side by side. Where marks leave gaps, the rows between them are taken too. */
#ifndef TFM_CORE_MODEL_WANTED_H
#define TFM_CORE_MODEL_WANTED_H

#include "core/model/batch.h"
#include "core/model/model.h"

#include <stdint.h>

/** What the head of the model's spec looks at. */
tfm_wanted tfm__wanted_of(const tfm_model *model);

/** spans [2*B] out: the rows of each of the batch's sequences, maybe none where marks say which. */
void tfm__wanted_spans(tfm_wanted wanted, const tfm_batch *batch, int32_t *spans);

/** How many rows they are. */
int64_t tfm__wanted_count(const int32_t *spans, int64_t B);

/** Move the rows of all spans to the front of x, in order, and return how many they are. cu_len
 *  [B+1]: where sequences begin, x being at cu_len[0]; rows of `width` floats. */
int64_t tfm__wanted_to_front(const int32_t *spans, const int32_t *cu_len, int64_t B,
                             int64_t width, float *x);

/** The other way; what the other rows hold then is anything. */
void tfm__wanted_back(const int32_t *spans, const int32_t *cu_len, int64_t B, int64_t width,
                      float *x);

/** cu_len [B+1] out, from 0: of sequences that are their spans. */
void tfm__wanted_lengths(const int32_t *spans, int64_t B, int32_t *cu_len);

#endif
