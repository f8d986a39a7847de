/** Rank 0: one job, start to end. */
#ifndef TFM_COORDINATOR_COORDINATOR_H
#define TFM_COORDINATOR_COORDINATOR_H

#include "coordinator/cli/options.h"
#include "proto/world.h"

/** Name the commit the program was built from, for --version and env; before anything else. */
void tfm_coordinator_set_commit(const char *id);

/** How many workers a run without mpirun should have: the stages (times replicas) that were
 * asked for, else one. The plan checks them against the model later. */
int tfm_coordinator_local_workers(const tfm_options *options);

/** Do what options say with the ranks of world, print results and errors, and tell every worker
 * to leave. borrows both. Does not leave the world itself. Returns the job's exit code
 * (INTERFACE section 5). */
int tfm_coordinator_main(tfm_world *world, const tfm_options *options);

/** The options could not be read: print why, and tell the workers (world may be NULL). Returns
 * the exit code. */
int tfm_coordinator_refuse(tfm_world *world, const tfm_err *err);

#endif
