/** What templates may call by name: filters, tests, methods of Python's types, functions. Each kind
 * is one table in one file; a row names its parameters as the reference does. Private to the room.
 */
#ifndef TFM_CORE_CHAT_BUILTIN_H
#define TFM_CORE_CHAT_BUILTIN_H

#include "core/chat/run.h"

enum { TFM__MOST_PARAMETERS = 4 };

struct tfm__builtin {
  const char *name;
  int required; /* parameters that must be given */
  const char *parameters[TFM__MOST_PARAMETERS + 1];
  /* self: the filtered or tested value, or whose method it is. argument: one a parameter, ABSENT
   * where not given. Failures go to the run. NULL, and run_any too: known, and not supported. */
  tfm__value (*run)(tfm__run *r, tfm__value self, const tfm__value *argument);
  /* Instead, for any arguments. */
  tfm__value (*run_any)(tfm__run *r, tfm__value self, const tfm__arguments *arguments);
};

/** Rows by name; NULL when there is none. */
const tfm__builtin *tfm__filter_find(tfm_span name);
const tfm__builtin *tfm__test_find(tfm_span name);
const tfm__builtin *tfm__function_find(tfm_span name);

/** A method of a value's type, be it unsupported; NULL when the type has none of this name. */
const tfm__builtin *tfm__method_find(tfm__value self, tfm_span name);

/** Whether a name is that of methods none of which is supported. */
bool tfm__method_refused(tfm_span name);

static inline bool tfm__builtin_works(const tfm__builtin *row)
{
  return row->run || row->run_any;
}

/** Fit the arguments to the parameters and run it. */
tfm__value tfm__builtin_call(tfm__run *r, const tfm__builtin *row, tfm__value self,
                             const tfm__arguments *arguments);

#endif
