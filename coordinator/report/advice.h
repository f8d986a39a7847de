/** One line at the end of a job, when something simple would have made it much faster. */
#ifndef TFM_COORDINATOR_REPORT_ADVICE_H
#define TFM_COORDINATOR_REPORT_ADVICE_H

#include "coordinator/encode/feed.h"
#include "core/plan/plan.h"

#define TFM_ADVICE_LEAST_S 1.0 /* seconds of a run that can be held against a prediction */

/** What is known of a job that ran. */
typedef struct {
  const tfm_plan_request
      *request; /* what its plan was made from; NULL: layouts are not compared */
  const tfm_plan *plan;
  double run_s;
  double busy;         /* share of it that the busiest stage computed, 0..1 */
  tfm_feed_times feed; /* reading and tokenizing */
  double embed_s, write_s;
} tfm_advice_facts;

/** Append one line without its end; nothing when nothing simple helps: less than a seventh is to be
 *  won, or the job ran for less than TFM_ADVICE_LEAST_S. Another layout is told when the planner
 *  predicts it to be faster; else, where stages waited, what they waited for. Pure.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm_advice_give(const tfm_advice_facts *facts, tfm_buf *out,
                           tfm_err *err) TFM_MUST_USE;

#endif
