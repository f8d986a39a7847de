#include "coordinator/report/timeline.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1024, EVENTS_MOST = 20000 };

const char *const tfm_timeline_kinds[] = {"computing", "embedding, writing", "sending",
                                          "waiting"};

typedef struct {
  int rank, kind;
  double begin, end; /* microseconds */
  char name[48];
} event;

static int kind_of(const char *category)
{
  static const char *const names[] = {"compute", "head", "embed", "write", "send", "wait"};
  static const int kinds[] = {0, 0, 1, 1, 2, TFM_TIMELINE_WAITING};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (strcmp(category, names[i]) == 0) {
      return kinds[i];
    }
  }
  return -1;
}

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
static bool read_event(const char *line, int nrow, event *e)
{
  char category[16];
  double rank = -1;
  double dur = -1;
  text_behind(line, "\"cat\":\"", category, sizeof category);
  text_behind(line, "\"name\":\"", e->name, sizeof e->name);
  e->kind = kind_of(category);
  if (e->kind < 0 || !number_behind(line, "\"pid\":", &rank) ||
      !number_behind(line, "\"ts\":", &e->begin) || !number_behind(line, "\"dur\":", &dur) ||
      !(rank >= 0 && rank < nrow && dur >= 0)) {
    return false;
  }
  e->rank = (int)rank;
  e->end = e->begin + dur;
  return true;
}

static int by_begin(const void *a, const void *b)
{
  const event *x = a;
  const event *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int read_events(const char *path, int nrow, event *events)
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
  qsort(events, (size_t)n, sizeof *events, by_begin);
  return n;
}

/* When the last of the ranks that compute begins to, and until when all of them are told of. */
static void find_window(const event *events, int n, int nrow, double *from, double *to)
{
  *from = -INFINITY;
  *to = INFINITY;
  for (int rank = 1; rank < nrow; ++rank) {
    double first = INFINITY;
    double last = -INFINITY;
    for (int i = 0; i < n; ++i) {
      if (events[i].rank == rank && events[i].kind == 0) {
        first = fmin(first, events[i].begin);
        last = fmax(last, events[i].end);
      }
    }
    if (isfinite(first)) {
      *from = fmax(*from, first);
      *to = fmin(*to, last);
    }
  }
}

tfm_status tfm_timeline_read(tfm_timeline *timeline, const char *path, int nrow, tfm_err *err)
{
  timeline->n = 0;
  event *events = tfm_calloc(EVENTS_MOST, sizeof *events);
  if (!events) {
    return tfm_fail(err, TFM_E_NOMEM, "the time line of %.400s", path);
  }
  const int n = read_events(path, nrow, events);
  double from = 0;
  double to = 0;
  find_window(events, n, nrow, &from, &to);
  for (int i = 0; i < n && timeline->n < TFM_TIMELINE_SPANS && isfinite(from); ++i) {
    const event *e = &events[i];
    if (e->begin < from || e->begin >= to) {
      continue;
    }
    char *text = timeline->texts[timeline->n];
    (void)snprintf(text, sizeof timeline->texts[0], "%s: %.3f ms", e->name,
                   (e->end - e->begin) / 1e3);
    timeline->spans[timeline->n++] = (tfm_plot_span){.row = e->rank,
                                                     .kind = e->kind,
                                                     .begin = (e->begin - from) / 1e3,
                                                     .end = (e->end - from) / 1e3,
                                                     .text = text};
  }
  tfm_free(events);
  return TFM_OK;
}
