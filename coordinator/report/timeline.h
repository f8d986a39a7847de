/** What the ranks of a run did when, as plot.h draws it: all of a short run, else a moment at which
 *  all stages are at work. From what was recorded, or from the file of --trace. */
#ifndef TFM_COORDINATOR_REPORT_TIMELINE_H
#define TFM_COORDINATOR_REPORT_TIMELINE_H

#include "coordinator/report/plot.h"
#include "proto/messages.h"

enum {
  TFM_TIMELINE_SPANS = 4096,
  TFM_TIMELINE_BATCHES = 24 /* micro-batches of a stage that eyes can tell apart */
};

/** Kinds of spans, as plot.h takes them. */
extern const char *const tfm_timeline_kinds[];
enum { TFM_TIMELINE_KINDS = 4, TFM_TIMELINE_SENDING = 2, TFM_TIMELINE_WAITING = 3 };

/** A span of a rank; seconds by one clock. */
typedef struct {
  int rank;
  tfm_msg_span span;
} tfm_timeline_event;

typedef struct {
  double from_s, to_s; /* the moment, by the events' clock; spans end where it does */
  bool whole;          /* all that the events tell */
  int batches;         /* that the rank which computed most of them began in it */
  tfm_plot_span spans[TFM_TIMELINE_SPANS]; /* row: the rank; milliseconds from from_s */
  char texts[TFM_TIMELINE_SPANS][64];      /* what spans[i].text is: name and whole length */
  int n;
} tfm_timeline;

/** Choose the moment out of what ranks below nrow did. All of it, when no rank computes more than
 *  TFM_TIMELINE_BATCHES micro-batches; else so many from the middle of the time in which all that
 *  compute are at work; less where spans are too many. Puts events into the order they began in. */
void tfm_timeline_cut(tfm_timeline *timeline, tfm_timeline_event *events, int n, int nrow);

/** Read the first megabytes of such a file and cut them. A file that is not there or tells nothing
 *  has no spans. Errors: TFM_E_NOMEM. */
tfm_status tfm_timeline_read(tfm_timeline *timeline, const char *path, int nrow,
                             tfm_err *err) TFM_MUST_USE;

#endif
