/** What flows through the pipeline of one sequence: a text whose every byte knows the character
 *  it came from, the pieces it is cut into, and the tokens the model makes of them.
 *
 *  All of it is working memory of one tfm_encoding: zero-initialised is empty and ready, kept
 *  from row to row, used by one thread at a time. Errors of all calls: TFM_E_NOMEM. */
#ifndef TFM_CORE_TEXT_FLOW_H
#define TFM_CORE_TEXT_FLOW_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { TFM__TEXT_SLACK = 16 };

/** A text in work. One number a byte is alignment enough: whatever normalisers do, each
 *  character they write stands for exactly one character of the caller's text, or for the empty
 *  place before its part of it (DECISIONS.md, T3). At most UINT32_MAX bytes, so that a piece is
 *  8 bytes. */
typedef struct {
  char *p;     /* UTF-8; TFM__TEXT_SLACK bytes more may be read, and places in at, and written
                  beyond n whatever was reserved */
  int32_t *at; /* [n] the code point of the caller's text that each byte came from; ~c for one
                  that was put in before code point c and covers nothing */
  size_t n;
  size_t cap;
} tfm__text;

/** A text to read: a part of the caller's own text that begins with code point number `first`
 *  (`at` is NULL then), or what has become of that part. Never owns. */
typedef struct {
  const char *p;
  const int32_t *at;
  size_t n;
  int32_t first;
} tfm__view;

/** Where in the caller's text a byte with alignment `at` begins, and ends. A token of bytes
 *  [i, j) covers [tfm__at_begin(at[i]), tfm__at_end(at[j - 1])). */
static inline int32_t tfm__at_begin(int32_t at)
{
  return at < 0 ? ~at : at;
}

static inline int32_t tfm__at_end(int32_t at)
{
  return at < 0 ? ~at : at + 1;
}

/** Make room for n more bytes; of none, for the slack. */
tfm_status tfm__text_reserve(tfm__text *t, size_t n);

/** at = the code points of n bytes at p, the first of which begins code point `first`. Returns the
 *  code point behind them. */
int32_t tfm__text_count(const char *p, size_t n, int32_t first, int32_t *at);

/** out = in, with alignments: what a pipeline without a normaliser starts with. */
tfm_status tfm__text_copy(tfm__text *out, const tfm__view *in);

void tfm__text_fini(tfm__text *t);

static inline tfm__view tfm__text_view(const tfm__text *t)
{
  return (tfm__view){.p = t->p, .at = t->at, .n = t->n};
}

/** Write a character, for which room was reserved (4 bytes always do). */
static inline void tfm__text_put(tfm__text *t, uint32_t c, int32_t at)
{
  char *p = t->p + t->n;
  int32_t *a = t->at + t->n;
  if (c < 0x80) {
    p[0] = (char)c;
    a[0] = at;
    t->n += 1;
    return;
  }
  if (c < 0x800) {
    p[0] = (char)(0xc0 | c >> 6);
    p[1] = (char)(0x80 | (c & 0x3f));
    a[0] = a[1] = at;
    t->n += 2;
    return;
  }
  if (c < 0x10000) {
    p[0] = (char)(0xe0 | c >> 12);
    p[1] = (char)(0x80 | (c >> 6 & 0x3f));
    p[2] = (char)(0x80 | (c & 0x3f));
    a[0] = a[1] = a[2] = at;
    t->n += 3;
    return;
  }
  p[0] = (char)(0xf0 | c >> 18);
  p[1] = (char)(0x80 | (c >> 12 & 0x3f));
  p[2] = (char)(0x80 | (c >> 6 & 0x3f));
  p[3] = (char)(0x80 | (c & 0x3f));
  a[0] = a[1] = a[2] = a[3] = at;
  t->n += 4;
}

/** Bytes [begin, end) of a tfm__text; never empty. */
typedef struct {
  uint32_t begin, end;
} tfm__piece;

typedef struct {
  tfm__piece *v;
  size_t n;
  size_t cap;
} tfm__pieces;

tfm_status tfm__pieces_grow(tfm__pieces *p, size_t n);

/** Make room for n more pieces. */
static inline tfm_status tfm__pieces_reserve(tfm__pieces *p, size_t n)
{
  return n <= p->cap - p->n ? TFM_OK : tfm__pieces_grow(p, n);
}

void tfm__pieces_fini(tfm__pieces *p);

/** A token whose shown text is not the vocabulary's: an added token with the blanks it took in,
 *  or in the form the normaliser gave it; an unknown token that shows what it stands for; a
 *  template's own spelling. */
typedef struct {
  size_t token; /* its index */
  const char
      *text; /* borrowed from the tokenizer, or NULL: bytes [from, from + n) of the room */
  size_t from;
  size_t n;
} tfm__odd;

/** Odd tokens by index, and the room of their texts. */
typedef struct {
  tfm__odd *v;
  size_t n;
  size_t cap;
  tfm_buf room;
} tfm__odds;

/** Token `token`, above those that are there, shows this text: copied into the room. */
tfm_status tfm__odds_copy(tfm__odds *o, size_t token, tfm_span text);

/** The same, borrowed from the tokenizer. */
tfm_status tfm__odds_borrow(tfm__odds *o, size_t token, tfm_span text);

/** The text of token `token` when it is an odd one, else {NULL, 0}. Takes log n. */
tfm_span tfm__odds_find(const tfm__odds *o, size_t token);

/** Forget all, keep the memory. */
void tfm__odds_clear(tfm__odds *o);
void tfm__odds_fini(tfm__odds *o);

/** Tokens of one sequence, without specials. */
typedef struct {
  int32_t *id;    /* [n] */
  int32_t *begin; /* [n] code points of the caller's text */
  int32_t *end;   /* [n] */
  int32_t *word;  /* [n] number of the word it is of; where words are numbered */
  int32_t nword;
  size_t n;
  size_t cap;
  tfm__odds odd;
} tfm__tokens;

tfm_status tfm__tokens_reserve(tfm__tokens *t, size_t n);
void tfm__tokens_fini(tfm__tokens *t);

#endif
