/* The file of --trace, of spans that the test makes up. */
#include "coordinator/report/trace.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

enum { NRANK = 3, MOST = 6 };

typedef struct {
  char path[64];
  tfm_crew crew;
  tfm_trace *trace;
  tfm_crew_listener to;
  double now_s;
} fixture;

static void open_trace(fixture *f)
{
  tfm_err err = {0};
  *f = (fixture){.crew = {.nrank = NRANK}, .now_s = tfm_now_s()};
  tfm_log_setup(TFM_LOG_ERROR, false);
  (void)snprintf(f->path, sizeof f->path, "/tmp/tfm-trace-%ld", (long)getpid());
  f->crew.ranks = tfm_calloc(NRANK, sizeof *f->crew.ranks);
  assert_non_null(f->crew.ranks);
  f->crew.ranks[1].assign = (tfm_msg_assign){.stage = 0, .stages = 1, .units = {0, 4}};
  f->crew.ranks[2].assign.stage = -1;
  CHECK_OK(tfm_trace_open(&f->trace, f->path, &f->crew, MOST, &err), &err);
  f->to = tfm_trace_listener(f->trace);
}

static void note(fixture *f, int rank, tfm_span_kind kind, double begin_s, double end_s)
{
  const tfm_msg_span span = {.kind = kind,
                             .batch = 4,
                             .tokens = 9,
                             .begin_s = f->now_s + begin_s,
                             .end_s = f->now_s + end_s};
  f->to.span(f->to.arg, rank, &span);
}

/* The text of the whole file, which is gone afterwards. */
static void close_trace(fixture *f, tfm_buf *text)
{
  tfm_err err = {0};
  tfm_trace_close(f->trace);
  CHECK_OK(tfm_file_read_all(f->path, 1 << 20, text, &err), &err);
  tfm_json *json = NULL;
  CHECK_OK(tfm_json_parse(&json, f->path, text->data, text->n, &err), &err);
  tfm_json_close(json);
  unlink(f->path);
  tfm_free(f->crew.ranks);
}

static void check_has(tfm_buf *text, const char *part)
{
  if (!strstr(tfm_buf_cstr(text), part)) {
    fail_msg("want %s in\n%s", part, tfm_buf_cstr(text));
  }
}

/* Where in microseconds the n-th slice of all begins and how long it is. */
static void slice(tfm_buf *text, int n, double *ts, double *dur)
{
  const char *p = tfm_buf_cstr(text);
  for (int i = 0; i <= n; ++i) {
    p = strstr(p, "\"ts\":");
    assert_non_null(p);
    *ts = strtod(p + 5, NULL);
    p = strstr(p, "\"dur\":");
    assert_non_null(p);
    *dur = strtod(p + 6, NULL);
  }
}

static void ranks_are_processes(void **state)
{
  (void)state;
  fixture f;
  tfm_buf text = {0};
  open_trace(&f);
  note(&f, 1, TFM_SPAN_COMPUTE, 1, 1.25);
  close_trace(&f, &text);
  check_has(&text, "rank 0: coordinator on ");
  check_has(&text, "rank 1: stage 1/1, layers 0-1 on ");
  check_has(&text, "rank 2: spare on ");
  check_has(&text,
            "\"cat\":\"compute\",\"name\":\"batch 4\",\"args\":{\"batch\":4,\"tokens\":9}}");
  double ts = 0;
  double dur = 0;
  slice(&text, 0, &ts, &dur);
  assert_true(ts > 0.9e6 && ts <= 1e6 && fabs(dur - 0.25e6) < 1);
  tfm_buf_fini(&text);
}

/* Another host's clock is far off; one that is then read better puts no slice over another. */
static void clocks_are_brought_together(void **state)
{
  (void)state;
  fixture f;
  tfm_buf text = {0};
  double ts[3];
  double dur[3];
  open_trace(&f);
  f.crew.ranks[1].clock = (tfm_clock){.known = true, .offset_s = 5000, .error_s = 0.5};
  note(&f, 0, TFM_SPAN_EMBED, 1, 2);
  note(&f, 1, TFM_SPAN_COMPUTE, 5002, 5003);
  f.crew.ranks[1].clock.offset_s = 5000.5;
  note(&f, 1, TFM_SPAN_HEAD, 5003.25, 5004);
  close_trace(&f, &text);
  for (int i = 0; i < 3; ++i) {
    slice(&text, i, &ts[i], &dur[i]);
  }
  assert_true(fabs(ts[1] - ts[0] - 1e6) < 1);
  assert_true(ts[2] >= ts[1] + dur[1] - 1e-3 && fabs(ts[2] + dur[2] - ts[0] - 2.5e6) < 1);
  check_has(&text, "\"clock_error_ms\":500");
  tfm_buf_fini(&text);
}

static void the_rest_is_counted(void **state)
{
  (void)state;
  fixture f;
  tfm_buf text = {0};
  open_trace(&f);
  for (int i = 0; i < MOST + 3; ++i) {
    note(&f, 1, TFM_SPAN_COMPUTE, i, i + 1);
  }
  f.to.lost(f.to.arg, 1, 5);
  close_trace(&f, &text);
  check_has(&text, "{\"slices\":6,\"left_out\":3,\"lost\":5,");
  tfm_buf_fini(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_are_processes),
      cmocka_unit_test(clocks_are_brought_together),
      cmocka_unit_test(the_rest_is_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
