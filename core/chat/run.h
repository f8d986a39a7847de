/** One rendering of a template: variables, output, and bounds on time and memory. Private to the
 * room.
 *
 *  Failures are sticky: after the first, expressions are undefined and statements do nothing, and
 * run->st says what happened ("<name>: line N: ..."). Source of all meanings: Jinja 3.1 (nodes.py,
 * filters.py, tests.py, sandbox.py) and the Python types it shows. */
#ifndef TFM_CORE_CHAT_RUN_H
#define TFM_CORE_CHAT_RUN_H

#include "core/chat/template.h"

#include <time.h>

enum {
  TFM__MOST_STEPS = 20000000,  /* nodes visited, and one for each 64 bytes looked through */
  TFM__MOST_BYTES = 128 << 20, /* of memory */
  TFM__MOST_OUTPUT = 64 << 20, /* bytes written */
  TFM__MOST_CALLS = 20         /* macros within macros */
};

typedef struct tfm__variable tfm__variable;
struct tfm__variable {
  tfm_span name;
  tfm__value value;
  tfm__variable *next;
};

/** Names of a block; what is not in it is looked for in the block around it. */
typedef struct tfm__scope tfm__scope;
struct tfm__scope {
  tfm__scope *around;
  tfm__variable *first;
};

struct tfm__loop {
  int64_t index; /* from 0 */
  const tfm__list *over;
  int depth;          /* loops around it */
  tfm__value watched; /* what changed() was last asked about; ABSENT before */
};

struct tfm__macro {
  const tfm__node *node;
  tfm__scope *around;
};

struct tfm__method {
  tfm__value self;
  const tfm__builtin *row;
};

typedef struct {
  int n, nnamed;
  tfm__value *v;     /* [n] */
  tfm_span *name;    /* [nnamed] */
  tfm__value *named; /* [nnamed] */
} tfm__arguments;

typedef struct {
  const tfm__template *t;
  tfm_arena memory;
  size_t bytes; /* taken of it */
  int64_t steps;
  int calls;      /* of macros, within one another */
  int loops;      /* around what is run */
  bool breaks;    /* a loop is being left */
  bool continues; /* the rest of a loop's body is passed over */
  tfm__scope root;
  tfm__scope *scope;
  tfm_buf *out;
  int line;
  struct tm now; /* what strftime_now tells */
  tfm_err *err;
  tfm_status st;
} tfm__run;

/** Get ready to render; `now` is what strftime_now tells. borrows: all, until ended. Values for the
 * variables can be made from here on. */
void tfm__run_begin(tfm__run *r, const tfm__template *t, const struct tm *now, tfm_buf *out,
                    tfm_err *err);

/** Render with the variables of a dict; appended to out. Errors: TFM_E_FORMAT (the template or what
 * it was given is at fault, raise_exception included, or a bound was passed), TFM_E_UNSUPPORTED,
 * TFM_E_NOMEM; also of what failed before. */
tfm_status tfm__run_render(tfm__run *r, const tfm__dict *variables) TFM_MUST_USE;

/** Free what the rendering took. */
void tfm__run_end(tfm__run *r);

/* ---- for the files of the room ---------------------------------------------------------- */

/** Fail; no effect after an earlier failure. Always undefined, to be returned. */
tfm__value tfm__fail(tfm__run *r, tfm_status st, const char *format, ...) TFM_PRINTF(3, 4);

/** Memory of the rendering; NULL after failing. */
void *tfm__take(tfm__run *r, size_t n);

/** Count work: bytes that are looked through. False once there was too much. */
bool tfm__work(tfm__run *r, size_t bytes);

/** ==; numbers of different kinds compare by value, true is 1. Fails past the bounds on steps and
 * on values within values. */
bool tfm__equal(tfm__run *r, tfm__value a, tfm__value b);

/** A copy of bytes as a text. */
tfm__value tfm__copy(tfm__run *r, tfm_span text);

/** Two texts as one. */
tfm_span tfm__join(tfm__run *r, tfm_span a, tfm_span b);

/** An empty list, and one more element of it. */
tfm__list *tfm__list_new(tfm__run *r, tfm__list_kind kind);
void tfm__list_add(tfm__run *r, tfm__list *list, tfm__value v);
tfm__value tfm__list_value(tfm__run *r, tfm__list *list);

/** An empty dict, and a member set; fails beyond TFM__MOST_MEMBERS. */
tfm__dict *tfm__dict_new(tfm__run *r);
void tfm__dict_set(tfm__run *r, tfm__dict *dict, tfm_span key, tfm__value v);

/** What iteration over a value gives, as a list; fails for what cannot be iterated over. A lazy
 * list gives what it has left. Never NULL. */
tfm__list *tfm__iterate(tfm__run *r, tfm__value v);

/** len(); false after failing. */
bool tfm__length(tfm__run *r, tfm__value v, int64_t *out);

/** What str() gives, as a text. */
tfm_span tfm__string(tfm__run *r, tfm__value v);

/** a.name and a[key], as Jinja looks them up: undefined when there is nothing of the kind. */
tfm__value tfm__attribute(tfm__run *r, tfm__value of, tfm_span name);
tfm__value tfm__item(tfm__run *r, tfm__value of, tfm__value key);

/** a in b; false after failing. */
bool tfm__contains(tfm__run *r, tfm__value in, tfm__value what);

/** a < b and the like; op is one of EQ..GE. False after failing. */
bool tfm__compare(tfm__run *r, tfm__op op, tfm__value a, tfm__value b);

tfm__value tfm__eval(tfm__run *r, const tfm__node *node);
tfm__value tfm__operate(tfm__run *r, tfm__op op, tfm__value a, tfm__value b);
tfm__value tfm__slice(tfm__run *r, tfm__value of, const tfm__value bound[3]);

/** Run a macro with evaluated arguments (run.c). */
tfm__value tfm__macro_call(tfm__run *r, const tfm__macro *macro,
                           const tfm__arguments *arguments);

/** The value of a name; undefined when nobody set it. */
tfm__value tfm__look_up(tfm__run *r, tfm_span name);

/** Append what json.dumps() gives (to_json.c). indent < 0: on one line. */
void tfm__to_json(tfm__run *r, tfm__value v, int64_t indent, tfm_buf *out);

#endif
