/** The verb `report`: folders that --outdir made become one page with pictures, which holds all it
 *  shows and fetches nothing. Several runs are held against the first. */
#ifndef TFM_COORDINATOR_REPORT_REPORT_H
#define TFM_COORDINATOR_REPORT_REPORT_H

#include "coordinator/cli/options.h"

enum { TFM_REPORT_RUNS = 8 };

/** The page of options->inputs, appended to out, or written to --output (out stays empty then).
 *  Errors: TFM_E_USAGE (no folder, too many), TFM_E_MISSING (no run.json in one), TFM_E_FORMAT
 *  (one of another program), TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm_report_run(const tfm_options *options, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
