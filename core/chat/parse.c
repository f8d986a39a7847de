#include "core/chat/parse.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <string.h>

/* ---- tokens ----------------------------------------------------------------------------- */

const tfm__token *tfm__peek(const tfm__parser *p)
{
  static const tfm__token end = {.kind = TFM__TOKEN_END};
  return p->st == TFM_OK ? &p->tokens[p->at] : &end;
}

const tfm__token *tfm__peek_next(const tfm__parser *p)
{
  const tfm__token *t = tfm__peek(p);
  return t->kind == TFM__TOKEN_END ? t : t + 1;
}

static bool is(const tfm__token *t, tfm__token_kind kind, const char *text)
{
  return t->kind == kind && tfm_span_is(t->text, text);
}

bool tfm__is_op(const tfm__parser *p, const char *op)
{
  return is(tfm__peek(p), TFM__TOKEN_OPERATOR, op);
}

bool tfm__is_word(const tfm__parser *p, const char *word)
{
  return is(tfm__peek(p), TFM__TOKEN_NAME, word);
}

bool tfm__take_op(tfm__parser *p, const char *op)
{
  const bool there = tfm__is_op(p, op);
  p->at += there;
  return there;
}

bool tfm__take_word(tfm__parser *p, const char *word)
{
  const bool there = tfm__is_word(p, word);
  p->at += there;
  return there;
}

static bool take(tfm__parser *p, tfm__token_kind kind)
{
  const bool there = tfm__peek(p)->kind == kind;
  p->at += there && kind != TFM__TOKEN_END;
  return there;
}

void tfm__want_op(tfm__parser *p, const char *op)
{
  if (!tfm__take_op(p, op)) {
    tfm__unexpected(p, op);
  }
}

void tfm__want_word(tfm__parser *p, const char *word)
{
  if (!tfm__take_word(p, word)) {
    tfm__unexpected(p, word);
  }
}

tfm_span tfm__want_name(tfm__parser *p)
{
  const tfm_span name = tfm__peek(p)->text;
  if (!take(p, TFM__TOKEN_NAME)) {
    tfm__unexpected(p, "a name");
    return (tfm_span){0};
  }
  return name;
}

void tfm__refuse(tfm__parser *p, tfm_status st, const char *format, ...)
{
  if (p->st == TFM_OK) {
    va_list args;
    va_start(args, format);
    (void)tfm_vfail(p->err, st, format, args);
    va_end(args);
    p->st = tfm_err_prefix(p->err, "%s: line %d", p->name, p->tokens[p->at].line);
  }
}

void tfm__unexpected(tfm__parser *p, const char *wanted)
{
  static const char *const names[] = {[TFM__TOKEN_END] = "the end of the template",
                                      [TFM__TOKEN_TEXT] = "text",
                                      [TFM__TOKEN_OUTPUT_BEGIN] = "{{",
                                      [TFM__TOKEN_OUTPUT_END] = "}}",
                                      [TFM__TOKEN_TAG_BEGIN] = "{%",
                                      [TFM__TOKEN_TAG_END] = "%}",
                                      [TFM__TOKEN_STRING] = "a string",
                                      [TFM__TOKEN_INTEGER] = "a number",
                                      [TFM__TOKEN_REAL] = "a number"};
  const tfm__token *t = tfm__peek(p);
  if (t->kind == TFM__TOKEN_NAME || t->kind == TFM__TOKEN_OPERATOR) {
    tfm__refuse(p, TFM_E_FORMAT, "want %s, got %.*s", wanted,
                t->text.n > 64 ? 64 : (int)t->text.n, t->text.p);
  } else {
    tfm__refuse(p, TFM_E_FORMAT, "want %s, got %s", wanted, names[t->kind]);
  }
}

/* ---- nodes ------------------------------------------------------------------------------ */

void tfm__deepen(tfm__parser *p, tfm__node *node, const tfm__node *below)
{
  if (below && below->depth >= node->depth) {
    node->depth = below->depth + 1;
  }
  if (node->depth > TFM__TEMPLATE_DEPTH) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "nested deeper than %d", TFM__TEMPLATE_DEPTH);
  }
}

tfm__node *tfm__make(tfm__parser *p, tfm__node_kind kind, tfm__node *a, tfm__node *b)
{
  tfm__node *node = tfm_arena_alloc(p->memory, sizeof *node);
  if (!node) {
    static _Thread_local tfm__node spare;
    node = &spare;
    tfm__refuse(p, TFM_E_NOMEM, "no memory for the template");
  }
  *node = (tfm__node){.kind = kind, .line = tfm__peek(p)->line, .depth = 1, .a = a, .b = b};
  tfm__deepen(p, node, a);
  tfm__deepen(p, node, b);
  return node;
}

void tfm__enter(tfm__parser *p)
{
  if (++p->depth > TFM__TEMPLATE_DEPTH) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "nested deeper than %d", TFM__TEMPLATE_DEPTH);
  }
}

void tfm__leave(tfm__parser *p)
{
  --p->depth;
}

/* ---- statements ------------------------------------------------------------------------- */

static tfm__node *parse_body(tfm__parser *p, const char *const *ends);

static void want_tag_end(tfm__parser *p)
{
  if (!take(p, TFM__TOKEN_TAG_END)) {
    tfm__unexpected(p, "%}");
  }
}

/* The body of a tag up to {% end %}, which is read too. */
static tfm__node *body_to(tfm__parser *p, const char *end)
{
  const char *const ends[] = {end, NULL};
  want_tag_end(p);
  tfm__node *body = parse_body(p, ends);
  tfm__want_word(p, end);
  want_tag_end(p);
  return body;
}

/* Behind "if" or "elif", up to and with endif; conditions follow one another without nesting. */
static tfm__node *parse_if(tfm__parser *p)
{
  static const char *const ends[] = {"elif", "else", "endif", NULL};
  static const char *const last[] = {"endif", NULL};
  tfm__node *first = NULL;
  tfm__node **link = &first;
  do {
    tfm__node *node = tfm__make(p, first ? TFM__ELSE_IF : TFM__IF, NULL, NULL);
    node->a = tfm__parse_tuple(p, false);
    want_tag_end(p);
    node->b = parse_body(p, ends);
    *link = node;
    link = &node->c;
  } while (tfm__take_word(p, "elif"));
  if (tfm__take_word(p, "else")) {
    want_tag_end(p);
    *link = parse_body(p, last);
  }
  tfm__want_word(p, "endif");
  want_tag_end(p);
  return first;
}

static tfm__node *parse_for(tfm__parser *p)
{
  static const char *const ends[] = {"else", "endfor", NULL};
  static const char *const last[] = {"endfor", NULL};
  tfm__node *node = tfm__make(p, TFM__FOR, NULL, NULL);
  node->a = tfm__parse_targets(p, false);
  tfm__want_word(p, "in");
  node->b = tfm__parse_tuple(p, false);
  if (tfm__take_word(p, "if")) {
    node->e = tfm__parse_expression(p, true);
  }
  if (tfm__is_word(p, "recursive")) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "a recursive loop is not supported");
  }
  want_tag_end(p);
  ++p->loops;
  node->c = parse_body(p, ends);
  --p->loops;
  if (tfm__take_word(p, "else")) {
    want_tag_end(p);
    node->d = parse_body(p, last);
  }
  tfm__want_word(p, "endfor");
  want_tag_end(p);
  return node;
}

static tfm__node *parse_set(tfm__parser *p)
{
  tfm__node *node = tfm__make(p, TFM__SET, NULL, NULL);
  node->a = tfm__parse_targets(p, true);
  if (tfm__take_op(p, "=")) {
    node->b = tfm__parse_tuple(p, true);
    want_tag_end(p);
    return node;
  }
  node->kind = TFM__SET_BLOCK;
  if (tfm__is_op(p, "|")) {
    tfm__node *text = tfm__make(p, TFM__NAME, NULL, NULL);
    text->name = (tfm_span){"", 0};
    node->b = tfm__parse_filters(p, text);
  }
  node->c = body_to(p, "endset");
  return node;
}

static tfm__node *parse_macro(tfm__parser *p)
{
  tfm__node *node = tfm__make(p, TFM__DEFINE, NULL, NULL);
  tfm__node **link = &node->a;
  bool defaults = false;
  node->name = tfm__want_name(p);
  tfm__want_op(p, "(");
  while (p->st == TFM_OK && !tfm__is_op(p, ")")) {
    tfm__node *one = tfm__make(p, TFM__NAME, NULL, NULL);
    one->name = tfm__want_name(p);
    if (tfm__take_op(p, "=")) {
      one->a = tfm__parse_expression(p, true);
      defaults = true;
    } else if (defaults) {
      tfm__refuse(p, TFM_E_FORMAT, "a parameter without a default follows one that has it");
    }
    *link = one;
    link = &one->next;
    if (!tfm__is_op(p, ")")) {
      tfm__want_op(p, ",");
    }
  }
  tfm__want_op(p, ")");
  const int loops = p->loops;
  p->loops = 0;
  node->c = body_to(p, "endmacro");
  p->loops = loops;
  return node;
}

/* {% break %} and {% continue %}. */
static tfm__node *parse_jump(tfm__parser *p, tfm__node_kind kind)
{
  tfm__node *node = tfm__make(p, kind, NULL, NULL);
  if (p->loops == 0) {
    tfm__refuse(p, TFM_E_FORMAT, "break and continue belong into a loop");
  }
  want_tag_end(p);
  return node;
}

static tfm__node *parse_tag(tfm__parser *p)
{
  if (tfm__take_word(p, "if")) {
    return parse_if(p);
  }
  if (tfm__take_word(p, "for")) {
    return parse_for(p);
  }
  if (tfm__take_word(p, "set")) {
    return parse_set(p);
  }
  if (tfm__take_word(p, "macro")) {
    return parse_macro(p);
  }
  if (tfm__take_word(p, "break")) {
    return parse_jump(p, TFM__BREAK);
  }
  if (tfm__take_word(p, "continue")) {
    return parse_jump(p, TFM__CONTINUE);
  }
  if (tfm__take_word(p, "generation")) {
    tfm__node *node = tfm__make(p, TFM__BODY, NULL, NULL);
    const int loops = p->loops;
    p->loops = 0;
    node->c = body_to(p, "endgeneration");
    p->loops = loops;
    return node;
  }
  const tfm_span word = tfm__peek(p)->text;
  if (tfm__peek(p)->kind != TFM__TOKEN_NAME) {
    tfm__unexpected(p, "the name of a tag");
  }
  const bool ends = word.n > 3 && memcmp(word.p, "end", 3) == 0;
  const bool stray = ends || tfm_span_is(word, "else") || tfm_span_is(word, "elif");
  tfm__refuse(p, stray ? TFM_E_FORMAT : TFM_E_UNSUPPORTED, "{%% %.*s %%} %s",
              word.n > 64 ? 64 : (int)word.n, word.p,
              stray ? "ends nothing here" : "is not supported");
  return NULL;
}

static bool ends_here(const tfm__parser *p, const char *const *ends)
{
  bool found = false;
  for (; *ends; ++ends) {
    found = found || is(tfm__peek_next(p), TFM__TOKEN_NAME, *ends);
  }
  return found;
}

static tfm__node *parse_output(tfm__parser *p)
{
  tfm__node *node = tfm__make(p, TFM__WRITE, NULL, NULL);
  node->a = tfm__parse_tuple(p, true);
  if (!take(p, TFM__TOKEN_OUTPUT_END)) {
    tfm__unexpected(p, "}}");
  }
  return node;
}

/* Statements up to the end, or to a tag of one of these names, which is next then. */
static tfm__node *parse_body(tfm__parser *p, const char *const *ends)
{
  tfm__node *first = NULL;
  tfm__node **link = &first;
  tfm__enter(p);
  while (p->st == TFM_OK && tfm__peek(p)->kind != TFM__TOKEN_END) {
    tfm__node *node = NULL;
    if (tfm__peek(p)->kind == TFM__TOKEN_TEXT) {
      node = tfm__make(p, TFM__WRITE_TEXT, NULL, NULL);
      node->value = tfm__text(tfm__peek(p)->text);
      ++p->at;
    } else if (take(p, TFM__TOKEN_OUTPUT_BEGIN)) {
      node = parse_output(p);
    } else if (tfm__peek(p)->kind == TFM__TOKEN_TAG_BEGIN && ends_here(p, ends)) {
      ++p->at;
      break;
    } else if (take(p, TFM__TOKEN_TAG_BEGIN)) {
      node = parse_tag(p);
    } else {
      tfm__unexpected(p, "text or a tag");
    }
    if (node) {
      *link = node;
      link = &node->next;
    }
  }
  tfm__leave(p);
  return first;
}

/* ---- opening ---------------------------------------------------------------------------- */

/* "\r\n" and "\r" become "\n"; one newline at the end goes. */
static tfm_status keep_source(tfm__template *t, tfm_span source, tfm_span *kept, tfm_err *err)
{
  char *copy = tfm_arena_alloc(&t->memory, source.n + 1);
  size_t n = 0;
  if (!copy) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: no memory for the template", t->name);
  }
  for (size_t i = 0; i < source.n; ++i) {
    if (source.p[i] == '\n' && i > 0 && source.p[i - 1] == '\r') {
      continue;
    }
    copy[n++] = source.p[i];
    copy[n - 1] = source.p[i] == '\r' ? '\n' : source.p[i];
  }
  n -= n > 0 && copy[n - 1] == '\n';
  *kept = (tfm_span){copy, n};
  return TFM_OK;
}

static tfm_status parse_all(tfm__template *t, const tfm__token *tokens, tfm_err *err)
{
  static const char *const none[] = {NULL};
  tfm__parser p = {.name = t->name, .tokens = tokens, .memory = &t->memory, .err = err};
  t->body = parse_body(&p, none);
  return p.st;
}

tfm_status tfm__template_open(tfm__template **out, const char *name, tfm_span source,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span kept = {0};
  tfm__token *tokens = NULL;
  size_t n = 0;
  *out = NULL;
  tfm__template *t = tfm_calloc(1, sizeof *t);
  if (!t) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: no memory for the template", name);
  }
  t->name = name;
  if (source.n > TFM__TEMPLATE_BYTES) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED, "%s: want at most %d bytes, got %zu", name,
                     TFM__TEMPLATE_BYTES, source.n));
  }
  if (!tfm_utf8_valid(source.p, source.n, NULL)) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%s: is not UTF-8", name));
  }
  TFM_TRY(keep_source(t, source, &kept, err));
  TFM_TRY(tfm__lex(&tokens, &n, name, kept, &t->memory, err));
  TFM_TRY(parse_all(t, tokens, err));
  *out = t;

fail:
  tfm_free(tokens);
  if (st != TFM_OK) {
    tfm__template_close(t);
  }
  return st;
}

/* Depth is bounded by the parser; siblings are walked. */
static bool reads(const tfm__node *node, tfm_span name)
{
  for (; node; node = node->next) {
    if ((node->kind == TFM__NAME && tfm_span_eq(node->name, name)) || reads(node->a, name) ||
        reads(node->b, name) || reads(node->d, name) || reads(node->e, name)) {
      return true;
    }
    if (node->kind == TFM__IF) { /* a long chain of elif is no nesting */
      const tfm__node *other = node->c;
      while (other && other->kind == TFM__ELSE_IF) {
        if (reads(other->a, name) || reads(other->b, name)) {
          return true;
        }
        other = other->c;
      }
      if (reads(other, name)) {
        return true;
      }
    } else if (reads(node->c, name)) {
      return true;
    }
  }
  return false;
}

bool tfm__template_reads(const tfm__template *t, const char *name)
{
  return reads(t->body, tfm_span_of(name));
}

void tfm__template_close(tfm__template *t)
{
  if (t) {
    tfm_arena_fini(&t->memory);
    tfm_free(t);
  }
}
