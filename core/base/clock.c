#include "core/base/clock.h"

#include <math.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
  struct timespec t = {0};
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double tfm_now_s(void)
{
  return seconds_of(CLOCK_MONOTONIC);
}

double tfm_cpu_s(void)
{
  return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double tfm_thread_cpu_s(void)
{
  return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double tfm_awake_look(tfm_awake *awake, double now_s, double most_s)
{
  const double gone = awake->last_s > 0 ? now_s - awake->last_s : 0;
  awake->last_s = now_s;
  awake->total_s += gone < most_s ? gone : most_s;
  return awake->total_s;
}

void tfm_sleep_s(double seconds)
{
  if (!(seconds > 0)) {
    return; /* negative, zero or not a number */
  }
  const double longest = 1e9; /* about 30 years: fits every time_t */
  if (seconds > longest) {
    seconds = longest;
  }
  double whole = floor(seconds);
  struct timespec t = {.tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - whole) * 1e9)};
  (void)nanosleep(&t, NULL);
}
