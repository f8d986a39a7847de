#include "coordinator/report/history.h"

static const double first_every_s = 0.1;

/* Every other moment stays. */
static void thin(tfm_history *history)
{
  int kept = 0;
  for (int i = 0; i < history->n; i += 2) {
    history->at[kept++] = history->at[i];
  }
  history->n = kept;
  history->every_s *= 2;
}

void tfm_history_note(tfm_history *history, const tfm_progress_counts *now, double seconds,
                      bool last)
{
  const double before_s = history->n ? history->at[history->n - 1].seconds : -1;
  history->every_s = history->every_s > 0 ? history->every_s : first_every_s;
  const bool due = history->n == 0 || seconds - before_s >= history->every_s;
  if (!due && !last) {
    return;
  }
  if (!due && seconds <= before_s) { /* the end was reached before the last moment was noted */
    history->at[history->n - 1].rows = now->rows;
    history->at[history->n - 1].tokens = now->tokens;
    return;
  }
  if (history->n == TFM_HISTORY_MOST) {
    thin(history);
  }
  history->at[history->n++] =
      (tfm_moment){.seconds = seconds, .rows = now->rows, .tokens = now->tokens};
}
