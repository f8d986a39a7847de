#include "coordinator/report/recording.h"

#include "core/base/mem.h"

tfm_status tfm_recording_init(tfm_recording *recording, const tfm_crew *crew, tfm_err *err)
{
  *recording = (tfm_recording){.n = 0};
  return tfm_trace_clock_init(&recording->clock, crew, err);
}

static bool make_room(tfm_recording *r)
{
  if (r->n < r->cap) {
    return true;
  }
  const int cap = r->cap ? 2 * r->cap : 1024;
  tfm_timeline_event *events =
      cap <= TFM_RECORDING_MOST ? tfm_realloc(r->events, (size_t)cap, sizeof *events) : NULL;
  if (events) {
    r->events = events;
    r->cap = cap;
  }
  return events != NULL;
}

static void take_span(void *arg, int rank, const tfm_msg_span *span)
{
  tfm_recording *r = arg;
  int64_t begin = 0;
  int64_t end = 0;
  if (!make_room(r)) {
    ++r->lost;
    return;
  }
  tfm_trace_clock_place(&r->clock, rank, span, &begin, &end);
  tfm_timeline_event *e = &r->events[r->n++];
  *e = (tfm_timeline_event){.rank = rank, .span = *span};
  e->span.begin_s = (double)begin * 1e-9;
  e->span.end_s = (double)end * 1e-9;
}

static void take_lost(void *arg, int rank, uint64_t n)
{
  tfm_recording *r = arg;
  (void)rank;
  r->lost += (int64_t)n;
}

tfm_crew_listener tfm_recording_listener(tfm_recording *recording)
{
  return (tfm_crew_listener){.span = take_span, .lost = take_lost, .arg = recording};
}

void tfm_recording_fini(tfm_recording *recording)
{
  tfm_trace_clock_fini(&recording->clock);
  tfm_free(recording->events);
  *recording = (tfm_recording){.n = 0};
}
