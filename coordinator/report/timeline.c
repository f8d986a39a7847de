#include "coordinator/report/timeline.h"

#include "coordinator/report/trace.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1024, EVENTS_MOST = 20000 };

const char *const tfm_timeline_kinds[] = {"computing", "embedding, writing", "sending",
                                          "waiting"};

static int kind_of(int span_kind)
{
  static const int kinds[TFM_SPAN_COUNT] = {
      [TFM_SPAN_WAIT] = TFM_TIMELINE_WAITING, [TFM_SPAN_COMPUTE] = 0, [TFM_SPAN_HEAD] = 0,
      [TFM_SPAN_SEND] = TFM_TIMELINE_SENDING, [TFM_SPAN_EMBED] = 1,   [TFM_SPAN_WRITE] = 1,
  };
  return kinds[span_kind];
}

/* ---- the moment ---- */

typedef struct {
  double from, to;
} window;

static bool computes(const tfm_timeline_event *e, int rank)
{
  return e->rank == rank && e->span.kind == TFM_SPAN_COMPUTE;
}

/* Micro-batches that a rank began in a window. */
static int count_batches(const tfm_timeline_event *events, int n, int rank, window w)
{
  int batches = 0;
  for (int i = 0; i < n; ++i) {
    batches += computes(&events[i], rank) && events[i].span.begin_s >= w.from &&
               events[i].span.begin_s < w.to;
  }
  return batches;
}

/* The rank that began most of them. */
static int busiest(const tfm_timeline_event *events, int n, int nrow, window w, int *batches)
{
  int rank = 0;
  *batches = 0;
  for (int r = 1; r < nrow; ++r) {
    const int began = count_batches(events, n, r, w);
    if (began > *batches) {
      *batches = began;
      rank = r;
    }
  }
  return rank;
}

/* All that was done: waiting begins before the run does and ends after it. */
static window whole_of(const tfm_timeline_event *events, int n, int nrow)
{
  window w = {HUGE_VAL, -HUGE_VAL};
  for (int i = 0; i < n; ++i) {
    if (events[i].rank < nrow && events[i].span.kind != TFM_SPAN_WAIT) {
      w.from = fmin(w.from, events[i].span.begin_s);
      w.to = fmax(w.to, events[i].span.end_s);
    }
  }
  return w;
}

/* From when the last of the ranks that compute begins to, until the first of them is through. */
static window busy_of(const tfm_timeline_event *events, int n, int nrow)
{
  window w = {-HUGE_VAL, HUGE_VAL};
  for (int rank = 1; rank < nrow; ++rank) {
    double first = HUGE_VAL;
    double last = -HUGE_VAL;
    for (int i = 0; i < n; ++i) {
      if (computes(&events[i], rank)) {
        first = fmin(first, events[i].span.begin_s);
        last = fmax(last, events[i].span.end_s);
      }
    }
    if (isfinite(first)) {
      w.from = fmax(w.from, first);
      w.to = fmin(w.to, last);
    }
  }
  return w;
}

/* So many micro-batches of a rank from the middle of a window in which it begins more. */
static window middle_of(const tfm_timeline_event *events, int n, int rank, window w)
{
  const int skip = (count_batches(events, n, rank, w) - TFM_TIMELINE_BATCHES) / 2;
  window middle = w;
  int began = 0;
  for (int i = 0; i < n; ++i) {
    const double begin_s = events[i].span.begin_s;
    if (!computes(&events[i], rank) || begin_s < w.from || begin_s >= w.to) {
      continue;
    }
    if (began == skip) {
      middle.from = begin_s;
    } else if (began == skip + TFM_TIMELINE_BATCHES) {
      middle.to = begin_s;
      break;
    }
    ++began;
  }
  return middle;
}

static window choose(const tfm_timeline_event *events, int n, int nrow, bool *whole)
{
  int batches = 0;
  const window all = whole_of(events, n, nrow);
  (void)busiest(events, n, nrow, all, &batches);
  *whole = batches <= TFM_TIMELINE_BATCHES;
  if (*whole) {
    return all;
  }
  window w = busy_of(events, n, nrow);
  w = w.from < w.to ? w : all; /* lines of which one was through before another began */
  const int rank = busiest(events, n, nrow, w, &batches);
  return batches > TFM_TIMELINE_BATCHES ? middle_of(events, n, rank, w) : w;
}

static int by_begin(const void *a, const void *b)
{
  const tfm_timeline_event *x = a;
  const tfm_timeline_event *y = b;
  if (x->span.begin_s < y->span.begin_s || x->span.begin_s > y->span.begin_s) {
    return x->span.begin_s < y->span.begin_s ? -1 : 1;
  }
  return (x->rank > y->rank) - (x->rank < y->rank);
}

static void put_span(tfm_timeline *timeline, const tfm_timeline_event *e)
{
  char name[48];
  char *text = timeline->texts[timeline->n];
  tfm_trace_name(&e->span, name, sizeof name);
  (void)snprintf(text, sizeof timeline->texts[0], "%s: %.3f ms", name,
                 (e->span.end_s - e->span.begin_s) * 1e3);
  timeline->spans[timeline->n++] = (tfm_plot_span){
      .row = e->rank,
      .kind = kind_of(e->span.kind),
      .begin = (fmax(e->span.begin_s, timeline->from_s) - timeline->from_s) * 1e3,
      .end = (e->span.end_s - timeline->from_s) * 1e3,
      .text = text};
}

void tfm_timeline_cut(tfm_timeline *timeline, tfm_timeline_event *events, int n, int nrow)
{
  timeline->n = 0;
  timeline->whole = true;
  qsort(events, (size_t)n, sizeof *events, by_begin);
  window w = choose(events, n, nrow, &timeline->whole);
  timeline->from_s = w.from;
  for (int i = 0; i < n; ++i) {
    const tfm_timeline_event *e = &events[i];
    if (e->rank >= nrow || e->span.end_s <= w.from || e->span.begin_s >= w.to) {
      continue;
    }
    if (timeline->n == TFM_TIMELINE_SPANS) {
      timeline->whole = false;
      w.to = e->span.begin_s;
      break;
    }
    put_span(timeline, e);
  }
  timeline->to_s = w.to;
  for (int i = 0; i < timeline->n; ++i) {
    timeline->spans[i].end = fmin(timeline->spans[i].end, (w.to - w.from) * 1e3);
  }
  (void)busiest(events, n, nrow, w, &timeline->batches);
}

/* ---- the file of --trace ---- */

/* The number behind a key of one of our own lines. */
static bool number_behind(const char *line, const char *key, double *out)
{
  const char *at = strstr(line, key);
  char *end = NULL;
  if (!at) {
    return false;
  }
  at += strlen(key);
  *out = strtod(at, &end);
  return end != at && isfinite(*out);
}

static void text_behind(const char *line, const char *key, char *out, size_t n)
{
  const char *at = strstr(line, key);
  at = at ? at + strlen(key) : "";
  size_t len = strcspn(at, "\"\\");
  len = len < n - 1 ? len : n - 1;
  memcpy(out, at, len);
  out[len] = '\0';
}

/* A line of trace.c's own writing; others are no spans. */
static bool read_event(const char *line, int nrow, tfm_timeline_event *e)
{
  char category[16];
  double rank = -1;
  double begin = 0;
  double dur = -1;
  double batch = 0;
  text_behind(line, "\"cat\":\"", category, sizeof category);
  const int kind = tfm_trace_kind(category);
  if (kind < 0 || !number_behind(line, "\"pid\":", &rank) ||
      !number_behind(line, "\"ts\":", &begin) || !number_behind(line, "\"dur\":", &dur) ||
      !(rank >= 0 && rank < nrow && dur >= 0)) {
    return false;
  }
  const bool told = number_behind(line, "\"batch\":", &batch) && batch >= 1 && batch < 1e15;
  *e = (tfm_timeline_event){.rank = (int)rank,
                            .span = {.kind = kind,
                                     .batch = told ? (uint64_t)batch : 0,
                                     .begin_s = begin * 1e-6,
                                     .end_s = (begin + dur) * 1e-6}};
  return true;
}

static int read_events(const char *path, int nrow, tfm_timeline_event *events)
{
  char line[LINE_BYTES];
  int n = 0;
  FILE *f = tfm_path_look(path) == TFM_PATH_FILE ? fopen(path, "re") : NULL;
  while (f && n < EVENTS_MOST && fgets(line, sizeof line, f)) {
    n += read_event(line, nrow, &events[n]);
  }
  if (f) {
    (void)fclose(f);
  }
  return n;
}

tfm_status tfm_timeline_read(tfm_timeline *timeline, const char *path, int nrow, tfm_err *err)
{
  tfm_timeline_event *events = tfm_calloc(EVENTS_MOST, sizeof *events);
  if (!events) {
    return tfm_fail(err, TFM_E_NOMEM, "the time line of %.400s", path);
  }
  const int n = read_events(path, nrow, events);
  tfm_timeline_cut(timeline, events, n, nrow);
  tfm_free(events);
  return TFM_OK;
}
