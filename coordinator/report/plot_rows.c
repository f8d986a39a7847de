/* Charts whose values go right: lying bars, and what happened when. */
#include "coordinator/report/plot_private.h"

#include <math.h>

enum {
  ROW = 30,       /* pixels of a lying bar with the gap */
  LABEL_MOST = 34 /* letters of a row's label */
};

/* ---- rows --------------------------------------------------------------------------------- */

/* The field of nrow rows between their labels and the right edge. */
static tfm__plot_field lying(const char *const *labels, int nrow, double top, int width)
{
  double wide = 24;
  for (int r = 0; r < nrow; ++r) {
    wide = fmax(wide, tfm__plot_text_width(labels[r]));
  }
  wide = fmin(wide, LABEL_MOST * TFM__PLOT_LETTER * 0.5);
  tfm__plot_field f = {
      .left = TFM__PLOT_EDGE + wide + 10, .top = top + 8, .right = width - TFM__PLOT_EDGE - 12};
  f.bottom = f.top + ROW * (nrow ? nrow : 1);
  return f;
}

/* The picture around such a field, with the keys that stand above it; returns its height. */
static int begin_lying(const tfm_plot *plot, const tfm__plot_field *f, const tfm_buf *keys,
                       tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  const int least =
      (int)f->bottom + TFM__PLOT_TEXT + 8 + (plot->x ? TFM__PLOT_TEXT : 0) + TFM__PLOT_EDGE / 2;
  const int height = plot->height > least ? plot->height : least;
  tfm__plot_begin(plot, width, height, out);
  (void)tfm_buf_span(out, tfm_buf_view(keys));
  return height;
}

static void end_lying(const tfm_plot *plot, const tfm__plot_field *f, tfm_buf *out)
{
  const tfm_plot below = {.x = plot->x};
  tfm__plot_axis_names(&below, f, out);
  tfm__plot_end(plot, out);
}

static void put_row_labels(tfm_buf *out, const tfm__plot_field *f, const char *const *labels,
                           int nrow)
{
  for (int r = 0; r < nrow; ++r) {
    tfm__plot_words(out, f->left - 10, f->top + ROW * (r + 0.5) + 4, "end", labels[r],
                    LABEL_MOST);
  }
  tfm__plot_put_line(out, "axis", f->left, f->top, f->left, f->bottom);
}

int tfm_plot_rows(const tfm_plot *plot, const tfm_plot_table *table, tfm_buf *out)
{
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  tfm_buf keys = {0};
  const double top = tfm__plot_part_keys(&keys, table, tfm__plot_title_end(plot), width);
  tfm__plot_field f = lying(table->labels, table->nbar, top, width);
  const double most =
      fmax(tfm__plot_tallest(table, TFM_PLOT_STACKED), tfm__plot_number_or_0(plot->most_x));
  f.x1 = most > TFM__PLOT_LEAST ? most : 1;
  const int height = begin_lying(plot, &f, &keys, out);
  tfm_buf_fini(&keys);
  tfm__plot_x_axis(out, &f, tfm_plot_step(f.x1, 8), true);
  put_row_labels(out, &f, table->labels, table->nbar);
  for (int b = 0; b < table->nbar; ++b) {
    double base = 0;
    for (int p = 0; p < table->npart; ++p) {
      const double v = tfm__plot_part_value(&table->parts[p], b);
      const double left = tfm__plot_at_x(&f, base);
      tfm__plot_piece(out, table, b, p,
                      (tfm__plot_box){left, f.top + ROW * b + 4,
                                      tfm__plot_at_x(&f, base + v) - left, ROW - 8});
      base += v;
    }
  }
  end_lying(plot, &f, out);
  return height;
}

/* ---- what happened when ------------------------------------------------------------------- */

static int kind_colour(const tfm_plot_history *h, int kind)
{
  return kind < 32 && (h->idle >> kind & 1) ? 0 : tfm__plot_colour(kind);
}

static void draw_span(tfm_buf *out, const tfm__plot_field *f, const tfm_plot_history *h,
                      const tfm_plot_span *s)
{
  const double x = tfm__plot_at_x(f, s->begin);
  (void)tfm_buf_printf(
      out, "<rect class=\"f%d\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\">",
      kind_colour(h, s->kind), x, f->top + ROW * s->row + 4,
      fmax(tfm__plot_at_x(f, s->end) - x, 0.25), ROW - 8);
  if (s->text) {
    (void)tfm_buf_str(out, "<title>");
    tfm_plot_text(out, s->text);
    (void)tfm_buf_str(out, "</title>");
  }
  (void)tfm_buf_str(out, "</rect>\n");
}

static bool is_there(const tfm_plot_span *s)
{
  return tfm__plot_is_number(s->begin) && tfm__plot_is_number(s->end);
}

static void span_time(const tfm_plot *plot, const tfm_plot_history *h, tfm__plot_field *f)
{
  bool any = false;
  f->x1 = 1;
  for (int s = 0; s < h->nspan; ++s) {
    if (is_there(&h->spans[s])) {
      f->x0 = any ? fmin(f->x0, h->spans[s].begin) : h->spans[s].begin;
      f->x1 = any ? fmax(f->x1, h->spans[s].end) : h->spans[s].end;
      any = true;
    }
  }
  f->x0 = fmin(f->x0, tfm__plot_number_or_0(plot->least_x));
  f->x1 = f->x1 - f->x0 > TFM__PLOT_LEAST ? f->x1 : f->x0 + fmax(1, fabs(f->x0));
}

int tfm_plot_spans(const tfm_plot *plot, const tfm_plot_history *history, tfm_buf *out)
{
  const tfm_plot_history *h = history;
  const int width = plot->width ? plot->width : TFM__PLOT_WIDTH;
  tfm__plot_key names[TFM__PLOT_KEYS];
  int nkey = 0;
  tfm_buf keys = {0};
  for (; nkey < h->nkind && nkey < TFM__PLOT_KEYS; ++nkey) {
    names[nkey] = (tfm__plot_key){h->kinds[nkey], kind_colour(h, nkey), false};
  }
  const double top = tfm__plot_keys(&keys, names, nkey, tfm__plot_title_end(plot), width);
  tfm__plot_field f = lying(h->labels, h->nrow, top, width);
  span_time(plot, h, &f);
  const int height = begin_lying(plot, &f, &keys, out);
  tfm_buf_fini(&keys);
  tfm__plot_x_axis(out, &f, tfm_plot_step(f.x1 - f.x0, 8), true);
  put_row_labels(out, &f, h->labels, h->nrow);
  for (int s = 0; s < h->nspan; ++s) {
    if (is_there(&h->spans[s])) {
      draw_span(out, &f, h, &h->spans[s]);
    }
  }
  end_lying(plot, &f, out);
  return height;
}
