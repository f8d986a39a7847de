/** What the ranks of one run did when, kept in memory to be drawn (timeline.h): the listener of
 *  trace.h without a file. Bounded: what comes after TFM_RECORDING_MOST spans is left out. */
#ifndef TFM_COORDINATOR_REPORT_RECORDING_H
#define TFM_COORDINATOR_REPORT_RECORDING_H

#include "coordinator/report/timeline.h"
#include "coordinator/report/trace.h"

enum { TFM_RECORDING_MOST = 1 << 16 };

/** Release with tfm_recording_fini(); zero-initialised is empty. */
typedef struct {
  tfm_trace_clock clock;
  tfm_timeline_event *events; /* [n]; seconds from when it was begun */
  int n, cap;
  int64_t lost; /* spans that there was no room for, here or with their ranks */
} tfm_recording;

/** borrows: crew, until the end. Errors: TFM_E_NOMEM. */
tfm_status tfm_recording_init(tfm_recording *recording, const tfm_crew *crew,
                              tfm_err *err) TFM_MUST_USE;

/** The crew's listener, before its ranks are told what to do; listener.arg is the recording. */
tfm_crew_listener tfm_recording_listener(tfm_recording *recording);

void tfm_recording_fini(tfm_recording *recording);

#endif
