/** Rewriting a regular expression: what regex_rewrite.c (groups, repeats) and regex_class.c
 *  (escapes, sets, classes) share. Private to these. */
#ifndef TFM_CORE_TEXT_REGEX_PRIVATE_H
#define TFM_CORE_TEXT_REGEX_PRIVATE_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"
#include "core/text/regex_sets.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TFM__DEEPEST_GROUP = 200, TFM__DEEPEST_CLASS = 16, TFM__MOST_REPEAT = 65535 };

typedef struct {
  const char *p;
  size_t n, i;
  tfm_buf *out;
  tfm_err *err;
  bool caseless, dotall;
  struct {
    bool caseless, dotall; /* what holds behind the group */
    bool look;             /* it looks around */
    bool empty, others;    /* what `empty` and `others` were before it */
  } group[TFM__DEEPEST_GROUP];
  int depth, class_depth;
  bool repeats;  /* what was written last can be repeated */
  bool takes;    /* and takes a character at least */
  bool empty;    /* what is before it in this alternative can match nothing */
  bool others;   /* so can an earlier alternative of the group */
  uint32_t last; /* the literal written last while letter case is ignored, else 0 */
} tfm__rewriter;

/* What one class holds so far: the inside of a PCRE2 class, and alternatives to it. */
typedef struct {
  tfm_buf items, rest;
} tfm__members;

static inline bool tfm__rx_ahead(const tfm__rewriter *w, const char *s)
{
  size_t n = strlen(s);
  return w->n - w->i >= n && memcmp(w->p + w->i, s, n) == 0;
}

static inline bool tfm__rx_skip(tfm__rewriter *w, const char *s)
{
  bool yes = tfm__rx_ahead(w, s);
  w->i += yes ? strlen(s) : 0;
  return yes;
}

static inline bool tfm__rx_is_alnum(uint32_t c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** Fail at a byte of the expression: it cannot be done; it is none. */
tfm_status tfm__rx_unsupported(const tfm__rewriter *w, size_t at, const char *what);
tfm_status tfm__rx_malformed(const tfm__rewriter *w, size_t at, const char *what);

/** Step over a character. */
uint32_t tfm__rx_next_char(tfm__rewriter *w);

/** Write a character that stands for itself, also in a class. */
void tfm__rx_put_char(tfm_buf *out, uint32_t c);

/** An escape that stands for one character; w->i is behind the backslash. *is says whether it was
 *  one; if not nothing is taken. */
tfm_status tfm__rx_escaped_char(tfm__rewriter *w, bool *is, uint32_t *c);

/** The name and sign of a set that an escape stands for: \d \s \w \h, \p{name}; capitals, \P and
 *  ^ negate. w->i is behind the backslash. */
tfm_status tfm__rx_set_name(tfm__rewriter *w, tfm_span *name, bool *negated);

/** Add a set, named at byte `at`, to the members. */
tfm_status tfm__rx_add_set(tfm__rewriter *w, size_t at, tfm_span name, bool negated,
                           tfm__set_place place, tfm__members *m);

/** Write the members as something that matches one character. */
void tfm__rx_put_members(const tfm__members *m, bool negated, tfm_buf *out);

void tfm__rx_members_fini(tfm__members *m);

/** A class, w->i at its bracket, as something that matches one character. */
tfm_status tfm__rx_class(tfm__rewriter *w, tfm_buf *out);

#endif
