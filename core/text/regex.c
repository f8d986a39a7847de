/* Patterns: strings by memmem, known expressions by scanners, others by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "core/text/regex.h"

#include "core/text/chars.h"
#include "core/text/regex_rewrite.h"

#include <pcre2.h>

#include <string.h>

/* Of one attempt at one place. What goes beyond is no pattern for words. */
enum { MOST_STEPS = 5000000, MOST_KIB = 65536 };

struct tfm__pattern {
  tfm_span string;   /* p is NULL when it is an expression */
  tfm__scanner scan; /* NULL: none, then code is set */
  tfm__scanner skip; /* NULL: none */
  pcre2_code *code;
  pcre2_match_context *limits;
};

/* ---- matching ---- */

bool tfm__pattern_is_byte(const tfm__pattern *p, char *byte)
{
  bool is = p->string.p && p->string.n == 1;
  *byte = is ? p->string.p[0] : '\0';
  return is;
}

tfm__scanner tfm__pattern_scanner(const tfm__pattern *p)
{
  return p->scan;
}

tfm__matches tfm__matches_of(const tfm__pattern *pattern)
{
  return (tfm__matches){.pattern = pattern};
}

void tfm__matches_start(tfm__matches *m, const char *p, size_t n)
{
  m->p = p;
  m->n = n;
  m->from = 0;
  m->last = SIZE_MAX;
}

void tfm__matches_fini(tfm__matches *m)
{
  pcre2_match_data_free(m->data);
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
    i = m->pattern->skip ? m->pattern->skip(m->p, m->n, i) : i;
    if (i == m->n) {
      break;
    }
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

/* One search by PCRE2. What the fast machine has no stack for goes to the slow one. */
static int search(tfm__matches *m)
{
  const tfm__pattern *x = m->pattern;
  PCRE2_SPTR p = (PCRE2_SPTR)m->p;
  int k = pcre2_match(x->code, p, m->n, m->from, PCRE2_NO_UTF_CHECK, m->data, x->limits);
  if (k == PCRE2_ERROR_JIT_STACKLIMIT) {
    k = pcre2_match(x->code, p, m->n, m->from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, m->data,
                    x->limits);
  }
  return k;
}

/* As the library steps on: an empty match right behind the last match does not count, and the
 * search goes on one character later. */
static tfm_status next_matched(tfm__matches *m, bool *found, size_t *begin, size_t *end)
{
  *found = false;
  if (!m->data) {
    m->data = pcre2_match_data_create(1, NULL);
    if (!m->data) {
      return TFM_E_NOMEM;
    }
  }
  while (m->from <= m->n) {
    int k = search(m);
    if (k == PCRE2_ERROR_NOMATCH) {
      return TFM_OK;
    }
    if (k < 0) {
      return k == PCRE2_ERROR_NOMEMORY ? TFM_E_NOMEM : TFM_E_UNSUPPORTED;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);
    if (at[0] < at[1] || at[1] != m->last) {
      *found = true;
      *begin = at[0];
      *end = m->from = m->last = at[1];
      return TFM_OK;
    }
    m->from += m->from < m->n ? char_bytes(m->p + m->from) : 1;
  }
  return TFM_OK;
}

tfm_status tfm__matches_next(tfm__matches *m, bool *found, size_t *begin, size_t *end)
{
  if (m->pattern->string.p) {
    *found = next_string(m, begin, end);
  } else if (m->pattern->scan) {
    *found = next_scanned(m, begin, end);
  } else {
    return next_matched(m, found, begin, end);
  }
  return TFM_OK;
}

/* ---- reading ---- */

void tfm__pattern_close(tfm__pattern *p)
{
  if (p) {
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->limits);
    p->code = NULL;
    p->limits = NULL;
  }
}

static tfm_status limit(tfm__pattern *p)
{
  p->limits = pcre2_match_context_create(NULL);
  if (!p->limits) {
    return TFM_E_NOMEM;
  }
  (void)pcre2_set_match_limit(p->limits, MOST_STEPS);
  (void)pcre2_set_depth_limit(p->limits, MOST_STEPS);
  (void)pcre2_set_heap_limit(p->limits, MOST_KIB);
  return TFM_OK;
}

/* Compile an expression that was rewritten. Without the just-in-time compiler it only is slower. */
static tfm_status compile(tfm__pattern *p, tfm_span rewritten, tfm_err *err)
{
  enum { OPTIONS = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C };
  int error = 0;
  size_t at = 0;
  pcre2_compile_context *lines = pcre2_compile_context_create(NULL);
  if (!lines || limit(p) != TFM_OK) {
    pcre2_compile_context_free(lines);
    return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the regular expression");
  }
  (void)pcre2_set_newline(lines, PCRE2_NEWLINE_LF);
  p->code = pcre2_compile((PCRE2_SPTR)rewritten.p, rewritten.n, OPTIONS, &error, &at, lines);
  pcre2_compile_context_free(lines);
  if (!p->code) {
    char text[128] = "";
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
    return tfm_fail(err, TFM_E_UNSUPPORTED, "this regular expression is not supported: %s",
                    text);
  }
  (void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
  return TFM_OK;
}

static void read_expression(tfm__loader *l, tfm__pattern *p, tfm_span expression)
{
  tfm_err err = {0};
  tfm_buf rewritten = {0};
  p->scan = tfm__scanner_of(expression, &p->skip);
  if (p->scan) {
    return;
  }
  tfm_status st = tfm__regex_rewrite(expression, &rewritten, &err);
  if (st == TFM_OK) {
    st = compile(p, tfm_buf_view(&rewritten), &err);
  }
  if (st != TFM_OK) {
    tfm_jread_fail(l->r, err.status, "%s", err.text);
  }
  tfm_buf_fini(&rewritten);
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
    } else {
      read_expression(l, p, s);
    }
  }
  tfm__loader_want(l, seen > 0, "String");
  return p;
}
