/** A rank's own watchman, for when rank 0 cannot end the job: a thread that makes no MPI call
 *  looks whether the rank still hears from rank 0, and whether what it does comes to an end. When
 *  neither happens for the limit it says so in one line and stops the rank with 70, and with it
 *  the job.
 *
 *  Time counts only while the thread looks: a job that is suspended as a whole goes on
 *  afterwards. */
#ifndef TFM_WORKER_VIGIL_H
#define TFM_WORKER_VIGIL_H

#include "core/base/status.h"

#include <stdint.h>

typedef struct tfm_vigil tfm_vigil;

/** What the rank is about, and so what too much of it means. */
typedef enum {
  TFM_VIGIL_LISTENING, /* nothing came from rank 0 */
  TFM_VIGIL_LOADING,   /* the model is not read to its end */
  TFM_VIGIL_COMPUTING  /* a micro-batch does not end */
} tfm_vigil_duty;

/** Begin to watch, without a limit. fire: called once, from the watching thread, with the line;
 * tfm_world_abort() in the program. gives: *out, release with tfm_vigil_close().
 *  Errors: TFM_E_NOMEM (also: no thread). */
tfm_status tfm_vigil_open(tfm_vigil **out, int rank, void (*fire)(const char *line),
                          tfm_err *err) TFM_MUST_USE;

/** Something ended, came or began: the time starts anew. limit_s: from now on; 0: for ever.
 *  batch: what is computed. vigil: NULL does nothing. Threads: the rank's one communicating
 *  thread; no lock, no system call. */
void tfm_vigil_note(tfm_vigil *vigil, tfm_vigil_duty duty, double limit_s, uint64_t batch);

/** NULL is allowed. */
void tfm_vigil_close(tfm_vigil *vigil);

#endif
