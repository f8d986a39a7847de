/* Charts whose values go up: lines and bars. */
#include "coordinator/report/plot.h"

#include "coordinator/report/plot_private.h"

#include <math.h>

enum { POINTS_MOST = 60 /* of a line whose points are shown */ };

/* The field of a chart whose values go up: between the keys, the numbers and the names. */
static tfm__plot_field upright(const tfm_plot *plot, double top, int width, int height,
                               double most)
{
  tfm__plot_field f = {.top = top + (plot->y ? 28 : 10),
                       .right = width - TFM__PLOT_EDGE - 8,
                       .bottom = height - TFM__PLOT_EDGE - TFM__PLOT_TEXT -
                                 (plot->x ? TFM__PLOT_TEXT : 0)};
  most = fmax(most, tfm__plot_number_or_0(plot->most_y));
  most = most > TFM__PLOT_LEAST ? most : 1;
  const double step = tfm_plot_step(most, 6);
  f.y1 = ceil(most / step - 1e-6) * step;
  tfm_buf number = {0};
  tfm__plot_value(&number, f.y1 - (f.y1 > 1.5 * step ? step : 0), step);
  f.left = TFM__PLOT_EDGE + 10 + fmax(24, tfm__plot_text_width(tfm_buf_cstr(&number)));
  f.left = fmin(f.left, width / 3.0);
  tfm_buf_fini(&number);
  return f;
}

static double step_up(const tfm__plot_field *f)
{
  return tfm_plot_step(f->y1, 6);
}

/* ---- lines -------------------------------------------------------------------------------- */

/* Put what a shape is told to be. */
static void put_point_title(tfm_buf *out, const char *name, double x, double y)
{
  (void)tfm_buf_str(out, "<title>");
  tfm_plot_text(out, name);
  (void)tfm_buf_str(out, ", ");
  tfm_plot_number(out, x);
  (void)tfm_buf_str(out, ": ");
  tfm_plot_number(out, y);
  (void)tfm_buf_str(out, "</title>");
}

static void draw_line(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_line *line,
                      int series)
{
  bool drawn = false;
  (void)tfm_buf_str(out, "<path class=\"line ");
  (void)tfm_buf_printf(out, line->ideal ? "ideal\" d=\"" : "s%d\" d=\"",
                       tfm__plot_colour(series));
  for (int i = 0; i < line->n; ++i) {
    if (tfm__plot_is_number(line->x[i]) && tfm__plot_is_number(line->y[i])) {
      (void)tfm_buf_printf(out, "%c%.1f %.1f", drawn ? 'L' : 'M', tfm__plot_at_x(f, line->x[i]),
                           tfm__plot_at_y(f, line->y[i]));
      drawn = true;
    }
  }
  (void)tfm_buf_str(out, "\"/>\n");
  for (int i = 0; i < line->n && line->n <= POINTS_MOST && !line->ideal; ++i) {
    if (tfm__plot_is_number(line->x[i]) && tfm__plot_is_number(line->y[i])) {
      (void)tfm_buf_printf(out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">",
                           tfm__plot_colour(series), tfm__plot_at_x(f, line->x[i]),
                           tfm__plot_at_y(f, line->y[i]));
      put_point_title(out, line->name, line->x[i], line->y[i]);
      (void)tfm_buf_str(out, "</circle>\n");
    }
  }
}

/* From the least to the largest x, and the largest y, of points that are finite. */
static double span_lines(const tfm_plot_line *lines, int nline, double *x0, double *x1)
{
  double most = 0;
  bool any = false;
  for (int l = 0; l < nline; ++l) {
    for (int i = 0; i < lines[l].n; ++i) {
      const double x = lines[l].x[i];
      if (tfm__plot_is_number(x) && tfm__plot_is_number(lines[l].y[i])) {
        *x0 = any ? fmin(*x0, x) : x;
        *x1 = any ? fmax(*x1, x) : x;
        most = fmax(most, lines[l].y[i]);
        any = true;
      }
    }
  }
  *x0 = any ? *x0 : 0;
  *x1 = any ? *x1 : 1;
  return most;
}

static double put_line_keys(tfm_buf *out, const tfm_plot_line *lines, int nline, double top,
                            int width)
{
  tfm__plot_key keys[TFM__PLOT_KEYS];
  int nkey = 0;
  int series = 0;
  for (int l = 0; l < nline && nkey < TFM__PLOT_KEYS; ++l) {
    keys[nkey++] = (tfm__plot_key){lines[l].name, tfm__plot_colour(series), lines[l].ideal};
    series += !lines[l].ideal;
  }
  return tfm__plot_keys(out, keys, nkey, top, width);
}

void tfm_plot_lines(const tfm_plot *plot, const tfm_plot_line *lines, int nline, tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  const int height = plot->height ? plot->height : TFM__PLOT_HEIGHT;
  double x0 = 0;
  double x1 = 1;
  const double most = span_lines(lines, nline, &x0, &x1);
  tfm__plot_begin(plot, width, height, out);
  const double top = put_line_keys(out, lines, nline, tfm__plot_title_end(plot), width);
  tfm__plot_field f = upright(plot, top, width, height, most);
  f.x0 = fmin(x0, tfm__plot_number_or_0(plot->least_x));
  f.x1 = x1 - f.x0 > TFM__PLOT_LEAST ? x1 : f.x0 + fmax(1, fabs(f.x0));
  tfm__plot_y_axis(out, &f, step_up(&f));
  double step = tfm_plot_step(f.x1 - f.x0, 8);
  tfm__plot_x_axis(out, &f, step, false);
  tfm__plot_axis_names(plot, &f, out);
  int series = 0;
  for (int ideal = 1; ideal >= 0; --ideal) { /* what is compared with lies below */
    for (int l = 0; l < nline; ++l) {
      if (lines[l].ideal == (ideal == 1)) {
        draw_line(out, &f, &lines[l], series);
        series += !lines[l].ideal;
      }
    }
  }
  tfm__plot_end(out);
}
/* ---- bars --------------------------------------------------------------------------------- */

double tfm__plot_part_value(const tfm_plot_part *part, int bar)
{
  const double v = part->values[bar];
  return tfm__plot_is_number(v) && v > 0 ? v : 0;
}

/* The largest value, or sum of a bar's values. */
double tfm__plot_tallest(const tfm_plot_table *t, tfm_plot_pile pile)
{
  double most = 0;
  for (int b = 0; b < t->nbar; ++b) {
    double sum = 0;
    for (int p = 0; p < t->npart; ++p) {
      const double v = tfm__plot_part_value(&t->parts[p], b);
      sum += v;
      most = fmax(most, pile == TFM_PLOT_STACKED ? sum : v);
    }
  }
  return most;
}

static int colour_of(const tfm_plot_table *t, int part)
{
  return t->parts[part].idle ? 0 : tfm__plot_colour(part);
}

double tfm__plot_part_keys(tfm_buf *out, const tfm_plot_table *t, double top, int width)
{
  tfm__plot_key keys[TFM__PLOT_KEYS];
  int nkey = 0;
  for (int p = 0; p < t->npart && nkey < TFM__PLOT_KEYS; ++p) {
    keys[nkey++] = (tfm__plot_key){t->parts[p].name, colour_of(t, p), false};
  }
  return tfm__plot_keys(out, keys, nkey, top, width);
}

/* A bar's piece with its title: "label, part: value". */
void tfm__plot_piece(tfm_buf *out, const tfm_plot_table *t, int bar, int part, tfm__plot_box b)
{
  if (b.wide <= 0 || b.high <= 0) {
    return;
  }
  (void)tfm_buf_printf(out,
                       "<rect class=\"bar f%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                       "height=\"%.1f\" rx=\"2\"><title>",
                       colour_of(t, part), b.left, b.top, b.wide, b.high);
  tfm_plot_text(out, t->labels[bar]);
  (void)tfm_buf_str(out, ", ");
  tfm_plot_text(out, t->parts[part].name);
  (void)tfm_buf_str(out, ": ");
  tfm_plot_number(out, tfm__plot_part_value(&t->parts[part], bar));
  (void)tfm_buf_str(out, "</title></rect>\n");
}

/* All parts of one bar; each has slot pixels. */
static void draw_upright(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_table *t,
                         int bar, tfm_plot_pile pile)
{
  const bool stacked = pile == TFM_PLOT_STACKED;
  const double slot = (f->right - f->left) / t->nbar;
  const double wide = fmin(slot * 0.72, stacked ? 56 : 40.0 * t->npart);
  const double left = f->left + slot * bar + (slot - wide) / 2;
  const double each = stacked ? wide : wide / t->npart;
  double base = 0;
  for (int p = 0; p < t->npart; ++p) {
    const double v = tfm__plot_part_value(&t->parts[p], bar);
    const double top = tfm__plot_at_y(f, base + v);
    tfm__plot_piece(out, t, bar, p,
                    (tfm__plot_box){left + (stacked ? 0 : each * p), top, each,
                                    tfm__plot_at_y(f, base) - top});
    base += stacked ? v : 0;
  }
}

/* Below each bar, or each of some, as much of its label as fits. */
static void put_bar_labels(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_table *t)
{
  const double slot = (f->right - f->left) / (t->nbar > 0 ? t->nbar : 1);
  const int fit = (int)(slot / (TFM__PLOT_LETTER * 0.5)) - 1;
  const int every = fit < 2 ? (int)ceil(4 * TFM__PLOT_LETTER * 0.5 / slot) : 1;
  for (int b = 0; b < t->nbar; b += every) {
    tfm__plot_words(out, f->left + slot * (b + 0.5), f->bottom + TFM__PLOT_TEXT, "middle",
                    t->labels[b], fit < 2 ? 3 : fit);
  }
}

void tfm_plot_bars(const tfm_plot *plot, tfm_plot_pile pile, const tfm_plot_table *table,
                   tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  const int height = plot->height ? plot->height : TFM__PLOT_HEIGHT;
  tfm__plot_begin(plot, width, height, out);
  const double top = tfm__plot_part_keys(out, table, tfm__plot_title_end(plot), width);
  const tfm__plot_field f = upright(plot, top, width, height, tfm__plot_tallest(table, pile));
  tfm__plot_y_axis(out, &f, step_up(&f));
  tfm__plot_axis_names(plot, &f, out);
  for (int b = 0; b < table->nbar; ++b) {
    draw_upright(out, &f, table, b, pile);
  }
  put_bar_labels(out, &f, table);
  tfm__plot_end(out);
}
