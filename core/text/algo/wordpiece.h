/** WordPiece: each word is cut, from its start, into the longest tokens of the vocabulary; pieces
 *  after the first carry a prefix ("##"). A word that cannot be cut to its end is one unknown
 *  token, and so is one of too many characters.
 *
 *  Time is linear in the bytes of a word, and linear in the bytes of the vocabulary to open,
 *  whatever they hold.
 *  Source: Song, Salcianu, Song, Dopson, Zhou 2021, "Fast WordPiece Tokenization", algorithm 1. */
#ifndef TFM_CORE_TEXT_ALGO_WORDPIECE_H
#define TFM_CORE_TEXT_ALGO_WORDPIECE_H

#include "core/text/vocab.h"

/** What a file says about the model. */
typedef struct {
  tfm_span unknown;    /* "[UNK]" */
  tfm_span prefix;     /* "##"; may be empty */
  uint64_t most_chars; /* a longer word (in code points) is unknown */
} tfm__wordpiece_options;

/** gives: *out, release with tfm__wordpiece.close. borrows: nothing after the call.
 *  Errors: TFM_E_FORMAT (the unknown token is not in the vocabulary), TFM_E_NOMEM. */
tfm_status tfm__wordpiece_open(void **out, const tfm__vocab *vocab,
                               const tfm__wordpiece_options *options,
                               tfm_err *err) TFM_MUST_USE;

#endif
