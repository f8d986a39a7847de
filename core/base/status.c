#include "core/base/status.h"

#include "core/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*stop_hook)(void);

const char *tfm_status_text(tfm_status st)
{
#define ROW(name, number, exit_code, text) [number] = (text),
  static const char *const texts[] = {TFM_STATUS_MAP(ROW)};
#undef ROW
  if ((unsigned)st >= sizeof texts / sizeof texts[0]) {
    return "unknown status";
  }
  return texts[st];
}

int tfm_status_exit(tfm_status st)
{
#define ROW(name, number, exit_code, text) [number] = (exit_code),
  static const int codes[] = {TFM_STATUS_MAP(ROW)};
#undef ROW
  if ((unsigned)st >= sizeof codes / sizeof codes[0]) {
    return codes[TFM_E_INTERNAL];
  }
  return codes[st];
}

/* Names and words are quoted as they are, and may be cut anywhere: what is no character becomes a
 * question mark, and a character that is not whole at the end goes. */
static void make_proper(char text[TFM_ERR_TEXT])
{
  size_t n = strlen(text);
  for (size_t i = 0; i < n;) {
    size_t whole = tfm_utf8_valid_at(text + i, n - i);
    if (!whole && n == TFM_ERR_TEXT - 1 && n - i < 4) {
      text[i] = '\0';
      return;
    }
    text[i] = whole ? text[i] : '?';
    i += whole ? whole : 1;
  }
}

tfm_status tfm_vfail(tfm_err *err, tfm_status st, const char *format, va_list args)
{
  if (err) {
    err->status = st;
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    make_proper(err->text);
  }
  return st;
}

tfm_status tfm_fail(tfm_err *err, tfm_status st, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  (void)tfm_vfail(err, st, format, args);
  va_end(args);
  return st;
}

tfm_status tfm_err_prefix(tfm_err *err, const char *format, ...)
{
  char joined[TFM_ERR_TEXT];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(joined, sizeof joined, format, args);
  va_end(args);
  size_t at = n < 0 ? 0 : (size_t)n;
  if (at > sizeof joined - 3) {
    at = sizeof joined - 3;
  }
  memcpy(joined + at, ": ", 3);
  at += 2;
  size_t room = sizeof joined - 1 - at;
  size_t rest = strlen(err->text);
  rest = rest < room ? rest : room;
  memcpy(joined + at, err->text, rest);
  joined[at + rest] = '\0';
  make_proper(joined);
  memcpy(err->text, joined, sizeof joined);
  return err->status;
}

void tfm_assert_set_hook(void (*stop)(void))
{
  stop_hook = stop;
}

_Noreturn void tfm_assert_failed(const char *file, int line, const char *condition)
{
  (void)fprintf(stderr, "tfm-cluster: internal fault at %s:%d: %s\n", file, line, condition);
  if (stop_hook) {
    stop_hook();
  }
  abort();
}
