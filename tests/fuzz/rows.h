/** What must hold of any tokenizer and any row: shared by the targets of the text room.
 *
 *  Each aborts (FUZZ_WANT) at the first claim that does not hold. */
#ifndef TFM_TESTS_FUZZ_ROWS_H
#define TFM_TESTS_FUZZ_ROWS_H

#include "core/text/tokenizer.h"

/** A text with a bit of everything: blanks, accents, marks, contractions, numbers, specials. */
#define FUZZ_SOME_TEXT                                                                         \
  " Hello,  w\xc3\xb6rld\xe2\x96\x81it's 3.14\n\xe5\x8c\x97\xf0\x9f\x98\x80"                   \
  "e\xcc\x81 <s>ab[MASK] don't <|endoftext|>"

/** How a row is encoded, out of two bytes of fuzz. */
typedef struct {
  tfm_encode_options options;
  tfm_window_options windows;
  bool skip_special; /* when it is decoded */
} fuzz_how;

fuzz_how fuzz_how_of(uint8_t low, uint8_t high);

/** Encode on e, which may have served any row before, and on a fresh encoding: both the same;
 *  ids, types and offsets within their bounds; every window no longer than allowed; and what the
 *  ids decode to as fuzz_decode() has it. Text that is no UTF-8 is refused, and only that. */
void fuzz_encode(const tfm_tokenizer *t, tfm_encoding *e, tfm_span text, tfm_span pair,
                 const fuzz_how *how);

/** Decode at once and id by id: the same text, in whole characters. */
void fuzz_decode(const tfm_tokenizer *t, const int32_t *ids, size_t n, bool skip_special);

/** Open a folder: it is refused as malformed, unsupported or incomplete, with words, or what it
 *  makes encodes and decodes. */
void fuzz_open_folder(const char *folder);

/** The tokenizers that the targets share: bert.json, odd.json, bare.json of fixtures/text, and
 *  those of fixtures/fuzz/tokenizers.jsonl. Opened at the first call, never closed; *n of them. */
tfm_tokenizer *const *fuzz_tokenizers(size_t *n);

#endif
