/** Where the time of a run went, as POP's efficiencies have it (https://pop-coe.eu, "POP standard
 *  metrics for parallel performance analysis"), read for lines of stages. Pure functions.
 *
 *  parallel = load_balance x communication, communication = serialisation x transfer. */
#ifndef TFM_COORDINATOR_REPORT_POP_H
#define TFM_COORDINATOR_REPORT_POP_H

#include "coordinator/schedule/crew.h"

/** What a stage did with its time, in seconds: computing, waiting for a frame, checking and sealing
 *  frames and waiting to be rid of one. */
typedef struct {
  double busy_s, wait_s, send_s;
} tfm_pop_stage;

/** All between 0 and 1, but for rounding of clocks; all 0 when nothing ran. */
typedef struct {
  double parallel;      /* computing, of the stages' time: mean busy / run time */
  double load_balance;  /* mean busy / largest busy */
  double communication; /* largest busy / run time */
  double
      serialisation; /* largest busy / (run time - largest send): with frames that cost nothing
                            the rest is waiting for each other, at the ends and between */
  double transfer;   /* (run time - largest send) / run time */
  double bubble;     /* waiting, of the stages' time: 1 - (mean busy + mean send) / run time */
} tfm_pop;

/** Of n stages over a run of run_s seconds; their times may be sums over several runs when run_s is
 *  the sum, too. */
tfm_pop tfm_pop_of_stages(const tfm_pop_stage *stages, int n, double run_s);

/** Of the ranks that have said what they did. */
tfm_pop tfm_pop_of(const tfm_crew *crew, double run_s);

#endif
