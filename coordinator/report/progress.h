/** How far the job is: counts and what follows from them, and how that is shown on stderr: by a bar
 *  that redraws itself on a terminal, else by a line every ten seconds, without carriage returns.
 */
#ifndef TFM_COORDINATOR_REPORT_PROGRESS_H
#define TFM_COORDINATOR_REPORT_PROGRESS_H

#include "coordinator/cli/options.h"

#include <stdint.h>

/** What was done by one moment. */
typedef struct {
  int64_t rows;       /* delivered, by this attempt */
  int64_t rows_read;  /* likewise; many may be under way */
  int64_t row_errors; /* of the output so far */
  int64_t tokens;     /* sent */
  double share;       /* of the input read, 0..1; negative: not known */
} tfm_progress_counts;

/** What follows for the time since the first row. */
typedef struct {
  double seconds, rows_per_s, tokens_per_s;
  double eta_s; /* seconds to the end if it goes on like this; negative: not known */
} tfm_progress_rates;

/** Zero-initialised, then tfm_progress_init(). Plain data. */
typedef struct {
  bool bar, line;
  double begin_s, shown_s;
  bool begun;         /* rows may come: begin_s and begin_share are known */
  double begin_share; /* where this attempt began to read; negative: not known */
  bool drawn;         /* a bar stands on the terminal */
} tfm_progress_state;

void tfm_progress_init(tfm_progress_state *state, const tfm_options *options);

/** The rates after `seconds` of an attempt that began at `begin_share` of its input. Pure. */
tfm_progress_rates tfm_progress_rate(const tfm_progress_counts *now, double begin_share,
                                     double seconds);

/** Show it when it is time to; returns the rates as they are now. */
tfm_progress_rates tfm_progress_show(tfm_progress_state *state, const tfm_progress_counts *now);

/** Append what a line says, and what it says as JSON members (log.h). */
void tfm_progress_text(const tfm_progress_counts *now, const tfm_progress_rates *rates,
                       tfm_buf *out);
void tfm_progress_members(const tfm_progress_counts *now, const tfm_progress_rates *rates,
                          tfm_buf *out);

/** Append seconds as a clock shows them: "1:06", "2:03:59", "4 d 01:00:00". */
void tfm_progress_clock(double seconds, tfm_buf *out);

/** Take the bar away, before anything else is printed. */
void tfm_progress_clear(tfm_progress_state *state);

#endif
