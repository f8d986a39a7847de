/** How much memory each rank of a job will have, before anything is loaded: what the plan shows,
 * the summary compares with what was measured, and a host that cannot hold its ranks is refused by.
 */
#ifndef TFM_COORDINATOR_MEMORY_H
#define TFM_COORDINATOR_MEMORY_H

#include "coordinator/job.h"

/** What is known of a rank beforehand. */
typedef struct {
  int64_t idle; /* resident bytes of its process before it loads anything */
  int threads;  /* that will compute; of rank 0: that will read and encode */
} tfm_memory_rank;

/** Resident bytes at the peak, as job->plan.ranks[].memory_bytes: for each process what is idle,
 * weights, scratch, frames, threads, and on rank 0 embeddings and rows under way. ranks
 * [plan.nrank]. processes: each rank is one; otherwise all are threads of rank 0's, and only its
 * entry has what is idle. The plan and the limits on batches must be there.
 *  What decides nothing but the rows themselves is taken as rows of 128 tokens, as many as the
 * bounds on rows under way let in, but not more than the inputs can hold.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm_memory_predict(tfm_job *job, const tfm_memory_rank *ranks, bool processes,
                              tfm_err *err) TFM_MUST_USE;

/** The same for the ranks that said hello and have their parts, and who will lend to whom;
 * own_threads: of rank 0. */
tfm_status tfm_memory_predict_crew(tfm_job *job, int own_threads, tfm_err *err) TFM_MUST_USE;

/** Refuse a host whose ranks will together take more than it has left: TFM_E_NOMEM with the
 * numbers. Weights that a rank gets from a lender count with the lender. Hosts of which nothing is
 * known pass. After tfm_memory_predict_crew(). */
tfm_status tfm_memory_check(const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Bytes of all ranks. */
int64_t tfm_memory_total(const tfm_plan *plan);

/** What an idle rank of mpirun's has, judged by this process: now is its own resident bytes. */
int64_t tfm_memory_idle(const tfm_world *world, int64_t now);

#endif
