/** `--metrics-file`: a job's counters and gauges in Prometheus' text format 0.0.4, for the textfile
 * collector of a node exporter or for anybody who looks. The file is replaced as a whole, every few
 * seconds and at the end. */
#ifndef TFM_COORDINATOR_REPORT_METRICS_H
#define TFM_COORDINATOR_REPORT_METRICS_H

#include "coordinator/job.h"
#include "coordinator/report/progress.h"

/** What is told of a job. */
typedef struct {
  const tfm_job *job; /* borrowed; model, plan and crew are there */
  tfm_progress_counts now;
  tfm_progress_rates rates;
  int64_t rows_in;                            /* read, earlier attempts included */
  int64_t rows_out;                           /* written, likewise */
  int64_t row_errors, rows_truncated, tokens; /* likewise */
  bool complete;                              /* the output is whole */
} tfm_metrics;

/** When it was written last. Zero-initialised is ready. */
typedef struct {
  double written_s;
  bool failed; /* it was said that it cannot be */
} tfm_metrics_file;

/** Whether --metrics-file was given and it is time to write it again. */
bool tfm_metrics_due(const tfm_metrics_file *file, const tfm_options *options);

/** Write it, if it was asked for. That it cannot be written is a warning, once: the rows matter
 * more. */
void tfm_metrics_write(tfm_metrics_file *file, const tfm_metrics *metrics);

/** Append the text. */
void tfm_metrics_print(const tfm_metrics *metrics, tfm_buf *out);

#endif
