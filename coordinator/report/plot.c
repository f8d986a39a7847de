#include "coordinator/report/plot.h"

#include "core/base/utf8.h"

#include <math.h>
#include <string.h>

enum {
  WIDTH = 640,
  HEIGHT = 360,
  EDGE = 16,       /* around everything */
  LINE = 18,       /* pixels a line of text takes */
  ROW = 30,        /* pixels of a lying bar with the gap */
  LETTER = 13,     /* half pixels a letter takes, about */
  LABEL_MOST = 34, /* letters of a row's label */
  KEYS_MOST = 32,
  TICKS_MOST = 32,
  POINTS_MOST = 60 /* of a line whose points are shown */
};

/* Beyond is no figure but damage, and steps between ticks would be lost in it. */
static const double most_value = 1e100;
static const double least_range = 1e-100;

static bool is_number(double value)
{
  return isfinite(value) && fabs(value) <= most_value;
}

static double number_or_0(double value)
{
  return is_number(value) ? value : 0;
}

static const char not_text[] = "\xef\xbf\xbd"; /* U+FFFD */

/* ---- text and numbers ------------------------------------------------------------------- */

static void put_ascii(tfm_buf *out, char c)
{
  switch (c) {
  case '&':
    (void)tfm_buf_str(out, "&amp;");
    break;
  case '<':
    (void)tfm_buf_str(out, "&lt;");
    break;
  case '>':
    (void)tfm_buf_str(out, "&gt;");
    break;
  case '"':
    (void)tfm_buf_str(out, "&quot;");
    break;
  default:
    if ((unsigned char)c < 0x20 && c != '\t' && c != '\n') {
      (void)tfm_buf_str(out, not_text);
    } else {
      (void)tfm_buf_char(out, c);
    }
  }
}

void tfm_plot_text(tfm_buf *out, const char *text)
{
  size_t n = strlen(text);
  while (n > 0) {
    size_t len = (unsigned char)*text < 0x80 ? 1 : tfm_utf8_valid_at(text, n);
    if ((unsigned char)*text < 0x80) {
      put_ascii(out, *text);
    } else if (len > 0) {
      (void)tfm_buf_append(out, text, len);
    } else {
      (void)tfm_buf_str(out, not_text);
      len = tfm_utf8_bad_at(text, n);
    }
    text += len;
    n -= len;
  }
}

static int letters(const char *text)
{
  int n = 0;
  for (const char *p = text; *p; ++p) {
    n += ((unsigned char)*p & 0xc0) != 0x80; /* bytes that go on with a letter */
  }
  return n;
}

/* Pixels that text takes, about: fonts differ. */
static double text_width(const char *text)
{
  return letters(text) * LETTER * 0.5;
}

/* At most `most` letters of text. */
static void put_cut(tfm_buf *out, const char *text, int most)
{
  tfm_buf part = {0};
  int n = 0;
  const bool whole = letters(text) <= most;
  for (const char *p = text; *p; ++p) {
    n += ((unsigned char)*p & 0xc0) != 0x80;
    if (!whole && n >= most) {
      (void)tfm_buf_str(&part, "\xe2\x80\xa6");
      break;
    }
    (void)tfm_buf_char(&part, *p);
  }
  tfm_plot_text(out, tfm_buf_cstr(&part));
  tfm_buf_fini(&part);
}

double tfm_plot_step(double range, int most)
{
  double step = pow(10.0, floor(log10(range / most)));
  static const double times[] = {1, 2, 5, 10};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; ++i) {
    if (range / (step * times[i]) <= most * (1 + 1e-9)) {
      return step * times[i];
    }
  }
  return step * 20;
}

/* The value with the decimals that tell it from value + step. */
static void put_value(tfm_buf *out, double value, double step)
{
  value = fabs(value) < step * 1e-6 ? 0 : value; /* never "-0" */
  static const char *const units[] = {"", " k", " M", " G", " T"};
  int unit = 0;
  if (fabs(value) >= 1e15) {
    (void)tfm_buf_printf(out, "%.3g", value);
    return;
  }
  while (unit < 4 && fabs(value) >= (unit ? 1e3 : 1e4)) {
    value /= 1e3;
    step /= 1e3;
    ++unit;
  }
  int decimals = 0;
  for (double s = step; s < 1 - 1e-9 && decimals < 6; s *= 10) {
    ++decimals;
  }
  const long long whole = (long long)value;
  if (unit == 0 && decimals == 0 && whole >= 1000) {
    (void)tfm_buf_printf(out, "%lld,%03lld", whole / 1000, whole % 1000);
    return;
  }
  (void)tfm_buf_printf(out, "%.*f%s", decimals, value, units[unit]);
}

void tfm_plot_number(tfm_buf *out, double value)
{
  if (!is_number(value)) {
    (void)tfm_buf_str(out, "unknown");
    return;
  }
  const double size = fabs(value);
  if (size <= 0 || (size < 1e4 && fabs(value - round(value)) < 1e-9)) {
    put_value(out, round(value), 1);
  } else {
    put_value(out, value, pow(10.0, floor(log10(size)) - 2)); /* three figures */
  }
}

/* ---- the style ---------------------------------------------------------------------------- */

const char *tfm_plot_style(void)
{
  return ":root{color-scheme:light dark;--surface:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;"
         "--grid:#e7e6e0;--axis:#b9b8ad;--idle:#d6d5cc;--c1:#2a78d6;--c2:#1baf7a;--c3:#eda100;-"
         "-c4:#4a3aa7;"
         "--c5:#e34948;--c6:#008300;--c7:#e87ba4;--c8:#eb6834}\n"
         "@media (prefers-color-scheme:dark){:root{--surface:#1a1a19;--ink:#fff;--soft:#c3c2b7;"
         "--grid:#2c2c2a;--axis:#55544f;--idle:#45443f;--c1:#3987e5;--c2:#199e70;--c3:#c98500;-"
         "-c4:#9085e9;"
         "--c5:#e66767;--c6:#3fa03f;--c7:#d55181;--c8:#d95926}}\n"
         "svg.plot{max-width:100%;height:auto;display:block}\n"
         "svg.plot text{fill:var(--soft);font:12px system-ui,-apple-system,'Segoe UI',Roboto,"
         "'DejaVu Sans',sans-serif;font-variant-numeric:tabular-nums}\n"
         "svg.plot text.title{fill:var(--ink);font-size:14px;font-weight:600}\n"
         "svg.plot .back{fill:var(--surface)}\n"
         "svg.plot .grid{stroke:var(--grid)}svg.plot .axis{stroke:var(--axis)}\n"
         "svg.plot .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
         "svg.plot .ideal{stroke:var(--axis);stroke-dasharray:5 5}\n"
         "svg.plot .dot{stroke:var(--surface);stroke-width:1.5}\n"
         "svg.plot .bar{stroke:var(--surface);stroke-width:1}\n"
         "svg.plot .f0{fill:var(--idle)}svg.plot .f1{fill:var(--c1)}svg.plot "
         ".f2{fill:var(--c2)}svg.plot .f3{fill:var(--c3)}"
         "svg.plot .f4{fill:var(--c4)}svg.plot .f5{fill:var(--c5)}svg.plot .f6{fill:var(--c6)}"
         "svg.plot .f7{fill:var(--c7)}svg.plot .f8{fill:var(--c8)}\n"
         "svg.plot .s1{stroke:var(--c1)}svg.plot .s2{stroke:var(--c2)}"
         "svg.plot .s3{stroke:var(--c3)}svg.plot .s4{stroke:var(--c4)}"
         "svg.plot .s5{stroke:var(--c5)}svg.plot .s6{stroke:var(--c6)}"
         "svg.plot .s7{stroke:var(--c7)}svg.plot .s8{stroke:var(--c8)}\n";
}

static int colour(int series)
{
  return series % TFM_PLOT_COLOURS + 1;
}

/* ---- the frame ---------------------------------------------------------------------------- */

/* Where the values lie, in pixels and in numbers. */
typedef struct {
  double left, top, right, bottom;
  double x0, x1, y0, y1;
} field;

static double at_x(const field *f, double x)
{
  return f->left + (x - f->x0) / (f->x1 - f->x0) * (f->right - f->left);
}

static double at_y(const field *f, double y)
{
  return f->bottom - (y - f->y0) / (f->y1 - f->y0) * (f->bottom - f->top);
}

static void put_line(tfm_buf *out, const char *class, double x0, double y0, double x1,
                     double y1)
{
  (void)tfm_buf_printf(out,
                       "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                       class, x0, y0, x1, y1);
}

static void put_words(tfm_buf *out, double x, double y, const char *anchor, const char *text,
                      int most)
{
  (void)tfm_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  put_cut(out, text, most);
  (void)tfm_buf_str(out, "</text>\n");
}

static void begin_picture(const tfm_plot *plot, int width, int height, tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" "
                       "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
                       width, height, width, height);
  if (plot->title) {
    (void)tfm_buf_str(out, "<title>");
    tfm_plot_text(out, plot->title);
    (void)tfm_buf_str(out, "</title>\n");
  }
  if (!plot->bare) {
    (void)tfm_buf_printf(out, "<style>\n%s</style>\n", tfm_plot_style());
  }
  (void)tfm_buf_printf(out, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n", width,
                       height);
  if (plot->title) {
    (void)tfm_buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"%d\">", EDGE, EDGE + 12);
    tfm_plot_text(out, plot->title);
    (void)tfm_buf_str(out, "</text>\n");
  }
}

/* Names of series with their colours, in lines of the picture's width; returns where they end.
 * One series needs no name but the title. name(i) is NULL for one that has none. */
typedef struct {
  const char *name;
  int colour; /* 0: grey */
  bool dashed;
} key;

static double put_keys(tfm_buf *out, const key *keys, int n, double top, int width)
{
  double x = EDGE;
  double y = top;
  if (n < 2) {
    return top;
  }
  for (int i = 0; i < n; ++i) {
    const double wide = 18 + text_width(keys[i].name) + 14;
    if (x > EDGE && x + wide > width - EDGE) {
      x = EDGE;
      y += LINE;
    }
    if (!keys[i].dashed) {
      (void)tfm_buf_printf(
          out,
          "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" rx=\"2\"/>\n",
          keys[i].colour, x, y + 2);
    } else {
      put_line(out, "line ideal", x, y + 8, x + 12, y + 8);
    }
    put_words(out, x + 18, y + 12, "start", keys[i].name, 60);
    x += wide;
  }
  return y + LINE;
}

/* The lines across at the values of an axis that goes up, and their numbers. */
static void put_y_axis(tfm_buf *out, const field *f, double step)
{
  for (int i = 0; i <= TICKS_MOST && f->y0 + i * step <= f->y1 + step * 1e-6; ++i) {
    const double y = f->y0 + i * step;
    tfm_buf number = {0};
    put_value(&number, y, step);
    put_line(out, y > f->y0 ? "grid" : "axis", f->left, at_y(f, y), f->right, at_y(f, y));
    put_words(out, f->left - 8, at_y(f, y) + 4, "end", tfm_buf_cstr(&number), 20);
    tfm_buf_fini(&number);
  }
}

/* Numbers below an axis that goes right; lines: across the field, too. */
static void put_x_axis(tfm_buf *out, const field *f, double step, bool lines)
{
  const double first = ceil(f->x0 / step - 1e-6) * step;
  for (int i = 0; i <= TICKS_MOST && first + i * step <= f->x1 + step * 1e-6; ++i) {
    const double x = first + i * step;
    tfm_buf number = {0};
    put_value(&number, x, step);
    if (lines) {
      put_line(out, "grid", at_x(f, x), f->top, at_x(f, x), f->bottom);
    } else {
      put_line(out, "axis", at_x(f, x), f->bottom, at_x(f, x), f->bottom + 4);
    }
    put_words(out, at_x(f, x), f->bottom + LINE, "middle", tfm_buf_cstr(&number), 20);
    tfm_buf_fini(&number);
  }
}

/* What the axes are: the upright one's name lies above it, where it can be read. */
static void put_axis_names(const tfm_plot *plot, const field *f, tfm_buf *out)
{
  if (plot->y) {
    put_words(out, EDGE, f->top - 13, "start", plot->y, 80);
  }
  if (plot->x) {
    put_words(out, (f->left + f->right) / 2, f->bottom + 2 * LINE + 2, "middle", plot->x, 80);
  }
}

static void end_picture(tfm_buf *out)
{
  (void)tfm_buf_str(out, "</svg>\n");
}

/* The field of a chart whose values go up: between the keys, the numbers and the names. */
static field upright(const tfm_plot *plot, double top, int width, int height, double most)
{
  field f = {.top = top + (plot->y ? 28 : 10),
             .right = width - EDGE - 8,
             .bottom = height - EDGE - LINE - (plot->x ? LINE : 0)};
  most = fmax(most, number_or_0(plot->most_y));
  most = most > least_range ? most : 1;
  const double step = tfm_plot_step(most, 6);
  f.y1 = ceil(most / step - 1e-6) * step;
  tfm_buf number = {0};
  put_value(&number, f.y1 - (f.y1 > 1.5 * step ? step : 0), step);
  f.left = EDGE + 10 + fmax(24, text_width(tfm_buf_cstr(&number)));
  f.left = fmin(f.left, width / 3.0);
  tfm_buf_fini(&number);
  return f;
}

static double step_up(const field *f)
{
  return tfm_plot_step(f->y1, 6);
}

static double title_end(const tfm_plot *plot)
{
  return EDGE + (plot->title ? LINE + 6 : 0);
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

static void draw_line(tfm_buf *out, const field *f, const tfm_plot_line *line, int series)
{
  bool drawn = false;
  (void)tfm_buf_str(out, "<path class=\"line ");
  (void)tfm_buf_printf(out, line->ideal ? "ideal\" d=\"" : "s%d\" d=\"", colour(series));
  for (int i = 0; i < line->n; ++i) {
    if (is_number(line->x[i]) && is_number(line->y[i])) {
      (void)tfm_buf_printf(out, "%c%.1f %.1f", drawn ? 'L' : 'M', at_x(f, line->x[i]),
                           at_y(f, line->y[i]));
      drawn = true;
    }
  }
  (void)tfm_buf_str(out, "\"/>\n");
  for (int i = 0; i < line->n && line->n <= POINTS_MOST && !line->ideal; ++i) {
    if (is_number(line->x[i]) && is_number(line->y[i])) {
      (void)tfm_buf_printf(out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\">",
                           colour(series), at_x(f, line->x[i]), at_y(f, line->y[i]));
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
      if (is_number(x) && is_number(lines[l].y[i])) {
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
  key keys[KEYS_MOST];
  int nkey = 0;
  int series = 0;
  for (int l = 0; l < nline && nkey < KEYS_MOST; ++l) {
    keys[nkey++] = (key){lines[l].name, colour(series), lines[l].ideal};
    series += !lines[l].ideal;
  }
  return put_keys(out, keys, nkey, top, width);
}

void tfm_plot_lines(const tfm_plot *plot, const tfm_plot_line *lines, int nline, tfm_buf *out)
{
  const int width = plot->width ? plot->width : WIDTH;
  const int height = plot->height ? plot->height : HEIGHT;
  double x0 = 0;
  double x1 = 1;
  const double most = span_lines(lines, nline, &x0, &x1);
  begin_picture(plot, width, height, out);
  const double top = put_line_keys(out, lines, nline, title_end(plot), width);
  field f = upright(plot, top, width, height, most);
  f.x0 = fmin(x0, number_or_0(plot->least_x));
  f.x1 = x1 - f.x0 > least_range ? x1 : f.x0 + fmax(1, fabs(f.x0));
  put_y_axis(out, &f, step_up(&f));
  double step = tfm_plot_step(f.x1 - f.x0, 8);
  put_x_axis(out, &f, step, false);
  put_axis_names(plot, &f, out);
  int series = 0;
  for (int ideal = 1; ideal >= 0; --ideal) { /* what is compared with lies below */
    for (int l = 0; l < nline; ++l) {
      if (lines[l].ideal == (ideal == 1)) {
        draw_line(out, &f, &lines[l], series);
        series += !lines[l].ideal;
      }
    }
  }
  end_picture(out);
}

/* ---- bars --------------------------------------------------------------------------------- */

static double value_of(const tfm_plot_part *part, int bar)
{
  const double v = part->values[bar];
  return is_number(v) && v > 0 ? v : 0;
}

/* The largest value, or sum of a bar's values. */
static double tallest(const tfm_plot_table *t, tfm_plot_pile pile)
{
  double most = 0;
  for (int b = 0; b < t->nbar; ++b) {
    double sum = 0;
    for (int p = 0; p < t->npart; ++p) {
      const double v = value_of(&t->parts[p], b);
      sum += v;
      most = fmax(most, pile == TFM_PLOT_STACKED ? sum : v);
    }
  }
  return most;
}

static int colour_of(const tfm_plot_table *t, int part)
{
  return t->parts[part].idle ? 0 : colour(part);
}

static double put_part_keys(tfm_buf *out, const tfm_plot_table *t, double top, int width)
{
  key keys[KEYS_MOST];
  int nkey = 0;
  for (int p = 0; p < t->npart && nkey < KEYS_MOST; ++p) {
    keys[nkey++] = (key){t->parts[p].name, colour_of(t, p), false};
  }
  return put_keys(out, keys, nkey, top, width);
}

typedef struct {
  double left, top, wide, high;
} box;

/* A bar's piece with its title: "label, part: value". */
static void draw_piece(tfm_buf *out, const tfm_plot_table *t, int bar, int part, box b)
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
  tfm_plot_number(out, value_of(&t->parts[part], bar));
  (void)tfm_buf_str(out, "</title></rect>\n");
}

/* All parts of one bar; each has slot pixels. */
static void draw_upright(tfm_buf *out, const field *f, const tfm_plot_table *t, int bar,
                         tfm_plot_pile pile)
{
  const bool stacked = pile == TFM_PLOT_STACKED;
  const double slot = (f->right - f->left) / t->nbar;
  const double wide = fmin(slot * 0.72, stacked ? 56 : 40.0 * t->npart);
  const double left = f->left + slot * bar + (slot - wide) / 2;
  const double each = stacked ? wide : wide / t->npart;
  double base = 0;
  for (int p = 0; p < t->npart; ++p) {
    const double v = value_of(&t->parts[p], bar);
    const double top = at_y(f, base + v);
    draw_piece(out, t, bar, p,
               (box){left + (stacked ? 0 : each * p), top, each, at_y(f, base) - top});
    base += stacked ? v : 0;
  }
}

/* Below each bar, or each of some, as much of its label as fits. */
static void put_bar_labels(tfm_buf *out, const field *f, const tfm_plot_table *t)
{
  const double slot = (f->right - f->left) / (t->nbar > 0 ? t->nbar : 1);
  const int fit = (int)(slot / (LETTER * 0.5)) - 1;
  const int every = fit < 2 ? (int)ceil(4 * LETTER * 0.5 / slot) : 1;
  for (int b = 0; b < t->nbar; b += every) {
    put_words(out, f->left + slot * (b + 0.5), f->bottom + LINE, "middle", t->labels[b],
              fit < 2 ? 3 : fit);
  }
}

void tfm_plot_bars(const tfm_plot *plot, tfm_plot_pile pile, const tfm_plot_table *table,
                   tfm_buf *out)
{
  const int width = plot->width ? plot->width : WIDTH;
  const int height = plot->height ? plot->height : HEIGHT;
  begin_picture(plot, width, height, out);
  const double top = put_part_keys(out, table, title_end(plot), width);
  const field f = upright(plot, top, width, height, tallest(table, pile));
  put_y_axis(out, &f, step_up(&f));
  put_axis_names(plot, &f, out);
  for (int b = 0; b < table->nbar; ++b) {
    draw_upright(out, &f, table, b, pile);
  }
  put_bar_labels(out, &f, table);
  end_picture(out);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The field of nrow rows between their labels and the right edge. */
static field lying(const char *const *labels, int nrow, double top, int width)
{
  double wide = 24;
  for (int r = 0; r < nrow; ++r) {
    wide = fmax(wide, text_width(labels[r]));
  }
  wide = fmin(wide, LABEL_MOST * LETTER * 0.5);
  field f = {.left = EDGE + wide + 10, .top = top + 8, .right = width - EDGE - 12};
  f.bottom = f.top + ROW * (nrow ? nrow : 1);
  return f;
}

/* The picture around such a field, with the keys that stand above it. */
static void begin_lying(const tfm_plot *plot, const field *f, const tfm_buf *keys, tfm_buf *out)
{
  const int width = plot->width ? plot->width : WIDTH;
  const int height = (int)f->bottom + LINE + 8 + (plot->x ? LINE : 0) + EDGE / 2;
  begin_picture(plot, width, plot->height > height ? plot->height : height, out);
  (void)tfm_buf_span(out, tfm_buf_view(keys));
}

static void end_lying(const tfm_plot *plot, const field *f, tfm_buf *out)
{
  const tfm_plot below = {.x = plot->x};
  put_axis_names(&below, f, out);
  end_picture(out);
}

static void put_row_labels(tfm_buf *out, const field *f, const char *const *labels, int nrow)
{
  for (int r = 0; r < nrow; ++r) {
    put_words(out, f->left - 10, f->top + ROW * (r + 0.5) + 4, "end", labels[r], LABEL_MOST);
  }
  put_line(out, "axis", f->left, f->top, f->left, f->bottom);
}

void tfm_plot_rows(const tfm_plot *plot, const tfm_plot_table *table, tfm_buf *out)
{
  const int width = plot->width ? plot->width : WIDTH;
  tfm_buf keys = {0};
  const double top = put_part_keys(&keys, table, title_end(plot), width);
  field f = lying(table->labels, table->nbar, top, width);
  const double most = fmax(tallest(table, TFM_PLOT_STACKED), number_or_0(plot->most_x));
  f.x1 = most > least_range ? most : 1;
  begin_lying(plot, &f, &keys, out);
  tfm_buf_fini(&keys);
  put_x_axis(out, &f, tfm_plot_step(f.x1, 8), true);
  put_row_labels(out, &f, table->labels, table->nbar);
  for (int b = 0; b < table->nbar; ++b) {
    double base = 0;
    for (int p = 0; p < table->npart; ++p) {
      const double v = value_of(&table->parts[p], b);
      const double left = at_x(&f, base);
      draw_piece(out, table, b, p,
                 (box){left, f.top + ROW * b + 4, at_x(&f, base + v) - left, ROW - 8});
      base += v;
    }
  }
  end_lying(plot, &f, out);
}

/* ---- what happened when ------------------------------------------------------------------- */

static int kind_colour(const tfm_plot_history *h, int kind)
{
  return kind < 32 && (h->idle >> kind & 1) ? 0 : colour(kind);
}

static void draw_span(tfm_buf *out, const field *f, const tfm_plot_history *h,
                      const tfm_plot_span *s)
{
  const double x = at_x(f, s->begin);
  (void)tfm_buf_printf(
      out, "<rect class=\"f%d\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\">",
      kind_colour(h, s->kind), x, f->top + ROW * s->row + 4, fmax(at_x(f, s->end) - x, 0.25),
      ROW - 8);
  if (s->text) {
    (void)tfm_buf_str(out, "<title>");
    tfm_plot_text(out, s->text);
    (void)tfm_buf_str(out, "</title>");
  }
  (void)tfm_buf_str(out, "</rect>\n");
}

static bool is_there(const tfm_plot_span *s)
{
  return is_number(s->begin) && is_number(s->end);
}

static void span_time(const tfm_plot *plot, const tfm_plot_history *h, field *f)
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
  f->x0 = fmin(f->x0, number_or_0(plot->least_x));
  f->x1 = f->x1 - f->x0 > least_range ? f->x1 : f->x0 + fmax(1, fabs(f->x0));
}

void tfm_plot_spans(const tfm_plot *plot, const tfm_plot_history *history, tfm_buf *out)
{
  const tfm_plot_history *h = history;
  const int width = plot->width ? plot->width : WIDTH;
  key names[KEYS_MOST];
  int nkey = 0;
  tfm_buf keys = {0};
  for (; nkey < h->nkind && nkey < KEYS_MOST; ++nkey) {
    names[nkey] = (key){h->kinds[nkey], kind_colour(h, nkey), false};
  }
  const double top = put_keys(&keys, names, nkey, title_end(plot), width);
  field f = lying(h->labels, h->nrow, top, width);
  span_time(plot, h, &f);
  begin_lying(plot, &f, &keys, out);
  tfm_buf_fini(&keys);
  put_x_axis(out, &f, tfm_plot_step(f.x1 - f.x0, 8), true);
  put_row_labels(out, &f, h->labels, h->nrow);
  for (int s = 0; s < h->nspan; ++s) {
    if (is_there(&h->spans[s])) {
      draw_span(out, &f, h, &h->spans[s]);
    }
  }
  end_lying(plot, &f, out);
}
