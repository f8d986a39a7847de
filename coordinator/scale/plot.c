/* The drawing of a scaling study: speed-up with its ideal, where the stages' time went in each
 * layout, and what each stage did in the fastest and in the longest, on average and moment by
 * moment. One SVG file without scripts, fonts or links. */
#include "coordinator/report/plot.h"
#include "coordinator/scale/study.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>

enum {
  WIDTH = 1180,
  HALF = WIDTH / 2,
  HEIGHT = 380, /* of the charts side by side */
  NAME = 24,
  LABEL = 64
};

/* Colours that mean the same in all charts: those of the kinds of timeline.h. */
enum { COMPUTING = 1, SENDING = 3, IMBALANCE = 5 };

/* As people write a layout: "4x2". */
static void name_of(const tfm_scale_layout *l, char *out, size_t bytes)
{
  (void)snprintf(out, bytes, "%d\u00d7%d", l->stages, l->replicas);
}

/* What the charts of all layouts show, an entry a layout. */
typedef struct {
  int n;
  char (*text)[NAME];
  const char **names; /* [n] what text says */
  double *workers, *speedup, *spread;
  double *computing, *imbalance, *waiting, *sending; /* of the stages' time */
} series;

static void series_fini(series *v)
{
  tfm_free(v->text);
  tfm_free(v->names);
  tfm_free(v->workers);
}

static tfm_status series_of(const tfm__study *s, series *v)
{
  const size_t n = (size_t)s->nlayout;
  *v = (series){.n = s->nlayout,
                .text = tfm_calloc(n, sizeof *v->text),
                .names = tfm_calloc(n, sizeof *v->names),
                .workers = tfm_calloc(7 * n, sizeof *v->workers)};
  if (!v->text || !v->names || !v->workers) {
    return TFM_E_NOMEM;
  }
  v->speedup = v->workers + n;
  v->spread = v->speedup + n;
  v->computing = v->spread + n;
  v->imbalance = v->computing + n;
  v->waiting = v->imbalance + n;
  v->sending = v->waiting + n;
  for (size_t i = 0; i < n; ++i) {
    const tfm_scale_figures f = tfm_scale_figures_of(&s->runs[i], &s->runs[0]);
    name_of(&s->runs[i].layout, v->text[i], NAME);
    v->names[i] = v->text[i];
    v->workers[i] = tfm_scale_layout_workers(&s->runs[i].layout);
    v->speedup[i] = f.speedup;
    v->spread[i] = f.speedup * f.rows_sd / f.rows_per_s;
    v->computing[i] = f.pop.parallel;
    v->imbalance[i] = f.pop.communication - f.pop.parallel;
    v->waiting[i] = f.pop.transfer - f.pop.communication;
    v->sending[i] = 1 - f.pop.transfer;
  }
  return TFM_OK;
}

/* ---- all layouts ---- */

static int draw_speedup(const series *v, int top, tfm_buf *out)
{
  const double most = v->workers[v->n - 1]; /* layouts are in order */
  const double ideal_x[] = {0, most};
  const double ideal_y[] = {0, most / v->workers[0]};
  const tfm_plot_line lines[] = {
      {.name = "ideal", .x = ideal_x, .y = ideal_y, .n = 2, .ideal = true},
      {.name = "median of the runs, with their standard deviation",
       .x = v->workers,
       .y = v->speedup,
       .n = v->n,
       .loose = true,
       .spread = v->spread,
       .labels = v->names}};
  const tfm_plot plot = {.title = "Speed-up",
                         .x = "workers (points: stages\u00d7replicas)",
                         .width = HALF,
                         .height = HEIGHT,
                         .most_x = most * 1.08,
                         .whole_x = true,
                         .inside = true,
                         .top = top};
  return tfm_plot_lines(&plot, lines, 2, out);
}

static int draw_stacks(const series *v, int top, tfm_buf *out)
{
  const tfm_plot_part parts[] = {
      {"computing", v->computing, COMPUTING},
      {"others have less to do (load balance)", v->imbalance, IMBALANCE},
      {"waiting for each other (serialisation)", v->waiting, TFM_PLOT_GREY},
      {"sending (transfer)", v->sending, SENDING}};
  const tfm_plot_table table = {v->names, v->n, parts, sizeof parts / sizeof parts[0]};
  const tfm_plot plot = {.title = "Where the stages\u2019 time went",
                         .x = "stages\u00d7replicas",
                         .width = HALF,
                         .height = HEIGHT,
                         .most_y = 1,
                         .inside = true,
                         .left = HALF,
                         .top = top};
  return tfm_plot_bars(&plot, TFM_PLOT_STACKED, &table, out);
}

/* ---- one layout ---- */

/* Ranks of a layout, rank 0 among them. */
typedef struct {
  char text[1 + TFM__STUDY_ROWS][LABEL];
  const char *labels[1 + TFM__STUDY_ROWS];
  int n;
} rank_list;

static void list_ranks(const tfm_scale_layout *l, rank_list *list)
{
  const int workers = tfm_scale_layout_workers(l);
  list->n = 1 + (workers < TFM__STUDY_ROWS ? workers : TFM__STUDY_ROWS);
  (void)snprintf(list->text[0], LABEL, "rank 0");
  for (int rank = 1; rank < list->n; ++rank) {
    const int stage = (rank - 1) % l->stages + 1;
    const int line = (rank - 1) / l->stages + 1;
    if (l->stages == 1) {
      (void)snprintf(list->text[rank], LABEL, "rank %d, line %d", rank, line);
    } else if (l->replicas == 1) {
      (void)snprintf(list->text[rank], LABEL, "rank %d, stage %d", rank, stage);
    } else {
      (void)snprintf(list->text[rank], LABEL, "rank %d, line %d, stage %d", rank, line, stage);
    }
  }
  for (int rank = 0; rank < list->n; ++rank) {
    list->labels[rank] = list->text[rank];
  }
}

/* What each stage did with its time, as lying bars: of all runs that count. */
static int draw_stages(const tfm_scale_runs *r, const rank_list *list, int top, tfm_buf *out)
{
  double values[3][TFM__STUDY_ROWS];
  char name[NAME];
  char title[160];
  const int shown = list->n - 1;
  for (int i = 0; i < shown; ++i) {
    const double busy = fmin(r->stages[i].busy_s / r->total_s, 1);
    const double send = fmin(r->stages[i].send_s / r->total_s, 1 - busy);
    values[0][i] = busy;
    values[1][i] = send;
    values[2][i] = 1 - busy - send;
  }
  const tfm_plot_part parts[] = {{"computing", values[0], COMPUTING},
                                 {"sending", values[1], SENDING},
                                 {"waiting", values[2], TFM_PLOT_GREY}};
  const tfm_plot_table table = {list->labels + 1, shown, parts, 3};
  name_of(&r->layout, name, sizeof name);
  (void)snprintf(title, sizeof title, "Stages of %s%s: shares of the runs\u2019 time", name,
                 shown < tfm_scale_layout_workers(&r->layout) ? ", the first ones" : "");
  const tfm_plot plot = {
      .title = title, .width = WIDTH, .most_x = 1, .inside = true, .top = top};
  return tfm_plot_rows(&plot, &table, out);
}

static const char blank[] =
    "milliseconds (blank: none of these, as while another process has the core)";

/* What each rank did when, in the run that was recorded. */
static int draw_moment(const tfm__study_record *record, const tfm_scale_layout *layout,
                       const rank_list *list, int top, tfm_buf *out)
{
  const tfm_timeline *t = record->timeline;
  const tfm_plot_history history = {
      list->labels, list->n, tfm_timeline_kinds, TFM_TIMELINE_KINDS, 1u << TFM_TIMELINE_WAITING,
      t->spans,     t->n};
  char name[NAME];
  char title[200];
  char part[64] = "all micro-batches of";
  name_of(layout, name, sizeof name);
  if (!t->whole) {
    (void)snprintf(part, sizeof part, "%d micro-batches a stage from the middle of",
                   t->batches);
  }
  (void)snprintf(title, sizeof title,
                 "%s: %s a recorded run (%.1f ms; computing %.1f %%, sending %.1f %% of its "
                 "stages\u2019 time)",
                 name, part, record->run_s * 1e3, 100 * record->busy, 100 * record->send);
  const tfm_plot plot = {
      .title = title, .x = blank, .width = WIDTH, .inside = true, .top = top};
  return tfm_plot_spans(&plot, &history, out);
}

/* ---- the whole ---- */

static int draw_charts(const tfm__study *s, tfm_buf *out)
{
  series v = {.n = 0};
  int top = TFM_PLOT_HEADING;
  if (series_of(s, &v) != TFM_OK) {
    out->failed = true;
  } else {
    (void)draw_speedup(&v, top, out);
    top += draw_stacks(&v, top, out);
  }
  series_fini(&v);
  for (int i = 0; i < s->nrecord; ++i) {
    const tfm_scale_runs *r = &s->runs[s->records[i].layout];
    rank_list list;
    list_ranks(&r->layout, &list);
    top += draw_stages(r, &list, top, out);
    top += draw_moment(&s->records[i], &r->layout, &list, top, out);
  }
  return top;
}

tfm_status tfm__study_draw(const tfm__study *s, tfm_buf *out)
{
  const bool weak = s->options->scale_mode == TFM_SCALE_WEAK;
  char title[192];
  char lead[400];
  tfm_buf charts = {0};
  (void)snprintf(title, sizeof title, "%s scaling: %s, %s", weak ? "Weak" : "Strong", s->model,
                 s->dtype);
  (void)snprintf(lead, sizeof lead, "%lld rows%s, %lld runs of each layout, host %s",
                 (long long)s->rows, weak ? " a worker" : "",
                 (long long)s->options->repetitions, s->host);
  const int height = draw_charts(s, &charts);
  const tfm_plot sheet = {.title = title, .width = WIDTH, .height = height};
  tfm_plot_sheet(&sheet, lead, tfm_buf_view(&charts), out);
  out->failed = out->failed || charts.failed;
  tfm_buf_fini(&charts);
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
