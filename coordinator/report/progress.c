#include "coordinator/report/progress.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 30 };

static const double bar_every_s = 0.2;
static const double line_every_s = 10.0;

void tfm_progress_init(tfm_progress_state *state, const tfm_options *options)
{
  bool terminal = isatty(STDERR_FILENO);
  *state = (tfm_progress_state){.begin_s = tfm_now_s(), .shown_s = tfm_now_s()};
  switch (options->progress) {
  case TFM_PROGRESS_AUTO:
    state->bar = terminal && !options->quiet;
    state->line = !terminal && !options->quiet;
    break;
  case TFM_PROGRESS_BAR:
    state->bar = terminal; /* a file gets no carriage returns, whatever was asked for */
    state->line = !terminal;
    break;
  case TFM_PROGRESS_LINE:
    state->line = true;
    break;
  case TFM_PROGRESS_NONE:
    break;
  }
}

static void draw_bar(int64_t rows, double rate, double share)
{
  char cells[BAR_CELLS + 1];
  int full = (int)(share * BAR_CELLS);
  memset(cells, '.', BAR_CELLS);
  memset(cells, '#', (size_t)(full < 0 ? 0 : full > BAR_CELLS ? BAR_CELLS : full));
  cells[BAR_CELLS] = '\0';
  if (share < 0) {
    (void)fprintf(stderr, "\r\033[K%lld rows  %.0f rows/s", (long long)rows, rate);
  } else {
    (void)fprintf(stderr, "\r\033[K[%s] %3.0f %%  %lld rows  %.0f rows/s", cells, 100 * share,
                  (long long)rows, rate);
  }
  (void)fflush(stderr);
}

void tfm_progress_show(tfm_progress_state *state, int64_t rows, int64_t tokens, double share)
{
  double now = tfm_now_s();
  double every = state->bar ? bar_every_s : line_every_s;
  if ((!state->bar && !state->line) || now - state->shown_s < every) {
    return;
  }
  state->shown_s = now;
  double seconds = now - state->begin_s;
  double rate = seconds > 0 ? (double)rows / seconds : 0;
  if (state->bar) {
    draw_bar(rows, rate, share);
    state->drawn = true;
    return;
  }
  char done[32] = "";
  if (share >= 0) {
    (void)snprintf(done, sizeof done, "%.0f %% read, ", 100 * share);
  }
  tfm_log(TFM_LOG_INFO, "%s%lld rows in %.0f s: %.0f rows/s, %.0f tokens/s", done,
          (long long)rows, seconds, rate, seconds > 0 ? (double)tokens / seconds : 0);
}

void tfm_progress_clear(tfm_progress_state *state)
{
  if (state->drawn) {
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    state->drawn = false;
  }
}
