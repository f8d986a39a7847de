#include "worker/worker.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/whole.h"
#include "proto/messages.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MODEL TFM_SOURCE_DIR "/deploy/models/tfm-sentiment"

enum { TOKENS = 1024, SEQUENCES = 8 };

/* The test plays rank 0 by hand; the worker is a thread of a local world. */
typedef struct {
  tfm_world *worlds[2];
  pthread_t thread;
  int code;
} stagecraft;

static void *worker_thread(void *arg)
{
  stagecraft *s = arg;
  s->code = tfm_worker_main(s->worlds[1]);
  return NULL;
}

static void begin(stagecraft *s)
{
  tfm_err err = {0};
  *s = (stagecraft){.code = -1};
  assert_int_equal(tfm_world_open_local(s->worlds, 2, &err), TFM_OK);
  assert_int_equal(pthread_create(&s->thread, NULL, worker_thread, s), 0);
}

static void tell(stagecraft *s, tfm_frame_type type, tfm_buf *payload)
{
  tfm_err err = {0};
  bool sent = false;
  while (!sent) {
    assert_int_equal(tfm_world_poll(s->worlds[0], &err), TFM_OK);
    assert_int_equal(
        tfm_msg_send(tfm_world_control_out(s->worlds[0], 1), type, payload, &sent, &err),
        TFM_OK);
  }
  tfm_buf_fini(payload);
}

/* The next frame of a link that is not a heartbeat. */
static tfm_frame *await(stagecraft *s, tfm_link *link)
{
  tfm_err err = {0};
  for (;;) {
    tfm_frame *frame = NULL;
    assert_int_equal(tfm_world_poll(s->worlds[0], &err), TFM_OK);
    assert_int_equal(tfm_link_receive(link, &frame, &err), TFM_OK);
    if (!frame) {
      tfm_world_idle(s->worlds[0]);
    } else if (frame->head.type == TFM_FRAME_HEARTBEAT) {
      tfm_link_release(frame);
    } else {
      return frame;
    }
  }
}

static tfm_frame *await_control(stagecraft *s, tfm_frame_type type)
{
  tfm_frame *frame = await(s, tfm_world_control_in(s->worlds[0], 1));
  assert_int_equal(frame->head.type, type);
  return frame;
}

static int finish(stagecraft *s, int code)
{
  tfm_err err = {0};
  tfm_buf payload = {0};
  tfm_msg_leave leave = {.code = code};
  assert_int_equal(tfm_msg_leave_encode(&leave, &payload), TFM_OK);
  tell(s, TFM_FRAME_LEAVE, &payload);
  assert_int_equal(tfm_world_leave(s->worlds[0], 30, &err), TFM_OK);
  assert_int_equal(pthread_join(s->thread, NULL), 0);
  tfm_world_close(s->worlds[0]);
  tfm_world_close(s->worlds[1]);
  return s->code;
}

static void say_start(stagecraft *s, const char *model)
{
  tfm_buf payload = {0};
  tfm_msg_start start = {.backend = "native",
                         .dtype = "float32",
                         .kv = "float32",
                         .wire = "float32",
                         .task = "none"};
  (void)snprintf(start.model, sizeof start.model, "%s", model);
  assert_int_equal(tfm_msg_start_encode(&start, &payload), TFM_OK);
  tell(s, TFM_FRAME_START, &payload);
}

static void say_assign(stagecraft *s, const tfm_model *model)
{
  tfm_buf payload = {0};
  tfm_msg_assign assign = {.numeric_id = "c1-native-float32-k192",
                           .backend = "native",
                           .precision = "float32",
                           .stages = 1,
                           .units = {0, 2 * model->config.L},
                           .head = true,
                           .hidden = model->config.H,
                           .result_width = model->config.nlabel,
                           .max_tokens = TOKENS,
                           .max_sequences = SEQUENCES,
                           .max_rows = SEQUENCES,
                           .threads = 2};
  (void)snprintf(assign.isa, sizeof assign.isa, "%s", tfm_isa_name(tfm_isa_used()));
  assert_int_equal(tfm_msg_assign_encode(&assign, &payload), TFM_OK);
  tell(s, TFM_FRAME_ASSIGN, &payload);
}

/* Rank 0's ends of the one line. */
typedef struct {
  tfm_link *out, *in;
} line;

static line open_line(stagecraft *s, const tfm_model *model)
{
  line l = {0};
  tfm_err err = {0};
  tfm_frame_limits out = {.max_B = SEQUENCES, .max_T = TOKENS, .width = model->config.H};
  tfm_frame_limits in = {.max_B = SEQUENCES, .max_T = SEQUENCES, .width = model->config.nlabel};
  assert_true(tfm_frame_activation_bytes(SEQUENCES + TOKENS, TOKENS, out.width, false,
                                         &out.max_payload));
  assert_true(tfm_frame_result_bytes(SEQUENCES, SEQUENCES, in.width, &in.max_payload));
  assert_int_equal(tfm_world_open_out(s->worlds[0], &l.out, 1, &out, TFM_LINK_BUFFERS, &err),
                   TFM_OK);
  assert_int_equal(tfm_world_open_in(s->worlds[0], &l.in, 1, &in, TFM_LINK_BUFFERS, &err),
                   TFM_OK);
  return l;
}

static void say_measure(stagecraft *s)
{
  tfm_buf payload = {0};
  const tfm_msg_measure measure = {.tokens = TOKENS};
  assert_int_equal(tfm_msg_measure_encode(&measure, &payload), TFM_OK);
  tell(s, TFM_FRAME_MEASURE, &payload);
}

/* Loading takes its time: the clock is asked for whenever it is due, also before MEASURE. */
static void ask_time(stagecraft *s)
{
  tfm_buf payload = {0};
  tfm_err err = {0};
  tfm_msg_clock clock = {.asked_s = 1.5};
  assert_int_equal(tfm_msg_clock_encode(&clock, &payload), TFM_OK);
  tell(s, TFM_FRAME_CLOCK, &payload);
  tfm_frame *frame = await_control(s, TFM_FRAME_CLOCK);
  assert_int_equal(tfm_msg_clock_decode(&clock, frame->bytes + TFM_FRAME_HEADER,
                                        (size_t)frame->head.payload_bytes, &err),
                   TFM_OK);
  assert_true(clock.asked_s >= 1.5 && clock.asked_s <= 1.5 && clock.now_s > 0);
  tfm_link_release(frame);
}

/* The stage has an attention, an ffn and a head, and has measured them. */
static void hear_speed(stagecraft *s)
{
  tfm_frame *frame = await_control(s, TFM_FRAME_SPEED);
  tfm_msg_speed speed;
  tfm_err err = {0};
  assert_int_equal(tfm_msg_speed_decode(&speed, frame->bytes + TFM_FRAME_HEADER,
                                        (size_t)frame->head.payload_bytes, &err),
                   TFM_OK);
  assert_true(speed.attention_s > 0 && speed.scores_s > 0 && speed.ffn_s > 0);
  assert_true(speed.head_s > 0);
  tfm_link_release(frame);
}

/* Everything up to SPEED. */
static line open_stage(stagecraft *s, const tfm_model *model)
{
  say_start(s, MODEL);
  tfm_link_release(await_control(s, TFM_FRAME_HELLO));
  say_assign(s, model);
  line l = open_line(s, model);
  tfm_link_release(await_control(s, TFM_FRAME_READY));
  ask_time(s);
  say_measure(s);
  hear_speed(s);
  return l;
}

static const int32_t ids[] = {2,    51, 1298, 1029, 5,    3,  2, 1029,
                              1007, 43, 4692, 1003, 1057, 18, 3};
static const int32_t types[15] = {0};
static const int32_t cu_len[] = {0, 6, 15};
static const tfm_ids batch = {.B = 2, .T = 15, .cu_len = cu_len, .ids = ids, .type_ids = types};

/* From START to LEAVE with one micro-batch in between: the result must have the oracle's bits,
 * and the worker must leave with the code it was told. */
static void a_worker_scores_and_leaves(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_model model = {0};
  tfm_embed *embed = NULL;
  tfm_whole *whole = NULL;
  float want[4] = {0};
  const tfm_engine engine = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32};
  assert_int_equal(tfm_model_open(&model, MODEL, &err), TFM_OK);
  assert_int_equal(tfm_embed_open(&embed, &model, NULL, &err), TFM_OK);
  assert_int_equal(tfm_whole_open(&whole, &model, engine, TOKENS, 2, &err), TFM_OK);
  tfm_whole_run(whole, &batch, want, NULL, NULL);

  begin(&s);
  line l = open_stage(&s, &model);

  tfm_frame *frame = tfm_link_frame(l.out);
  uint32_t *lengths = tfm_frame_lengths(frame->bytes);
  lengths[0] = 6;
  lengths[1] = 9;
  tfm_embed_run(embed, &batch, tfm_frame_values(frame->bytes, 2), NULL);
  size_t payload = 0;
  assert_true(tfm_frame_activation_bytes(2, 15, model.config.H, false, &payload));
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = 1,
                                 .B = 2,
                                 .T = 15,
                                 .width = model.config.H,
                                 .payload_bytes = payload};
  assert_int_equal(tfm_link_send(l.out, frame, &err), TFM_OK);
  tfm_frame *result = await(&s, l.in);
  assert_int_equal(result->head.type, TFM_FRAME_RESULT);
  assert_int_equal(result->head.batch, 1);
  assert_memory_equal(tfm_frame_values(result->bytes, 2), want, sizeof want);
  tfm_link_release(result);

  frame = tfm_link_frame(l.out);
  frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
  assert_int_equal(tfm_link_send(l.out, frame, &err), TFM_OK);
  tfm_frame *end = await(&s, l.in);
  assert_int_equal(end->head.type, TFM_FRAME_END);
  tfm_link_release(end);
  tfm_frame *last = await_control(&s, TFM_FRAME_STATS);
  tfm_msg_stats stats;
  assert_int_equal(tfm_msg_stats_decode(&stats, last->bytes + TFM_FRAME_HEADER,
                                        (size_t)last->head.payload_bytes, &err),
                   TFM_OK);
  tfm_link_release(last);
  assert_int_equal(stats.tokens, 15);
  assert_true(stats.busy_s > 0);
  assert_int_equal(finish(&s, 75), 75);
  tfm_whole_close(whole);
  tfm_embed_close(embed);
  tfm_model_fini(&model);
}

/* A failure is a message with the worker's own status and text, and the worker waits to be told. */
static void a_missing_model_is_reported(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_msg_failed failed;
  begin(&s);
  say_start(&s, "/nowhere/at/all");
  tfm_frame *frame = await_control(&s, TFM_FRAME_FAILED);
  assert_int_equal(tfm_msg_failed_decode(&failed, frame->bytes + TFM_FRAME_HEADER,
                                         (size_t)frame->head.payload_bytes, &err),
                   TFM_OK);
  tfm_link_release(frame);
  assert_int_equal(failed.err.status, TFM_E_MISSING);
  assert_non_null(strstr(failed.err.text, "rank 1"));
  assert_int_equal(finish(&s, 66), 66);
}

/* A frame of a kind that has no business on a line is refused, not computed. */
static void a_result_on_the_line_is_refused(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_model model = {0};
  assert_int_equal(tfm_model_open(&model, MODEL, &err), TFM_OK);
  begin(&s);
  line l = open_stage(&s, &model);
  tfm_frame *frame = tfm_link_frame(l.out);
  size_t payload = 0;
  assert_true(tfm_frame_result_bytes(1, 1, model.config.H, &payload));
  tfm_frame_lengths(frame->bytes)[0] = 0;
  memset(tfm_frame_values(frame->bytes, 1), 0, (size_t)model.config.H * sizeof(float));
  frame->head = (tfm_frame_head){.type = TFM_FRAME_RESULT,
                                 .batch = 1,
                                 .B = 1,
                                 .T = 1,
                                 .width = model.config.H,
                                 .payload_bytes = payload};
  assert_int_equal(tfm_link_send(l.out, frame, &err), TFM_OK);
  tfm_link_release(await_control(&s, TFM_FRAME_FAILED));
  assert_int_equal(finish(&s, 70), 70);
  tfm_model_fini(&model);
}

/* Lengths that sum to T but are longer than the model can take come from a broken peer only; they
 * must not reach the kernels. */
static void an_overlong_sequence_is_refused(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_model model = {0};
  assert_int_equal(tfm_model_open(&model, MODEL, &err), TFM_OK);
  begin(&s);
  line l = open_stage(&s, &model);
  tfm_frame *frame = tfm_link_frame(l.out);
  int64_t T = model.config.max_length + 1;
  size_t payload = 0;
  assert_true(tfm_frame_activation_bytes(1, T, model.config.H, false, &payload));
  tfm_frame_lengths(frame->bytes)[0] = (uint32_t)T;
  memset(tfm_frame_values(frame->bytes, 1), 0, (size_t)(T * model.config.H) * sizeof(float));
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = 1,
                                 .B = 1,
                                 .T = T,
                                 .width = model.config.H,
                                 .payload_bytes = payload};
  assert_int_equal(tfm_link_send(l.out, frame, &err), TFM_OK);
  tfm_link_release(await_control(&s, TFM_FRAME_FAILED));
  assert_int_equal(finish(&s, 70), 70);
  tfm_model_fini(&model);
}

/* Rows of an encoder mean nothing to a model that has none: its units would leave them alone. */
static void a_source_without_an_encoder_is_refused(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_model model = {0};
  tfm_msg_failed failed;
  assert_int_equal(tfm_model_open(&model, MODEL, &err), TFM_OK);
  begin(&s);
  line l = open_stage(&s, &model);
  tfm_frame *frame = tfm_link_frame(l.out);
  size_t payload = 0;
  assert_true(tfm_frame_activation_bytes(2, 3, model.config.H, false, &payload));
  tfm_frame_lengths(frame->bytes)[0] = 1;
  tfm_frame_lengths(frame->bytes)[1] = 2;
  memset(tfm_frame_values(frame->bytes, 2), 0, (size_t)(3 * model.config.H) * sizeof(float));
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = 1,
                                 .B = 1,
                                 .T = 3,
                                 .width = model.config.H,
                                 .sourced = true,
                                 .payload_bytes = payload};
  assert_int_equal(tfm_link_send(l.out, frame, &err), TFM_OK);
  tfm_frame *answer = await_control(&s, TFM_FRAME_FAILED);
  assert_int_equal(tfm_msg_failed_decode(&failed, answer->bytes + TFM_FRAME_HEADER,
                                         (size_t)answer->head.payload_bytes, &err),
                   TFM_OK);
  tfm_link_release(answer);
  assert_int_equal(failed.err.status, TFM_E_FORMAT);
  assert_non_null(strstr(failed.err.text, "without an encoder's tokens"));
  assert_int_equal(finish(&s, 70), 70);
  tfm_model_fini(&model);
}

/* LEAVE before anything else: a job that ends while parsing its options. */
static void leave_at_once(void **state)
{
  (void)state;
  stagecraft s;
  begin(&s);
  assert_int_equal(finish(&s, 64), 64);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leave_at_once),
      cmocka_unit_test(a_missing_model_is_reported),
      cmocka_unit_test(a_worker_scores_and_leaves),
      cmocka_unit_test(a_result_on_the_line_is_refused),
      cmocka_unit_test(an_overlong_sequence_is_refused),
      cmocka_unit_test(a_source_without_an_encoder_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
