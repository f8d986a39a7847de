/** One row's text to token ids, with the policy for rows that are too long. */
#ifndef TFM_COORDINATOR_ENCODE_ENCODER_H
#define TFM_COORDINATOR_ENCODE_ENCODER_H

#include "coordinator/cli/options.h"
#include "coordinator/encode/item.h"
#include "core/model/embed.h"
#include "core/model/head_spec.h"
#include "core/text/tokenizer.h"

typedef struct tfm_encoder tfm_encoder;

/** What a decoder behind an encoder begins with, when the encoder reads the text. */
typedef enum {
  TFM_ANSWER_NONE,  /* there is no such pair: the text is the sequence */
  TFM_ANSWER_GROWS, /* its first token */
  TFM_ANSWER_REPEATS, /* the text again, behind that token, its last eos_id marked: a classifier */
} tfm_answering;

/** Plain data; borrows everything it names. */
struct tfm_encoder {
  const tfm_tokenizer *tokenizer;
  tfm_id_limits limits; /* what ids must fit */
  int64_t max_length;   /* tokens of one sequence, specials included */
  tfm_overflow overflow;
  bool places;      /* keep where tokens come from */
  bool no_specials; /* texts hold their special tokens already */
  bool
      mark_last; /* mark the last token that is not pad_id: what a classifier of decoders sees */
  int32_t pad_id;
  tfm_answering answering;
  int32_t start_id, eos_id; /* a decoder's first token; what a classifier of them looks at */
  tfm_truncate cut;         /* what of a text and its pair gives way */
  tfm_head_shape shape;
  /* The task's way to make a row's sequences, with tfm_encoder_add(); NULL: one of text and pair.
   * What is wrong with the row becomes its failure; only TFM_E_NOMEM is returned. */
  tfm_status (*row)(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                    tfm_err *err);
  const void *task; /* what that function needs: the tfm_task_context */
};

/** Fill the item's sequences; afterwards item->waiting says how many results it needs. What is
 * wrong with the row becomes the row's failure; only TFM_E_NOMEM is returned. scratch: reused from
 * row to row, one a thread. */
tfm_status tfm_encoder_run(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err) TFM_MUST_USE;

/** Encode a text (with a pair unless pair.p is NULL) and add it to the item as a sequence, by the
 * policy for what is too long. mark >= 0: tokens of this id are marked. A failure
 * becomes the item's; only TFM_E_NOMEM is returned. */
tfm_status tfm_encoder_add(const tfm_encoder *encoder, tfm_item *item, tfm_span text,
                           tfm_span pair, int32_t mark, tfm_encoding *scratch,
                           tfm_err *err) TFM_MUST_USE;

/** Encode a text (with a pair as above) and add it as one sequence, or as the windows that
 * `windows` says when it is too long for one; max_length 0 is the encoder's. Under --on-overflow
 * error a second window is the row's failure. A failure becomes the item's; only TFM_E_NOMEM is
 * returned. */
tfm_status tfm_encoder_add_windows(const tfm_encoder *encoder, tfm_item *item, tfm_span text,
                                   tfm_span pair, const tfm_window_options *windows,
                                   tfm_encoding *scratch, tfm_err *err) TFM_MUST_USE;

/** Add what scratch holds to the item as a sequence, after checking it against the model. */
tfm_status tfm_encoder_keep(const tfm_encoder *encoder, tfm_item *item, int32_t mark,
                            const tfm_encoding *scratch, tfm_err *err) TFM_MUST_USE;

/** Where the item has just failed because one of its texts is too long to stand beside the other:
 * put `why` before the numbers. The row is at fault then, not the options. */
void tfm_encoder_no_room(tfm_item *item, const char *why);

/** Make what err says the row's own failure: TFM_OK then; memory alone ends the job. */
tfm_status tfm_encoder_failed(tfm_item *item, const tfm_err *err);

#endif
