/** Ranks that need not be there: a crew of them, where each would run, and what a simulation needs
 *  to know of that. The rules are those of a job: tfm_crew_share(), tfm_share_of(). */
#ifndef TFM_COORDINATOR_SIMULATE_CROWD_H
#define TFM_COORDINATOR_SIMULATE_CROWD_H

#include "coordinator/cli/options.h"
#include "coordinator/schedule/crew.h"
#include "coordinator/simulate/hosts.h"
#include "core/plan/plan_print.h"
#include "core/topo/bind.h"

/** Zero-initialised is empty; release with tfm_crowd_fini(). */
typedef struct {
  int nrank;
  tfm_host_place *places; /* [nrank] */
  tfm_share *shares;      /* [nrank] the cores each runs on */
  tfm_plan_fact *facts;   /* [nrank] for tables; their texts are the crew's and the crowd's */
  tfm_sim_rank *ranks;    /* [nrank] */
  double *cores;          /* [npool] a pool is a host's cores */
  int npool, nhost;
} tfm_crowd;

/** Deal n ranks to the hosts and let each say what it would: the crew's hello. crew: empty; it
 *  gets ranks, but no world. Errors: TFM_E_NOMEM. */
tfm_status tfm_crowd_gather(tfm_crowd *crowd, tfm_crew *crew, const tfm_hosts *hosts, int n,
                            tfm_err *err) TFM_MUST_USE;

/** Give every rank the part of an assignment that says where it runs: what a job without threads or
 * cuts of its own would. */
void tfm_crowd_divide(tfm_crew *crew, const tfm_options *options);

/** Where each would run, now that the crew has assignments. Rank 0 runs on all its host gives. */
void tfm_crowd_place(tfm_crowd *crowd, tfm_crew *crew, const tfm_hosts *hosts);

void tfm_crowd_fini(tfm_crowd *crowd);

#endif
