#include "coordinator/report/report.h"

#include "coordinator/report/page.h"
#include "coordinator/report/run.h"
#include "coordinator/report/timeline.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 64, MOMENTS = 1024, CHART_WIDTH = 560, WIDE = 1120 };

/* The runs a page is about. */
typedef struct {
  tfm_run runs[TFM_REPORT_RUNS];
  int n;
  tfm_buf *out;
} report;

/* ---- figures ---------------------------------------------------------------------------- */

/* How a figure is told, and which way is good: 1 up, -1 down, 0 neither. */
typedef struct {
  const char *name, *object, *key;
  double times;
  int better;
} figure;

static void put_delta(const report *r, double first, double value, int better)
{
  const double change = 100 * (value / first - 1);
  if (!isfinite(change) || fabs(first) <= 0) {
    return;
  }
  if (fabs(change) < 0.05) {
    return;
  }
  const bool good = better > 0 ? change > 0 : change < 0;
  (void)tfm_buf_printf(r->out, "<em class=\"%s\">%+.1f %%</em>",
                       better == 0 ? "same"
                       : good      ? "good"
                                   : "bad",
                       change);
}

static void put_tile(const report *r, const figure *f)
{
  (void)tfm_buf_printf(r->out, "<div class=\"tile\"><div class=\"k\">%s</div>", f->name);
  const double first = tfm_run_number(&r->runs[0], f->object, f->key) * f->times;
  for (int i = 0; i < r->n; ++i) {
    const double value = tfm_run_number(&r->runs[i], f->object, f->key) * f->times;
    (void)tfm_buf_str(r->out, "<div class=\"v\">");
    if (r->n > 1) {
      (void)tfm_buf_printf(r->out, "<i style=\"background:var(--c%d)\"></i>",
                           i % TFM_PLOT_COLOURS + 1);
    }
    tfm_plot_number(r->out, value);
    if (i > 0) {
      put_delta(r, first, value, f->better);
    }
    (void)tfm_buf_str(r->out, "</div>");
  }
  (void)tfm_buf_str(r->out, "</div>\n");
}

static void put_tiles(const report *r)
{
  static const figure figures[] = {
      {"Rows a second", "", "rows_per_s", 1, 1},
      {"Tokens a second", "", "tokens_per_s", 1, 1},
      {"Seconds of the run", "seconds", "run", 1, -1},
      {"Parallel efficiency, %", "pop", "parallel_efficiency", 100, 1},
      {"Rows", "", "rows_out", 1, 0},
      {"Row errors", "", "row_errors", 1, -1},
      {"Seconds to load", "seconds", "load", 1, -1},
      {"Rows a second, predicted", "", "predicted_rows_per_s", 1, 0},
  };
  (void)tfm_buf_str(r->out, "<div class=\"tiles\">\n");
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; ++i) {
    put_tile(r, &figures[i]);
  }
  (void)tfm_buf_str(r->out, "</div>\n");
}

/* ---- pictures --------------------------------------------------------------------------- */

/* Tokens a second between the moments of a run; returns how many. x, y [MOMENTS] out. (Rows come in
 * bursts: the first of a window waits for its longest.) */
static int rates_of(const tfm_run *run, double *x, double *y)
{
  int n = 0;
  double last_s = 0;
  double last_tokens = 0;
  const tfm_json_node *at = tfm_json_first(tfm_json_get(run->root, "history"));
  for (; at && n < MOMENTS; at = tfm_json_next(at)) {
    double seconds = 0;
    double tokens = 0;
    const tfm_json_node *cell = tfm_json_first(at);
    const tfm_json_node *third = tfm_json_next(tfm_json_next(cell));
    if (!tfm_json_number(cell, &seconds) || !tfm_json_number(third, &tokens)) {
      continue;
    }
    if (seconds - last_s > 1e-3) {
      x[n] = seconds;
      y[n++] = (tokens - last_tokens) / (seconds - last_s);
      last_s = seconds;
      last_tokens = tokens;
    }
  }
  return n;
}

static tfm_status put_throughput(const report *r, tfm_err *err)
{
  tfm_plot_line lines[TFM_REPORT_RUNS];
  double *numbers = tfm_calloc((size_t)r->n * 2 * MOMENTS, sizeof *numbers);
  if (!numbers) {
    return tfm_fail(err, TFM_E_NOMEM, "the report");
  }
  for (int i = 0; i < r->n; ++i) {
    double *x = numbers + (ptrdiff_t)2 * MOMENTS * i;
    const int n = rates_of(&r->runs[i], x, x + MOMENTS);
    lines[i] = (tfm_plot_line){.name = r->runs[i].name, .x = x, .y = x + MOMENTS, .n = n};
  }
  tfm_page_card_begin(r->out);
  const tfm_plot plot = {.title = "Tokens sent to the first stages",
                         .x = "seconds since the first row",
                         .y = "tokens/s",
                         .width = CHART_WIDTH,
                         .height = 320,
                         .bare = true};
  tfm_plot_lines(&plot, lines, r->n, r->out);
  tfm_page_card_end(r->out);
  tfm_free(numbers);
  return TFM_OK;
}

static void put_efficiency(const report *r)
{
  static const char *const labels[] = {"parallel", "load balance", "communication"};
  static const char *const keys[] = {"parallel_efficiency", "load_balance",
                                     "communication_efficiency"};
  double values[TFM_REPORT_RUNS][3];
  tfm_plot_part parts[TFM_REPORT_RUNS];
  for (int i = 0; i < r->n; ++i) {
    for (int k = 0; k < 3; ++k) {
      values[i][k] = 100 * tfm_run_number(&r->runs[i], "pop", keys[k]);
    }
    parts[i] = (tfm_plot_part){.name = r->runs[i].name, .values = values[i]};
  }
  const tfm_plot_table table = {labels, 3, parts, r->n};
  const tfm_plot plot = {.title = "Efficiency (parallel = load balance x communication)",
                         .y = "%",
                         .width = CHART_WIDTH,
                         .height = 320,
                         .most_y = 100,
                         .bare = true};
  tfm_page_card_begin(r->out);
  tfm_plot_bars(&plot, TFM_PLOT_BESIDE, &table, r->out);
  tfm_page_card_end(r->out);
}

/* Ranks of a run with labels, "rank 1, 0-2a"; nodes and labels [TFM_RUN_RANKS] out. */
typedef struct {
  const tfm_json_node *nodes[TFM_RUN_RANKS];
  char text[TFM_RUN_RANKS][LABEL];
  const char *labels[TFM_RUN_RANKS];
  int n;
} rank_list;

static void list_ranks(const tfm_run *run, rank_list *list)
{
  list->n = tfm_run_ranks(run, list->nodes);
  for (int i = 0; i < list->n; ++i) {
    const char *slice = tfm_run_text_of(list->nodes[i], "slice");
    (void)snprintf(list->text[i], LABEL, "rank %.0f%s%.32s%s",
                   tfm_run_number_of(list->nodes[i], "rank"), *slice ? ", layers " : "", slice,
                   i == 0 ? ", coordinator" : "");
    list->labels[i] = list->text[i];
  }
}

/* Workers as lying bars: computing, sending, waiting, in seconds. */
static void put_times(const report *r, int run)
{
  static const char *const keys[] = {"busy_s", "send_s", "wait_s"};
  rank_list list;
  double values[3][TFM_RUN_RANKS];
  char title[LABEL + 32];
  list_ranks(&r->runs[run], &list);
  for (int k = 0; k < 3; ++k) {
    for (int i = 1; i < list.n; ++i) {
      values[k][i - 1] = tfm_run_number_of(list.nodes[i], keys[k]);
    }
  }
  const tfm_plot_part parts[] = {{"computing", values[0], 0},
                                 {"sending", values[1], TFM_TIMELINE_SENDING + 1},
                                 {"waiting", values[2], TFM_PLOT_GREY}};
  const tfm_plot_table table = {list.labels + 1, list.n > 1 ? list.n - 1 : 0, parts, 3};
  (void)snprintf(title, sizeof title, "Where the time went%s%.48s", r->n > 1 ? ": " : "",
                 r->n > 1 ? r->runs[run].name : "");
  const tfm_plot plot = {.title = title, .x = "seconds", .width = CHART_WIDTH, .bare = true};
  tfm_page_card_begin(r->out);
  tfm_plot_rows(&plot, &table, r->out);
  tfm_page_card_end(r->out);
}

static void put_memory(const report *r, int run)
{
  rank_list list;
  double values[2][TFM_RUN_RANKS];
  char title[LABEL + 32];
  char short_text[TFM_RUN_RANKS][LABEL];
  const char *labels[TFM_RUN_RANKS];
  list_ranks(&r->runs[run], &list);
  for (int i = 0; i < list.n; ++i) {
    values[0][i] = tfm_run_number_of(list.nodes[i], "peak_rss_bytes") / 1e6;
    values[1][i] = tfm_run_number_of(list.nodes[i], "predicted_rss_bytes") / 1e6;
    (void)snprintf(short_text[i], LABEL, "%d", i);
    labels[i] = short_text[i];
  }
  const tfm_plot_part parts[] = {{"at the peak", values[0], 0},
                                 {"predicted", values[1], TFM_PLOT_GREY}};
  const tfm_plot_table table = {labels, list.n, parts, 2};
  (void)snprintf(title, sizeof title, "Memory of each rank%s%.48s", r->n > 1 ? ": " : "",
                 r->n > 1 ? r->runs[run].name : "");
  const tfm_plot plot = {
      .title = title, .y = "MB", .width = CHART_WIDTH, .height = 300, .bare = true};
  tfm_page_card_begin(r->out);
  tfm_plot_bars(&plot, TFM_PLOT_BESIDE, &table, r->out);
  tfm_page_card_end(r->out);
}

static tfm_status put_timeline(const report *r, int run, tfm_err *err)
{
  tfm_status st = TFM_OK;
  rank_list list;
  char title[LABEL + 48];
  tfm_timeline *timeline = tfm_calloc(1, sizeof *timeline);
  char *path = tfm_path_join(r->runs[run].dir, "trace.json");
  if (!timeline || !path) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the report"));
  }
  list_ranks(&r->runs[run], &list);
  TFM_TRY(tfm_timeline_read(timeline, path, list.n, err));
  if (timeline->n > 0) {
    const tfm_plot_history history = {list.labels,
                                      list.n,
                                      tfm_timeline_kinds,
                                      TFM_TIMELINE_KINDS,
                                      1u << TFM_TIMELINE_WAITING,
                                      timeline->spans,
                                      timeline->n};
    (void)snprintf(title, sizeof title, "A moment of %.48s, micro-batch by micro-batch",
                   r->n > 1 ? r->runs[run].name : "the run");
    const tfm_plot plot = {.title = title, .x = "milliseconds", .width = WIDE, .bare = true};
    tfm_page_card_begin(r->out);
    tfm_plot_spans(&plot, &history, r->out);
    tfm_page_card_end(r->out);
  }

fail:
  tfm_free(path);
  tfm_free(timeline);
  return st;
}

/* ---- tables ----------------------------------------------------------------------------- */

/* A text of each run in one row, marked where they differ. */
static void put_setting(const report *r, const char *name, const char *const *texts)
{
  bool differs = false;
  for (int i = 1; i < r->n; ++i) {
    differs = differs || strcmp(texts[i], texts[0]) != 0;
  }
  (void)tfm_buf_str(r->out, differs ? "<tr class=\"differs\">" : "<tr>");
  tfm_page_cell(r->out, name, false);
  for (int i = 0; i < r->n; ++i) {
    tfm_page_cell(r->out, texts[i], false);
  }
  (void)tfm_buf_str(r->out, "</tr>\n");
}

static void describe_layout(const tfm_run *run, tfm_buf *text)
{
  const tfm_json_node *layout = tfm_json_get(run->summary, "layout");
  (void)tfm_buf_printf(text, "%.0f ranks; stages %.0f, replicas %.0f, threads %.0f (",
                       tfm_run_number_of(layout, "ranks"), tfm_run_number_of(layout, "stages"),
                       tfm_run_number_of(layout, "replicas"),
                       tfm_run_number_of(layout, "threads"));
  const tfm_json_node *at = tfm_json_first(tfm_json_get(layout, "slices"));
  for (int i = 0; at; at = tfm_json_next(at), ++i) {
    (void)tfm_buf_printf(text, "%s%s", i ? ", " : "layers ",
                         tfm_json_text(at) ? tfm_json_text(at) : "");
  }
  (void)tfm_buf_char(text, ')');
}

static void describe_list(const tfm_json_node *list, tfm_buf *text)
{
  const tfm_json_node *at = tfm_json_first(list);
  for (int i = 0; at; at = tfm_json_next(at), ++i) {
    (void)tfm_buf_printf(text, "%s%s", i ? " " : "",
                         tfm_json_text(at) ? tfm_json_text(at) : "");
  }
}

/* What is told of each run: by the summary's object and key, or by a text of its own. */
static void put_settings(const report *r)
{
  static const struct {
    const char *name, *object, *key;
  } rows[] = {{"Family", "model", "family"},    {"Task", "model", "task"},
              {"Weights", "model", "digest"},   {"Dtype", "model", "dtype"},
              {"Backend", "", "backend"},       {"Instruction set", "", "isa"},
              {"numeric_id", "", "numeric_id"}, {"Output, SHA-256", "", "output_sha256"}};
  const char *texts[TFM_REPORT_RUNS];
  tfm_buf own[TFM_REPORT_RUNS] = {0};
  tfm_buf words[TFM_REPORT_RUNS] = {0};
  (void)tfm_buf_str(r->out, "<div class=\"cards\"><div class=\"card\"><table>\n<tr><th></th>");
  for (int i = 0; i < r->n; ++i) {
    (void)tfm_buf_str(r->out, "<th>");
    tfm_plot_text(r->out, r->runs[i].name);
    (void)tfm_buf_str(r->out, "</th>");
    describe_layout(&r->runs[i], &own[i]);
    describe_list(tfm_json_get(r->runs[i].root, "command"), &words[i]);
  }
  (void)tfm_buf_str(r->out, "</tr>\n");
  for (int i = 0; i < r->n; ++i) {
    texts[i] = tfm_buf_cstr(&own[i]);
  }
  put_setting(r, "Layout", texts);
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; ++k) {
    for (int i = 0; i < r->n; ++i) {
      texts[i] = tfm_run_text(&r->runs[i], rows[k].object, rows[k].key);
    }
    put_setting(r, rows[k].name, texts);
  }
  for (int i = 0; i < r->n; ++i) {
    texts[i] = tfm_buf_cstr(&words[i]);
  }
  put_setting(r, "Command", texts);
  (void)tfm_buf_str(r->out, "</table></div></div>\n");
  for (int i = 0; i < r->n; ++i) {
    tfm_buf_fini(&own[i]);
    tfm_buf_fini(&words[i]);
  }
}

static void put_share(tfm_buf *out, double part, double whole)
{
  char text[32] = "";
  if (isfinite(part) && whole > 0) {
    (void)snprintf(text, sizeof text, "%.1f %%", 100 * part / whole);
  }
  tfm_page_cell(out, text, true);
}

static void put_rank(const tfm_json_node *rank, double run_s, tfm_buf *out)
{
  char text[64];
  const double node = tfm_run_number_of(rank, "numa");
  const double busy = tfm_run_number_of(rank, "busy_s");
  const double sending = tfm_run_number_of(rank, "send_s");
  const double waiting = tfm_run_number_of(rank, "wait_s");
  const double whole = fmax(run_s, busy + sending + waiting);
  (void)snprintf(text, sizeof text, "%.0f", tfm_run_number_of(rank, "rank"));
  (void)tfm_buf_str(out, "<tr>");
  tfm_page_cell(out, text, true);
  tfm_page_cell(out, tfm_run_text_of(rank, "host"), false);
  tfm_page_cell(out, tfm_run_text_of(rank, "cpuset"), false);
  text[0] = '\0';
  if (isfinite(node)) {
    (void)snprintf(text, sizeof text, "%.0f", node);
  }
  tfm_page_cell(out, text, true);
  tfm_page_cell(out, tfm_run_text_of(rank, "slice"), false);
  put_share(out, busy, whole);
  put_share(out, sending, whole);
  put_share(out, waiting, whole);
  put_share(out, tfm_run_number_of(rank, "share_of_peak"), 1);
  put_share(out, tfm_run_number_of(rank, "local_pages_share"), 1);
  (void)snprintf(text, sizeof text, "%.1f MB", tfm_run_number_of(rank, "peak_rss_bytes") / 1e6);
  tfm_page_cell(out, text, true);
  (void)tfm_buf_str(out, "</tr>\n");
}

static void put_ranks(const report *r, int run)
{
  rank_list list;
  list_ranks(&r->runs[run], &list);
  const double run_s = tfm_run_number(&r->runs[run], "seconds", "run");
  (void)tfm_buf_str(r->out,
                    "<div class=\"cards\"><div class=\"card\"><table>\n<tr>"
                    "<th class=\"number\">Rank</th><th>Host</th><th>Cores</th>"
                    "<th class=\"number\">NUMA node</th><th>Layers</th>"
                    "<th class=\"number\">Computing</th><th class=\"number\">Sending</th>"
                    "<th class=\"number\">Waiting</th><th class=\"number\">Of the peak</th>"
                    "<th class=\"number\">Local pages</th><th class=\"number\">Memory</th>"
                    "</tr>\n");
  for (int i = 0; i < list.n; ++i) {
    put_rank(list.nodes[i], run_s, r->out);
  }
  (void)tfm_buf_str(r->out, "</table></div></div>\n");
  const int all = tfm_json_count(tfm_json_get(r->runs[run].summary, "ranks"));
  if (all > list.n) {
    char text[80];
    (void)snprintf(text, sizeof text, "The first %d of %d ranks are shown, here and above.",
                   list.n, all);
    tfm_page_note(r->out, text);
  }
}

/* ---- the page --------------------------------------------------------------------------- */

static void put_notes(const report *r)
{
  for (int i = 0; i < r->n; ++i) {
    const char *advice = tfm_run_text(&r->runs[i], "", "advice");
    const char *state = tfm_run_text_of(r->runs[i].root, "state");
    tfm_buf text = {0};
    if (strcmp(state, "complete") != 0) {
      (void)tfm_buf_printf(&text, "%s is not complete: it was %s when this was written.",
                           r->runs[i].name, state);
      tfm_page_note(r->out, tfm_buf_cstr(&text));
      tfm_buf_clear(&text);
    }
    if (*advice) {
      (void)tfm_buf_printf(&text, "%s%sAdvice: %s.", r->n > 1 ? r->runs[i].name : "",
                           r->n > 1 ? ". " : "", advice);
      tfm_page_note(r->out, tfm_buf_cstr(&text));
    }
    tfm_buf_fini(&text);
  }
  if (r->n == 2) {
    const char *a = tfm_run_text(&r->runs[0], "", "output_sha256");
    const char *b = tfm_run_text(&r->runs[1], "", "output_sha256");
    if (*a && *b) {
      tfm_page_note(r->out, strcmp(a, b) == 0
                                ? "Both outputs have the same bytes."
                                : "The outputs differ: other rows, options, model "
                                  "or numeric_id (below).");
    }
  }
}

static tfm_status put_page(const report *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf title = {0};
  tfm_buf lead = {0};
  for (int i = 0; i < r->n; ++i) {
    (void)tfm_buf_printf(&title, "%s%s",
                         i == 0   ? ""
                         : i == 1 ? " against "
                                  : ", ",
                         r->runs[r->n > 1 ? r->n - 1 - i : 0].name);
  }
  (void)tfm_buf_printf(
      &lead, "%s, %s, %s, on %.0f ranks", tfm_run_text(&r->runs[0], "model", "family"),
      tfm_run_text(&r->runs[0], "model", "task"), tfm_run_text(&r->runs[0], "model", "dtype"),
      tfm_run_number(&r->runs[0], "layout", "ranks"));
  tfm_page_begin(r->out, tfm_buf_cstr(&title), r->runs[0].summary ? tfm_buf_cstr(&lead) : NULL);
  put_tiles(r);
  put_notes(r);
  tfm_page_heading(r->out, "The run",
                   "How fast rows came, and what the ranks did meanwhile. Grey is "
                   "time in which a rank had nothing to do.");
  tfm_page_cards_begin(r->out);
  TFM_TRY(put_throughput(r, err));
  put_efficiency(r);
  for (int i = 0; i < r->n; ++i) {
    put_times(r, i);
  }
  for (int i = 0; i < r->n; ++i) {
    put_memory(r, i);
  }
  tfm_page_cards_end(r->out);
  for (int i = 0; i < r->n; ++i) {
    tfm_page_cards_begin(r->out);
    TFM_TRY(put_timeline(r, i, err));
    tfm_page_cards_end(r->out);
  }
  tfm_page_heading(r->out, "Set-up", r->n > 1 ? "What differs is marked." : NULL);
  put_settings(r);
  for (int i = 0; i < r->n; ++i) {
    tfm_page_heading(r->out, r->n > 1 ? r->runs[i].name : "Ranks",
                     "Shares are of the run, and of what the core can do at most.");
    put_ranks(r, i);
  }
  tfm_page_end(r->out);

fail:
  tfm_buf_fini(&title);
  tfm_buf_fini(&lead);
  return st;
}

tfm_status tfm_report_run(const tfm_options *options, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  report r = {.out = out};
  if (options->ninput < 1 || options->ninput > TFM_REPORT_RUNS) {
    return tfm_fail(err, TFM_E_USAGE, "report: want 1 to %d folders that --outdir made, got %d",
                    TFM_REPORT_RUNS, options->ninput);
  }
  for (; r.n < options->ninput; ++r.n) {
    TFM_TRY(tfm_run_open(&r.runs[r.n], options->inputs[r.n], err));
  }
  TFM_TRY(put_page(&r, err));
  if (out->failed) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the report"));
  }
  if (options->output && strcmp(options->output, "-") != 0) {
    st = tfm_whole_file_write(options->output, tfm_buf_view(out), err);
    tfm_buf_clear(out);
    TFM_TRY(st == TFM_OK ? st : tfm_err_prefix(err, "report"));
  }

fail:
  for (int i = 0; i < TFM_REPORT_RUNS; ++i) {
    tfm_run_close(&r.runs[i]);
  }
  return st;
}
