/** A chat template, parsed and ready to be rendered many times: a subset of Jinja 3.1 as
 * transformers sets it up (sandbox, trim_blocks, lstrip_blocks, break and continue, the
 * generation tag).
 *
 *  What is not in the subset is refused by name with its line, when the template is opened wherever
 * the source tells, else when a rendering meets it: nothing is guessed. Private to the room.
 *
 *  Threads: a template is read-only once open. */
#ifndef TFM_CORE_CHAT_TEMPLATE_H
#define TFM_CORE_CHAT_TEMPLATE_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/chat/value.h"

enum {
  TFM__TEMPLATE_BYTES = 1 << 20, /* a source of more is refused */
  TFM__TEMPLATE_DEPTH = 100      /* nesting of statements and expressions, each */
};

typedef enum {
  /* Statements; `next` is the one that follows. */
  TFM__WRITE_TEXT, /* value */
  TFM__WRITE,      /* a */
  TFM__IF,         /* a: condition, b: body, c: else */
  TFM__ELSE_IF,    /* an elif: the same, where the else of an IF would stand */
  TFM__FOR,        /* a: targets, b: over, c: body, d: else, e: condition */
  TFM__SET,        /* a: targets, b: value */
  TFM__SET_BLOCK,  /* a: targets, c: body, b: NULL, or filters over the NAME "" for its text */
  TFM__DEFINE,     /* name, a: parameters (NAME, whose a is the default), c: body */
  TFM__BREAK,
  TFM__CONTINUE,
  TFM__BODY, /* c: body, in a scope of its own */
  /* Expressions; `next` is the next of a list. */
  TFM__LITERAL,   /* value */
  TFM__NAME,      /* name */
  TFM__MAKE_LIST, /* a: elements */
  TFM__MAKE_TUPLE,
  TFM__MAKE_DICT, /* a: PAIRs */
  TFM__PAIR,      /* a: key, b: value */
  TFM__ATTRIBUTE, /* a, name */
  TFM__ITEM,      /* a, b: index */
  TFM__SLICE,     /* a; b, c, d: start, stop, step, each may be NULL */
  TFM__CALL,      /* a, b: arguments */
  TFM__KEYWORD,   /* name, a: an argument by name */
  TFM__FILTER,    /* builtin, a: value, b: arguments */
  TFM__TEST,      /* builtin, a, b: arguments */
  TFM__NOT,
  TFM__NEGATE,
  TFM__AND, /* a, b */
  TFM__OR,
  TFM__COMPARE,    /* a, b: STEPs */
  TFM__STEP,       /* op, a */
  TFM__ARITHMETIC, /* op, a, b */
  TFM__JOIN_TEXTS, /* a: parts */
  TFM__CHOOSE      /* a: condition, b: then, c: else or NULL */
} tfm__node_kind;

typedef enum {
  TFM__ADD,
  TFM__SUBTRACT,
  TFM__MULTIPLY,
  TFM__DIVIDE,
  TFM__FLOOR_DIVIDE,
  TFM__MODULO,
  TFM__EQ,
  TFM__NE,
  TFM__LT,
  TFM__LE,
  TFM__GT,
  TFM__GE,
  TFM__IN,
  TFM__NOT_IN
} tfm__op;

typedef struct tfm__node tfm__node;
struct tfm__node {
  tfm__node_kind kind;
  tfm__op op;
  int line;
  int depth; /* of what is below it, it included */
  tfm__node *a, *b, *c, *d, *e, *next;
  tfm_span name;
  tfm__value value;
  const tfm__builtin *builtin;
};

typedef struct {
  const char *name; /* what messages call it; borrowed */
  tfm_arena memory;
  const tfm__node *body;
} tfm__template;

/** Parse n bytes of source. borrows: name, until closed. gives: *out, release with
 * tfm__template_close(). Errors: TFM_E_FORMAT, TFM_E_UNSUPPORTED, with "<name>: line N: ";
 * TFM_E_NOMEM. */
tfm_status tfm__template_open(tfm__template **out, const char *name, tfm_span source,
                              tfm_err *err) TFM_MUST_USE;

/** Whether a variable of this name is read anywhere. */
bool tfm__template_reads(const tfm__template *t, const char *name);

void tfm__template_close(tfm__template *t);

#endif
