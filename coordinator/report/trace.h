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
