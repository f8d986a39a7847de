/** The demo's readable table: text, label, score. */
#ifndef TFM_COORDINATOR_REPORT_TABLE_H
#define TFM_COORDINATOR_REPORT_TABLE_H

#include "coordinator/job.h"

/** Print the line that says what this is, and the header, on standard output. */
tfm_status tfm_table_begin(const tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Print one row. Errors: TFM_E_IO. */
tfm_status tfm_table_row(const tfm_job *job, const tfm_item *item, tfm_err *err) TFM_MUST_USE;

#endif
