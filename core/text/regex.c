/* Patterns: strings by memmem, known expressions by scanners, others by PCRE2. */
#include "core/text/regex.h"

#include "core/base/mem.h"
#include "core/text/chars.h"
#include "core/text/scan.h"

#include <string.h>

struct tfm__pattern {
  tfm_span string;   /* p is NULL when it is an expression */
  tfm__scanner scan; /* NULL: none */
};

/* ---- matching ---- */

tfm__matches tfm__matches_of(const tfm__pattern *pattern, const char *p, size_t n)
{
  return (tfm__matches){.pattern = pattern, .p = p, .n = n, .last = SIZE_MAX};
}

void tfm__matches_fini(tfm__matches *m)
{
  m->data = NULL;
}

static size_t char_bytes(const char *p)
{
  uint32_t len = 0;
  (void)tfm__char_at(p, &len);
  return len;
}

/* The empty string stands between any two characters and at both ends. */
static bool next_nothing(tfm__matches *m, size_t *begin, size_t *end)
{
  if (m->last != SIZE_MAX) {
    if (m->last >= m->n) {
      return false;
    }
    m->last += char_bytes(m->p + m->last);
  } else {
    m->last = 0;
  }
  *begin = *end = m->last;
  return true;
}

static bool next_string(tfm__matches *m, size_t *begin, size_t *end)
{
  tfm_span s = m->pattern->string;
  if (s.n == 0) {
    return next_nothing(m, begin, end);
  }
  const char *at = s.n == 1 ? memchr(m->p + m->from, s.p[0], m->n - m->from)
                            : memmem(m->p + m->from, m->n - m->from, s.p, s.n);
  if (!at) {
    return false;
  }
  *begin = (size_t)(at - m->p);
  *end = m->from = *begin + s.n;
  return true;
}

static bool next_scanned(tfm__matches *m, size_t *begin, size_t *end)
{
  size_t i = m->from;
  while (i < m->n) {
    size_t to = m->pattern->scan(m->p, m->n, i);
    if (to > i) {
      *begin = i;
      *end = m->from = to;
      return true;
    }
    i += char_bytes(m->p + i);
  }
  m->from = m->n;
  return false;
}

tfm_status tfm__matches_next(tfm__matches *m, bool *found, size_t *begin, size_t *end)
{
  if (m->pattern->string.p) {
    *found = next_string(m, begin, end);
  } else {
    *found = next_scanned(m, begin, end);
  }
  return TFM_OK;
}

/* ---- reading ---- */

void tfm__pattern_close(tfm__pattern *p)
{
  (void)p;
}

tfm__pattern *tfm__pattern_read(tfm__loader *l)
{
  tfm__pattern *p = tfm__loader_alloc(l, sizeof *p);
  tfm_span key;
  int seen = 0;
  tfm_jread_object(l->r);
  while (p && tfm_jread_key(l->r, &key)) {
    bool string = tfm_span_is(key, "String");
    if (seen++) {
      tfm_jread_fail(l->r, TFM_E_FORMAT, "want one key only");
    } else if (!string && !tfm_span_is(key, "Regex")) {
      tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "\"%.*s\" is not supported; String and Regex are",
                     key.n > 64 ? 64 : (int)key.n, key.p);
    }
    tfm_span s = tfm__loader_copy(l, tfm_jread_string(l->r));
    if (!tfm_jread_ok(l->r)) {
      break;
    }
    if (string) {
      p->string = s;
      continue;
    }
    p->scan = tfm__scanner_of(s);
    if (!p->scan) {
      tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "this regular expression is not supported");
    }
  }
  tfm__loader_want(l, seen > 0, "String");
  return tfm_jread_ok(l->r) ? p : NULL;
}
