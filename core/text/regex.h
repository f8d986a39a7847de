/** Finding the matches of a pattern from tokenizer.json: a string, or a regular expression as the
 *  library's Oniguruma understands it.
 *
 *  Expressions of published tokenizers have scanners of their own (scan.h). Others are rewritten
 *  for PCRE2, which regex.c alone knows, and run under limits.
 *
 *  A pattern is read-only once open: callable from many threads. */
#ifndef TFM_CORE_TEXT_REGEX_H
#define TFM_CORE_TEXT_REGEX_H

#include "core/text/component.h"
#include "core/text/scan.h"

#include <stdbool.h>

typedef struct tfm__pattern tfm__pattern;

/** Read {"String": ...} or {"Regex": ...}. gives: the pattern, release with tfm__pattern_close()
 *  also after a failure, which is the reader's (then it may be NULL): TFM_E_FORMAT (no such
 *  expression), TFM_E_UNSUPPORTED (one that PCRE2 cannot do as Oniguruma does). */
tfm__pattern *tfm__pattern_read(tfm__loader *l);

/** Release what the pattern holds; its own memory is the loader's. Accepts NULL. */
void tfm__pattern_close(tfm__pattern *p);

/** Whether the pattern is a string of one byte. */
bool tfm__pattern_is_byte(const tfm__pattern *p, char *byte);

/** The scanner of the pattern's expression, NULL when it has none. */
tfm__scanner tfm__pattern_scanner(const tfm__pattern *p);

/** The matches in pieces of text, one after the other: start on a piece, then next() until there
 *  is none. A piece is all there is: anchors and looking around end with it. For one thread at a
 *  time; release with tfm__matches_fini(). */
typedef struct {
  const tfm__pattern *pattern;
  const char *p;
  size_t n;
  size_t from; /* where the next match is looked for */
  size_t last; /* the end of the last match, SIZE_MAX: there was none */
  void *data;  /* PCRE2's */
} tfm__matches;

tfm__matches tfm__matches_of(const tfm__pattern *pattern);

void tfm__matches_start(tfm__matches *m, const char *p, size_t n);

/** Find the next match; *found says whether there is one, bytes [*begin, *end), which may be
 *  empty. Errors: TFM_E_NOMEM, TFM_E_UNSUPPORTED (an expression reached a limit on this text). */
tfm_status tfm__matches_next(tfm__matches *m, bool *found, size_t *begin, size_t *end);

void tfm__matches_fini(tfm__matches *m);

#endif
