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
} tfm__template;

/** Specials that a template adds to a text, or to a pair. */
size_t tfm__template_added(const tfm__template *t, bool pair);

/** The template of a tokenizer that has no post-processor. */
extern const tfm__template tfm__plain_template;

/** Cut n1 + n2 tokens to `most`, from the longer sequence first; when both are long each keeps a
 *  half, the one that was longer (the second when equal) the odd token. n2 is 0 for a single
 *  text, and then *n1 becomes the smaller of n1 and most. Returns whether something was cut. */
bool tfm__truncate(size_t most, bool pair, size_t *n1, size_t *n2);

#endif
