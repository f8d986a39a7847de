/** Values of templates: what Python has for them, as far as chat templates go. Private to the room.
 *
 *  Values are small and copied freely; texts, lists and dicts they name live in the arena of one
 * rendering (run.h) or in the template. Nothing is changed once made, but for namespaces, loops and
 * what of a lazy list was taken already.
 */
#ifndef TFM_CORE_CHAT_VALUE_H
#define TFM_CORE_CHAT_VALUE_H

#include "core/base/buf.h"
#include "core/base/span.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  TFM__ABSENT, /* an argument that was not given; no template sees it */
  TFM__UNDEFINED,
  TFM__NONE,
  TFM__BOOL,
  TFM__INT,
  TFM__REAL,
  TFM__TEXT,
  TFM__LIST,
  TFM__DICT,
  TFM__NAMESPACE, /* a dict that `set` may change */
  TFM__LOOP,
  TFM__MACRO,
  TFM__FUNCTION,
  TFM__METHOD
} tfm__value_kind;

/** What Python has for a list decides what may be done with it. */
typedef enum {
  TFM__PLAIN,
  TFM__TUPLE,
  TFM__RANGE, /* not printed */
  TFM__VIEW,  /* dict.items(): no element by number */
  TFM__LAZY   /* a generator: always true, no length, each element once */
} tfm__list_kind;

/* Of values that are printed or compared: values within values, and bytes. */
enum { TFM__VALUE_DEPTH = 100, TFM__MOST_PRINTED = 64 << 20 };

typedef struct tfm__value tfm__value;

typedef struct {
  tfm__list_kind kind;
  int64_t n, cap;
  int64_t at; /* of a lazy list: elements taken */
  tfm__value *v;
} tfm__list;

typedef struct tfm__dict tfm__dict;
typedef struct tfm__loop tfm__loop;
typedef struct tfm__macro tfm__macro;
typedef struct tfm__method tfm__method;
typedef struct tfm__builtin tfm__builtin;

struct tfm__value {
  tfm__value_kind kind;
  union {
    bool truth;
    int64_t integer;
    double real;
    tfm_span text; /* well-formed UTF-8; of UNDEFINED: the name that was looked for */
    tfm__list *list;
    tfm__dict *dict;
    tfm__loop *loop;
    const tfm__macro *macro;
    const tfm__builtin *function;
    const tfm__method *method;
  } as;
};

typedef struct {
  tfm_span key;
  tfm__value value;
} tfm__member;

/** In order of insertion. */
struct tfm__dict {
  int64_t n, cap;
  tfm__member *v;
};

enum { TFM__MOST_MEMBERS = 1024 }; /* of a dict: members are searched one by one */

static inline tfm__value tfm__undefined(tfm_span name)
{
  return (tfm__value){.kind = TFM__UNDEFINED, .as.text = name};
}

static inline tfm__value tfm__none(void)
{
  return (tfm__value){.kind = TFM__NONE};
}

static inline tfm__value tfm__bool(bool truth)
{
  return (tfm__value){.kind = TFM__BOOL, .as.truth = truth};
}

static inline tfm__value tfm__int(int64_t integer)
{
  return (tfm__value){.kind = TFM__INT, .as.integer = integer};
}

static inline tfm__value tfm__real(double real)
{
  return (tfm__value){.kind = TFM__REAL, .as.real = real};
}

static inline tfm__value tfm__text(tfm_span text)
{
  return (tfm__value){.kind = TFM__TEXT, .as.text = text};
}

static inline tfm__value tfm__dict_value(tfm__dict *dict)
{
  return (tfm__value){.kind = TFM__DICT, .as.dict = dict};
}

/** What Python takes for true. */
bool tfm__truth(tfm__value v);

/** Whether it is a number or a bool; then its value as a double. */
bool tfm__number(tfm__value v, double *out);

/** Whether it is an integer or a bool; then its value. */
bool tfm__integer(tfm__value v, int64_t *out);

/** The member of a key; NULL when there is none. */
tfm__value *tfm__dict_find(const tfm__dict *dict, tfm_span key);

/** The name of a value's kind, for messages. */
const char *tfm__kind_name(tfm__value v);

/** What str() gives, appended; false for what has no form a template should show (functions,
 * loops), none that is known here (texts beyond ASCII inside of lists and dicts), or one that is
 * too deep or too long. */
bool tfm__print(tfm__value v, tfm_buf *out);

/** Python's repr() of a double, appended. */
void tfm__print_real(double x, tfm_buf *out);

/** Whether Python's str.isspace() and \s hold. */
bool tfm__space(uint32_t c);

/** Without the white space at its ends. */
tfm_span tfm__lstrip(tfm_span s);
tfm_span tfm__rstrip(tfm_span s);

/** Where the character with this number begins, in bytes; s.n when there are not so many. */
size_t tfm__byte_of(tfm_span s, int64_t character);

#endif
