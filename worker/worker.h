/** A worker rank, from its first message to the last: it owns one slice of the model and turns
 * frames into frames.
 *
 *  The life of a worker: START (what the job is) -> HELLO (what I am and see) -> ASSIGN (my
 * part) -> weights are read, memory placed -> READY -> MEASURE
 * (all are) -> SPEED -> frames until END -> STATS -> LEAVE. A
 * failure on the way becomes FAILED with its text; then the worker waits for LEAVE like
 * everybody else. Workers never print and never decide how the job ends.
 */
#ifndef TFM_WORKER_WORKER_H
#define TFM_WORKER_WORKER_H

#include "proto/world.h"

/** The first rank that computes; rank 0 is the coordinator. */
enum { TFM_WORKER_RANK_FIRST = 1 };

/** Play rank tfm_world_rank(world) until rank 0 says LEAVE. borrows: world. Collective: its
 * last step is tfm_world_leave(). Returns the exit code rank 0 decided on. One call a thread;
 * threads of one process may play several ranks of a local world. */
int tfm_worker_main(tfm_world *world);

#endif
