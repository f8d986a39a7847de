/* Which moment of a run is drawn, and that nothing of it is lost on the way from the ranks. */
#include "coordinator/report/recording.h"
#include "coordinator/report/timeline.h"
#include "coordinator/report/trace.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <math.h>
#include <unistd.h>

enum { NRANK = 3, MOST = 6000 };

typedef struct {
  tfm_timeline_event events[MOST];
  int n;
  tfm_timeline timeline;
} fixture;

static void add(fixture *f, int rank, tfm_span_kind kind, uint64_t batch, double begin_s,
                double end_s)
{
  assert_true(f->n < MOST);
  f->events[f->n++] = (tfm_timeline_event){
      .rank = rank, .span = {.kind = kind, .batch = batch, .begin_s = begin_s, .end_s = end_s}};
}

/* Two stages in turn on n micro-batches: 6 ms and 8 ms each, the second one stage behind; rank 0
 * embeds for 1 ms. */
static fixture *make_run(int n)
{
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  for (int i = 0; i < n; ++i) {
    const double at = 10 + 0.010 * i;
    const uint64_t batch = (uint64_t)i + 1;
    add(f, 0, TFM_SPAN_EMBED, batch, at, at + 0.001);
    add(f, 1, TFM_SPAN_WAIT, batch, i ? at - 0.003 : 0, at + 0.001);
    add(f, 1, TFM_SPAN_COMPUTE, batch, at + 0.001, at + 0.007);
    add(f, 2, TFM_SPAN_WAIT, batch, i ? at + 0.005 : 0, at + 0.007);
    add(f, 2, TFM_SPAN_COMPUTE, batch, at + 0.007, at + 0.014);
    add(f, 2, TFM_SPAN_HEAD, batch, at + 0.014, at + 0.015);
  }
  add(f, 2, TFM_SPAN_WAIT, 0, 10 + 0.010 * n + 0.005, 20 + n);
  return f;
}

/* Milliseconds of a kind in a row; every span lies in the moment, and none over another. */
static double sum_of(const tfm_timeline *t, int row, int kind)
{
  double sum = 0;
  double ended = 0;
  for (int i = 0; i < t->n; ++i) {
    const tfm_plot_span *s = &t->spans[i];
    assert_true(s->begin >= 0 && s->end >= s->begin);
    assert_true(s->end <= (t->to_s - t->from_s) * 1e3 + 1e-9);
    if (s->row == row) {
      assert_true(s->begin >= ended - 1e-6);
      ended = s->end;
      sum += s->kind == kind ? s->end - s->begin : 0;
    }
  }
  return sum;
}

static void check_near(double got, double want)
{
  if (!(fabs(got - want) < 1e-6)) {
    fail_msg("want %g, got %g", want, got);
  }
}

static void a_short_run_is_whole(void **state)
{
  (void)state;
  fixture *f = make_run(TFM_TIMELINE_BATCHES);
  tfm_timeline *t = &f->timeline;
  tfm_timeline_cut(t, f->events, f->n, NRANK);
  assert_true(t->whole);
  assert_int_equal(t->batches, TFM_TIMELINE_BATCHES);
  check_near(t->from_s, 10); /* waiting before and after is no part of it */
  check_near(t->to_s, 10 + 0.010 * (TFM_TIMELINE_BATCHES - 1) + 0.015);
  check_near(sum_of(t, 0, 1), 1.0 * TFM_TIMELINE_BATCHES);
  check_near(sum_of(t, 1, 0), 6.0 * TFM_TIMELINE_BATCHES);
  check_near(sum_of(t, 2, 0), 8.0 * TFM_TIMELINE_BATCHES);
  check_near(sum_of(t, 1, TFM_TIMELINE_WAITING), 4.0 * TFM_TIMELINE_BATCHES - 3);
  assert_string_equal(t->spans[0].text, "waiting for 1: 10001.000 ms");
  tfm_free(f);
}

static void of_a_long_run_the_middle_is_shown(void **state)
{
  (void)state;
  fixture *f = make_run(400);
  tfm_timeline *t = &f->timeline;
  tfm_timeline_cut(t, f->events, f->n, NRANK);
  assert_false(t->whole);
  assert_int_equal(t->batches, TFM_TIMELINE_BATCHES);
  check_near((t->to_s - t->from_s) * 1e3, 10.0 * TFM_TIMELINE_BATCHES);
  assert_true(t->from_s > 11.7 && t->to_s < 12.3); /* of 10 to 14 */
  for (int row = 1; row < NRANK; ++row) {          /* cut or not, it is what a stage does */
    check_near(sum_of(t, row, 0), (row == 1 ? 6.0 : 8.0) * TFM_TIMELINE_BATCHES);
  }
  assert_true(t->n > 0 && sum_of(t, 2, TFM_TIMELINE_WAITING) > 0);
  tfm_free(f);
}

static void ranks_beyond_the_rows_are_left_out(void **state)
{
  (void)state;
  fixture *f = make_run(40);
  tfm_timeline_cut(&f->timeline, f->events, f->n, 2);
  for (int i = 0; i < f->timeline.n; ++i) {
    assert_true(f->timeline.spans[i].row < 2);
  }
  check_near(sum_of(&f->timeline, 1, 0), 6.0 * TFM_TIMELINE_BATCHES);
  tfm_timeline_cut(&f->timeline, f->events, 0, 2);
  assert_int_equal(f->timeline.n, 0);
  tfm_free(f);
}

/* More than there is room for shortens the moment. */
static void too_many_spans_end_it(void **state)
{
  (void)state;
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  add(f, 1, TFM_SPAN_COMPUTE, 1, 0, 100);
  for (int i = 0; i < MOST - 1; ++i) {
    add(f, 2, TFM_SPAN_SEND, 1, 0.01 * i, 0.01 * (i + 1));
  }
  tfm_timeline_cut(&f->timeline, f->events, f->n, NRANK);
  assert_int_equal(f->timeline.n, TFM_TIMELINE_SPANS);
  assert_false(f->timeline.whole);
  check_near(sum_of(&f->timeline, 2, TFM_TIMELINE_SENDING), 10.0 * (TFM_TIMELINE_SPANS - 1));
  check_near(sum_of(&f->timeline, 1, 0), 10.0 * (TFM_TIMELINE_SPANS - 1));
  tfm_free(f);
}

/* What a listener hears of a run as made above, by clocks of its own. */
static void tell(const tfm_crew_listener *to, const fixture *f, double now_s)
{
  for (int i = 0; i < f->n; ++i) {
    tfm_msg_span span = f->events[i].span;
    span.begin_s += now_s;
    span.end_s += now_s;
    to->span(to->arg, f->events[i].rank, &span);
  }
}

/* The file of --trace and what is kept in memory give the same moment. */
static void a_recording_is_what_the_file_says(void **state)
{
  (void)state;
  tfm_err err = {0};
  char path[64];
  fixture *f = make_run(30);
  fixture *from_file = tfm_calloc(1, sizeof *from_file);
  tfm_crew crew = {.nrank = NRANK, .ranks = tfm_calloc(NRANK, sizeof(tfm_crew_rank))};
  tfm_recording recording;
  tfm_trace *trace = NULL;
  assert_true(from_file && crew.ranks);
  tfm_log_setup(TFM_LOG_ERROR, false);
  (void)snprintf(path, sizeof path, "/tmp/tfm-timeline-%ld", (long)getpid());
  CHECK_OK(tfm_recording_init(&recording, &crew, &err), &err);
  CHECK_OK(tfm_trace_open(&trace, path, &crew, MOST, &err), &err);
  const double now_s = tfm_now_s();
  const tfm_crew_listener memory = tfm_recording_listener(&recording);
  const tfm_crew_listener file = tfm_trace_listener(trace);
  tell(&memory, f, now_s);
  tell(&file, f, now_s);
  tfm_trace_close(trace);
  assert_int_equal(recording.n, f->n);
  CHECK_OK(tfm_timeline_read(&from_file->timeline, path, NRANK, &err), &err);
  tfm_timeline_cut(&f->timeline, recording.events, recording.n, NRANK);
  unlink(path);
  assert_int_equal(f->timeline.n, from_file->timeline.n);
  for (int i = 0; i < f->timeline.n; ++i) {
    const tfm_plot_span *a = &f->timeline.spans[i];
    const tfm_plot_span *b = &from_file->timeline.spans[i];
    assert_true(a->row == b->row && a->kind == b->kind && fabs(a->begin - b->begin) < 0.01 &&
                fabs(a->end - b->end) < 0.01);
    assert_memory_equal(a->text, b->text, strcspn(a->text, ":"));
  }
  tfm_recording_fini(&recording);
  tfm_free(crew.ranks);
  tfm_free(from_file);
  tfm_free(f);
}

static void what_finds_no_room_is_counted(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_crew_rank ranks[2] = {{.lender = 0}};
  const tfm_crew crew = {.nrank = 2, .ranks = ranks};
  const tfm_msg_span span = {.kind = TFM_SPAN_COMPUTE, .batch = 1};
  tfm_recording recording;
  CHECK_OK(tfm_recording_init(&recording, &crew, &err), &err);
  const tfm_crew_listener to = tfm_recording_listener(&recording);
  for (int i = 0; i < TFM_RECORDING_MOST + 3; ++i) {
    to.span(to.arg, 1, &span);
  }
  to.lost(to.arg, 1, 4);
  assert_int_equal(recording.n, TFM_RECORDING_MOST);
  assert_int_equal(recording.lost, 7);
  tfm_recording_fini(&recording);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_short_run_is_whole),
      cmocka_unit_test(of_a_long_run_the_middle_is_shown),
      cmocka_unit_test(ranks_beyond_the_rows_are_left_out),
      cmocka_unit_test(too_many_spans_end_it),
      cmocka_unit_test(a_recording_is_what_the_file_says),
      cmocka_unit_test(what_finds_no_room_is_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
