/** `--outdir`: the folder of a run, and run.json in it, which says what the run was. */
#ifndef TFM_COORDINATOR_REPORT_RUNDIR_H
#define TFM_COORDINATOR_REPORT_RUNDIR_H

#include "coordinator/job.h"
#include "coordinator/output/outlet.h"
#include "coordinator/report/history.h"

/** Make the folder, unless it is there; without --outdir nothing happens. *made: it was not there,
 *  and a run that leaves nothing behind takes it away with tfm_rundir_unmake().
 *  Errors: TFM_E_OUTPUT. */
tfm_status tfm_rundir_make(const tfm_options *options, bool *made, tfm_err *err) TFM_MUST_USE;

/** Remove the folder if it is empty. */
void tfm_rundir_unmake(const tfm_options *options);

/** Where a run stands, as run.json has it. */
typedef enum { TFM_RUN_RUNNING, TFM_RUN_COMPLETE, TFM_RUN_STOPPED } tfm_run_state;

/** Write run.json anew, as a whole: command, options and where they come from, ranks, moments, and
 *  the summary (NULL: none yet). Without --outdir nothing happens.
 *  Errors: TFM_E_NOMEM, TFM_E_IO. */
tfm_status tfm_rundir_write(const tfm_job *job, tfm_run_state state, const tfm_history *history,
                            const tfm_buf *summary, tfm_err *err) TFM_MUST_USE;

#endif
