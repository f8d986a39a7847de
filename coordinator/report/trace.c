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
  int64_t *ended_ns; /* [nrank] the end of the last slice, from the origin */
  double origin_s;   /* by rank 0's clock */
  tfm_buf text;      /* of one event */
};

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
  trace->origin_s = tfm_now_s();
  trace->ended_ns = tfm_calloc((size_t)crew->nrank, sizeof *trace->ended_ns);
  trace->path = tfm_strndup(path, strlen(path));
  if (!trace->ended_ns || !trace->path) {
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

/* Names and categories of spans: the batch is put behind the name. */
static const struct {
  const char *name, *category;
} kinds[TFM_SPAN_COUNT] = {
    [TFM_SPAN_WAIT] = {"waiting for", "wait"}, [TFM_SPAN_COMPUTE] = {"batch", "compute"},
    [TFM_SPAN_HEAD] = {"head of", "head"},     [TFM_SPAN_SEND] = {"sending", "send"},
    [TFM_SPAN_EMBED] = {"embedding", "embed"}, [TFM_SPAN_WRITE] = {"writing rows", "write"},
};

static void take_span(void *arg, int rank, const tfm_msg_span *span)
{
  tfm_trace *trace = arg;
  if (trace->n >= trace->most) {
    ++trace->left_out;
    return;
  }
  const double shift_s = trace->origin_s + trace->crew->ranks[rank].clock.offset_s;
  int64_t *ended = &trace->ended_ns[rank];
  int64_t begin = (int64_t)llround((span->begin_s - shift_s) * 1e9);
  int64_t end = (int64_t)llround((span->end_s - shift_s) * 1e9);
  begin = begin > *ended ? begin : *ended; /* a clock that was read better moves the spans */
  end = end > begin ? end : begin;
  *ended = end;
  ++trace->n;
  (void)tfm_buf_printf(
      &trace->text,
      ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"ts\":%lld.%03d,\"dur\":%lld.%03d,"
      "\"cat\":\"%s\",\"name\":\"%s",
      rank, (long long)(begin / 1000), (int)(begin % 1000), (long long)((end - begin) / 1000),
      (int)((end - begin) % 1000), kinds[span->kind].category, kinds[span->kind].name);
  if (span->kind == TFM_SPAN_WAIT && span->batch == 0) {
    (void)tfm_buf_str(&trace->text, " the end\"}"); /* numbers of micro-batches begin with 1 */
  } else if (span->batch == 0) {
    (void)tfm_buf_str(&trace->text, "\"}");
  } else {
    const unsigned long long batch = span->batch;
    (void)tfm_buf_printf(&trace->text, " %llu\",\"args\":{\"batch\":%llu", batch, batch);
    if (span->tokens) {
      (void)tfm_buf_printf(&trace->text, ",\"tokens\":%lld", (long long)span->tokens);
    }
    (void)tfm_buf_str(&trace->text, "}}");
  }
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
  tfm_free(trace->ended_ns);
  tfm_free(trace->path);
  tfm_free(trace);
}
