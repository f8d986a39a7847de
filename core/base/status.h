/** Results of fallible calls: one table of codes, and the value that carries the text.
 *
 *  A status travels between ranks as its number, so a number is never reused. The third column
 * is the process exit code a job ends with when this status ends it (INTERFACE section 5).
 */
#ifndef TFM_CORE_BASE_STATUS_H
#define TFM_CORE_BASE_STATUS_H

#include <stdarg.h>

/* X(NAME, number, exit code, text) */
#define TFM_STATUS_MAP(X)                                                                      \
  X(OK, 0, 0, "success")                                                                       \
  X(E_USAGE, 1, 64, "the command line asks for something that is not offered")                 \
  X(E_FORMAT, 2, 65, "a model, tokenizer, input or frame is malformed")                        \
  X(E_MISSING, 3, 66, "a file or folder is missing")                                           \
  X(E_UNSUPPORTED, 4, 69, "the model or feature is not supported")                             \
  X(E_INTERNAL, 5, 70, "internal fault")                                                       \
  X(E_NOMEM, 6, 71, "not enough memory")                                                       \
  X(E_OUTPUT, 7, 73, "the output is busy or cannot be made")                                   \
  X(E_IO, 8, 74, "reading or writing failed")                                                  \
  X(E_STOPPED, 9, 75, "stopped early: run the same command again")                             \
  X(E_ERRORS, 10, 76, "too many row errors")                                                   \
  X(E_VERIFY, 11, 77, "verification failed")                                                   \
  X(E_CONFIG, 12, 78, "configuration or ranks disagree")                                       \
  X(E_PEER, 13, 70, "another rank failed or went silent")

#define TFM_STATUS_ENUM(name, number, exit_code, text) TFM_##name = number,
typedef enum { TFM_STATUS_MAP(TFM_STATUS_ENUM) TFM_STATUS_COUNT } tfm_status;
#undef TFM_STATUS_ENUM

enum { TFM_ERR_TEXT = 768 };

/** What went wrong, as a value: printed by rank 0, or sent to it. Zero-initialised means no
 * error. The text says what, where, wanted, got and what to do; UTF-8, NUL-terminated, cut if
 * longer. */
typedef struct {
  tfm_status status;
  char text[TFM_ERR_TEXT];
} tfm_err;

#define TFM_MUST_USE                   __attribute__((warn_unused_result))
#define TFM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/** The short text of a status; "unknown status" for a number outside the table. Never NULL. */
const char *tfm_status_text(tfm_status st);

/** The exit code of a status, 0..78; a number outside the table counts as an internal fault
 * (70). */
int tfm_status_exit(tfm_status st);

/** Set *err (when not NULL) to st with a formatted text; returns st, so that it can be
 * returned. */
tfm_status tfm_fail(tfm_err *err, tfm_status st, const char *format, ...) TFM_PRINTF(3, 4);

/** The same with a va_list. */
tfm_status tfm_vfail(tfm_err *err, tfm_status st, const char *format, va_list args)
    TFM_PRINTF(3, 0);

/** Put "prefix: " before the text of an error on its way up. Returns err->status. */
tfm_status tfm_err_prefix(tfm_err *err, const char *format, ...) TFM_PRINTF(2, 3);

/** Run a step; unless it returned TFM_OK, keep its status in `st` and jump to `fail`. */
#define TFM_TRY(step)                                                                          \
  do {                                                                                         \
    st = (step);                                                                               \
    if (st != TFM_OK) {                                                                        \
      goto fail;                                                                               \
    }                                                                                          \
  } while (0)

/** Our own bugs only, never input: prints file, line and condition, then calls the stop hook.
 */
#define TFM_ASSERT(condition)                                                                  \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      tfm_assert_failed(__FILE__, __LINE__, #condition);                                       \
    }                                                                                          \
  } while (0)

_Noreturn void tfm_assert_failed(const char *file, int line, const char *condition);

/** What stops all ranks when an assertion fails; proto installs one that aborts the world.
 *  Not thread-safe: install it before threads start. NULL restores abort(). */
void tfm_assert_set_hook(void (*stop)(void));

#endif
