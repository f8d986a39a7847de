/** Charts as SVG: lines, bars, shares of a whole, and what happened when, in one look.
 *
 *  A picture has its own colours, for light and for dark surroundings (prefers-color-scheme), so it
 *  can stand as a file; a page that holds several gives tfm_plot_style() once and makes them
 *  `bare`. Nothing is fetched and nothing moves; what a shape stands for is told by its title when
 *  the pointer rests on it. All text is escaped. Numbers that are not finite, or beyond 1e100,
 *  are left out.
 *
 *  All functions append one element to out (<svg>, or <g> of a chart inside of another picture) and
 *  borrow everything until they return; what ran out of memory is out->failed. Those that draw a
 *  chart return its height in pixels.
 */
#ifndef TFM_COORDINATOR_REPORT_PLOT_H
#define TFM_COORDINATOR_REPORT_PLOT_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  TFM_PLOT_COLOURS = 8, /* series have these in order; a ninth has the first again */
  TFM_PLOT_GREY = -1    /* for what it is not about, waiting for instance */
};

/** What all charts have. */
typedef struct {
  const char *title; /* or NULL */
  const char *x, *y; /* what the axes count, with the unit; or NULL */
  int width, height; /* of the picture, in pixels; 0: 640 and 360, or by the number of rows */
  double least_x;    /* the x axis begins here or lower */
  double most_x, most_y; /* the axis of values reaches at least here; it begins at 0 */
  bool whole_x;          /* x counts things: no ticks between whole numbers */
  bool bare;             /* without colours of its own: the page has tfm_plot_style() */
  bool inside;           /* a part of tfm_plot_sheet(), at left and top of it */
  int left, top;
} tfm_plot;

/** Several charts as one picture, with a heading and a line below it: charts are what was drawn
 * with `inside`, below TFM_PLOT_HEADING; plot has title, width and height. */
enum { TFM_PLOT_HEADING = 68 };
void tfm_plot_sheet(const tfm_plot *plot, const char *lead, tfm_span charts, tfm_buf *out);

/** Points, joined in their order. */
typedef struct {
  const char *name;
  const double *x, *y; /* [n] */
  int n;
  bool ideal;                /* something to compare with: dashed, grey, without points */
  bool loose;                /* points that nothing joins */
  const double *spread;      /* [n] how far y is off, up and down; or NULL */
  const char *const *labels; /* [n] what stands beside points where there is room; or NULL */
} tfm_plot_line;

int tfm_plot_lines(const tfm_plot *plot, const tfm_plot_line *lines, int nline, tfm_buf *out);

/** One value for each bar. */
typedef struct {
  const char *name;
  const double *values; /* [nbar], >= 0 */
  int colour;           /* 1..TFM_PLOT_COLOURS, TFM_PLOT_GREY, or 0: by its place */
} tfm_plot_part;

/** How the parts of bars lie. */
typedef enum {
  TFM_PLOT_BESIDE, /* upright, side by side */
  TFM_PLOT_STACKED /* upright, on top of each other */
} tfm_plot_pile;

/** Bars and what they are made of. */
typedef struct {
  const char *const *labels; /* [nbar] */
  int nbar;
  const tfm_plot_part *parts; /* [npart] */
  int npart;
} tfm_plot_table;

/** Bars; plot->x says what the labels are, which are slanted where there are many. */
int tfm_plot_bars(const tfm_plot *plot, tfm_plot_pile pile, const tfm_plot_table *table,
                  tfm_buf *out);

/** Lying bars, stacked, with long labels: plot->x says what the values are. */
int tfm_plot_rows(const tfm_plot *plot, const tfm_plot_table *table, tfm_buf *out);

/** Something that took its time, in a row of its own kind. */
typedef struct {
  int row, kind; /* 0..nrow-1, 0..nkind-1 */
  double begin, end;
  const char *text; /* what it was, or NULL */
} tfm_plot_span;

/** What happened when. */
typedef struct {
  const char *const *labels; /* [nrow] */
  int nrow;
  const char *const *kinds; /* [nkind] */
  int nkind;
  uint32_t idle;              /* bit k: kind k is grey */
  const tfm_plot_span *spans; /* [nspan] */
  int nspan;
} tfm_plot_history;

/** A row for each label, time to the right (plot->x). */
int tfm_plot_spans(const tfm_plot *plot, const tfm_plot_history *history, tfm_buf *out);

/** The style sheet of all charts, and of the page around them (its variables --surface, --ink,
 * --soft, --grid, --axis, --c1 to --c8 are on :root). Static text. */
const char *tfm_plot_style(void);

/** Append text with what XML gives a meaning escaped; bytes that are not valid UTF-8, and control
 * characters, become U+FFFD. */
void tfm_plot_text(tfm_buf *out, const char *text);

/** Append a number as a person reads it: "0.25", "1,200", "3.4 M". */
void tfm_plot_number(tfm_buf *out, double value);

/** A step of 1, 2 or 5 times a power of ten that cuts `range` > 0 into at most `most` pieces. */
double tfm_plot_step(double range, int most);

#endif
