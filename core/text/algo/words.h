/** A memory of words: the tokens of pieces seen before, for one thread.
 *
 *  Bounded: when its room is used up everything is forgotten, so a memory never grows past about
 *  TFM__WORDS_ROOM, whatever text comes, and a word costs one look and one copy. Exact: the bytes
 *  of the word are compared, not only their hash. */
#ifndef TFM_CORE_TEXT_ALGO_WORDS_H
#define TFM_CORE_TEXT_ALGO_WORDS_H

#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
  TFM__WORD_BYTES = 64,      /* longer words are not remembered */
  TFM__WORD_TOKENS = 64,     /* nor those of more tokens */
  TFM__WORDS_ROOM = 4 << 20, /* bytes of words and tokens together */
  TFM__WORDS_SLOTS = 1 << 17
};

/** A token of a word: its id, and the bytes of the word it covers. */
typedef struct {
  int32_t id;
  uint32_t bytes;
} tfm__part;

typedef struct {
  uint32_t *slot; /* [TFM__WORDS_SLOTS] index of a record in room; 0: free */
  uint64_t *room; /* records: a head, the word, its parts */
  uint32_t used;  /* words of 8 bytes in room; the first is never used */
  uint32_t held;  /* words remembered */
} tfm__words;

/** gives: the memory's blocks, release with tfm__words_fini(). Errors: TFM_E_NOMEM. */
tfm_status tfm__words_init(tfm__words *w) TFM_MUST_USE;
void tfm__words_fini(tfm__words *w);

/** The hash of n bytes at p, n <= TFM__WORD_BYTES; 8 bytes behind the word must be readable. */
uint64_t tfm__words_hash(const char *p, size_t n);

/** The parts of a word, *count of them; NULL when it is not remembered. Borrowed until the next
 *  put. n and the readable bytes as above. */
const tfm__part *tfm__words_get(const tfm__words *w, uint64_t hash, const char *p, size_t n,
                                size_t *count);

/** Remember a word, unless it is too long or has too many parts. */
void tfm__words_put(tfm__words *w, uint64_t hash, const char *p, size_t n,
                    const tfm__part *parts, size_t count);

#endif
