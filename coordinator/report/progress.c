#include "coordinator/report/progress.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 30 };

static const double bar_every_s = 0.2;
static const double line_every_s = 10.0;
static const double told_from = 0.002; /* of the input, for an eta */

void tfm_progress_init(tfm_progress_state *state, const tfm_options *options)
{
  /* Programs that read JSON lines get no bar between them. */
  bool terminal = isatty(STDERR_FILENO) && strcmp(options->log_format, "json") != 0;
  *state =
      (tfm_progress_state){.begin_s = tfm_now_s(), .shown_s = tfm_now_s(), .begin_share = -1};
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

tfm_progress_rates tfm_progress_rate(const tfm_progress_counts *now, double begin_share,
                                     double seconds)
{
  tfm_progress_rates rates = {.seconds = seconds, .eta_s = -1};
  if (seconds > 0) {
    rates.rows_per_s = (double)now->rows / seconds;
    rates.tokens_per_s = (double)now->tokens / seconds;
  }
  /* How many rows there are follows from those read; too little of the input says nothing. */
  const double begin = begin_share > 0 ? begin_share : 0;
  const double read = now->share - begin;
  if (now->share >= 0 && read > told_from && now->rows > 0) {
    const double all = (double)now->rows_read * (1 - begin) / read;
    rates.eta_s = fmax(0, (all / (double)now->rows - 1) * seconds);
  }
  return rates;
}

void tfm_progress_clock(double seconds, tfm_buf *out)
{
  const long long s = (long long)(seconds + 0.5);
  const long long days = s / 86400;
  const int hours = (int)(s / 3600 % 24);
  if (days) {
    (void)tfm_buf_printf(out, "%lld d %02d:", days, hours);
  } else if (hours) {
    (void)tfm_buf_printf(out, "%d:", hours);
  }
  (void)tfm_buf_printf(out, days || hours ? "%02d:%02d" : "%d:%02d", (int)(s / 60 % 60),
                       (int)(s % 60));
}

/* ", eta 1:06, errors 2": what is known. */
static void put_rest(const tfm_progress_counts *now, const tfm_progress_rates *rates,
                     const char *gap, tfm_buf *out)
{
  if (rates->eta_s >= 0) {
    (void)tfm_buf_printf(out, "%seta ", gap);
    tfm_progress_clock(rates->eta_s, out);
  }
  (void)tfm_buf_printf(out, "%serrors %lld", gap, (long long)now->row_errors);
}

void tfm_progress_text(const tfm_progress_counts *now, const tfm_progress_rates *rates,
                       tfm_buf *out)
{
  if (now->share >= 0) {
    (void)tfm_buf_printf(out, "%.0f %% read, ", 100 * now->share);
  }
  (void)tfm_buf_printf(out, "%lld rows in %.0f s: %.0f rows/s, %.0f tokens/s",
                       (long long)now->rows, rates->seconds, rates->rows_per_s,
                       rates->tokens_per_s);
  put_rest(now, rates, ", ", out);
}

void tfm_progress_members(const tfm_progress_counts *now, const tfm_progress_rates *rates,
                          tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "\"rows\":%lld,\"row_errors\":%lld,\"tokens\":%lld,\"seconds\":%.3f,"
                       "\"rows_per_s\":%.6g,\"tokens_per_s\":%.6g",
                       (long long)now->rows, (long long)now->row_errors, (long long)now->tokens,
                       rates->seconds, rates->rows_per_s, rates->tokens_per_s);
  (void)tfm_buf_printf(out, now->share >= 0 ? ",\"share\":%.6g" : ",\"share\":null",
                       now->share);
  (void)tfm_buf_printf(out, rates->eta_s >= 0 ? ",\"eta_s\":%.6g" : ",\"eta_s\":null",
                       rates->eta_s);
}

static void draw_bar(const tfm_progress_counts *now, const tfm_progress_rates *rates)
{
  tfm_buf text = {0};
  char cells[BAR_CELLS + 1];
  int full = (int)(now->share * BAR_CELLS);
  memset(cells, '.', BAR_CELLS);
  memset(cells, '#', (size_t)(full < 0 ? 0 : full > BAR_CELLS ? BAR_CELLS : full));
  cells[BAR_CELLS] = '\0';
  (void)tfm_buf_str(&text, "\r\033[K");
  if (now->share >= 0) {
    (void)tfm_buf_printf(&text, "[%s] %3.0f %%  ", cells, 100 * now->share);
  }
  (void)tfm_buf_printf(&text, "%lld rows  %.0f rows/s  %.0f tokens/s", (long long)now->rows,
                       rates->rows_per_s, rates->tokens_per_s);
  put_rest(now, rates, "  ", &text);
  (void)fputs(tfm_buf_cstr(&text), stderr);
  (void)fflush(stderr);
  tfm_buf_fini(&text);
}

static void log_line(const tfm_progress_counts *now, const tfm_progress_rates *rates)
{
  tfm_buf text = {0};
  tfm_buf members = {0};
  tfm_progress_text(now, rates, &text);
  tfm_progress_members(now, rates, &members);
  tfm_log_with(TFM_LOG_INFO, tfm_buf_cstr(&members), "%s", tfm_buf_cstr(&text));
  tfm_buf_fini(&text);
  tfm_buf_fini(&members);
}

tfm_progress_rates tfm_progress_show(tfm_progress_state *state, const tfm_progress_counts *now)
{
  const double now_s = tfm_now_s();
  const double every = state->bar ? bar_every_s : line_every_s;
  if (!state->begun) { /* loading is over */
    state->begun = true;
    state->begin_s = now_s;
    state->begin_share = now->share;
  }
  const tfm_progress_rates rates =
      tfm_progress_rate(now, state->begin_share, now_s - state->begin_s);
  if ((!state->bar && !state->line) || now_s - state->shown_s < every) {
    return rates;
  }
  state->shown_s = now_s;
  if (state->bar) {
    draw_bar(now, &rates);
    state->drawn = true;
  } else {
    log_line(now, &rates);
  }
  return rates;
}

void tfm_progress_clear(tfm_progress_state *state)
{
  if (state->drawn) {
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    state->drawn = false;
  }
}
