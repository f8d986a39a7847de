/** What a finished job did: a few lines for people, one JSON object for programs. */
#ifndef TFM_COORDINATOR_REPORT_SUMMARY_H
#define TFM_COORDINATOR_REPORT_SUMMARY_H

#include "coordinator/job.h"
#include "coordinator/output/outlet.h"

/** POP's efficiencies over the ranks that have a stage (https://pop-coe.eu, "POP standard
 * metrics"): load_balance = mean busy / largest busy, communication = largest busy / run time,
 * and their product parallel. 0 when nothing ran. */
typedef struct {
  double parallel, load_balance, communication;
} tfm_pop;

tfm_pop tfm_pop_of(const tfm_crew *crew, double run_s);

/** Log the summary at level info. */
void tfm_summary_log(const tfm_job *job, const tfm_outlet *outlet);

/** Check early that --summary-json can be made. Errors: those of tfm_sink_check(). */
tfm_status tfm_summary_check(const tfm_options *options, tfm_err *err) TFM_MUST_USE;

/** Write text to --summary-json, if it was asked for. Errors: TFM_E_NOMEM (the text is not whole),
 * TFM_E_IO. */
tfm_status tfm_summary_write(const tfm_options *options, const tfm_buf *text,
                             tfm_err *err) TFM_MUST_USE;

/** Append the object of INTERFACE section 4, with the members named there. Errors: TFM_E_NOMEM. */
tfm_status tfm_summary_json(const tfm_job *job, const tfm_outlet *outlet, tfm_buf *out);

#endif
