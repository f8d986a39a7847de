/** The vocabulary of a model: token texts in one block, found by text through an open-addressing
 *  table and by id through an array.
 *
 *  Filled once while loading, then read: callable from many threads. Tokens may be empty and may
 *  hold any bytes. */
#ifndef TFM_CORE_TEXT_VOCAB_H
#define TFM_CORE_TEXT_VOCAB_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  /* The highest id that is read. Ids index arrays, so a file that says 2^31 would ask for
   * gigabytes; the largest vocabularies in use have 2^18 tokens. */
  TFM__HIGHEST_ID = (1 << 24) - 1
};

typedef struct {
  uint32_t from, n; /* its text: bytes of the block */
  uint32_t hash;
  int32_t id;
} tfm__vocab_entry;

/** A place of the table: most look-ups are decided here, before the entry is fetched. */
typedef struct {
  uint32_t hash;
  int32_t entry; /* its index, -1 when the place is free */
} tfm__vocab_slot;

/** Zero-initialised is empty and ready. */
typedef struct {
  tfm_buf text;
  tfm__vocab_entry *entry; /* [n] in the order they were added */
  size_t n;
  size_t cap;
  tfm__vocab_slot *slot; /* [nslot]; a power of two or 0 */
  size_t nslot;
  int32_t *by_id; /* [highest + 1] index of an entry, -1 where no token has the id */
  size_t by_id_cap;
  int32_t highest; /* id; -1 when empty (tfm__vocab_init) */
} tfm__vocab;

void tfm__vocab_init(tfm__vocab *v);

/** What became of a token that was to be added. */
typedef enum {
  TFM__ADDED,
  TFM__SAME_TEXT, /* refused: the text has an id already */
  TFM__SAME_ID,   /* refused: the id has a text already */
  TFM__NO_MEMORY
} tfm__vocab_answer;

/** Add a token; copies its text. id is 0..TFM__HIGHEST_ID. */
tfm__vocab_answer tfm__vocab_add(tfm__vocab *v, tfm_span token, int32_t id) TFM_MUST_USE;

/** Add a token of many, without a look whether its text is there: SAME_TEXT is never the answer.
 *  Tokens are found by id at once, by text after tfm__vocab_index(), which must come before any
 *  other call with a text. */
tfm__vocab_answer tfm__vocab_append(tfm__vocab *v, tfm_span token, int32_t id) TFM_MUST_USE;

/** Let the tokens that were appended be found by text. SAME_TEXT: the text of entry *twice stands
 *  there before. */
tfm__vocab_answer tfm__vocab_index(tfm__vocab *v, size_t *twice) TFM_MUST_USE;

/** Move a token that is there to another, free id (a vocab.txt that says it twice). */
tfm__vocab_answer tfm__vocab_move(tfm__vocab *v, tfm_span token, int32_t id) TFM_MUST_USE;

/** -1 when there is none. */
int32_t tfm__vocab_id(const tfm__vocab *v, tfm_span token);

/** The ids of n tokens, as tfm__vocab_id() gives them one by one; faster, for what is to be
 *  fetched from memory is asked for beforehand. */
void tfm__vocab_ids(const tfm__vocab *v, const tfm_span *token, size_t n, int32_t *id);

/** {NULL, 0} when no token has that id. */
tfm_span tfm__vocab_text(const tfm__vocab *v, int32_t id);

static inline tfm_span tfm__vocab_entry_text(const tfm__vocab *v, const tfm__vocab_entry *e)
{
  return (tfm_span){v->text.data + e->from, e->n};
}

void tfm__vocab_fini(tfm__vocab *v);

#endif
