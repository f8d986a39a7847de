/** A string that knows its length: it may hold NULs and is not terminated. A span never owns.
 */
#ifndef TFM_CORE_BASE_SPAN_H
#define TFM_CORE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
  const char *p; /* NULL only when n is 0 */
  size_t n;      /* bytes */
} tfm_span;

static inline tfm_span tfm_span_of(const char *s)
{
  return (tfm_span){s, strlen(s)};
}

static inline bool tfm_span_eq(tfm_span a, tfm_span b)
{
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool tfm_span_is(tfm_span a, const char *s)
{
  return tfm_span_eq(a, tfm_span_of(s));
}

#endif
