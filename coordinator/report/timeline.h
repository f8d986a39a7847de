/** A look into the file of --trace: a moment at which all stages of a run are at work. */
#ifndef TFM_COORDINATOR_REPORT_TIMELINE_H
#define TFM_COORDINATOR_REPORT_TIMELINE_H

#include "coordinator/report/plot.h"

enum { TFM_TIMELINE_SPANS = 600 };

/** Kinds of spans, as plot.h takes them. */
extern const char *const tfm_timeline_kinds[];
enum { TFM_TIMELINE_KINDS = 4, TFM_TIMELINE_WAITING = 3 };

typedef struct {
  tfm_plot_span spans[TFM_TIMELINE_SPANS]; /* row: the rank; milliseconds from the first */
  char texts[TFM_TIMELINE_SPANS][64];      /* what spans[i].text is */
  int n;
} tfm_timeline;

/** Read the first megabytes of such a file: spans of ranks below nrow, from when the last of them
 *  has begun to compute, as many as fit and as far as all ranks are told of. A file that is not
 *  there or tells nothing has none. Errors: TFM_E_NOMEM. */
tfm_status tfm_timeline_read(tfm_timeline *timeline, const char *path, int nrow,
                             tfm_err *err) TFM_MUST_USE;

#endif
