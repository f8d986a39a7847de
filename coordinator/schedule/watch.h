/** Whether the ranks still work: rank 0 tells them that it is there, and ends the job when one of
 *  them is silent, or at one thing for too long.
 *
 *  Time counts only while somebody looks (core/base/clock.h): a job that is suspended as a whole
 *  goes on afterwards, and a rank is not blamed for what rank 0 did not listen to. */
#ifndef TFM_COORDINATOR_SCHEDULE_WATCH_H
#define TFM_COORDINATOR_SCHEDULE_WATCH_H

#include "coordinator/schedule/crew.h"

/** Look at the clock, and tell the workers that rank 0 is there when they should hear it again.
 *  Often called: most calls do nothing; *looked says whether this one did. Errors: of link.h. */
tfm_status tfm_watch_look(tfm_crew *crew, bool *looked, tfm_err *err) TFM_MUST_USE;

/** The line begins to work: tell the workers at once, who from now on wait for it no longer than
 * crew->stall_s, and, where spans are wanted, are asked for the time. Errors: of link.h. */
tfm_status tfm_watch_begin(tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** TFM_E_PEER naming the rank, when one with a stage has been silent, or computing one
 *  micro-batch, for longer than crew->stall_s. */
tfm_status tfm_watch_ranks(const tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** TFM_E_PEER naming who should have moved, when nothing has changed on a line that has a
 *  micro-batch on its way, for longer than crew->stall_s. first: rank of its first stage; batch:
 *  the oldest on its way; since_s: when something last went in or came out, by crew->now_s. */
tfm_status tfm_watch_line(const tfm_crew *crew, int first, uint64_t batch, double since_s,
                          tfm_err *err) TFM_MUST_USE;

/** TFM_E_PEER naming a rank whose `what` (READY...) has not come although it has been waited for
 *  since since_s for longer than crew->load_s. */
tfm_status tfm_watch_loading(const tfm_crew *crew, int rank, const char *what, double since_s,
                             tfm_err *err) TFM_MUST_USE;

#endif
