/** Reading a template's tokens: what statements (parse.c) and expressions (parse_expr.c) share.
 * Failures are sticky: after the first every token is an END, and NULL comes back. Private to the
 * room. Source: Jinja 3.1, parser.py (which binds stronger than what). */
#ifndef TFM_CORE_CHAT_PARSE_H
#define TFM_CORE_CHAT_PARSE_H

#include "core/chat/lex.h"
#include "core/chat/template.h"

typedef struct {
  const char *name;
  const tfm__token *tokens; /* an END is the last */
  size_t at;
  tfm_arena *memory;
  int depth; /* calls within calls */
  int loops; /* statements are inside of so many */
  tfm_err *err;
  tfm_status st;
} tfm__parser;

/** The token that comes next, and the one behind it. */
const tfm__token *tfm__peek(const tfm__parser *p);
const tfm__token *tfm__peek_next(const tfm__parser *p);

/** Whether an operator, or a name, comes next; take: step over it then; want: fail unless it
 * does. */
bool tfm__is_op(const tfm__parser *p, const char *op);
bool tfm__is_word(const tfm__parser *p, const char *word);
bool tfm__take_op(tfm__parser *p, const char *op);
bool tfm__take_word(tfm__parser *p, const char *word);
void tfm__want_op(tfm__parser *p, const char *op);
void tfm__want_word(tfm__parser *p, const char *word);

/** Any name; {NULL, 0} after failing when there is none. */
tfm_span tfm__want_name(tfm__parser *p);

/** Fail at the token that comes next: "<name>: line N: ". No effect after an earlier failure. */
void tfm__refuse(tfm__parser *p, tfm_status st, const char *format, ...) TFM_PRINTF(3, 4);

/** Fail because what comes next does not fit: want `wanted`. */
void tfm__unexpected(tfm__parser *p, const char *wanted);

/** A node of this kind over two others (or NULL); never NULL: after a failure it is a spare one. */
tfm__node *tfm__make(tfm__parser *p, tfm__node_kind kind, tfm__node *a, tfm__node *b);

/** Make one more node part of a node's depth; fails when it becomes too deep. */
void tfm__deepen(tfm__parser *p, tfm__node *node, const tfm__node *below);

/** Nesting of calls; every enter() needs its leave(), also after a failure. */
void tfm__enter(tfm__parser *p);
void tfm__leave(tfm__parser *p);

/** An expression; with_choice: `a if b else c` too. */
tfm__node *tfm__parse_expression(tfm__parser *p, bool with_choice);

/** Expressions between commas, a tuple when there is a comma. */
tfm__node *tfm__parse_tuple(tfm__parser *p, bool with_choice);

/** Filters behind `target`, where there are some. */
tfm__node *tfm__parse_filters(tfm__parser *p, tfm__node *target);

/** Names to assign to: `a`, `a, b`, `(a, b)`, and where attributes is true `a.b`. */
tfm__node *tfm__parse_targets(tfm__parser *p, bool attributes);

#endif
