/* Charts whose values go up: lines and bars. */
#include "coordinator/report/plot.h"

#include "coordinator/report/plot_private.h"

#include <math.h>
#include <stdio.h>

enum {
  POINTS_MOST = 60, /* of a line whose points are shown */
  PLACES_MOST = 256,
  WHISKER = 4,     /* pixels to each side */
  LABEL_MOST = 18, /* letters of a bar's label */
  SLANTED = 14     /* pixels a slanted label takes */
};

/* The field of a chart whose values go up: between the keys, the numbers and the names; foot:
 * pixels that labels take more than a line. */
static tfm__plot_field upright(const tfm_plot *plot, double top, int width, int height,
                               double most, double foot)
{
  tfm__plot_field f = {.top = top + (plot->y ? 28 : 10),
                       .right = width - TFM__PLOT_EDGE - 8,
                       .bottom = height - TFM__PLOT_EDGE - TFM__PLOT_TEXT -
                                 (plot->x ? TFM__PLOT_TEXT : 0) - foot};
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

static bool is_point(const tfm_plot_line *line, int i)
{
  return tfm__plot_is_number(line->x[i]) && tfm__plot_is_number(line->y[i]);
}

static void draw_path(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_line *line,
                      int series)
{
  bool drawn = false;
  (void)tfm_buf_str(out, "<path class=\"line ");
  (void)tfm_buf_printf(out, line->ideal ? "ideal\" d=\"" : "s%d\" d=\"",
                       tfm__plot_colour(series));
  for (int i = 0; i < line->n; ++i) {
    if (is_point(line, i)) {
      (void)tfm_buf_printf(out, "%c%.1f %.1f", drawn ? 'L' : 'M', tfm__plot_at_x(f, line->x[i]),
                           tfm__plot_at_y(f, line->y[i]));
      drawn = true;
    }
  }
  (void)tfm_buf_str(out, "\"/>\n");
}

/* How far a point is off. */
static void draw_whisker(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_line *line,
                         int i, int series)
{
  char class[32];
  const double x = tfm__plot_at_x(f, line->x[i]);
  const double up = tfm__plot_at_y(f, fmin(line->y[i] + line->spread[i], f->y1));
  const double down = tfm__plot_at_y(f, fmax(line->y[i] - line->spread[i], f->y0));
  (void)snprintf(class, sizeof class, "whisker s%d", tfm__plot_colour(series));
  tfm__plot_put_line(out, class, x, up, x, down);
  tfm__plot_put_line(out, class, x - WHISKER, up, x + WHISKER, up);
  tfm__plot_put_line(out, class, x - WHISKER, down, x + WHISKER, down);
}

static void draw_line(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_line *line,
                      int series)
{
  if (!line->loose) {
    draw_path(out, f, line, series);
  }
  for (int i = 0; i < line->n && line->n <= POINTS_MOST && !line->ideal; ++i) {
    if (!is_point(line, i)) {
      continue;
    }
    if (line->spread && tfm__plot_is_number(line->spread[i])) {
      draw_whisker(out, f, line, i, series);
    }
    (void)tfm_buf_printf(out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">",
                         tfm__plot_colour(series), tfm__plot_at_x(f, line->x[i]),
                         tfm__plot_at_y(f, line->y[i]));
    put_point_title(out, line->labels ? line->labels[i] : line->name, line->x[i], line->y[i]);
    (void)tfm_buf_str(out, "</circle>\n");
  }
}

/* ---- labels beside points ---- */

/* What is taken of the field. */
typedef struct {
  tfm__plot_box taken[PLACES_MOST];
  int n;
} places;

static void take(places *p, tfm__plot_box b)
{
  if (p->n < PLACES_MOST) {
    p->taken[p->n++] = b;
  }
}

static bool is_free(const places *p, const tfm__plot_field *f, tfm__plot_box b)
{
  bool free = p->n < PLACES_MOST && b.left >= f->left && b.left + b.wide <= f->right + 8 &&
              b.top >= f->top - 8 && b.top + b.high <= f->bottom;
  for (int i = 0; free && i < p->n; ++i) {
    const tfm__plot_box *t = &p->taken[i];
    free = b.left >= t->left + t->wide || t->left >= b.left + b.wide ||
           b.top >= t->top + t->high || t->top >= b.top + b.high;
  }
  return free;
}

/* Beside the point where there is room; where there is none, its title tells. */
static void put_label(tfm_buf *out, places *p, const tfm__plot_field *f, double x, double y,
                      const char *text)
{
  static const struct {
    double side, top; /* -1: ends left of the point, 0: above or below, 1: begins right of it */
  } spots[] = {{1, -6}, {-1, -6}, {1, -19}, {1, 7},   {-1, -19},
               {-1, 7}, {0, -19}, {0, 7},   {1, -32}, {-1, -32}};
  const double wide = tfm__plot_text_width(text);
  for (size_t i = 0; i < sizeof spots / sizeof spots[0]; ++i) {
    const double side = spots[i].side;
    const tfm__plot_box b = {x + 9 * side + (side - 1) / 2 * wide, y + spots[i].top, wide, 12};
    if (is_free(p, f, b)) {
      take(p, b);
      tfm__plot_words(out, b.left + wide / 2, b.top + 10, "middle", text, 40);
      return;
    }
  }
}

static void put_labels(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_line *lines,
                       int nline)
{
  places p = {.n = 0};
  for (int l = 0; l < nline; ++l) {
    for (int i = 0; i < lines[l].n && !lines[l].ideal; ++i) {
      if (is_point(&lines[l], i)) {
        take(&p, (tfm__plot_box){tfm__plot_at_x(f, lines[l].x[i]) - 5,
                                 tfm__plot_at_y(f, lines[l].y[i]) - 5, 10, 10});
      }
    }
  }
  for (int l = 0; l < nline; ++l) {
    for (int i = 0; lines[l].labels && i < lines[l].n; ++i) {
      if (is_point(&lines[l], i)) {
        put_label(out, &p, f, tfm__plot_at_x(f, lines[l].x[i]),
                  tfm__plot_at_y(f, lines[l].y[i]), lines[l].labels[i]);
      }
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
      if (is_point(&lines[l], i)) {
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

int tfm_plot_lines(const tfm_plot *plot, const tfm_plot_line *lines, int nline, tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  const int height = plot->height ? plot->height : TFM__PLOT_HEIGHT;
  double x0 = 0;
  double x1 = 1;
  const double most = span_lines(lines, nline, &x0, &x1);
  tfm__plot_begin(plot, width, height, out);
  const double top = put_line_keys(out, lines, nline, tfm__plot_title_end(plot), width);
  tfm__plot_field f = upright(plot, top, width, height, most, 0);
  x1 = fmax(x1, tfm__plot_number_or_0(plot->most_x));
  f.x0 = fmin(x0, tfm__plot_number_or_0(plot->least_x));
  f.x1 = x1 - f.x0 > TFM__PLOT_LEAST ? x1 : f.x0 + fmax(1, fabs(f.x0));
  tfm__plot_y_axis(out, &f, step_up(&f));
  double step = tfm_plot_step(f.x1 - f.x0, 8);
  step = plot->whole_x ? fmax(step, 1) : step;
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
  put_labels(out, &f, lines, nline);
  tfm__plot_end(plot, out);
  return height;
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
  const int own = t->parts[part].colour;
  return own == TFM_PLOT_GREY ? 0 : own ? own : tfm__plot_colour(part);
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

/* Labels below a chart's bars, the wide ones slanted. */
typedef struct {
  double slot; /* pixels a bar has */
  bool slanted;
  double foot; /* pixels they take more than a line */
} bar_labels;

static bar_labels fit_labels(const tfm_plot_table *t, int width)
{
  double widest = 0;
  for (int b = 0; b < t->nbar; ++b) {
    widest = fmax(widest, tfm__plot_text_width(t->labels[b]));
  }
  bar_labels l = {.slot = (width - 4.0 * TFM__PLOT_EDGE) / (t->nbar > 0 ? t->nbar : 1)};
  widest = fmin(widest, LABEL_MOST * TFM__PLOT_LETTER * 0.5);
  l.slanted = widest > l.slot - 4;
  l.foot = l.slanted ? widest * 0.7 : 0;
  return l;
}

static void put_bar_labels(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_table *t,
                           const bar_labels *l)
{
  const double slot = (f->right - f->left) / (t->nbar > 0 ? t->nbar : 1);
  const int every = l->slanted ? (int)ceil(SLANTED / slot) : 1;
  for (int b = 0; b < t->nbar; b += every) {
    const double x = f->left + slot * (b + 0.5);
    const double y = f->bottom + TFM__PLOT_TEXT;
    if (l->slanted) {
      (void)tfm_buf_printf(out, "<g transform=\"rotate(-45 %.1f %.1f)\">", x + 4, y - 4);
      tfm__plot_words(out, x + 4, y - 4, "end", t->labels[b], LABEL_MOST);
      (void)tfm_buf_str(out, "</g>\n");
    } else {
      tfm__plot_words(out, x, y, "middle", t->labels[b], LABEL_MOST);
    }
  }
}

int tfm_plot_bars(const tfm_plot *plot, tfm_plot_pile pile, const tfm_plot_table *table,
                  tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  const int height = plot->height ? plot->height : TFM__PLOT_HEIGHT;
  const bar_labels labels = fit_labels(table, width);
  tfm__plot_begin(plot, width, height, out);
  const double top = tfm__plot_part_keys(out, table, tfm__plot_title_end(plot), width);
  const tfm__plot_field f =
      upright(plot, top, width, height, tfm__plot_tallest(table, pile), labels.foot);
  tfm__plot_y_axis(out, &f, step_up(&f));
  tfm__plot_field names = f; /* below the labels */
  names.bottom += labels.foot;
  tfm__plot_axis_names(plot, &names, out);
  for (int b = 0; b < table->nbar; ++b) {
    draw_upright(out, &f, table, b, pile);
  }
  put_bar_labels(out, &f, table, &labels);
  tfm__plot_end(plot, out);
  return height;
}
