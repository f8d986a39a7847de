/** A row on its way: from the reader through tokenizer and line to the writer, as the sequences the
 * model sees of it. */
#ifndef TFM_COORDINATOR_ENCODE_ITEM_H
#define TFM_COORDINATOR_ENCODE_ITEM_H

#include "coordinator/input/row.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tfm_item tfm_item;

/** Where a token comes from; kept for tasks that answer with places. */
typedef struct {
  int32_t *begin, *end; /* [n] code points of the text (or pair) the token came from */
  int32_t *word;        /* [n] number of the word in its text, -1 for specials */
  uint8_t *special;     /* [n] */
  uint8_t *which;       /* [n] 0: text, 1: pair */
} tfm_places;

/** A text that was made of a sequence. */
typedef struct {
  int64_t rows; /* of values, behind those of the texts before it */
  float score;  /* of a beam: its log-probability, by length_penalty */
} tfm_end;

/** One sequence: what travels, and what came back. Memory is the item's. */
typedef struct {
  tfm_item *item;
  int64_t n;         /* tokens, >= 1 */
  int32_t *ids;      /* [n] */
  int32_t *type_ids; /* [n] */
  int64_t nmark;
  int32_t *marks;    /* [nmark] tokens the head looks at, ascending (core/model/batch.h) */
  tfm_places places; /* all NULL unless the task wants them */
  int64_t rows;      /* of results; of a text that grew [id, log-probability] each */
  float *values;     /* [rows, width] what the last stage said; NULL before and for no rows */
  int64_t grow;      /* at most so many tokens are to be added; 0: it comes whole */
  int64_t nend;      /* of one that grew: texts, best first */
  tfm_end *ends;     /* [nend] */
  int64_t nsource;   /* what an encoder reads, when ids are a decoder's; 0: nothing */
  int32_t *source;   /* [nsource]; of what travels of a text that grows: when it begins */
  int32_t slot;      /* of what travels of a text that grows: its slot, its first place, */
  int32_t start;
  int32_t parent; /* and the slot it goes on from */
  int32_t line;   /* once it came back: which line of stages computed it, */
  uint64_t batch; /* and the number of its (last) micro-batch; 0: it was never sent */
} tfm_sequence;

/** Owns its row, sequences and results. A row may become none (there is nothing to ask the model),
 * one, or several. status != OK: the row failed, as a whole, and `err` says why. Done, and ready to
 * be delivered, when nothing is waited for. */
struct tfm_item {
  tfm_row *row;
  int64_t nseq, cap;
  tfm_sequence *seqs; /* [nseq]; fixed once encoding is over */
  int64_t tokens,
      longest;     /* of all its sequences, of the longest, sources included; once encoded */
  int64_t waiting; /* sequences whose result is not there */
  int64_t width;   /* floats of a row of results */
  bool together;   /* its sequences should share a micro-batch where they fit one */
  bool truncated;  /* something was cut off */
  bool windowed;   /* it was too long for one sequence, and became several */
  int64_t bytes;   /* what the bound on memory counted when it was admitted */
  tfm_status status;
  tfm_err *err; /* only with status != OK; NULL when memory was out */
};

/** takes: row. NULL when memory is out (the row is then released). */
tfm_item *tfm_item_open(tfm_row *row);

/** Add a sequence of n tokens with room for everything but values; contents are the caller's to
 * fill. NULL when memory is out. Pointers to earlier sequences are no longer good. */
tfm_sequence *tfm_item_add(tfm_item *item, int64_t n, int64_t nmark, bool places);

/** Give a sequence n ids for an encoder to read. False when memory is out. */
bool tfm_sequence_read(tfm_sequence *s, const int32_t *ids, int64_t n);

/** Rows of a micro-batch that a sequence takes. */
static inline int64_t tfm_sequence_rows(const tfm_sequence *s)
{
  return s->n + s->nsource;
}

/** The row fails: keep why, the first time. */
void tfm_item_fail(tfm_item *item, const tfm_err *err);

/** Why it failed. */
const char *tfm_item_error(const tfm_item *item);

static inline bool tfm_item_done(const tfm_item *item)
{
  return item->waiting == 0;
}

/** Bytes an item holds, roughly, results of this width included: what the bound on memory counts.
 */
int64_t tfm_item_bytes(const tfm_item *item, int64_t width);

/** NULL is allowed. */
void tfm_item_close(tfm_item *item);

#endif
