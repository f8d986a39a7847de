/** Signals, as the wish that the job should end early. The coordinator alone decides; other ranks
 * ignore them, or one that left early would break the line for the rest.
 *
 *  USR1 and USR2: finish what is under way, commit, end with 75. TERM, INT and HUP: commit what is
 * contiguous and end with 75; a second one ends the process at once. HUP stays ignored where it was
 * ignored from the start (nohup). */
#ifndef TFM_COORDINATOR_STOP_H
#define TFM_COORDINATOR_STOP_H

#include "core/base/status.h"
#include "proto/world.h"

#include <stdbool.h>

typedef enum { TFM_STOP_NONE, TFM_STOP_DRAIN, TFM_STOP_NOW } tfm_stop;

/** First thing in the program, before MPI starts: until somebody heeds signals, one of them ends
 * the process at once, with 75: nothing is lost yet. A closed pipe and a file size limit become
 * errors of write(2). */
void tfm_stop_install(void);

/** End with the launcher that started this rank: one that is killed does not end its ranks where
 * they wait for it (MPI_Init). Other ranks end at once, with 75; the coordinator as if it were told
 * by TERM. */
void tfm_stop_with_launcher(void);

/** Whether this process is a rank that ends with its launcher. */
bool tfm_stop_has_launcher(void);

/** Whether this process was continued (SIGCONT) in the last ms milliseconds. */
bool tfm_stop_continued(int ms);

/** Whether that has happened: no rank will answer any more. */
bool tfm_stop_launcher_gone(void);

/** This rank is not the coordinator: ignore them from now on. */
void tfm_stop_ignore(void);

/** From now on the job asks tfm_stop_asked(). world: woken by a signal; may be NULL. */
void tfm_stop_heed(tfm_world *world);

/** From now on SIGINT ends what is under way alone, once tfm_stop_interrupted() is asked; one that
 * comes before the last was heard is as without. */
void tfm_stop_interrupts(void);

/** Whether there was such a SIGINT since it was asked last. Threads: any. */
bool tfm_stop_interrupted(void);

/** The job is over, and its world may be closed: a signal wakes nobody any more. */
void tfm_stop_wake_nobody(void);

/** What was asked for so far. Threads: any. */
tfm_stop tfm_stop_asked(void);

/** TFM_E_STOPPED, naming the signal. */
tfm_status tfm_stop_fail(tfm_err *err);

#endif
