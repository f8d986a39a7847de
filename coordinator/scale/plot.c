/* The drawing of a scaling study: speed-up with its ideal, where the stages' time went in each
 * layout, and each stage of the largest. One SVG file without scripts, fonts or links. */
#include "coordinator/report/plot.h"
#include "coordinator/scale/study.h"

#include <math.h>
#include <stdio.h>

enum {
  WIDTH = 1180,
  HEIGHT = 480,
  TOP = 104,    /* of the panels */
  BOTTOM = 390, /* where their x axes are */
  FEW_BARS = 9, /* labels stand upright up to here */
  MOST_STAGES = 24,
  TICKS = 5
};

/* Colours that people who see colours differently tell apart (Okabe and Ito). */
static const char *const computing = "#0072b2";
static const char *const imbalance = "#e69f00";
static const char *const waiting = "#cc79a7";
static const char *const sending = "#009e73";
static const char *const ink = "#333333";
static const char *const faint = "#dddddd";

/* A rectangle of the picture with linear axes; x grows to the right, y upwards. */
typedef struct {
  double left, right; /* of the picture */
  double most_x, most_y;
} panel;

typedef struct {
  double x, y; /* of the picture */
} point;

static double px(const panel *p, double x)
{
  return p->left + (p->right - p->left) * x / p->most_x;
}

static double py(const panel *p, double y)
{
  return BOTTOM - (BOTTOM - TOP) * y / p->most_y;
}

static void line(tfm_buf *out, point a, point b, const char *colour, const char *more)
{
  (void)tfm_buf_printf(
      out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>\n", a.x,
      a.y, b.x, b.y, colour, more);
}

static void box(tfm_buf *out, double x, double y, double width, double height,
                const char *colour)
{
  (void)tfm_buf_printf(out,
                       "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                       "fill=\"%s\"/>\n",
                       x, y, fmax(width, 0), fmax(height, 0), colour);
}

/* anchor: start, middle or end. What is written is ours. */
static void text(tfm_buf *out, double x, double y, const char *anchor, const char *more,
                 const char *words)
{
  (void)tfm_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x,
                       y, anchor, more, words);
}

static void number(tfm_buf *out, double x, double y, const char *anchor, double value)
{
  char words[32];
  (void)snprintf(words, sizeof words, "%.3g", value);
  text(out, x, y, anchor, "", words);
}

/* A step of 1, 2 or 5 times a power of ten that gives about TICKS ticks up to most. */
static double step_of(double most)
{
  const double rough = most / TICKS;
  const double power = pow(10, floor(log10(rough)));
  const double digit = rough / power;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static void heading(tfm_buf *out, const panel *p, const char *title, const char *x_axis)
{
  text(out, p->left, TOP - 14, "start", " font-weight=\"bold\"", title);
  text(out, (p->left + p->right) / 2, BOTTOM + 44, "middle", "", x_axis);
}

static void horizontal_grid(tfm_buf *out, const panel *p)
{
  const double step = step_of(p->most_y);
  for (double y = 0; y <= p->most_y * (1 + 1e-9); y += step) {
    line(out, (point){p->left, py(p, y)}, (point){p->right, py(p, y)}, y > 0 ? faint : ink, "");
    number(out, p->left - 7, py(p, y) + 4, "end", y);
  }
}

/* ---- speed-up ---- */

static void name_of(const tfm_scale_layout *l, char *out, size_t bytes)
{
  (void)snprintf(out, bytes, "%d\u00d7%d", l->stages, l->replicas);
}

/* A layout as a point; its bar is the spread of its runs. */
static void draw_point(tfm_buf *out, const panel *p, const tfm_scale_runs *r,
                       const tfm_scale_figures *f)
{
  char name[32];
  const double x = px(p, tfm_scale_layout_workers(&r->layout));
  const double y = py(p, f->speedup);
  const double spread = f->speedup * f->rows_sd / f->rows_per_s;
  const double up = py(p, fmin(f->speedup + spread, p->most_y));
  const double down = py(p, fmax(f->speedup - spread, 0));
  name_of(&r->layout, name, sizeof name);
  line(out, (point){x, up}, (point){x, down}, computing, "");
  line(out, (point){x - 4, up}, (point){x + 4, up}, computing, "");
  line(out, (point){x - 4, down}, (point){x + 4, down}, computing, "");
  (void)tfm_buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x, y,
                       computing);
  text(out, x + 9, y + 4, "start", " font-size=\"11\"", name);
}

static void draw_speedup(const tfm__study *s, tfm_buf *out)
{
  const tfm_scale_runs *last = &s->runs[s->nlayout - 1];
  const int first = tfm_scale_layout_workers(&s->runs[0].layout);
  const int most = tfm_scale_layout_workers(&last->layout);
  panel p = {.left = 60, .right = 400, .most_x = most * 1.12, .most_y = (double)most / first};
  for (int i = 0; i < s->nlayout; ++i) {
    p.most_y = fmax(p.most_y, tfm_scale_figures_of(&s->runs[i], &s->runs[0]).speedup);
  }
  p.most_y *= 1.12;
  heading(out, &p, "Speed-up", "workers (points: stages\u00d7replicas)");
  horizontal_grid(out, &p);
  line(out, (point){p.left, TOP}, (point){p.left, BOTTOM}, ink, "");
  const double step = fmax(1, step_of(p.most_x));
  for (double x = step; x <= p.most_x; x += step) {
    number(out, px(&p, x), BOTTOM + 18, "middle", x);
    line(out, (point){px(&p, x), BOTTOM}, (point){px(&p, x), BOTTOM + 4}, ink, "");
  }
  const double edge = fmin(p.most_x, p.most_y * first);
  line(out, (point){px(&p, 0), py(&p, 0)}, (point){px(&p, edge), py(&p, edge / first)}, ink,
       " stroke-dasharray=\"6 4\"");
  text(out, px(&p, 0.62 * edge) - 8, py(&p, 0.62 * edge / first) - 8, "end", "", "ideal");
  for (int i = 0; i < s->nlayout; ++i) {
    const tfm_scale_figures f = tfm_scale_figures_of(&s->runs[i], &s->runs[0]);
    draw_point(out, &p, &s->runs[i], &f);
  }
}

/* ---- where the time went ---- */

/* Shares of the stages' time that add up to 1, from the bottom. */
typedef struct {
  double share;
  const char *colour;
} part;

static void draw_stack(tfm_buf *out, const panel *p, double x, double width, const part *parts,
                       int n)
{
  double below = 0;
  for (int i = 0; i < n; ++i) {
    const double top = fmin(below + parts[i].share, 1);
    box(out, x, py(p, top), width, py(p, below) - py(p, top), parts[i].colour);
    below = top;
  }
}

static void draw_label(tfm_buf *out, double x, bool slanted, const tfm_scale_layout *l)
{
  char name[32];
  char turned[64];
  name_of(l, name, sizeof name);
  (void)snprintf(turned, sizeof turned, " transform=\"rotate(-60 %.1f %d)\"", x + 4,
                 BOTTOM + 14);
  text(out, slanted ? x + 4 : x, slanted ? BOTTOM + 14 : BOTTOM + 18,
       slanted ? "end" : "middle", slanted ? turned : "", name);
}

static void draw_stacks(const tfm__study *s, tfm_buf *out)
{
  const panel p = {.left = 470, .right = 790, .most_x = s->nlayout, .most_y = 1};
  heading(out, &p, "Where the stages\u2019 time went", "stages\u00d7replicas");
  horizontal_grid(out, &p);
  for (int i = 0; i < s->nlayout; ++i) {
    const tfm_pop pop = tfm_scale_figures_of(&s->runs[i], &s->runs[0]).pop;
    const part parts[] = {{pop.parallel, computing},
                          {pop.communication - pop.parallel, imbalance},
                          {pop.transfer - pop.communication, waiting},
                          {1 - pop.transfer, sending}};
    const double width = fmin(0.7 * (px(&p, 1) - px(&p, 0)), 60);
    const double middle = px(&p, i + 0.5);
    draw_stack(out, &p, middle - width / 2, width, parts, 4);
    draw_label(out, middle, s->nlayout > FEW_BARS, &s->runs[i].layout);
  }
}

/* ---- the stages of the largest layout ---- */

/* Where a stage's bar is. */
typedef struct {
  double y, height;
} band;

static void draw_stage(tfm_buf *out, const panel *p, int rank, band at,
                       const tfm_pop_stage *stage, double all_s)
{
  char name[32];
  const double busy = fmin(stage->busy_s / all_s, 1);
  const double send = fmin(stage->send_s / all_s, 1 - busy);
  const double wide = p->right - p->left;
  (void)snprintf(name, sizeof name, "rank %d", rank);
  text(out, p->left - 7, at.y + at.height / 2 + 4, "end", "", name);
  box(out, p->left, at.y, wide * busy, at.height, computing);
  box(out, p->left + wide * busy, at.y, wide * send, at.height, sending);
  box(out, p->left + wide * (busy + send), at.y, wide * (1 - busy - send), at.height, waiting);
}

static void draw_stages(const tfm__study *s, tfm_buf *out)
{
  const tfm_scale_runs *r = &s->runs[s->nlayout - 1];
  const int workers = tfm_scale_layout_workers(&r->layout);
  const int shown = workers < MOST_STAGES ? workers : MOST_STAGES;
  const panel p = {.left = 870, .right = 1150, .most_x = 1, .most_y = 1};
  const double pitch = (double)(BOTTOM - TOP) / shown;
  const double height = fmin(0.7 * pitch, 26);
  char name[32];
  char title[96];
  name_of(&r->layout, name, sizeof name);
  (void)snprintf(title, sizeof title, "Stages of %s%s", name,
                 shown < workers ? ", the first ones" : "");
  heading(out, &p, title, "share of the run");
  for (int i = 0; i < shown; ++i) {
    const band at = {TOP + pitch * i + (pitch - height) / 2, height};
    draw_stage(out, &p, 1 + i, at, &r->stages[i], r->total_s);
  }
  line(out, (point){p.left, BOTTOM}, (point){p.right, BOTTOM}, ink, "");
  for (int i = 0; i <= 4; ++i) {
    number(out, px(&p, i / 4.0), BOTTOM + 18, "middle", i / 4.0);
    line(out, (point){px(&p, i / 4.0), BOTTOM}, (point){px(&p, i / 4.0), BOTTOM + 4}, ink, "");
  }
}

/* ---- the whole ---- */

static void draw_legend(tfm_buf *out)
{
  static const struct {
    const char *const *colour;
    const char *words;
  } keys[] = {{&computing, "computing"},
              {&imbalance, "others have less to do (load balance)"},
              {&waiting, "waiting for each other (serialisation)"},
              {&sending, "sending (transfer)"}};
  static const int at[] = {230, 350, 640, 930};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i) {
    box(out, at[i], HEIGHT - 24, 12, 12, *keys[i].colour);
    text(out, at[i] + 18, HEIGHT - 13, "start", "", keys[i].words);
  }
}

tfm_status tfm__study_draw(const tfm__study *s, tfm_buf *out)
{
  const bool weak = s->options->scale_mode == TFM_SCALE_WEAK;
  (void)tfm_buf_printf(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
      "width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\" "
      "fill=\"%s\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
      WIDTH, HEIGHT, WIDTH, HEIGHT, ink);
  (void)tfm_buf_printf(
      out, "<text x=\"20\" y=\"32\" font-size=\"18\" font-weight=\"bold\">%s scaling: ",
      weak ? "Weak" : "Strong");
  tfm_plot_text(out, s->model);
  (void)tfm_buf_printf(out,
                       ", %s</text>\n<text x=\"20\" y=\"52\">%lld rows%s, %lld runs of each "
                       "layout, host ",
                       s->dtype, (long long)s->rows, weak ? " a worker" : "",
                       (long long)s->options->repetitions);
  tfm_plot_text(out, s->host);
  (void)tfm_buf_str(out, "</text>\n");
  draw_speedup(s, out);
  draw_stacks(s, out);
  draw_stages(s, out);
  draw_legend(out);
  (void)tfm_buf_str(out, "</svg>\n");
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
