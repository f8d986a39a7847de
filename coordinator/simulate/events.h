/** Lines of ranks at work in simulated time: frames, buffers, credits, cores and wires as a
 *  discrete-event simulation. Pure: nothing is measured, nobody is spoken to.
 *
 *  What is kept of the real thing: rank 0 takes results before it sends, sends each micro-batch to
 * the line that proto/credit.h prefers, and never more than its credits; a stage has
 * TFM_LINK_BUFFERS frames on their way in, waiting, computed and not yet sent on, and takes them in
 * order; a frame's checking, copying and sealing is one thread's work, computing all its threads'.
 * Threads of ranks that share cores get equal parts of them. Frames of one link go
 * one behind the other; links between hosts share the hosts' network ports evenly.
 *  What is not: when exactly the system wakes a rank, and what sharing a cache costs.
 */
#ifndef TFM_COORDINATOR_SIMULATE_EVENTS_H
#define TFM_COORDINATOR_SIMULATE_EVENTS_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/** Between two ranks of one host, or of two. */
typedef struct {
  double latency_s;
  double byte_s; /* 0: its bytes take no time of their own */
} tfm_sim_wire;

/** A micro-batch, in CPU seconds of one thread on a core of speed 1. */
typedef struct {
  double send_s; /* rank 0, until it is on its way: reading, encoding, embedding, sealing */
  double pass_s; /* each stage beside computing: checking, copying, sealing */
  double take_s; /* rank 0, for the result */
  double bytes;  /* of the frame from stage to stage */
  double result_bytes;
} tfm_sim_batch;

typedef struct {
  int pool;    /* the cores it runs on */
  int host;    /* ports are its host's */
  int threads; /* that compute at once, >= 1 */
  double speed;
} tfm_sim_rank;

/** Everything is borrowed. Ranks are numbered as in a plan: replica r's stage s is 1 + r*stages+s.
 */
typedef struct {
  int stages, replicas;
  const tfm_sim_rank *ranks; /* [1 + replicas * stages] */
  const double *cores;       /* [npool] in each pool */
  int npool, nhost;
  tfm_sim_wire inside, between; /* of hosts */
  const tfm_sim_batch *batches; /* [nbatch], in the order they are sent */
  int64_t nbatch;
  const double *compute_s; /* [nbatch][stages] */
} tfm_sim;

/** Release with tfm_sim_outcome_fini(). */
typedef struct {
  double seconds; /* from the first micro-batch's embedding to the last result */
  double *busy_s; /* [ranks] with work in hand, on a core or waiting for one */
  double *cpu_s;  /* [ranks] */
  int64_t in_flight_peak;
  double wire_s; /* the busiest host's network port */
} tfm_sim_outcome;

/** Run it. At least one micro-batch, stage and core of each pool; no time is negative (TFM_ASSERT).
 *  gives: *outcome; on failure it is empty. Cost: micro-batches x ranks^2, a millisecond for a
 *  thousand through eight ranks. Errors: TFM_E_NOMEM. */
tfm_status tfm_sim_run(const tfm_sim *sim, tfm_sim_outcome *outcome, tfm_err *err) TFM_MUST_USE;

void tfm_sim_outcome_fini(tfm_sim_outcome *outcome);

#endif
