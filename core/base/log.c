#include "core/base/log.h"

#include "core/base/buf.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 4096 };

static tfm_log_level threshold = TFM_LOG_INFO;
static bool as_json;
static pthread_mutex_t one_line = PTHREAD_MUTEX_INITIALIZER;

void tfm_log_setup(tfm_log_level level, bool json)
{
  threshold = level;
  as_json = json;
}

bool tfm_log_enabled(tfm_log_level level)
{
  return level <= threshold;
}

static const char *name_of(tfm_log_level level)
{
  static const char *const names[] = {"error", "warning", "info", "debug"};
  return names[level];
}

/* A message is one line whatever it quotes: line ends and other control characters become
 * spaces, so a hostile file name can neither forge a second line nor move the cursor. */
static size_t tame(char *text, size_t n)
{
  while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
    --n;
  }
  for (size_t i = 0; i < n; ++i) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == 0x7f) {
      text[i] = ' ';
    }
  }
  return n;
}

static void write_whole(const char *p, size_t n)
{
  while (n) {
    ssize_t moved = write(STDERR_FILENO, p, n);
    if (moved < 0 && errno == EINTR) {
      continue;
    }
    if (moved <= 0) {
      return; /* nobody is left to tell */
    }
    p += moved;
    n -= (size_t)moved;
  }
}

static void format_line(tfm_buf *line, tfm_log_level level, tfm_span message,
                        const char *members)
{
  if (as_json) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    (void)tfm_buf_printf(line, "{\"time\":%lld.%03ld,\"level\":\"%s\",\"message\":",
                         (long long)t.tv_sec, t.tv_nsec / 1000000, name_of(level));
    (void)tfm_buf_json_string(line, message);
    (void)tfm_buf_printf(line, "%s%s}\n", *members ? "," : "", members);
    return;
  }
  (void)tfm_buf_str(line, "tfm-cluster: ");
  if (level != TFM_LOG_INFO) {
    (void)tfm_buf_printf(line, "%s: ", name_of(level));
  }
  (void)tfm_buf_span(line, message);
  (void)tfm_buf_char(line, '\n');
}

static void say(tfm_log_level level, const char *members, const char *format, va_list args)
    TFM_PRINTF(3, 0);

static void say(tfm_log_level level, const char *members, const char *format, va_list args)
{
  if (!tfm_log_enabled(level)) {
    return;
  }
  char text[MESSAGE_BYTES];
  int wanted = vsnprintf(text, sizeof text, format, args);
  size_t n = wanted < 0 ? 0 : (size_t)wanted;
  n = tame(text, n < sizeof text ? n : sizeof text - 1);

  tfm_buf line = {0};
  format_line(&line, level, (tfm_span){text, n}, members);
  (void)pthread_mutex_lock(&one_line);
  if (line.failed) {
    write_whole(text, n); /* out of memory: the bare message is better than silence */
    write_whole("\n", 1);
  } else {
    write_whole(line.data, line.n);
  }
  (void)pthread_mutex_unlock(&one_line);
  tfm_buf_fini(&line);
}

void tfm_log(tfm_log_level level, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  say(level, "", format, args);
  va_end(args);
}

void tfm_log_with(tfm_log_level level, const char *members, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  say(level, members, format, args);
  va_end(args);
}
