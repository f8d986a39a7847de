/* What all charts are made of: text, numbers, colours, and the axes around the values. */
#include "coordinator/report/plot_private.h"

#include "core/base/utf8.h"

#include <math.h>
#include <string.h>

enum { TICKS_MOST = 32 };

static const double most_value = 1e100; /* beyond is no figure but damage */

bool tfm__plot_is_number(double value)
{
  return isfinite(value) && fabs(value) <= most_value;
}

double tfm__plot_number_or_0(double value)
{
  return tfm__plot_is_number(value) ? value : 0;
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
double tfm__plot_text_width(const char *text)
{
  return letters(text) * TFM__PLOT_LETTER * 0.5;
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
void tfm__plot_value(tfm_buf *out, double value, double step)
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
  if (!tfm__plot_is_number(value)) {
    (void)tfm_buf_str(out, "unknown");
    return;
  }
  const double size = fabs(value);
  if (size <= 0 || (size < 1e4 && fabs(value - round(value)) < 1e-9)) {
    tfm__plot_value(out, round(value), 1);
  } else {
    tfm__plot_value(out, value, pow(10.0, floor(log10(size)) - 2)); /* three figures */
  }
}

/* ---- the style ---------------------------------------------------------------------------- */

/* Colours of shapes are said twice, plainly first: programs that know no variables keep those. */
const char *tfm_plot_style(void)
{
  return ":root{color-scheme:light dark;--surface:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;"
         "--grid:#e7e6e0;--axis:#b9b8ad;--idle:#d6d5cc;--c1:#2a78d6;--c2:#1baf7a;--c3:#eda100;"
         "--c4:#4a3aa7;--c5:#e34948;--c6:#008300;--c7:#e87ba4;--c8:#eb6834}\n"
         "@media (prefers-color-scheme:dark){:root{--surface:#1a1a19;--ink:#fff;--soft:#c3c2b7;"
         "--grid:#2c2c2a;--axis:#55544f;--idle:#45443f;--c1:#3987e5;--c2:#199e70;--c3:#c98500;"
         "--c4:#9085e9;--c5:#e66767;--c6:#3fa03f;--c7:#d55181;--c8:#d95926}}\n"
         "svg.plot{max-width:100%;height:auto;display:block}\n"
         "svg.plot text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,"
         "'DejaVu Sans',sans-serif;font-variant-numeric:tabular-nums}\n"
         "svg.plot text{fill:#52514e;fill:var(--soft)}\n"
         "svg.plot text.title{font-size:14px;font-weight:600}\n"
         "svg.plot text.head{font-size:18px;font-weight:600}\n"
         "svg.plot text.title,svg.plot text.head{fill:#0b0b0b;fill:var(--ink)}\n"
         "svg.plot .back{fill:#fcfcfb;fill:var(--surface)}\n"
         "svg.plot .grid{stroke:#e7e6e0;stroke:var(--grid)}\n"
         "svg.plot .axis{stroke:#b9b8ad;stroke:var(--axis)}\n"
         "svg.plot .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
         "svg.plot .ideal{stroke-dasharray:5 5;stroke:#b9b8ad;stroke:var(--axis)}\n"
         "svg.plot .dot{stroke-width:1.5}svg.plot .bar{stroke-width:1}"
         "svg.plot .whisker{stroke-width:1.5}\n"
         "svg.plot .dot,svg.plot .bar{stroke:#fcfcfb;stroke:var(--surface)}\n"
         "svg.plot .f0{fill:#d6d5cc;fill:var(--idle)}\n"
         "svg.plot .f1{fill:#2a78d6;fill:var(--c1)}"
         "svg.plot .s1{stroke:#2a78d6;stroke:var(--c1)}\n"
         "svg.plot .f2{fill:#1baf7a;fill:var(--c2)}"
         "svg.plot .s2{stroke:#1baf7a;stroke:var(--c2)}\n"
         "svg.plot .f3{fill:#eda100;fill:var(--c3)}"
         "svg.plot .s3{stroke:#eda100;stroke:var(--c3)}\n"
         "svg.plot .f4{fill:#4a3aa7;fill:var(--c4)}"
         "svg.plot .s4{stroke:#4a3aa7;stroke:var(--c4)}\n"
         "svg.plot .f5{fill:#e34948;fill:var(--c5)}"
         "svg.plot .s5{stroke:#e34948;stroke:var(--c5)}\n"
         "svg.plot .f6{fill:#008300;fill:var(--c6)}"
         "svg.plot .s6{stroke:#008300;stroke:var(--c6)}\n"
         "svg.plot .f7{fill:#e87ba4;fill:var(--c7)}"
         "svg.plot .s7{stroke:#e87ba4;stroke:var(--c7)}\n"
         "svg.plot .f8{fill:#eb6834;fill:var(--c8)}"
         "svg.plot .s8{stroke:#eb6834;stroke:var(--c8)}\n";
}

int tfm__plot_colour(int series)
{
  return series % TFM_PLOT_COLOURS + 1;
}

/* ---- the frame ---------------------------------------------------------------------------- */

double tfm__plot_at_x(const tfm__plot_field *f, double x)
{
  return f->left + (x - f->x0) / (f->x1 - f->x0) * (f->right - f->left);
}

double tfm__plot_at_y(const tfm__plot_field *f, double y)
{
  return f->bottom - (y - f->y0) / (f->y1 - f->y0) * (f->bottom - f->top);
}

void tfm__plot_put_line(tfm_buf *out, const char *class, double x0, double y0, double x1,
                        double y1)
{
  (void)tfm_buf_printf(out,
                       "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                       class, x0, y0, x1, y1);
}

void tfm__plot_words(tfm_buf *out, double x, double y, const char *anchor, const char *text,
                     int most)
{
  (void)tfm_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  put_cut(out, text, most);
  (void)tfm_buf_str(out, "</text>\n");
}

static void begin_svg(const tfm_plot *plot, int width, int height, tfm_buf *out)
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
}

void tfm__plot_begin(const tfm_plot *plot, int width, int height, tfm_buf *out)
{
  if (plot->inside) {
    (void)tfm_buf_printf(out, "<g class=\"chart\" transform=\"translate(%d %d)\">\n",
                         plot->left, plot->top);
  } else {
    begin_svg(plot, width, height, out);
  }
  if (plot->title) {
    (void)tfm_buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"%d\">", TFM__PLOT_EDGE,
                         TFM__PLOT_EDGE + 12);
    tfm_plot_text(out, plot->title);
    (void)tfm_buf_str(out, "</text>\n");
  }
}

void tfm_plot_sheet(const tfm_plot *plot, const char *lead, tfm_span charts, tfm_buf *out)
{
  begin_svg(plot, plot->width, plot->height, out);
  (void)tfm_buf_printf(out, "<text class=\"head\" x=\"%d\" y=\"%d\">", TFM__PLOT_EDGE,
                       TFM__PLOT_EDGE + 18);
  tfm_plot_text(out, plot->title);
  (void)tfm_buf_printf(out, "</text>\n<text x=\"%d\" y=\"%d\">", TFM__PLOT_EDGE,
                       TFM__PLOT_EDGE + 38);
  tfm_plot_text(out, lead);
  (void)tfm_buf_str(out, "</text>\n");
  (void)tfm_buf_span(out, charts);
  (void)tfm_buf_str(out, "</svg>\n");
}

double tfm__plot_keys(tfm_buf *out, const tfm__plot_key *keys, int n, double top, int width)
{
  double x = TFM__PLOT_EDGE;
  double y = top;
  if (n < 2) {
    return top;
  }
  for (int i = 0; i < n; ++i) {
    const double wide = 18 + tfm__plot_text_width(keys[i].name) + 20;
    if (x > TFM__PLOT_EDGE && x + wide > width - TFM__PLOT_EDGE) {
      x = TFM__PLOT_EDGE;
      y += TFM__PLOT_TEXT;
    }
    if (!keys[i].dashed) {
      (void)tfm_buf_printf(
          out,
          "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" rx=\"2\"/>\n",
          keys[i].colour, x, y + 2);
    } else {
      tfm__plot_put_line(out, "line ideal", x, y + 8, x + 12, y + 8);
    }
    tfm__plot_words(out, x + 18, y + 12, "start", keys[i].name, 60);
    x += wide;
  }
  return y + TFM__PLOT_TEXT;
}

/* The lines across at the values of an axis that goes up, and their numbers. */
void tfm__plot_y_axis(tfm_buf *out, const tfm__plot_field *f, double step)
{
  for (int i = 0; i <= TICKS_MOST && f->y0 + i * step <= f->y1 + step * 1e-6; ++i) {
    const double y = f->y0 + i * step;
    tfm_buf number = {0};
    tfm__plot_value(&number, y, step);
    tfm__plot_put_line(out, y > f->y0 ? "grid" : "axis", f->left, tfm__plot_at_y(f, y),
                       f->right, tfm__plot_at_y(f, y));
    tfm__plot_words(out, f->left - 8, tfm__plot_at_y(f, y) + 4, "end", tfm_buf_cstr(&number),
                    20);
    tfm_buf_fini(&number);
  }
}

/* Numbers below an axis that goes right; lines: across the field, too. */
void tfm__plot_x_axis(tfm_buf *out, const tfm__plot_field *f, double step, bool lines)
{
  const double first = ceil(f->x0 / step - 1e-6) * step;
  for (int i = 0; i <= TICKS_MOST && first + i * step <= f->x1 + step * 1e-6; ++i) {
    const double x = first + i * step;
    tfm_buf number = {0};
    tfm__plot_value(&number, x, step);
    if (lines) {
      tfm__plot_put_line(out, "grid", tfm__plot_at_x(f, x), f->top, tfm__plot_at_x(f, x),
                         f->bottom);
    } else {
      tfm__plot_put_line(out, "axis", tfm__plot_at_x(f, x), f->bottom, tfm__plot_at_x(f, x),
                         f->bottom + 4);
    }
    tfm__plot_words(out, tfm__plot_at_x(f, x), f->bottom + TFM__PLOT_TEXT, "middle",
                    tfm_buf_cstr(&number), 20);
    tfm_buf_fini(&number);
  }
}

/* What the axes are: the upright one's name lies above it, where it can be read. */
void tfm__plot_axis_names(const tfm_plot *plot, const tfm__plot_field *f, tfm_buf *out)
{
  if (plot->y) {
    tfm__plot_words(out, TFM__PLOT_EDGE, f->top - 13, "start", plot->y, 80);
  }
  if (plot->x) {
    tfm__plot_words(out, (f->left + f->right) / 2, f->bottom + 2 * TFM__PLOT_TEXT + 2, "middle",
                    plot->x, 80);
  }
}

void tfm__plot_end(const tfm_plot *plot, tfm_buf *out)
{
  (void)tfm_buf_str(out, plot->inside ? "</g>\n" : "</svg>\n");
}

double tfm__plot_title_end(const tfm_plot *plot)
{
  return TFM__PLOT_EDGE + (plot->title ? TFM__PLOT_TEXT + 6 : 0);
}
