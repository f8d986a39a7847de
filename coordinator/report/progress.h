/** How far the job is, on stderr: a bar that redraws itself on a terminal, else a line every
 * ten seconds, without carriage returns. */
#ifndef TFM_COORDINATOR_REPORT_PROGRESS_H
#define TFM_COORDINATOR_REPORT_PROGRESS_H

#include "coordinator/cli/options.h"

#include <stdint.h>

/** Zero-initialised, then tfm_progress_init(). Plain data. */
typedef struct {
  bool bar, line;
  double begin_s, shown_s;
  bool drawn; /* a bar stands on the terminal */
} tfm_progress_state;

void tfm_progress_init(tfm_progress_state *state, const tfm_options *options);

/** Show it when it is time to. rows: delivered; tokens: sent; share: of the input read, 0..1,
 * or negative when unknown. */
void tfm_progress_show(tfm_progress_state *state, int64_t rows, int64_t tokens, double share);

/** Take the bar away, before anything else is printed. */
void tfm_progress_clear(tfm_progress_state *state);

#endif
