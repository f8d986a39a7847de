#include "core/chat/lex.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/chat/value.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BRACKETS = 128 };

typedef struct {
  const char *name;
  tfm_span source;
  size_t at;
  int line;
  bool line_starts; /* what was read last ended a line */
  tfm_arena *memory;
  tfm__token *tokens;
  size_t n, cap;
  char closes[MOST_BRACKETS]; /* what the open brackets of a tag wait for */
  int open;
  tfm_err *err;
  tfm_status st;
} lexer;

static void refuse(lexer *x, tfm_status st, const char *format, ...) TFM_PRINTF(3, 4);

static void refuse(lexer *x, tfm_status st, const char *format, ...)
{
  if (x->st == TFM_OK) {
    va_list args;
    va_start(args, format);
    (void)tfm_vfail(x->err, st, format, args);
    va_end(args);
    x->st = tfm_err_prefix(x->err, "%s: line %d", x->name, x->line);
  }
}

static tfm__token *add(lexer *x, tfm__token_kind kind, tfm_span text)
{
  static tfm__token none;
  if (x->n == x->cap) {
    const size_t cap = x->cap ? 2 * x->cap : 256;
    tfm__token *tokens = tfm_realloc(x->tokens, cap, sizeof *tokens);
    if (!tokens) {
      refuse(x, TFM_E_NOMEM, "no memory for the template");
      return &none;
    }
    x->tokens = tokens;
    x->cap = cap;
  }
  x->tokens[x->n] = (tfm__token){.kind = kind, .line = x->line, .text = text};
  return &x->tokens[x->n++];
}

static tfm_span rest(const lexer *x)
{
  return (tfm_span){x->source.p + x->at, x->source.n - x->at};
}

static bool follows(const lexer *x, const char *s)
{
  const size_t n = strlen(s);
  return x->source.n - x->at >= n && memcmp(x->source.p + x->at, s, n) == 0;
}

static void step(lexer *x, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    x->line += x->source.p[x->at + i] == '\n';
  }
  x->at += n;
  x->line_starts = n ? x->source.p[x->at - 1] == '\n' : x->line_starts;
}

static void step_blanks(lexer *x)
{
  step(x, rest(x).n - tfm__lstrip(rest(x)).n);
}

/* What a tag's sign, or the rule for tags that begin a line, takes off the text before it. */
static tfm_span before_tag(const lexer *x, tfm_span text, char sign, bool output)
{
  if (sign == '-') {
    return tfm__rstrip(text);
  }
  if (sign == '+' || output) {
    return text;
  }
  size_t line = text.n;
  while (line > 0 && text.p[line - 1] != '\n') {
    --line;
  }
  const tfm_span blanks = {text.p + line, text.n - line};
  const bool begins = line > 0 || x->line_starts;
  return begins && tfm__lstrip(blanks).n == 0 ? (tfm_span){text.p, line} : text;
}

static void put_text(lexer *x, size_t n, char sign, bool output)
{
  const tfm_span text = before_tag(x, (tfm_span){x->source.p + x->at, n}, sign, output);
  if (text.n) {
    (void)add(x, TFM__TOKEN_TEXT, text);
  }
  step(x, n);
}

/* The end of a tag or comment is next: `close` behind an optional sign. */
static bool take_end(lexer *x, const char *close, bool output)
{
  const char sign = x->at < x->source.n ? x->source.p[x->at] : '\0';
  const bool minus = sign == '-';
  const bool plus = sign == '+' && !output;
  const size_t n = strlen(close);
  const size_t skip = minus || plus ? 1 : 0;
  if (x->source.n - x->at < n + skip || memcmp(x->source.p + x->at + skip, close, n) != 0) {
    return false;
  }
  step(x, n + skip);
  if (minus) {
    step_blanks(x);
  } else if (!plus && !output && follows(x, "\n")) {
    step(x, 1);
  }
  return true;
}

/* ---- inside of tags --------------------------------------------------------------------- */

static bool is_name(char c, bool first)
{
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (!first && c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static size_t digits(const lexer *x, size_t at)
{
  size_t n = 0;
  while (at + n < x->source.n && is_digit(x->source.p[at + n])) {
    ++n;
  }
  return n;
}

static void lex_number(lexer *x)
{
  const char *s = x->source.p;
  const size_t whole = digits(x, x->at);
  size_t n = whole;
  char copy[64];
  if (x->at + n + 1 < x->source.n && s[x->at + n] == '.' && is_digit(s[x->at + n + 1])) {
    n += 1 + digits(x, x->at + n + 1);
  }
  const bool real = n > whole;
  const char after = x->at + n < x->source.n ? s[x->at + n] : ' ';
  if (is_name(after, true) || n >= sizeof copy || (!real && whole > 18)) {
    refuse(x, TFM_E_UNSUPPORTED, "this form of a number is not supported");
    return;
  }
  if (!real && whole > 1 && s[x->at] == '0') {
    refuse(x, TFM_E_FORMAT, "a number does not begin with 0");
    return;
  }
  memcpy(copy, s + x->at, n);
  copy[n] = '\0';
  tfm__token *t = add(x, real ? TFM__TOKEN_REAL : TFM__TOKEN_INTEGER, (tfm_span){s + x->at, n});
  t->integer = real ? 0 : strtoll(copy, NULL, 10);
  t->real = real ? strtod(copy, NULL) : 0.0;
  step(x, n);
}

static int digit_of(char c)
{
  return is_digit(c)            ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : 16;
}

/* Up to `most` digits of a base, at least `least`; returns how many, 0 when there are too few. */
static size_t read_code(tfm_span s, int base, size_t least, size_t most, uint32_t *code)
{
  size_t n = 0;
  *code = 0;
  while (n < most && n < s.n && digit_of(s.p[n]) < base) {
    *code = *code * (uint32_t)base + (uint32_t)digit_of(s.p[n++]);
  }
  return n < least ? 0 : n;
}

/* An escape by number, s behind the backslash: bytes of it that were read, 0 when it is none. */
static size_t read_numbered(lexer *x, tfm_span s, char out[4], size_t *written)
{
  uint32_t code = 0;
  size_t n = 0;
  const size_t wide = s.p[0] == 'x' ? 2 : s.p[0] == 'u' ? 4 : s.p[0] == 'U' ? 8 : 0;
  if (wide) {
    n = read_code((tfm_span){s.p + 1, s.n - 1}, 16, wide, wide, &code);
    if (n == 0) {
      refuse(x, TFM_E_FORMAT, "\\%c in a string: want %zu hexadecimal digits", s.p[0], wide);
      return 1;
    }
    ++n;
  } else {
    n = read_code(s, 8, 1, 3, &code);
  }
  if (n && (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))) {
    refuse(x, TFM_E_UNSUPPORTED, "a string escape that is no character");
    return n;
  }
  *written = n ? tfm_utf8_encode(code, out) : 0;
  return n;
}

/* One escape, s behind the backslash; returns the bytes of it that were read. */
static size_t read_escape(lexer *x, tfm_span s, char out[4], size_t *written)
{
  static const char from[] = "\\'\"abfnrtv";
  static const char to[] = "\\'\"\a\b\f\n\r\t\v";
  const char *at = memchr(from, s.p[0], sizeof from - 1);
  if (s.p[0] == '\n') {
    *written = 0;
    return 1;
  }
  if (at) {
    out[0] = to[at - from];
    *written = 1;
    return 1;
  }
  const size_t n = read_numbered(x, s, out, written);
  if (n) {
    return n;
  }
  if (s.p[0] == 'N' || (unsigned char)s.p[0] >= 0x80) {
    refuse(x, TFM_E_UNSUPPORTED, "this string escape is not supported");
    return 1;
  }
  out[0] = '\\';
  *written = 1;
  return 0;
}

static tfm_span resolve(lexer *x, tfm_span raw)
{
  if (!raw.n || !memchr(raw.p, '\\', raw.n)) {
    return raw;
  }
  char *text = tfm_arena_alloc(x->memory, raw.n + 4);
  size_t n = 0;
  if (!text) {
    refuse(x, TFM_E_NOMEM, "no memory for the template");
    return (tfm_span){0};
  }
  for (size_t i = 0; i < raw.n && x->st == TFM_OK;) {
    if (raw.p[i] != '\\') {
      text[n++] = raw.p[i++];
      continue;
    }
    size_t written = 0;
    i += 1 + read_escape(x, (tfm_span){raw.p + i + 1, raw.n - i - 1}, text + n, &written);
    n += written;
  }
  return (tfm_span){text, n};
}

static void lex_string(lexer *x)
{
  const tfm_span s = rest(x);
  size_t n = 1;
  while (n < s.n && s.p[n] != s.p[0]) {
    n += s.p[n] == '\\' ? 2 : 1;
  }
  if (n >= s.n) {
    refuse(x, TFM_E_FORMAT, "a string does not end");
    return;
  }
  (void)add(x, TFM__TOKEN_STRING, resolve(x, (tfm_span){s.p + 1, n - 1}));
  step(x, n + 1);
}

static void balance(lexer *x, char c)
{
  const char *const pairs = "()[]{}";
  const char *at = strchr(pairs, c);
  if (!at) {
    return;
  }
  if ((at - pairs) % 2 == 0) {
    if (x->open == MOST_BRACKETS) {
      refuse(x, TFM_E_UNSUPPORTED, "brackets nested deeper than %d", MOST_BRACKETS);
      return;
    }
    x->closes[x->open++] = at[1];
  } else if (x->open == 0 || x->closes[--x->open] != c) {
    refuse(x, TFM_E_FORMAT, "'%c' closes nothing", c);
  }
}

static void lex_operator(lexer *x)
{
  static const char *const twice[] = {"//", "**", "==", "!=", ">=", "<="};
  const char c = x->source.p[x->at];
  size_t n = 1;
  for (size_t i = 0; i < sizeof twice / sizeof twice[0]; ++i) {
    n = follows(x, twice[i]) ? 2 : n;
  }
  if (n == 1 && (c == '\0' || !strchr("+-/*%~[](){}><=.:|,;", c))) {
    refuse(x, (unsigned char)c >= 0x80 ? TFM_E_UNSUPPORTED : TFM_E_FORMAT,
           "a character that belongs to no expression (byte 0x%02x)", (unsigned char)c);
    return;
  }
  (void)add(x, TFM__TOKEN_OPERATOR, (tfm_span){x->source.p + x->at, n});
  balance(x, n == 1 ? c : ' ');
  step(x, n);
}

static void lex_inside(lexer *x, bool output)
{
  const char *const close = output ? "}}" : "%}";
  x->open = 0;
  while (x->st == TFM_OK) {
    step_blanks(x);
    const int line = x->line;
    if (x->open == 0 && take_end(x, close, output)) {
      add(x, output ? TFM__TOKEN_OUTPUT_END : TFM__TOKEN_TAG_END, (tfm_span){0})->line = line;
      return;
    }
    if (x->at == x->source.n) {
      refuse(x, TFM_E_FORMAT, "the template ends inside of a tag: want %s", close);
      return;
    }
    const char c = x->source.p[x->at];
    if (is_name(c, true)) {
      size_t n = 1;
      while (n < rest(x).n && is_name(rest(x).p[n], false)) {
        ++n;
      }
      (void)add(x, TFM__TOKEN_NAME, (tfm_span){x->source.p + x->at, n});
      step(x, n);
    } else if (is_digit(c)) {
      lex_number(x);
    } else if (c == '\'' || c == '"') {
      lex_string(x);
    } else {
      lex_operator(x);
    }
  }
}

/* ---- between tags ----------------------------------------------------------------------- */

/* Whether a tag that holds but this word begins at `at`: behind its last byte, or 0. */
static size_t word_tag(const lexer *x, size_t at, const char *word)
{
  const tfm_span s = x->source;
  size_t i = at + 2;
  i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
  tfm_span left = tfm__lstrip((tfm_span){s.p + i, s.n - i});
  const size_t n = strlen(word);
  if (left.n < n || memcmp(left.p, word, n) != 0) {
    return 0;
  }
  left = tfm__lstrip((tfm_span){left.p + n, left.n - n});
  return s.n - left.n;
}

static bool raw_begins(const lexer *x, size_t at)
{
  const size_t i = word_tag(x, at, "raw");
  const size_t left = i ? x->source.n - i : 0;
  return (left >= 2 && memcmp(x->source.p + i, "%}", 2) == 0) ||
         (left >= 3 && memcmp(x->source.p + i, "-%}", 3) == 0);
}

static bool raw_ends(const lexer *x, size_t at)
{
  const size_t i = word_tag(x, at, "endraw");
  size_t left = i ? x->source.n - i : 0;
  const size_t sign = left && (x->source.p[i] == '-' || x->source.p[i] == '+') ? 1 : 0;
  left -= sign;
  return i && left >= 2 && memcmp(x->source.p + i + sign, "%}", 2) == 0;
}

/* At {% raw %}: everything up to its end is text. */
static void lex_raw(lexer *x)
{
  step(x, word_tag(x, x->at, "raw") - x->at);
  const bool minus = follows(x, "-");
  step(x, minus ? 3 : 2);
  if (minus) {
    step_blanks(x);
  }
  for (size_t i = x->at; i + 1 < x->source.n; ++i) {
    if (x->source.p[i] == '{' && x->source.p[i + 1] == '%' && raw_ends(x, i)) {
      put_text(x, i - x->at, x->source.p[i + 2], false);
      step(x, word_tag(x, x->at, "endraw") - x->at);
      (void)take_end(x, "%}", false);
      return;
    }
  }
  refuse(x, TFM_E_FORMAT, "raw does not end");
}

static void lex_comment(lexer *x)
{
  step(x, 2);
  step(x, follows(x, "-") || follows(x, "+") ? 1 : 0);
  for (size_t i = x->at; i + 1 < x->source.n; ++i) {
    if (x->source.p[i] == '#' && x->source.p[i + 1] == '}') {
      const bool sign = i > x->at && (x->source.p[i - 1] == '-' || x->source.p[i - 1] == '+');
      step(x, i - x->at - (sign ? 1 : 0));
      (void)take_end(x, "#}", false);
      return;
    }
  }
  refuse(x, TFM_E_FORMAT, "a comment does not end");
}

static void lex_tag(lexer *x)
{
  const bool output = x->source.p[x->at + 1] == '{';
  step(x, 2);
  (void)add(x, output ? TFM__TOKEN_OUTPUT_BEGIN : TFM__TOKEN_TAG_BEGIN, (tfm_span){0});
  if (follows(x, "-") || follows(x, "+")) {
    step(x, 1);
  }
  lex_inside(x, output);
}

static bool tag_begins(const lexer *x, size_t at)
{
  const char c = at + 1 < x->source.n && x->source.p[at] == '{' ? x->source.p[at + 1] : '\0';
  return c == '{' || c == '%' || c == '#';
}

static void lex_all(lexer *x)
{
  while (x->at < x->source.n && x->st == TFM_OK) {
    size_t at = x->at;
    while (at < x->source.n && !tag_begins(x, at)) {
      ++at;
    }
    if (at == x->source.n) {
      put_text(x, at - x->at, '+', false);
      break;
    }
    const char what = x->source.p[at + 1];
    put_text(x, at - x->at, at + 2 < x->source.n ? x->source.p[at + 2] : ' ', what == '{');
    x->line_starts = false;
    if (what == '#') {
      lex_comment(x);
    } else if (what == '%' && raw_begins(x, at)) {
      lex_raw(x);
    } else {
      lex_tag(x);
    }
  }
  (void)add(x, TFM__TOKEN_END, (tfm_span){0});
}

tfm_status tfm__lex(tfm__token **tokens, size_t *n, const char *name, tfm_span source,
                    tfm_arena *memory, tfm_err *err)
{
  lexer x = {.name = name,
             .source = source,
             .line = 1,
             .line_starts = true,
             .memory = memory,
             .err = err};
  lex_all(&x);
  if (x.st != TFM_OK) {
    tfm_free(x.tokens);
    x.tokens = NULL;
    x.n = 0;
  }
  *tokens = x.tokens;
  *n = x.n;
  return x.st;
}
