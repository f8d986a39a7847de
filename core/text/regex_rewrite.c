#include "core/text/regex_rewrite.h"

#include "core/text/regex_private.h"

#include <inttypes.h>

/* ss, ff, fi, fl and st are, letter case ignored, also one character each (U+00DF, U+FB00 on). */
static bool folds_together(uint32_t a, uint32_t b)
{
  a |= 0x20;
  b |= 0x20;
  return (a == 's' && (b == 's' || b == 't')) ||
         (a == 'f' && (b == 'f' || b == 'i' || b == 'l'));
}

/* Something new comes: what was written last is final. */
static void settle(tfm__rewriter *w, bool repeats, bool takes)
{
  w->empty = w->empty && !w->takes;
  w->repeats = repeats;
  w->takes = takes;
  w->last = 0;
}

static tfm_status put_literal(tfm__rewriter *w, size_t at, uint32_t c)
{
  if (w->caseless && (c > 0x7f || folds_together(w->last, c))) {
    return tfm__rx_unsupported(w, at, "this without letter case");
  }
  tfm__rx_put_char(w->out, c);
  settle(w, true, true);
  w->last = w->caseless ? c : 0;
  return TFM_OK;
}

static void put_str(tfm__rewriter *w, const char *s, bool takes)
{
  (void)tfm_buf_str(w->out, s);
  settle(w, takes, takes);
}

static tfm_status read_word_bound(tfm__rewriter *w, size_t at, bool inside)
{
  tfm_buf word = {0};
  tfm_buf less = {0};
  tfm_status st = TFM_OK;
  if (!tfm__set_by_name(tfm_span_of("word"), TFM__ALONE, &word, &less) || less.n) {
    st = tfm__rx_unsupported(w, at, "\\b");
  } else {
    const char *s = tfm_buf_cstr(&word);
    (void)tfm_buf_printf(w->out,
                         inside ? "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))"
                                : "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))",
                         s, s, s, s);
  }
  tfm_buf_fini(&word);
  tfm_buf_fini(&less);
  settle(w, false, false);
  return st;
}

static tfm_status read_escape(tfm__rewriter *w)
{
  tfm_status st = TFM_OK;
  size_t at = w->i++;
  uint32_t c = 0;
  bool is = false;
  tfm__members m = {0};
  TFM_TRY(tfm__rx_escaped_char(w, &is, &c));
  if (is) {
    return put_literal(w, at, c);
  }
  if (tfm__rx_ahead(w, "b") || tfm__rx_ahead(w, "B")) {
    return read_word_bound(w, at, w->p[w->i++] == 'B');
  }
  if (tfm__rx_ahead(w, "A") || tfm__rx_ahead(w, "z") || tfm__rx_ahead(w, "Z")) {
    const char anchor[] = {'\\', w->p[w->i++], '\0'};
    put_str(w, anchor, false);
    return TFM_OK;
  }
  tfm_span name;
  bool negated = false;
  TFM_TRY(tfm__rx_set_name(w, &name, &negated));
  TFM_TRY(tfm__rx_add_set(w, at, name, negated, TFM__ALONE, &m));
  (void)tfm_buf_str(w->out, w->caseless ? "(?-i:" : ""); /* a set by itself is not closed */
  tfm__rx_put_members(&m, false, w->out);
  put_str(w, w->caseless ? ")" : "", true);

fail:
  w->out->failed |= m.items.failed || m.rest.failed;
  tfm__rx_members_fini(&m);
  return st;
}

/* {n}, {n,}, {,m}, {n,m}; *is says whether it was one, else { is a character. */
static tfm_status read_interval(tfm__rewriter *w, bool *is)
{
  size_t at = w->i++;
  uint32_t bound[2] = {0, 0};
  size_t digits[2] = {0, 0};
  bool comma = false;
  for (int k = 0; k < 2; ++k) {
    while (w->i < w->n && w->p[w->i] >= '0' && w->p[w->i] <= '9' &&
           bound[k] <= TFM__MOST_REPEAT) {
      bound[k] = bound[k] * 10 + (uint32_t)(w->p[w->i++] - '0');
      ++digits[k];
    }
    if (k == 0 && !(comma = tfm__rx_skip(w, ","))) {
      break;
    }
  }
  *is = tfm__rx_skip(w, "}") && digits[0] + digits[1] > 0;
  if (!*is) {
    w->i = at;
    return TFM_OK;
  }
  if (bound[0] > TFM__MOST_REPEAT || bound[1] > TFM__MOST_REPEAT ||
      (digits[1] && bound[1] < bound[0]) || tfm__rx_ahead(w, "+") ||
      (!comma && tfm__rx_ahead(w, "?"))) {
    return tfm__rx_unsupported(w, at, "this interval");
  }
  if (w->last && (w->last | 0x20) != 'i' && folds_together(w->last, w->last)) {
    return tfm__rx_unsupported(w, at, "this interval without letter case");
  }
  if (!w->takes) { /* engines differ in when they leave a loop that gets nowhere */
    return tfm__rx_unsupported(w, at, "an interval of what can match nothing");
  }
  w->takes = bound[0] > 0;
  if (!comma) {
    (void)tfm_buf_printf(w->out, "{%" PRIu32 "}", bound[0]);
  } else if (digits[1]) {
    (void)tfm_buf_printf(w->out, "{%" PRIu32 ",%" PRIu32 "}", bound[0], bound[1]);
  } else {
    (void)tfm_buf_printf(w->out, "{%" PRIu32 ",}", bound[0]);
  }
  if (tfm__rx_skip(w, "?")) {
    (void)tfm_buf_char(w->out, '?');
  }
  return TFM_OK;
}

/* * + ? {} with ? or + behind. */
static tfm_status read_repeat(tfm__rewriter *w)
{
  size_t at = w->i;
  char k = w->p[w->i];
  if (!w->repeats) {
    return tfm__rx_malformed(w, at, "nothing to repeat");
  }
  if (k == '{') {
    bool is = false;
    tfm_status st = read_interval(w, &is);
    if (st != TFM_OK || !is) {
      w->i += st == TFM_OK;
      return st != TFM_OK ? st : put_literal(w, at, '{');
    }
  } else {
    ++w->i;
    w->takes = w->takes && k == '+';
    (void)tfm_buf_char(w->out, k);
    if (tfm__rx_ahead(w, "?") || tfm__rx_ahead(w, "+")) {
      (void)tfm_buf_char(w->out, w->p[w->i++]);
    }
  }
  settle(w, false, false);
  if (w->i < w->n && strchr("*+?", w->p[w->i]) && w->p[w->i]) {
    return tfm__rx_unsupported(w, w->i, "a repeat of a repeat");
  }
  return TFM_OK;
}

/* ---- groups ---- */

static tfm_status open_group(tfm__rewriter *w, size_t at, const char *as, bool look)
{
  if (w->depth == TFM__DEEPEST_GROUP) {
    return tfm__rx_unsupported(w, at, "a group so deep in groups");
  }
  w->group[w->depth].caseless = w->caseless;
  w->group[w->depth].dotall = w->dotall;
  w->group[w->depth].look = look;
  put_str(w, as, false);
  w->group[w->depth].empty = w->empty;
  w->group[w->depth++].others = w->others;
  w->empty = true;
  w->others = false;
  return TFM_OK;
}

/* (?flags: and, at the very beginning, (?flags). w->i is behind the question mark. */
static tfm_status read_flags(tfm__rewriter *w, size_t at)
{
  bool on = true;
  bool caseless = w->caseless;
  bool dotall = w->dotall;
  for (; w->i < w->n && w->p[w->i] != ':' && w->p[w->i] != ')'; ++w->i) {
    char k = w->p[w->i];
    if (k == '-' && on) {
      on = false;
    } else if (k == 'i') {
      caseless = on;
    } else if (k == 'm') {
      dotall = on;
    } else {
      return tfm__rx_unsupported(w, at, "this kind of group");
    }
  }
  if (w->i == w->n) {
    return tfm__rx_malformed(w, at, "a group without end");
  }
  bool whole = w->p[w->i++] == ')';
  if (whole && at != 0) {
    return tfm__rx_unsupported(w, at, "an option in the middle");
  }
  if (!whole) {
    tfm_status st = open_group(w, at, caseless ? "(?i:" : "(?-i:", false);
    if (st != TFM_OK) {
      return st;
    }
  } else {
    put_str(w, caseless ? "(?i)" : "", false);
  }
  w->caseless = caseless;
  w->dotall = dotall;
  return TFM_OK;
}

static tfm_status read_group(tfm__rewriter *w)
{
  static const struct {
    const char *begin, *as;
    bool look;
  } kinds[] = {{"(?:", "(?:", false},  {"(?=", "(?=", true},   {"(?!", "(?!", true},
               {"(?<=", "(?<=", true}, {"(?<!", "(?<!", true}, {"(?>", "(?>", false}};
  size_t at = w->i;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (tfm__rx_skip(w, kinds[i].begin)) {
      return open_group(w, at, kinds[i].as, kinds[i].look);
    }
  }
  if (tfm__rx_skip(w, "(?<")) {
    while (w->i < w->n && (tfm__rx_is_alnum((unsigned char)w->p[w->i]) || w->p[w->i] == '_')) {
      ++w->i;
    }
    return tfm__rx_skip(w, ">") ? open_group(w, at, "(?:", false)
                                : tfm__rx_malformed(w, at, "no name of a group");
  }
  if (tfm__rx_skip(w, "(?")) {
    return read_flags(w, at);
  }
  ++w->i;
  return open_group(w, at, "(?:", false);
}

static tfm_status close_group(tfm__rewriter *w)
{
  size_t at = w->i++;
  if (w->depth == 0) {
    return tfm__rx_malformed(w, at, "no ( to this )");
  }
  --w->depth;
  w->caseless = w->group[w->depth].caseless;
  w->dotall = w->group[w->depth].dotall;
  put_str(w, ")", false);
  bool look = w->group[w->depth].look;
  w->repeats = !look;
  w->takes = !look && !w->empty && !w->others;
  w->empty = w->group[w->depth].empty;
  w->others = w->group[w->depth].others;
  return TFM_OK;
}

static tfm_status read_next(tfm__rewriter *w)
{
  size_t at = w->i;
  switch (w->p[at]) {
  case '\\':
    return read_escape(w);
  case '[':
    settle(w, true, true);
    return tfm__rx_class(w, w->out);
  case '(':
    return read_group(w);
  case ')':
    return close_group(w);
  case '*':
  case '+':
  case '?':
    return read_repeat(w);
  case '{':
    if (w->repeats) {
      return read_repeat(w);
    }
    break;
  case '|':
  case '^':
  case '$': {
    const char same[] = {w->p[w->i++], '\0'};
    put_str(w, same, false);
    if (same[0] == '|') {
      w->others = w->others || w->empty;
      w->empty = true;
    }
    return TFM_OK;
  }
  case '.':
    ++w->i;
    put_str(w, w->dotall ? "(?s:.)" : ".", true);
    return TFM_OK;
  default:
    break;
  }
  return put_literal(w, at, tfm__rx_next_char(w));
}

tfm_status tfm__regex_rewrite(tfm_span expression, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__rewriter w = {
      .p = expression.p, .n = expression.n, .out = out, .err = err, .empty = true};
  if (expression.n > TFM__REGEX_BYTES) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "a regular expression of %zu bytes; at most %d",
                    expression.n, TFM__REGEX_BYTES);
  }
  while (w.i < w.n) {
    TFM_TRY(read_next(&w));
  }
  if (w.depth) {
    return tfm__rx_malformed(&w, w.n, "a group without end");
  }
  if (out->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the regular expression");
  }

fail:
  return st;
}
