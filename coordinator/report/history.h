/** How far a run was when: a few hundred moments, however long it takes. */
#ifndef TFM_COORDINATOR_REPORT_HISTORY_H
#define TFM_COORDINATOR_REPORT_HISTORY_H

#include "coordinator/report/progress.h"

enum { TFM_HISTORY_MOST = 512 };

typedef struct {
  double seconds; /* since the first row */
  int64_t rows, tokens;
} tfm_moment;

/** Zero-initialised is ready. Plain data. */
typedef struct {
  int n;
  double every_s; /* between moments; doubled whenever there are too many */
  tfm_moment at[TFM_HISTORY_MOST];
} tfm_history;

/** Note a moment when it is time to; last: in any case, in place of one that is as late. */
void tfm_history_note(tfm_history *history, const tfm_progress_counts *now, double seconds,
                      bool last);

#endif
