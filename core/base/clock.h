/** Time that never jumps, and sleeping. Threads: callable from many at once. */
#ifndef TFM_CORE_BASE_CLOCK_H
#define TFM_CORE_BASE_CLOCK_H

/** Seconds on the monotonic clock, from an arbitrary start. */
double tfm_now_s(void);

/** CPU seconds this process has used, user and system. */
double tfm_cpu_s(void);

/** CPU seconds the calling thread has used, user and system. */
double tfm_thread_cpu_s(void);

/** Sleep about that long; returns early on a signal. */
void tfm_sleep_s(double seconds);

#endif
