#include "coordinator/report/draw.h"

#include "coordinator/output/sink.h"
#include "coordinator/report/plot.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <stdio.h>
#include <string.h>

/* Pixels. */
enum {
  EDGE = 24, /* around the picture */
  WIDTH = 1120,
  CELL = 30,   /* a core */
  STEP = 34,   /* from core to core */
  INSIDE = 12, /* from a box to what is in it */
  HEAD = 26,   /* of a box, for its name */
  HOST_HEAD = 44,
  GAP = 14,  /* between boxes */
  LINE = 22, /* of text */
  RUN_GAP = 6,
  NODE_LEAST = 124,
  COLUMN = 356 /* of the list of stages */
};

enum { HOSTS_MOST = 16, STAGES_MOST = 48, GROUPS_MOST = 1024, STRIPES_MOST = 8 };

static const char *const inks[] = {"#d6d5cc", "#2a78d6", "#1baf7a", "#eda100", "#4a3aa7",
                                   "#e34948", "#008300", "#e87ba4", "#eb6834"};
static const char surface[] = "#fcfcfb";
static const char ink[] = "#0b0b0b";
static const char soft[] = "#52514e";
static const char grid[] = "#e7e6e0";
static const char axis[] = "#b9b8ad";

/* Neighbouring cores with one NUMA node: a box. */
typedef struct {
  int package, node;
  int64_t bytes;   /* of the node's memory */
  int first, last; /* among the machine's objects; its CORES are runs that share a cache */
  int columns, width, height;
} group;

typedef struct {
  group groups[GROUPS_MOST];
  int ngroup;
} shape;

/* A host on its way into the picture. */
typedef struct {
  const tfm_drawing *d;
  tfm_buf *out;
  const tfm_machine *m;
  int host;
  shape shape;
} view;

typedef struct {
  const tfm_drawing *d;
  tfm_buf *out;
  double y;
} picture;

typedef struct {
  double width, height;
} area;

/* ---- shapes ---- */

static void put_box(tfm_buf *out, double x, double y, double w, double h, const char *stroke)
{
  (void)tfm_buf_printf(
      out,
      "<rect class=\"box%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
      "rx=\"6\" fill=\"none\" stroke=\"%s\"/>\n",
      stroke == grid ? " fine" : "", x, y, w, h, stroke);
}

static void begin_text(tfm_buf *out, double x, double y, const char *anchor, const char *class,
                       const char *fill)
{
  (void)tfm_buf_printf(out,
                       "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" "
                       "font-family=\"DejaVu Sans,sans-serif\" font-size=\"%d\" fill=\"%s\">",
                       class, x, y, anchor, strcmp(class, "title") == 0 ? 15 : 12, fill);
}

static void put_text(tfm_buf *out, double x, double y, const char *class, const char *text)
{
  begin_text(out, x, y, "start", class, strcmp(class, "title") == 0 ? ink : soft);
  tfm_plot_text(out, text);
  (void)tfm_buf_str(out, "</text>\n");
}

/* ---- who is on a core ---- */

static int colour_of(const tfm_drawing *d, int rank)
{
  const int stage = d->plan->ranks[rank].stage;
  return stage < 0 ? 0 : stage % TFM_PLOT_COLOURS + 1;
}

/* The next working rank after `rank` on a core of a host; 0 when there is none. */
static int next_on(const view *v, int pu, int rank)
{
  const tfm_crowd *crowd = v->d->crowd;
  for (int r = rank + 1; crowd && r < crowd->nrank; ++r) {
    if (crowd->places[r].host == v->host && tfm_cpuset_has(&crowd->shares[r].set, pu)) {
      return r;
    }
  }
  return 0;
}

static void put_rank_names(const view *v, int pu)
{
  tfm_buf *out = v->out;
  int rank = next_on(v, pu, 0);
  const char *between = ": rank ";
  for (int n = 0; rank && n < STRIPES_MOST; ++n) {
    (void)tfm_buf_printf(out, "%s%d", between, rank);
    between = ", ";
    rank = next_on(v, pu, rank);
  }
  if (rank) {
    (void)tfm_buf_str(out, " and more");
  }
}

/* Ranks that take turns on a core are stripes of it. */
static void put_stripes(const view *v, int pu, double x, double y)
{
  int colours[STRIPES_MOST];
  int n = 0;
  for (int r = next_on(v, pu, 0); r && n < STRIPES_MOST; r = next_on(v, pu, r)) {
    colours[n++] = colour_of(v->d, r);
  }
  const double wide = (double)CELL / (n ? n : 1);
  for (int i = 0; i < n; ++i) {
    (void)tfm_buf_printf(
        v->out,
        "<rect class=\"f%d\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" "
        "fill=\"%s\"%s/>\n",
        colours[i], x + i * wide, y, wide, CELL, inks[colours[i]], n == 1 ? " rx=\"4\"" : "");
  }
}

/* Yellow and pink are too light for white; grey has the colour of its surroundings' words. */
static void put_number(tfm_buf *out, double x, double y, int colour, int number)
{
  const bool dark = colour == 3 || colour == 7;
  const char *class = colour == 0 ? "idle" : dark ? "on dark" : "on";
  const char *fill = colour == 0 || dark ? ink : "#ffffff";
  (void)tfm_buf_printf(out,
                       "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" "
                       "font-family=\"DejaVu Sans,sans-serif\" font-size=\"12\" fill=\"%s\">%d"
                       "</text>\n",
                       class, x + CELL / 2.0, y + CELL / 2.0 + 4, fill, number);
}

static void put_core(const view *v, const tfm_core *core, double x, double y)
{
  tfm_buf *out = v->out;
  const int first = next_on(v, core->pu_first, 0);
  const bool alone = first && !next_on(v, core->pu_first, first);
  (void)tfm_buf_printf(out, "<g><title>cpu%s ", core->npu == 1 ? "" : "s");
  for (int i = 0; i < core->npu; ++i) {
    (void)tfm_buf_printf(out, "%s%d", i ? "," : "", v->m->pus[core->pu_at + i]);
  }
  put_rank_names(v, core->pu_first);
  (void)tfm_buf_str(out, "</title>\n");
  if (first) {
    put_stripes(v, core->pu_first, x, y);
  } else {
    (void)tfm_buf_printf(out,
                         "<rect class=\"f0\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" "
                         "rx=\"4\" fill=\"%s\"/>\n",
                         x, y, CELL, CELL, inks[0]);
  }
  if (alone) {
    put_number(out, x, y, colour_of(v->d, first), first);
  } else if (!first) {
    put_number(out, x, y, 0, core->pu_first);
  }
  (void)tfm_buf_str(out, "</g>\n");
}

static void put_empty(tfm_buf *out, double x, double y)
{
  (void)tfm_buf_printf(out,
                       "<g><title>not ours to use</title><rect class=\"gone\" x=\"%.1f\" "
                       "y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"none\" "
                       "stroke=\"%s\" stroke-dasharray=\"3 3\"/></g>\n",
                       x + 0.5, y + 0.5, CELL - 1, CELL - 1, axis);
}

/* ---- a machine in groups ---- */

/* The last object of a kind before `at` that holds its units; -1 when there is none. */
static int holder_of(const tfm_machine *m, int at, tfm_object_kind kind)
{
  for (int i = at - 1; i >= 0; --i) {
    if (m->objects[i].kind == kind &&
        tfm_cpuset_inside(&m->objects[at].set, &m->objects[i].set)) {
      return i;
    }
  }
  return -1;
}

static int rows_of(int cores, int columns)
{
  return (cores + columns - 1) / columns;
}

static void measure_group(const tfm_machine *m, group *g)
{
  int most = 0;
  int cores = 0;
  int rows = 0;
  int runs = 0;
  for (int i = g->first; i <= g->last; ++i) {
    const int count = m->objects[i].kind == TFM_OBJECT_CORES ? m->objects[i].count : 0;
    most = count > most ? count : most;
    cores += count;
  }
  g->columns = most <= 4 ? most : cores <= 16 ? 4 : cores <= 64 ? 8 : 16;
  for (int i = g->first; i <= g->last; ++i) {
    if (m->objects[i].kind == TFM_OBJECT_CORES) {
      rows += rows_of(m->objects[i].count, g->columns);
      ++runs;
    }
  }
  g->width = 2 * INSIDE + g->columns * STEP - (STEP - CELL);
  g->width = g->width < NODE_LEAST ? NODE_LEAST : g->width;
  g->height = HEAD + rows * STEP + (runs - 1) * RUN_GAP + INSIDE - (STEP - CELL);
}

static void find_groups(const tfm_machine *m, shape *s)
{
  s->ngroup = 0;
  for (int i = 0; i < m->nobject; ++i) {
    if (m->objects[i].kind != TFM_OBJECT_CORES) {
      continue;
    }
    const int package = holder_of(m, i, TFM_OBJECT_PACKAGE);
    const int node = holder_of(m, i, TFM_OBJECT_NODE);
    const int numbers[] = {package < 0 ? 0 : m->objects[package].number,
                           node < 0 ? 0 : m->objects[node].number};
    group *last = s->ngroup ? &s->groups[s->ngroup - 1] : NULL;
    if (last && last->package == numbers[0] && last->node == numbers[1]) {
      last->last = i;
    } else if (s->ngroup < GROUPS_MOST) {
      s->groups[s->ngroup++] = (group){.package = numbers[0],
                                       .node = numbers[1],
                                       .bytes = node < 0 ? 0 : m->objects[node].bytes,
                                       .first = i,
                                       .last = i};
    }
  }
  for (int i = 0; i < s->ngroup; ++i) {
    measure_group(m, &s->groups[i]);
  }
}

/* ---- boxes ---- */

static void put_run(const view *v, const tfm_object *run, int columns, double x, double y)
{
  int at = 0;
  for (int c = 0; c < v->m->ncore; ++c) {
    if (tfm_cpuset_has(&run->set, v->m->cores[c].pu_first)) {
      put_core(v, &v->m->cores[c], x + at % columns * STEP, y + at / columns * STEP);
      ++at;
    }
  }
  for (; at < run->count; ++at) {
    put_empty(v->out, x + at % columns * STEP, y + at / columns * STEP);
  }
}

static void put_group(const view *v, const group *g, double x, double y)
{
  char name[64];
  const double gib = (double)g->bytes / (1 << 30);
  (void)snprintf(name, sizeof name, gib >= 1.5 ? "NUMA %d \xc2\xb7 %.0f GiB" : "NUMA %d",
                 g->node, gib);
  put_box(v->out, x, y, g->width, g->height, grid);
  put_text(v->out, x + INSIDE, y + 18, "name", name);
  y += HEAD;
  for (int i = g->first; i <= g->last; ++i) {
    const tfm_object *run = &v->m->objects[i];
    if (run->kind == TFM_OBJECT_CORES) {
      put_run(v, run, g->columns, x + INSIDE, y);
      y += rows_of(run->count, g->columns) * STEP + RUN_GAP;
    }
  }
}

/* Groups [first, last) of one package, side by side in lines no wider than `most`. */
typedef struct {
  int first, last;
  double width, height;
} package_box;

static package_box measure_package(const shape *s, int first, double most)
{
  package_box box = {.first = first, .last = first};
  double x = INSIDE;
  double line = 0;
  box.height = HEAD;
  while (box.last < s->ngroup && s->groups[box.last].package == s->groups[first].package) {
    const group *g = &s->groups[box.last++];
    if (x > INSIDE && x + g->width + INSIDE > most) {
      box.height += line + GAP;
      x = INSIDE;
      line = 0;
    }
    x += g->width + GAP;
    box.width = x - GAP + INSIDE > box.width ? x - GAP + INSIDE : box.width;
    line = g->height > line ? g->height : line;
  }
  box.height += line + INSIDE;
  return box;
}

static void put_package(const view *v, package_box box, double left, double top)
{
  char name[32];
  double x = left + INSIDE;
  double y = top + HEAD;
  double line = 0;
  (void)snprintf(name, sizeof name, "package %d", v->shape.groups[box.first].package);
  put_box(v->out, left, top, box.width, box.height, axis);
  put_text(v->out, left + INSIDE, top + 18, "name", name);
  for (int i = box.first; i < box.last; ++i) {
    const group *g = &v->shape.groups[i];
    if (x > left + INSIDE && x + g->width > left + box.width) {
      x = left + INSIDE;
      y += line + GAP;
      line = 0;
    }
    put_group(v, g, x, y);
    x += g->width + GAP;
    line = g->height > line ? g->height : line;
  }
}

/* ---- hosts ---- */

/* A host's packages, side by side in lines of the picture's width; with `draw` they are put there,
 * else only measured. */
static area lay_out(const view *v, bool draw, double left, double top)
{
  area all = {0};
  double x = left;
  double y = top;
  double line = 0;
  for (int first = 0; first < v->shape.ngroup;) {
    const package_box box = measure_package(&v->shape, first, WIDTH - 2 * EDGE);
    if (x > left && x + box.width > left + WIDTH - 2 * EDGE) {
      x = left;
      y += line + GAP;
      line = 0;
    }
    if (draw) {
      put_package(v, box, x, y);
    }
    x += box.width + GAP;
    all.width = x - GAP - left > all.width ? x - GAP - left : all.width;
    line = box.height > line ? box.height : line;
    first = box.last;
  }
  all.height = y + line - top;
  return all;
}

static int workers_on(const tfm_drawing *d, int host)
{
  int n = 0;
  for (int r = 1; d->crowd && r < d->crowd->nrank; ++r) {
    n += d->crowd->places[r].host == host;
  }
  return n;
}

static void say_machine(tfm_buf *text, const view *v)
{
  const tfm_machine *m = v->m;
  const int workers = workers_on(v->d, v->host);
  (void)tfm_buf_printf(text, "%d core%s", m->ncore_machine, m->ncore_machine == 1 ? "" : "s");
  if (m->ncore < m->ncore_machine) {
    (void)tfm_buf_printf(text, ", %d of them ours", m->ncore);
  }
  if (m->memory_bytes >= 1 << 30) {
    (void)tfm_buf_printf(text, ", %.0f GiB", (double)m->memory_bytes / (1 << 30));
  }
  if (m->cpu_model[0]) {
    (void)tfm_buf_printf(text, ", %.60s", m->cpu_model);
  }
  if (workers > m->ncore) {
    (void)tfm_buf_printf(text, ": %d ranks take turns", workers);
  }
}

/* Its name, and in the next line what it is; how wide that is at most. */
static double put_host_name(const view *v, const char *name, double x, double y)
{
  tfm_buf text = {0};
  say_machine(&text, v);
  begin_text(v->out, x, y + 14, "start", "host", ink);
  tfm_plot_text(v->out, name);
  (void)tfm_buf_str(v->out, "</text>\n");
  put_text(v->out, x, y + 32, "name", tfm_buf_cstr(&text));
  const double wide = 7.2 * (double)text.n;
  tfm_buf_fini(&text);
  return wide;
}

typedef struct {
  double x, line; /* where the next host goes, and how high those beside it are */
} host_flow;

static void put_host(picture *p, host_flow *flow, const tfm_machine *m, int host,
                     const char *name)
{
  view *v = tfm_calloc(1, sizeof *v);
  if (!v) {
    p->out->failed = true;
    return;
  }
  *v = (view){.d = p->d, .out = p->out, .m = m, .host = host};
  find_groups(m, &v->shape);
  const area all = lay_out(v, false, 0, 0);
  if (flow->x > EDGE && flow->x + all.width > WIDTH - EDGE) {
    flow->x = EDGE;
    p->y += flow->line + 2 * GAP;
    flow->line = 0;
  }
  const double wide = put_host_name(v, name, flow->x, p->y);
  (void)lay_out(v, true, flow->x, p->y + HOST_HEAD);
  flow->x += (all.width > wide ? all.width : wide) + 2 * GAP;
  flow->line = HOST_HEAD + all.height > flow->line ? HOST_HEAD + all.height : flow->line;
  tfm_free(v);
}

static void put_hosts(picture *p)
{
  const tfm_hosts *hosts = p->d->hosts;
  host_flow flow = {.x = EDGE};
  int host = 0;
  for (int k = 0; k < hosts->nkind; ++k) {
    for (int i = 0; i < hosts->kinds[k].count; ++i, ++host) {
      char name[160];
      tfm_hosts_name(hosts, (tfm_host_place){k, host}, name, sizeof name);
      if (host < HOSTS_MOST) {
        put_host(p, &flow, &hosts->kinds[k].machine, host, name);
      }
    }
  }
  p->y += flow.line + 2 * GAP;
  if (host > HOSTS_MOST) {
    char text[64];
    (void)snprintf(text, sizeof text, "%d more hosts are not drawn", host - HOSTS_MOST);
    put_text(p->out, EDGE, p->y + 14, "name", text);
    p->y += LINE + GAP;
  }
}

/* ---- stages ---- */

static void put_key(const picture *p, double x, double y, int colour, const char *text)
{
  (void)tfm_buf_printf(p->out,
                       "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\" "
                       "rx=\"3\" fill=\"%s\"/>\n",
                       colour, x, y, inks[colour]);
  put_text(p->out, x + 22, y + 11, "name", text);
}

/* "1", or "1, 8, 15 ..." where there are lines side by side. */
static void put_ranks_of(tfm_buf *text, const tfm_plan *plan, int stage)
{
  enum { NAMED = 6 };
  for (int r = 0; r < plan->replicas && r < NAMED; ++r) {
    (void)tfm_buf_printf(text, "%s%d",
                         r                    ? ", "
                         : plan->replicas > 1 ? "ranks "
                                              : "rank ",
                         1 + r * plan->stages + stage);
  }
  if (plan->replicas > NAMED) {
    (void)tfm_buf_printf(text, ", %d more", plan->replicas - NAMED);
  }
}

static void put_stage(const picture *p, int stage, double x, double y)
{
  const tfm_plan *plan = p->d->plan;
  const tfm_plan_rank *rank = &plan->ranks[1 + stage];
  tfm_buf text = {0};
  (void)tfm_buf_printf(&text, "stage %d: layer%s ", stage + 1,
                       rank->units.last - rank->units.first > 2 ? "s" : "");
  (void)tfm_range_print(rank->units, &text);
  (void)tfm_buf_printf(&text, ", %.1f MB, %.1f %% \xc2\xb7 ", (double)rank->weight_bytes / 1e6,
                       100 * rank->cost_share);
  put_ranks_of(&text, plan, stage);
  put_key(p, x, y, stage % TFM_PLOT_COLOURS + 1, tfm_buf_cstr(&text));
  tfm_buf_fini(&text);
}

static void put_stages(picture *p)
{
  const tfm_plan *plan = p->d->plan;
  const int shown = plan->stages < STAGES_MOST ? plan->stages : STAGES_MOST;
  const int columns = shown < 4 ? 1 : (WIDTH - 2 * EDGE) / COLUMN;
  const int rows = rows_of(shown, columns);
  char text[160];
  for (int i = 0; i < shown; ++i) {
    put_stage(p, i, EDGE + i / rows * COLUMN, p->y + i % rows * LINE);
  }
  p->y += rows * LINE;
  if (shown < plan->stages) {
    (void)snprintf(text, sizeof text, "%d more stages", plan->stages - shown);
    put_text(p->out, EDGE, p->y + 11, "name", text);
    p->y += LINE;
  }
  if (plan->spare > 0) {
    (void)snprintf(text, sizeof text, "%d spare rank%s, idle", plan->spare,
                   plan->spare == 1 ? "" : "s");
    put_key(p, EDGE, p->y, 0, text);
    p->y += LINE;
  }
  p->y += GAP / 2;
  put_text(
      p->out, EDGE, p->y + 11, "name",
      "A core has the number of its rank. Rank 0, the coordinator, needs little: it runs on "
      "any core of its host.");
  p->y += LINE;
}

/* ---- the whole ---- */

void tfm_draw(const tfm_drawing *drawing, tfm_buf *out)
{
  tfm_buf body = {0};
  picture p = {.d = drawing, .out = &body, .y = EDGE};
  put_text(&body, EDGE, p.y + 14, "title", drawing->title);
  p.y += HEAD + GAP;
  put_hosts(&p);
  if (drawing->plan) {
    put_stages(&p);
  }
  (void)tfm_buf_printf(out,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" "
                       "width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n<title>",
                       WIDTH, p.y + EDGE, WIDTH, p.y + EDGE);
  tfm_plot_text(out, drawing->title);
  (void)tfm_buf_printf(out,
                       "</title>\n<style>\n%ssvg.plot .box{stroke:var(--axis)}"
                       "svg.plot .fine{stroke:var(--grid)}svg.plot text.idle{fill:var(--ink)}"
                       "svg.plot .gone{stroke:var(--axis)}svg.plot text.host{fill:var(--ink);"
                       "font-weight:600}svg.plot text.on{fill:#fff;font-weight:600}"
                       "svg.plot text.dark{fill:#0b0b0b}\n</style>\n",
                       tfm_plot_style());
  (void)tfm_buf_printf(out, "<rect class=\"back\" width=\"%d\" height=\"%.0f\" fill=\"%s\"/>\n",
                       WIDTH, p.y + EDGE, surface);
  (void)tfm_buf_str(out, tfm_buf_cstr(&body));
  (void)tfm_buf_str(out, "</svg>\n");
  out->failed = out->failed || body.failed;
  tfm_buf_fini(&body);
}

tfm_status tfm_draw_file(const tfm_drawing *drawing, const char *path, tfm_err *err)
{
  tfm_buf text = {0};
  tfm_draw(drawing, &text);
  if (text.failed) {
    tfm_buf_fini(&text);
    return tfm_fail(err, TFM_E_NOMEM, "a picture of %d hosts", tfm_hosts_count(drawing->hosts));
  }
  const tfm_sink_named file = {"--svg", path};
  tfm_status st = tfm_sink_check_beside(&file, NULL, 0, NULL, 0, err);
  if (st == TFM_OK && (st = tfm_whole_file_write(path, tfm_buf_view(&text), err)) != TFM_OK) {
    st = tfm_err_prefix(err, "--svg");
  }
  tfm_buf_fini(&text);
  return st;
}

tfm_status tfm_draw_plan(const tfm_hosts *hosts, const tfm_crowd *crowd, const tfm_plan *plan,
                         const char *path, tfm_err *err)
{
  char title[160];
  const int nhost = tfm_hosts_count(hosts);
  const int nworker = plan->nrank - 1;
  (void)snprintf(title, sizeof title, "%d stage%s x %d replica%s: %d worker%s on %d host%s",
                 plan->stages, plan->stages == 1 ? "" : "s", plan->replicas,
                 plan->replicas == 1 ? "" : "s", nworker, nworker == 1 ? "" : "s", nhost,
                 nhost == 1 ? "" : "s");
  const tfm_drawing drawing = {.title = title, .hosts = hosts, .crowd = crowd, .plan = plan};
  return tfm_draw_file(&drawing, path, err);
}
