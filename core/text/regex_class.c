/* Escapes, sets and classes of regular expressions. */
#include "core/text/chars.h"
#include "core/text/regex_private.h"

tfm_status tfm__rx_unsupported(const tfm__rewriter *w, size_t at, const char *what)
{
  return tfm_fail(w->err, TFM_E_UNSUPPORTED,
                  "byte %zu of the regular expression: %s is not supported", at, what);
}

tfm_status tfm__rx_malformed(const tfm__rewriter *w, size_t at, const char *what)
{
  return tfm_fail(w->err, TFM_E_FORMAT, "byte %zu of the regular expression: %s", at, what);
}

uint32_t tfm__rx_next_char(tfm__rewriter *w)
{
  uint32_t len = 0;
  uint32_t c = tfm__char_at(w->p + w->i, &len);
  w->i += len;
  return c;
}

void tfm__rx_put_char(tfm_buf *out, uint32_t c)
{
  if (tfm__rx_is_alnum(c)) {
    (void)tfm_buf_char(out, (char)c);
  } else {
    (void)tfm_buf_printf(out, "\\x{%x}", (unsigned)c);
  }
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to `most` hexadecimal digits. */
static uint32_t read_hex(tfm__rewriter *w, int most, int *digits)
{
  uint32_t c = 0;
  *digits = 0;
  while (*digits < most && w->i < w->n && hex_digit(w->p[w->i]) >= 0) {
    c = c << 4 | (uint32_t)hex_digit(w->p[w->i++]);
    ++*digits;
  }
  return c;
}

static tfm_status read_coded(tfm__rewriter *w, char kind, uint32_t *c)
{
  size_t at = w->i;
  int digits = 0;
  if (kind == 'u') {
    *c = read_hex(w, 4, &digits);
    if (digits != 4) {
      return tfm__rx_malformed(w, at, "\\u wants four digits");
    }
  } else if (tfm__rx_skip(w, "{")) {
    *c = read_hex(w, 6, &digits);
    if (digits == 0 || !tfm__rx_skip(w, "}")) {
      return tfm__rx_malformed(w, at, "\\x{ wants up to six digits and }");
    }
  } else {
    *c = read_hex(w, 2, &digits);
    if (digits == 0) {
      return tfm__rx_malformed(w, at, "\\x wants digits");
    }
    if (*c > 0x7f) {
      return tfm__rx_unsupported(w, at, "a byte that is no character");
    }
  }
  if (*c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)) {
    return tfm__rx_unsupported(w, at, "a number that is no character");
  }
  return TFM_OK;
}

/* An escape that stands for one character; w->i is behind the backslash. *is says whether it was
 * one; if not nothing is taken. */
tfm_status tfm__rx_escaped_char(tfm__rewriter *w, bool *is, uint32_t *c)
{
  static const char letters[] = "tnrfvae";
  static const char values[] = "\t\n\r\f\v\a\x1b";
  *is = false;
  *c = 0;
  if (w->i == w->n) {
    return tfm__rx_malformed(w, w->i, "a backslash at the end");
  }
  char k = w->p[w->i];
  const char *at = strchr(letters, k);
  if (k && at) {
    *c = (unsigned char)values[at - letters];
    ++w->i;
  } else if (k == '0') {
    for (int digits = 0; digits < 3 && w->i < w->n && (w->p[w->i] & ~7) == '0'; ++digits) {
      *c = *c << 3 | (uint32_t)(w->p[w->i++] & 7);
    }
    if (*c > 0x7f) {
      return tfm__rx_unsupported(w, w->i, "a byte that is no character");
    }
  } else if (k == 'x' || k == 'u') {
    ++w->i;
    *is = true;
    return read_coded(w, k, c);
  } else if (!tfm__rx_is_alnum((unsigned char)k)) {
    *c = tfm__rx_next_char(w);
  } else {
    return TFM_OK;
  }
  *is = true;
  return TFM_OK;
}

/* ---- sets ---- */

/* The name and sign of a set that an escape stands for: \d \s \w \h, \p{name}; capitals, \P and ^
 * negate. w->i is behind the backslash. */
tfm_status tfm__rx_set_name(tfm__rewriter *w, tfm_span *name, bool *negated)
{
  static const struct {
    char letter;
    const char *name;
  } letters[] = {{'d', "digit"}, {'s', "space"}, {'w', "word"}, {'h', "xdigit"}};
  size_t from = w->i - 1;
  char k = w->p[w->i++];
  *negated = k >= 'A' && k <= 'Z';
  k = (char)(k | 0x20);
  for (size_t i = 0; i < sizeof letters / sizeof letters[0]; ++i) {
    if (letters[i].letter == k) {
      *name = tfm_span_of(letters[i].name);
      return TFM_OK;
    }
  }
  if (k != 'p' || !tfm__rx_skip(w, "{")) {
    return tfm__rx_unsupported(w, from, "this escape");
  }
  *negated ^= tfm__rx_skip(w, "^");
  size_t begin = w->i;
  const char *end = memchr(w->p + begin, '}', w->n - begin);
  if (!end) {
    return tfm__rx_malformed(w, from, "no } to this {");
  }
  *name = (tfm_span){w->p + begin, (size_t)(end - (w->p + begin))};
  w->i = begin + name->n + 1;
  return TFM_OK;
}

/* Ignoring letter case, Oniguruma closes sets in a way of its own; blanks and digits have none. */
static bool has_no_case(tfm_span name)
{
  return tfm_span_is(name, "space") || tfm_span_is(name, "digit");
}

/* Add a set to a class. */
tfm_status tfm__rx_add_set(tfm__rewriter *w, size_t at, tfm_span name, bool negated,
                           tfm__set_place place, tfm__members *m)
{
  tfm_buf items = {0};
  tfm_buf less = {0};
  tfm_status st = TFM_OK;
  if (w->caseless && place != TFM__ALONE && !has_no_case(name)) {
    st = tfm__rx_unsupported(w, at, "a set of letters in a class without letter case");
  } else if (!tfm__set_by_name(name, place, &items, &less)) {
    st = tfm__rx_unsupported(w, at, "this property");
  } else if (!negated && less.n == 0) {
    (void)tfm_buf_span(&m->items, tfm_buf_view(&items));
  } else if (!negated) {
    (void)tfm_buf_printf(&m->rest, "|(?:(?![%s])[%s])", tfm_buf_cstr(&less),
                         tfm_buf_cstr(&items));
  } else {
    (void)tfm_buf_printf(&m->rest, "|[^%s]", tfm_buf_cstr(&items));
    if (less.n) {
      (void)tfm_buf_printf(&m->rest, "|[%s]", tfm_buf_cstr(&less));
    }
  }
  m->items.failed |= items.failed || less.failed;
  tfm_buf_fini(&items);
  tfm_buf_fini(&less);
  return st;
}

/* Write the tfm__members as something that matches one character. */
void tfm__rx_put_members(const tfm__members *m, bool negated, tfm_buf *out)
{
  if (m->rest.n == 0) {
    (void)tfm_buf_printf(out, negated ? "[^%.*s]" : "[%.*s]", (int)m->items.n, m->items.data);
    return;
  }
  (void)tfm_buf_str(out, negated ? "(?:(?!" : "(?:");
  if (m->items.n) {
    (void)tfm_buf_printf(out, "[%.*s]", (int)m->items.n, m->items.data);
    (void)tfm_buf_span(out, tfm_buf_view(&m->rest));
  } else {
    (void)tfm_buf_append(out, m->rest.data + 1, m->rest.n - 1); /* without its first bar */
  }
  (void)tfm_buf_str(out, negated ? ")(?s:.))" : ")");
}

void tfm__rx_members_fini(tfm__members *m)
{
  tfm_buf_fini(&m->items);
  tfm_buf_fini(&m->rest);
}

/* ---- classes ---- */

/* [:name:] and [:^name:]; *is says whether it was one. */
static tfm_status read_posix(tfm__rewriter *w, tfm__members *m, bool *is)
{
  static const char *const names[] = {"alpha", "alnum", "ascii",  "blank", "cntrl",
                                      "digit", "graph", "lower",  "print", "punct",
                                      "space", "upper", "xdigit", "word"};
  size_t at = w->i;
  *is = false;
  if (!tfm__rx_skip(w, "[:")) {
    return TFM_OK;
  }
  bool negated = tfm__rx_skip(w, "^");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    size_t n = strlen(names[i]);
    if (tfm__rx_ahead(w, names[i]) && w->n - w->i >= n + 2 && w->p[w->i + n] == ':' &&
        w->p[w->i + n + 1] == ']') {
      w->i += n + 2;
      *is = true;
      return tfm__rx_add_set(w, at, tfm_span_of(names[i]), negated, TFM__POSIX, m);
    }
  }
  w->i = at;
  return TFM_OK;
}

/* One character of a class, plain or escaped; *is is false when a set's escape stands there. */
static tfm_status read_class_char(tfm__rewriter *w, bool *is, uint32_t *c)
{
  *is = true;
  if (w->p[w->i] != '\\') {
    *c = tfm__rx_next_char(w);
    return TFM_OK;
  }
  size_t at = w->i++;
  tfm_status st = TFM_OK;
  if (tfm__rx_skip(w, "b")) {
    *c = '\b';
  } else {
    st = tfm__rx_escaped_char(w, is, c);
  }
  w->i = *is ? w->i : at;
  return st;
}

static tfm_status add_range(tfm__rewriter *w, size_t at, uint32_t first, uint32_t last,
                            tfm__members *m)
{
  if (first > last) {
    return tfm__rx_malformed(w, at, "an empty range");
  }
  if (w->caseless && last > 0x7f) {
    return tfm__rx_unsupported(w, at, "a class of more than ASCII without letter case");
  }
  tfm__rx_put_char(&m->items, first);
  if (last > first) {
    (void)tfm_buf_char(&m->items, '-');
    tfm__rx_put_char(&m->items, last);
  }
  return TFM_OK;
}

/* A character, a range or a set. */
static tfm_status read_member(tfm__rewriter *w, tfm__members *m)
{
  tfm_status st = TFM_OK;
  size_t at = w->i;
  uint32_t first = 0;
  bool is = false;
  TFM_TRY(read_class_char(w, &is, &first));
  if (!is) {
    tfm_span name;
    bool negated = false;
    ++w->i;
    TFM_TRY(tfm__rx_set_name(w, &name, &negated));
    TFM_TRY(tfm__rx_add_set(w, at, name, negated, TFM__IN_CLASS, m));
    if (tfm__rx_ahead(w, "-") && !tfm__rx_ahead(w, "-]")) {
      return tfm__rx_unsupported(w, w->i, "a range from a set");
    }
    return TFM_OK;
  }
  uint32_t last = first;
  if (tfm__rx_ahead(w, "-") && !tfm__rx_ahead(w, "-]") && !tfm__rx_ahead(w, "-&&")) {
    ++w->i;
    if (w->i == w->n || w->p[w->i] == '[') {
      return tfm__rx_unsupported(w, at, "this range");
    }
    TFM_TRY(read_class_char(w, &is, &last));
    if (!is) {
      return tfm__rx_unsupported(w, at, "a range to a set");
    }
  }
  TFM_TRY(add_range(w, at, first, last, m));

fail:
  return st;
}

/* The tfm__members up to the end of the class or &&. */
static tfm_status read_members(tfm__rewriter *w, tfm__members *m)
{
  tfm_status st = TFM_OK;
  size_t from = w->i;
  while (w->i < w->n && !tfm__rx_ahead(w, "&&") && !tfm__rx_ahead(w, "]")) {
    bool posix = false;
    TFM_TRY(read_posix(w, m, &posix));
    if (posix) {
      continue;
    }
    if (w->p[w->i] == '[') {
      (void)tfm_buf_char(&m->rest, '|');
      TFM_TRY(tfm__rx_class(w, &m->rest));
    } else if (w->p[w->i] == '-' && w->i > from && !tfm__rx_ahead(w, "-]")) {
      return tfm__rx_unsupported(w, w->i, "a hyphen here"); /* behind a range or a class */
    } else {
      TFM_TRY(read_member(w, m));
    }
  }
  if (w->i == from) {
    return tfm__rx_unsupported(w, from, "an empty class");
  }

fail:
  return st;
}

/* A class, w->i at its bracket, as something that matches one character. */
tfm_status tfm__rx_class(tfm__rewriter *w, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  size_t at = w->i++;
  bool negated = tfm__rx_skip(w, "^");
  tfm__members m = {0};
  tfm_buf both = {0}; /* what && joined before: (?=A)(?=B)... */
  if (++w->class_depth > TFM__DEEPEST_CLASS) {
    return tfm__rx_unsupported(w, at, "a class so deep in classes");
  }
  TFM_TRY(read_members(w, &m));
  while (tfm__rx_skip(w, "&&")) {
    (void)tfm_buf_str(&both, "(?=");
    tfm__rx_put_members(&m, false, &both);
    (void)tfm_buf_char(&both, ')');
    tfm__rx_members_fini(&m);
    TFM_TRY(read_members(w, &m));
  }
  if (!tfm__rx_skip(w, "]")) {
    st = tfm__rx_malformed(w, at, "a class without end");
    goto fail;
  }
  if (both.n == 0) {
    tfm__rx_put_members(&m, negated, out);
  } else {
    (void)tfm_buf_printf(out, negated ? "(?:(?!%s" : "(?:%s", tfm_buf_cstr(&both));
    tfm__rx_put_members(&m, false, out);
    (void)tfm_buf_str(out, negated ? ")(?s:.))" : ")");
  }
  --w->class_depth;

fail:
  out->failed |= m.items.failed || m.rest.failed || both.failed;
  tfm__rx_members_fini(&m);
  tfm_buf_fini(&both);
  return st;
}
