/** What the models of tokenizer.json share in reading: a vocabulary of tokens with their ids. */
#ifndef TFM_CORE_TEXT_ALGO_READ_VOCAB_H
#define TFM_CORE_TEXT_ALGO_READ_VOCAB_H

#include "core/text/component.h"

/** Read the object {"token": id, ...} that comes next into the loader's vocabulary. Fails (the
 *  reader) at the entry that is no id or whose id is taken, and at the object when a token stands
 *  there twice. */
void tfm__read_vocab(tfm__loader *l);

/** Add one token; fails the reader when the text or the id is taken. */
void tfm__read_vocab_add(tfm__loader *l, tfm_span token, int32_t id);

/** Read a string, or null as {NULL, 0}; a copy in the loader's memory. */
tfm_span tfm__read_optional_string(tfm__loader *l);

#endif
