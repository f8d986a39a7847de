/** The threads of one rank: an executor (core/base/par.h) over pinned threads.
 *
 *  Thread 0 is the rank's communicating thread: between its tasks it calls `poll`, so that
 * frames keep moving while the team computes (DESIGN D6). Which thread runs a task is decided
 * by who is free; that never changes a result (par.h).
 */
#ifndef TFM_WORKER_TEAM_H
#define TFM_WORKER_TEAM_H

#include "core/base/par.h"
#include "core/base/status.h"

#include <stdbool.h>

typedef struct tfm_team tfm_team;

typedef struct {
  int nthread; /* >= 1, thread 0 included */
  bool spin;   /* a core for each thread: wait a moment before sleeping */
  void (*start)(void *arg,
                int thread); /* first thing in each thread but 0 (pinning); may be NULL */
  void (*poll)(void *arg);   /* between tasks of thread 0; may be NULL */
  void *arg;
} tfm_team_options;

/** gives: *out, release with tfm_team_close(). Errors: TFM_E_NOMEM (threads or memory). */
tfm_status tfm_team_open(tfm_team **out, const tfm_team_options *options,
                         tfm_err *err) TFM_MUST_USE;

/** The executor; borrowed until closed. */
tfm_par *tfm_team_par(tfm_team *team);

/** CPU seconds of all its threads so far. Called by thread 0. */
double tfm_team_cpu_s(const tfm_team *team);

/** Ends and joins the threads. NULL is allowed. */
void tfm_team_close(tfm_team *team);

#endif
