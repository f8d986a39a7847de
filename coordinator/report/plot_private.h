/** What the charts of plot.h are made of: text, numbers, and the axes around the values. Between
 *  plot_frame.c, plot.c and plot_rows.c. */
#ifndef TFM_COORDINATOR_REPORT_PLOT_PRIVATE_H
#define TFM_COORDINATOR_REPORT_PLOT_PRIVATE_H

#include "coordinator/report/plot.h"

enum {
  TFM__PLOT_WIDTH = 640,
  TFM__PLOT_HEIGHT = 360,
  TFM__PLOT_EDGE = 16,   /* around everything */
  TFM__PLOT_TEXT = 18,   /* pixels a line of text takes */
  TFM__PLOT_LETTER = 13, /* half pixels a letter takes, about */
  TFM__PLOT_KEYS = 32    /* at most */
};

#define TFM__PLOT_LEAST 1e-100 /* a range: in less, steps between ticks would be lost */

/** Finite, and no damage. */
bool tfm__plot_is_number(double value);
double tfm__plot_number_or_0(double value);

/** Pixels that text takes, about: fonts differ. */
double tfm__plot_text_width(const char *text);

/** Append the value with the decimals that tell it from value + step. */
void tfm__plot_value(tfm_buf *out, double value, double step);

/** The class of a series' colour: f1, s1 ... ; 0 is grey. */
int tfm__plot_colour(int series);

/** Where the values lie, in pixels and in numbers. */
typedef struct {
  double left, top, right, bottom;
  double x0, x1, y0, y1;
} tfm__plot_field;

double tfm__plot_at_x(const tfm__plot_field *f, double x);
double tfm__plot_at_y(const tfm__plot_field *f, double y);

void tfm__plot_put_line(tfm_buf *out, const char *class, double x0, double y0, double x1,
                        double y1);

/** At most `most` letters of text; anchor: start, middle or end. */
void tfm__plot_words(tfm_buf *out, double x, double y, const char *anchor, const char *text,
                     int most);

/** The picture with its title; where what is below the title begins. */
void tfm__plot_begin(const tfm_plot *plot, int width, int height, tfm_buf *out);
double tfm__plot_title_end(const tfm_plot *plot);
void tfm__plot_end(const tfm_plot *plot, tfm_buf *out);

/** What a colour stands for. */
typedef struct {
  const char *name;
  int colour; /* 0: grey */
  bool dashed;
} tfm__plot_key;

/** Names with their colours, in lines of the picture's width; returns where they end. One needs no
 * name but the title. */
double tfm__plot_keys(tfm_buf *out, const tfm__plot_key *keys, int n, double top, int width);

/** The lines across at the values of an axis that goes up, and their numbers. */
void tfm__plot_y_axis(tfm_buf *out, const tfm__plot_field *f, double step);

/** Numbers below an axis that goes right; lines: across the field, too. */
void tfm__plot_x_axis(tfm_buf *out, const tfm__plot_field *f, double step, bool lines);

/** What the axes are: the upright one's name lies above it, where it can be read. */
void tfm__plot_axis_names(const tfm_plot *plot, const tfm__plot_field *f, tfm_buf *out);

/** A part's value in a bar: 0 for what is none. The largest value, or sum of a bar's values. */
double tfm__plot_part_value(const tfm_plot_part *part, int bar);
double tfm__plot_tallest(const tfm_plot_table *t, tfm_plot_pile pile);

double tfm__plot_part_keys(tfm_buf *out, const tfm_plot_table *t, double top, int width);

typedef struct {
  double left, top, wide, high;
} tfm__plot_box;

/** A bar's piece with its title: "label, part: value". */
void tfm__plot_piece(tfm_buf *out, const tfm_plot_table *t, int bar, int part, tfm__plot_box b);

#endif
