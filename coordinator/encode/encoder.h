/** One row's text to token ids, with the policy for rows that are too long. */
#ifndef TFM_COORDINATOR_ENCODE_ENCODER_H
#define TFM_COORDINATOR_ENCODE_ENCODER_H

#include "coordinator/cli/options.h"
#include "coordinator/encode/item.h"
#include "core/model/embed.h"
#include "core/text/tokenizer.h"

/** Plain data; borrows everything it names. */
typedef struct {
  const tfm_tokenizer *tokenizer;
  const tfm_embed *embed; /* what ids must fit */
  int64_t max_length;     /* tokens of one row, specials included */
  tfm_overflow overflow;
} tfm_encoder;

/** Fill item->ids and type_ids. What is wrong with the row becomes the row's failure; only
 *  TFM_E_NOMEM is returned. scratch: reused from row to row, one a thread. */
tfm_status tfm_encoder_run(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err) TFM_MUST_USE;

#endif
