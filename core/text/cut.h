/** Cutting a piece at the matches of a pattern: the library's five behaviours, one pass.
 *
 *  A splitter reports, in order and without a gap, which parts of a piece match and which do not;
 *  empty parts may be among them. The cutter makes pieces of them. */
#ifndef TFM_CORE_TEXT_CUT_H
#define TFM_CORE_TEXT_CUT_H

#include "core/text/component.h"

typedef enum {
  TFM__REMOVED,
  TFM__ISOLATED,
  TFM__MERGED_WITH_PREVIOUS,
  TFM__MERGED_WITH_NEXT,
  TFM__CONTIGUOUS
} tfm__behavior;

typedef struct {
  tfm__behavior behavior;
  tfm__pieces *out;
  bool open;      /* `held` waits for what comes next */
  bool was_match; /* the part before was one */
  tfm__piece held;
} tfm__cutter;

/** Start on a piece. */
static inline tfm__cutter tfm__cutter_of(tfm__behavior behavior, tfm__pieces *out)
{
  return (tfm__cutter){.behavior = behavior, .out = out};
}

/** The next part: bytes [begin, end) of the text. For at most two pieces room was reserved. */
static inline void tfm__cutter_add(tfm__cutter *c, uint32_t begin, uint32_t end, bool match);

/** The piece is at its end: write what is held. Room for one piece was reserved. */
static inline void tfm__cutter_end(tfm__cutter *c);

static inline void tfm__cutter_write(tfm__cutter *c, tfm__piece x)
{
  if (x.begin < x.end) {
    c->out->v[c->out->n++] = x;
  }
}

static inline void tfm__cutter_end(tfm__cutter *c)
{
  if (c->open) {
    tfm__cutter_write(c, c->held);
    c->open = false;
  }
}

static inline void tfm__cutter_add(tfm__cutter *c, uint32_t begin, uint32_t end, bool match)
{
  bool joins = false;
  switch (c->behavior) {
  case TFM__REMOVED:
    if (!match) {
      tfm__cutter_write(c, (tfm__piece){begin, end});
    }
    return;
  case TFM__ISOLATED:
    tfm__cutter_write(c, (tfm__piece){begin, end});
    return;
  case TFM__MERGED_WITH_PREVIOUS: /* a match joins what is no match before it */
    joins = match && !c->was_match;
    break;
  case TFM__MERGED_WITH_NEXT: /* and here what is no match joins the match before it */
    joins = !match && c->was_match;
    break;
  case TFM__CONTIGUOUS:
    joins = match == c->was_match;
    break;
  }
  if (joins && c->open) {
    c->held.end = end;
  } else {
    tfm__cutter_end(c);
    c->held = (tfm__piece){begin, end};
    c->open = true;
  }
  c->was_match = match;
}

/** Read a behavior as the file spells it. */
tfm__behavior tfm__behavior_read(tfm__loader *l);

#endif
