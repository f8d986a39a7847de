/** cmocka with its includes, and the few checks most unit tests want. */
#ifndef TFM_TESTS_SUPPORT_CHECK_H
#define TFM_TESTS_SUPPORT_CHECK_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** A string literal with its NULs: as an initialiser, and as a span. */
#define BYTES(literal)                                                                         \
  {                                                                                            \
    (literal), sizeof(literal) - 1                                                             \
  }
#define SPAN(literal) ((tfm_span)BYTES(literal))

/** The step succeeds; if not, its error text is printed. */
#define CHECK_OK(step, err)                                                                    \
  do {                                                                                         \
    if ((step) != TFM_OK) {                                                                    \
      fail_msg("%s failed: %s", #step, (err)->text);                                           \
    }                                                                                          \
  } while (0)

/** The step fails with this status, and its error text holds `part`. */
#define CHECK_FAILS(step, wanted, err, part)                                                   \
  do {                                                                                         \
    (err)->text[0] = '\0';                                                                     \
    tfm_status st_ = (step);                                                                   \
    if (st_ != (wanted) || (err)->status != (wanted) || !strstr((err)->text, (part))) {        \
      fail_msg("%s: want status %d and \"%s\", got %d and \"%s\"", #step, (int)(wanted),       \
               (part), (int)st_, (err)->text);                                                 \
    }                                                                                          \
  } while (0)

#define CHECK_SPAN(got, wanted)                                                                \
  do {                                                                                         \
    tfm_span got_ = (got);                                                                     \
    tfm_span wanted_ = (wanted);                                                               \
    if (!tfm_span_eq(got_, wanted_)) {                                                         \
      fail_msg("%s: want \"%.*s\" (%zu bytes), got \"%.*s\" (%zu bytes)", #got,                \
               (int)wanted_.n, wanted_.p, wanted_.n, (int)got_.n, got_.p, got_.n);             \
    }                                                                                          \
  } while (0)

/** Equal but for the rounding of a few operations. */
#define CHECK_NEAR(got, wanted)                                                                \
  do {                                                                                         \
    const double got_ = (got);                                                                 \
    const double wanted_ = (wanted);                                                           \
    const double off_ = got_ < wanted_ ? wanted_ - got_ : got_ - wanted_;                      \
    if (!(off_ <= 1e-12 * (1 + (wanted_ < 0 ? -wanted_ : wanted_)))) {                         \
      fail_msg("%s: want %.17g, got %.17g", #got, wanted_, got_);                              \
    }                                                                                          \
  } while (0)

/** Whether two doubles are the same in every bit: tells 0 from -0, and NaN is itself. */
static inline int check_same_double(double a, double b)
{
  return memcmp(&a, &b, sizeof a) == 0;
}

/** Random numbers that are the same on every machine and run (splitmix64). */
static inline uint64_t check_random(uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/** Whether body(arg) ends its process by abort(), as a failed TFM_ASSERT does. Its words on stderr
 *  are swallowed. */
static inline int check_aborts(void (*body)(void *), void *arg)
{
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stderr)) {
      _exit(1);
    }
    body(arg);
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == 6;
}

#endif
