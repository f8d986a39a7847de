#include "coordinator/report/trace.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct tfm_trace {
  tfm_whole_file file;
  char *path; /* as it was named */
  const tfm_crew *crew;
  int64_t most, n, left_out, lost;
  tfm_trace_clock clock;
  tfm_buf text; /* of one event */
};

tfm_status tfm_trace_clock_init(tfm_trace_clock *clock, const tfm_crew *crew, tfm_err *err)
{
  *clock = (tfm_trace_clock){.crew = crew, .origin_s = tfm_now_s()};
  clock->ended_ns = tfm_calloc((size_t)crew->nrank, sizeof *clock->ended_ns);
  return clock->ended_ns ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "the trace");
}

void tfm_trace_clock_fini(tfm_trace_clock *clock)
{
  tfm_free(clock->ended_ns);
  *clock = (tfm_trace_clock){.crew = NULL};
}

void tfm_trace_clock_place(tfm_trace_clock *clock, int rank, const tfm_msg_span *span,
                           int64_t *begin_ns, int64_t *end_ns)
{
  const double shift_s = clock->origin_s + clock->crew->ranks[rank].clock.offset_s;
  int64_t *ended = &clock->ended_ns[rank];
  const int64_t begin = (int64_t)llround((span->begin_s - shift_s) * 1e9);
  const int64_t end = (int64_t)llround((span->end_s - shift_s) * 1e9);
  *begin_ns =
      begin > *ended ? begin : *ended; /* a clock that was read better moves the spans */
  *end_ns = end > *begin_ns ? end : *begin_ns;
  *ended = *end_ns;
}

/* Names and categories of spans: the batch is put behind the name. */
static const struct {
  const char *name, *category;
} kinds[TFM_SPAN_COUNT] = {
    [TFM_SPAN_WAIT] = {"waiting for", "wait"}, [TFM_SPAN_COMPUTE] = {"batch", "compute"},
    [TFM_SPAN_HEAD] = {"head of", "head"},     [TFM_SPAN_SEND] = {"sending", "send"},
    [TFM_SPAN_EMBED] = {"embedding", "embed"}, [TFM_SPAN_WRITE] = {"writing rows", "write"},
};

void tfm_trace_name(const tfm_msg_span *span, char *out, size_t n)
{
  const char *name = kinds[span->kind].name;
  if (span->batch) {
    (void)snprintf(out, n, "%s %llu", name, (unsigned long long)span->batch);
  } else { /* numbers of micro-batches begin with 1 */
    (void)snprintf(out, n, "%s%s", name, span->kind == TFM_SPAN_WAIT ? " the end" : "");
  }
}

int tfm_trace_kind(const char *category)
{
  for (int kind = 0; kind < TFM_SPAN_COUNT; ++kind) {
    if (strcmp(category, kinds[kind].category) == 0) {
      return kind;
    }
  }
  return -1;
}

static void put_out(tfm_trace *trace)
{
  /* A failure stays in the stream and is told at the end. */
  (void)!fwrite(trace->text.data, 1, trace->text.n, trace->file.stream);
  tfm_buf_clear(&trace->text);
}

/* A rank is a process of the viewer, with its part as the name. */
static void put_rank(tfm_trace *trace, int rank)
{
  const tfm_crew_rank *r = &trace->crew->ranks[rank];
  tfm_buf name = {0};
  (void)tfm_buf_printf(&name, "rank %d: ", rank);
  if (rank == 0) {
    (void)tfm_buf_str(&name, "coordinator");
  } else if (r->assign.stage < 0) {
    (void)tfm_buf_str(&name, "spare");
  } else {
    (void)tfm_buf_printf(&name, "stage %d/%d, layers ", r->assign.stage + 1, r->assign.stages);
    (void)tfm_range_print(r->assign.units, &name);
  }
  (void)tfm_buf_printf(&name, " on %s", r->hello.host);
  (void)tfm_buf_printf(
      &trace->text, "%s{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":",
      rank ? ",\n" : "", rank);
  (void)tfm_buf_json_string(&trace->text, tfm_buf_view(&name));
  (void)tfm_buf_printf(&trace->text,
                       "}},\n{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":%d,"
                       "\"args\":{\"sort_index\":%d}}",
                       rank, rank);
  put_out(trace);
  tfm_buf_fini(&name);
}

tfm_status tfm_trace_open(tfm_trace **out, const char *path, const tfm_crew *crew, int64_t most,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_trace *trace = tfm_calloc(1, sizeof *trace);
  if (!trace) {
    return tfm_fail(err, TFM_E_NOMEM, "the trace");
  }
  trace->crew = crew;
  trace->most = most;
  TFM_TRY(tfm_trace_clock_init(&trace->clock, crew, err));
  trace->path = tfm_strndup(path, strlen(path));
  if (!trace->path) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the trace"));
  }
  st = tfm_whole_file_begin(&trace->file, path, err);
  TFM_TRY(st == TFM_OK ? st : tfm_err_prefix(err, "--trace"));
  (void)tfm_buf_str(&trace->text, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  for (int rank = 0; rank < crew->nrank; ++rank) {
    put_rank(trace, rank);
  }
  *out = trace;
  trace = NULL;

fail:
  tfm_trace_close(trace);
  return st;
}

static void take_span(void *arg, int rank, const tfm_msg_span *span)
{
  tfm_trace *trace = arg;
  int64_t begin = 0;
  int64_t end = 0;
  char name[48];
  if (trace->n >= trace->most) {
    ++trace->left_out;
    return;
  }
  tfm_trace_clock_place(&trace->clock, rank, span, &begin, &end);
  tfm_trace_name(span, name, sizeof name);
  ++trace->n;
  (void)tfm_buf_printf(
      &trace->text,
      ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%lld.%03d,\"dur\":%lld.%03d,"
      "\"cat\":\"%s\",\"name\":\"%s\"",
      rank, (long long)(begin / 1000), (int)(begin % 1000), (long long)((end - begin) / 1000),
      (int)((end - begin) % 1000), kinds[span->kind].category, name);
  if (span->batch) {
    (void)tfm_buf_printf(&trace->text, ",\"args\":{\"batch\":%llu",
                         (unsigned long long)span->batch);
    if (span->tokens) {
      (void)tfm_buf_printf(&trace->text, ",\"tokens\":%lld", (long long)span->tokens);
    }
    (void)tfm_buf_char(&trace->text, '}');
  }
  (void)tfm_buf_char(&trace->text, '}');
  put_out(trace);
}

static void take_lost(void *arg, int rank, uint64_t n)
{
  tfm_trace *trace = arg;
  (void)rank;
  trace->lost += (int64_t)n;
}

tfm_crew_listener tfm_trace_listener(tfm_trace *trace)
{
  return (tfm_crew_listener){.span = take_span, .lost = take_lost, .arg = trace};
}

/* The worst clock: how far slices of two ranks may be off against each other. */
static double clock_error(const tfm_crew *crew)
{
  double most = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    const tfm_clock *clock = &crew->ranks[rank].clock;
    most = fabs(clock->offset_s) > 0 && clock->error_s > most ? clock->error_s : most;
  }
  return most;
}

static void say(const tfm_trace *trace)
{
  tfm_buf more = {0};
  if (trace->left_out + trace->lost > 0) {
    (void)tfm_buf_printf(&more,
                         "; %lld later ones and %lld that ranks had no room for are left out",
                         (long long)trace->left_out, (long long)trace->lost);
  }
  if (clock_error(trace->crew) > 0) {
    (void)tfm_buf_printf(&more, "; clocks of hosts agree within %.3f ms",
                         1e3 * clock_error(trace->crew));
  }
  tfm_log(TFM_LOG_INFO, "trace: %lld slices in %s, for ui.perfetto.dev%s", (long long)trace->n,
          trace->path, tfm_buf_cstr(&more));
  tfm_buf_fini(&more);
}

static void end_file(tfm_trace *trace)
{
  (void)tfm_buf_printf(&trace->text,
                       "\n],\"otherData\":{\"slices\":%lld,\"left_out\":%lld,\"lost\":%lld,"
                       "\"clock_error_ms\":%.6g}}\n",
                       (long long)trace->n, (long long)trace->left_out, (long long)trace->lost,
                       1e3 * clock_error(trace->crew));
  put_out(trace);
  tfm_err err = {0};
  if (tfm_whole_file_end(&trace->file, &err) == TFM_OK) {
    say(trace);
  } else {
    tfm_log(TFM_LOG_WARN, "--trace: %s", err.text);
  }
}

void tfm_trace_close(tfm_trace *trace)
{
  if (!trace) {
    return;
  }
  if (trace->file.stream) {
    end_file(trace);
  }
  tfm_buf_fini(&trace->text);
  tfm_trace_clock_fini(&trace->clock);
  tfm_free(trace->path);
  tfm_free(trace);
}
