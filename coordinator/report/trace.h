/** `--trace`: what each rank did when, as a file that ui.perfetto.dev and chrome://tracing open:
 *  a process for each rank, a slice for each thing it did to a micro-batch, and its waiting.
 *
 *  Times are brought to rank 0's clock; no two slices of a rank overlap. Slices go to the file as
 *  they come, and no more after TFM_TRACE_MOST: memory does not grow, and what is left out is
 *  counted. */
#ifndef TFM_COORDINATOR_REPORT_TRACE_H
#define TFM_COORDINATOR_REPORT_TRACE_H

#include "coordinator/schedule/crew.h"

enum { TFM_TRACE_MOST = 1 << 20 };

typedef struct tfm_trace tfm_trace;

/** Brings what ranks tell to rank 0's clock. Release with tfm_trace_clock_fini(). */
typedef struct {
  const tfm_crew *crew;
  double origin_s;   /* by rank 0's clock: times are counted from here */
  int64_t *ended_ns; /* [nrank] the end of a rank's last span */
} tfm_trace_clock;

/** borrows: crew. Errors: TFM_E_NOMEM. */
tfm_status tfm_trace_clock_init(tfm_trace_clock *clock, const tfm_crew *crew,
                                tfm_err *err) TFM_MUST_USE;
void tfm_trace_clock_fini(tfm_trace_clock *clock);

/** When this span of a rank was, from the origin; it begins after the one before has ended. */
void tfm_trace_clock_place(tfm_trace_clock *clock, int rank, const tfm_msg_span *span,
                           int64_t *begin_ns, int64_t *end_ns);

/** How the file calls a span: "batch 4", "waiting for the end". out [n], cut where it is long. */
void tfm_trace_name(const tfm_msg_span *span, char *out, size_t n);

/** The kind of a category's name in the file; -1: none of ours. */
int tfm_trace_kind(const char *category);

/** Begin the file: it has its name when it is closed. crew: its ranks' parts are known; borrowed
 *  until closed. most: slices, TFM_TRACE_MOST but in tests.
 *  gives: *out, release with tfm_trace_close(). Errors: TFM_E_NOMEM, TFM_E_IO. */
tfm_status tfm_trace_open(tfm_trace **out, const char *path, const tfm_crew *crew, int64_t most,
                          tfm_err *err) TFM_MUST_USE;

/** The crew's listener; listener.arg is the trace. */
tfm_crew_listener tfm_trace_listener(tfm_trace *trace);

/** End the file, give it its name, and log what is in it; that it could not be written is a
 * warning. Whatever the job came to: what was done is worth a look. NULL is allowed. */
void tfm_trace_close(tfm_trace *trace);

#endif
