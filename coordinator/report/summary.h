/** What a finished job did: a few lines for people, one JSON object for programs. */
#ifndef TFM_COORDINATOR_REPORT_SUMMARY_H
#define TFM_COORDINATOR_REPORT_SUMMARY_H

#include "coordinator/job.h"
#include "coordinator/output/outlet.h"
#include "coordinator/report/pop.h"

/** What rank 0 cost, in CPU seconds of its process; where all ranks are in it, less what the stages
 * computed with. */
typedef struct {
  double start_s; /* until the ranks were given their parts, MPI's own start included */
  double load_s;  /* until all were ready */
  double run_s;   /* from then to the last result: this grows with the rows */
  double share;   /* run_s of what the stages computed with meanwhile; 0: they did nothing */
} tfm_coordination;

tfm_coordination tfm_coordination_of(const tfm_job *job);

/** How well the cores of a rank were used, and how well the job was predicted. */
typedef struct {
  double
      flops; /* of the rows it computed, two a multiply-add; 0: not known (texts that grow) */
  double share; /* of peak_flops, by CPU seconds of computing, 0: not known */
} tfm_rank_use;

/** of: a rank with statistics; peak_flops: what its core can do a second, 0: not known. */
tfm_rank_use tfm_rank_use_of(const tfm_job *job, int rank, double peak_flops);

/** What the rank's core can do a second, measured on rank 0 the first time somebody asks: 0 where
 * that is not known, since its processor is another or the job's flops are not. */
double tfm_summary_peak(tfm_job *job, int rank);

/** Rows a second that the stages' own measurements (coordinator/pace.h) predict for the rows that
 * were sent; 0: nothing was measured, or nothing sent. */
double tfm_summary_predicted(const tfm_job *job);

/** Log the summary at level info. */
void tfm_summary_log(tfm_job *job, const tfm_outlet *outlet);

/** Write text to --summary-json, if it was asked for. Errors: TFM_E_NOMEM (the text is not whole),
 * TFM_E_IO. */
tfm_status tfm_summary_write(const tfm_options *options, const tfm_buf *text,
                             tfm_err *err) TFM_MUST_USE;

/** Append the object of INTERFACE section 4, with the members named there. Errors: TFM_E_NOMEM. */
tfm_status tfm_summary_json(tfm_job *job, const tfm_outlet *outlet, tfm_buf *out);

#endif
