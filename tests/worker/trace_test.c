/* What a rank keeps of what it did, and when it does not. */
#include "core/base/mem.h"
#include "proto/world.h"
#include "tests/support/check.h"
#include "worker/trace.h"

static void note(tfm_msg_trace *trace, tfm_span_kind kind, double seconds)
{
  const tfm_msg_span span = {.kind = kind, .batch = 1, .begin_s = 10, .end_s = 10 + seconds};
  tfm_trace_note(trace, &span);
}

static void room_is_bounded(void **state)
{
  (void)state;
  tfm_msg_trace *trace = tfm_calloc(1, sizeof *trace);
  assert_non_null(trace);
  assert_false(tfm_trace_pressing(trace));
  for (int i = 0; i < TFM_MSG_SPANS + 7; ++i) {
    note(trace, TFM_SPAN_COMPUTE, 0);
    assert_true(tfm_trace_pressing(trace) == (trace->n >= TFM_MSG_SPANS / 2));
  }
  assert_true(trace->n == TFM_MSG_SPANS && trace->lost == 7);
  tfm_free(trace);
}

static void what_is_nothing_is_left_out(void **state)
{
  (void)state;
  tfm_msg_trace *trace = tfm_calloc(1, sizeof *trace);
  assert_non_null(trace);
  note(trace, TFM_SPAN_WAIT, 1e-7);
  note(trace, TFM_SPAN_SEND, 1e-7);
  assert_int_equal(trace->n, 0);
  note(trace, TFM_SPAN_WAIT, 1e-3);
  note(trace, TFM_SPAN_HEAD, 1e-7);
  assert_int_equal(trace->n, 2);
  note(NULL, TFM_SPAN_HEAD, 1); /* nobody asked */
  tfm_free(trace);
}

/* What finds no free frame stays, and goes when there is one. */
static void spans_wait_for_a_frame(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_world *worlds[2];
  tfm_frame *held[64];
  int n = 0;
  tfm_msg_trace *trace = tfm_calloc(1, sizeof *trace);
  assert_non_null(trace);
  CHECK_OK(tfm_world_open_local(worlds, 2, &err), &err);
  tfm_link *out = tfm_world_control_out(worlds[1], 0);
  note(trace, TFM_SPAN_COMPUTE, 1);
  while (n < 64 && (held[n] = tfm_link_frame(out)) != NULL) {
    ++n;
  }
  assert_true(n > 0 && n < 64);
  CHECK_OK(tfm_trace_send(trace, out, &err), &err);
  assert_int_equal(trace->n, 1);
  while (n > 0) {
    tfm_link_release(held[--n]);
  }
  CHECK_OK(tfm_trace_send(trace, out, &err), &err);
  assert_int_equal(trace->n, 0);
  tfm_free(trace);
  tfm_world_close(worlds[1]);
  tfm_world_close(worlds[0]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(room_is_bounded),
      cmocka_unit_test(what_is_nothing_is_left_out),
      cmocka_unit_test(spans_wait_for_a_frame),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
