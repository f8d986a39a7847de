/** Time that never jumps, and sleeping. Threads: callable from many at once. */
#ifndef TFM_CORE_BASE_CLOCK_H
#define TFM_CORE_BASE_CLOCK_H

/** Seconds on the monotonic clock, from an arbitrary start. */
double tfm_now_s(void);

/** CPU seconds this process has used, user and system. */
double tfm_cpu_s(void);

/** CPU seconds the calling thread has used, user and system. */
double tfm_thread_cpu_s(void);

/** Seconds in which somebody was looking. A process that is stopped and goes on (a batch system
 * suspends jobs) has not waited for what it could not see. Zero-initialised is 0 s. */
typedef struct {
  double last_s, total_s;
} tfm_awake;

/** Look at the clock, now_s by tfm_now_s(), and return the total. What has gone by since the last
 * look counts for most_s at most; the first look counts for nothing. */
double tfm_awake_look(tfm_awake *awake, double now_s, double most_s);

/** Sleep about that long; returns early on a signal. */
void tfm_sleep_s(double seconds);

#endif
