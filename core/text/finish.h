/** The end of encoding: cut to the length allowed, put the specials in. */
#ifndef TFM_CORE_TEXT_FINISH_H
#define TFM_CORE_TEXT_FINISH_H

#include "core/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One place of a template: a whole sequence, or one special token. */
typedef struct {
  enum { TFM__FIRST, TFM__SECOND, TFM__SPECIAL } what;
  int32_t type_id; /* of the special, or of every token of the sequence */
  int32_t id;      /* of the special */
  tfm_span text;   /* of the special, as the file spells it */
} tfm__place;

/** What every post-processor comes down to: the order of sequences and specials, for a text alone
 *  and for a pair. Without specials the same, less the specials. */
typedef struct {
  const tfm__place *single, *pair;
  size_t nsingle, npair;
  bool once; /* a special is left out behind a sequence that ends with it */
} tfm__template;

/** Blanks are not part of a token: offsets move in past those at the ends of its text, "Ġ"
 *  included. prefix_space: one at the start of the text stays, for it was put in before it. */
typedef struct {
  bool prefix_space;
  bool
      inside[2]; /* a special stands before the text, or pair text, by now: its start is told by
                     the offset alone */
} tfm__trim;

/** A post-processor: the self of its kind. It gives the order, or trims offsets, or both. */
typedef struct {
  const tfm__template *order; /* NULL: none */
  bool
      wraps[2]; /* the special before the text, or pair text, is one with it for those that come
                    after (in a TemplateProcessing never, as the library has it) */
  bool trims;
  tfm__trim trim; /* when it trims */
} tfm__processor;

/** What trimming asks of every token, looked up by id. Zero-initialised trims nothing. */
typedef struct {
  tfm__trim *v; /* [n] one after the other; the loader's memory */
  size_t n;
  uint8_t *blanks; /* [ids] blanks at the beginning, and 16 times those at the end; TFM__BLANKS
                      when 15 or more are at one of them */
  size_t ids;
} tfm__trims;

enum { TFM__BLANKS = 0xff };

/** Blanks at the ends of a token's text; of nothing but blanks, all count twice. */
typedef struct {
  size_t first, last;
} tfm__blanks;

tfm__blanks tfm__blanks_of(tfm_span text);

/** Where a token stands. */
typedef enum {
  TFM__LATER,        /* not the first of its sequence */
  TFM__BEGINS,       /* the first */
  TFM__BEGINS_FIRST, /* the first of the text, with a special before it */
  TFM__BEGINS_SECOND /* the same of the pair text */
} tfm__stand;

/** Trim the offsets of a token. */
void tfm__trim_offsets(const tfm__trims *t, tfm__blanks blanks, tfm__stand stand,
                       int32_t *begin, int32_t *end);

/** Specials that a template adds to a text, or to a pair. */
size_t tfm__template_added(const tfm__template *t, bool pair);

/** The template of a tokenizer that has no post-processor. */
extern const tfm__template tfm__plain_template;

/** Cut n1 + n2 tokens to `most`, from the longer sequence first; when both are long each keeps a
 *  half, the one that was longer (the second when equal) the odd token. n2 is 0 for a single
 *  text, and then *n1 becomes the smaller of n1 and most. Returns whether something was cut. */
bool tfm__truncate(size_t most, bool pair, size_t *n1, size_t *n2);

#endif
