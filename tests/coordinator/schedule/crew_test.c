#include "coordinator/schedule/watch.h"

#include "core/base/clock.h"
#include "tests/support/check.h"

#include <pthread.h>

enum { RANKS = 4 };

/* Workers played by threads that say what the test tells them to. */
typedef struct {
  tfm_world *world;
  tfm_msg_hello hello;
  tfm_err fails; /* status != OK: FAILED instead of HELLO */
  pthread_t thread;
  int code;
} player;

typedef struct {
  tfm_world *worlds[RANKS];
  player players[RANKS];
  tfm_crew crew;
} stagecraft;

static void send_payload(player *p, tfm_frame_type type, tfm_buf *payload)
{
  tfm_err err = {0};
  bool sent = false;
  while (!sent && tfm_world_poll(p->world, &err) == TFM_OK) {
    if (tfm_msg_send(tfm_world_control_out(p->world, 0), type, payload, &sent, &err) !=
        TFM_OK) {
      break;
    }
  }
  tfm_buf_fini(payload);
}

static void say(player *p)
{
  tfm_buf payload = {0};
  if (p->fails.status != TFM_OK) {
    tfm_msg_failed failed = {.err = p->fails};
    (void)tfm_msg_failed_encode(&failed, &payload);
    send_payload(p, TFM_FRAME_FAILED, &payload);
    return;
  }
  (void)tfm_msg_hello_encode(&p->hello, &payload);
  send_payload(p, TFM_FRAME_HELLO, &payload);
}

static void *play(void *arg)
{
  player *p = arg;
  tfm_err err = {0};
  for (bool left = false; !left;) {
    tfm_frame *frame = NULL;
    (void)!tfm_world_poll(p->world, &err);
    (void)!tfm_link_receive(tfm_world_control_in(p->world, 0), &frame, &err);
    if (!frame) {
      tfm_world_idle(p->world);
      continue;
    }
    if (frame->head.type == TFM_FRAME_START) {
      say(p);
    } else if (frame->head.type == TFM_FRAME_LEAVE) {
      tfm_msg_leave leave = {0};
      (void)!tfm_msg_leave_decode(&leave, frame->bytes + TFM_FRAME_HEADER,
                                  (size_t)frame->head.payload_bytes, &err);
      p->code = leave.code;
      left = true;
    }
    tfm_link_release(frame);
  }
  (void)!tfm_world_leave(p->world, 30, &err);
  return NULL;
}

static tfm_msg_hello common(void)
{
  return (tfm_msg_hello){.version = "1",
                         .digest = "d1",
                         .host = "node1",
                         .cpuset = "0-3",
                         .isa = "avx2",
                         .arithmetic = "native",
                         .numeric_id = "c1",
                         .denormals = "kept",
                         .ncore = 4,
                         .ncore_host = 4,
                         .nnode = 1};
}

static void begin(stagecraft *s)
{
  tfm_err err = {0};
  memset(s, 0, sizeof *s);
  CHECK_OK(tfm_world_open_local(s->worlds, RANKS, &err), &err);
  CHECK_OK(tfm_crew_init(&s->crew, s->worlds[0], &err), &err);
  for (int i = 1; i < RANKS; ++i) {
    s->players[i] = (player){.world = s->worlds[i], .hello = common(), .code = -1};
  }
}

static tfm_status start(stagecraft *s, tfm_err *err)
{
  tfm_msg_start start = {.model = "/m", .backend = "native", .dtype = "float32"};
  tfm_msg_hello own = common();
  for (int i = 1; i < RANKS; ++i) {
    assert_int_equal(pthread_create(&s->players[i].thread, NULL, play, &s->players[i]), 0);
  }
  const tfm_status st = tfm_crew_start(&s->crew, &start, &own, err);
  return st == TFM_OK ? tfm_crew_await_hello(&s->crew, err) : st;
}

/* All workers leave with the code they were told, whatever happened before. */
static void end(stagecraft *s, int code)
{
  tfm_err err = {0};
  tfm_crew_dismiss(&s->crew, code);
  CHECK_OK(tfm_world_leave(s->worlds[0], 30, &err), &err);
  for (int i = 1; i < RANKS; ++i) {
    assert_int_equal(pthread_join(s->players[i].thread, NULL), 0);
    assert_int_equal(s->players[i].code, code);
  }
  for (int i = 0; i < RANKS; ++i) {
    tfm_world_close(s->worlds[i]);
  }
  tfm_crew_fini(&s->crew);
}

static void equal_ranks_are_welcome(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  CHECK_OK(start(&s, &err), &err);
  assert_string_equal(s.crew.ranks[3].hello.host, "node1");
  end(&s, 0);
}

/* One rank with another build, checkpoint or arithmetic would give rows other bits, so it is
 * refused by name before any weight is read. */
static void a_rank_that_differs_is_named(void **state)
{
  (void)state;
  for (int field = 0; field < 5; ++field) {
    stagecraft s;
    tfm_err err = {0};
    begin(&s);
    tfm_msg_hello *odd = &s.players[2].hello;
    char *texts[] = {odd->version, odd->digest, odd->arithmetic, odd->numeric_id,
                     odd->denormals};
    (void)snprintf(texts[field], 8, "other");
    assert_int_equal(start(&s, &err), TFM_E_CONFIG);
    assert_non_null(strstr(err.text, "rank 2"));
    assert_non_null(strstr(err.text, "other"));
    end(&s, 78);
  }
}

/* Everything that differs is in the table, each field beside what rank 0 has. */
static void differences_are_a_table(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  tfm_buf text = {0};
  begin(&s);
  (void)snprintf(s.players[1].hello.digest, sizeof s.players[1].hello.digest, "d2");
  (void)snprintf(s.players[3].hello.digest, sizeof s.players[3].hello.digest, "d3");
  (void)snprintf(s.players[3].hello.denormals, sizeof s.players[3].hello.denormals, "lost");
  assert_int_equal(start(&s, &err), TFM_E_CONFIG);
  assert_int_equal(tfm_crew_differences(&s.crew, &text), 3);
  assert_string_equal(tfm_buf_cstr(&text), "model digest     rank 0 on node1: d1\n"
                                           "                 rank 1 on node1: d2\n"
                                           "                 rank 3 on node1: d3\n"
                                           "denormals        rank 0 on node1: kept\n"
                                           "                 rank 3 on node1: lost\n");
  tfm_buf_fini(&text);
  end(&s, 78);
}

static void a_workers_failure_is_returned(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  (void)tfm_fail(&s.players[3].fails, TFM_E_MISSING, "rank 3: no such folder");
  assert_int_equal(start(&s, &err), TFM_E_MISSING);
  assert_string_equal(err.text, "rank 3: no such folder");
  end(&s, 66);
}

/* The instruction set is the weakest of all ranks; a share is a rank's place among those with the
 * same cpuset on the same host. */
static void common_isa_and_shares(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  int index = -1;
  int count = -1;
  begin(&s);
  (void)snprintf(s.players[1].hello.isa, sizeof s.players[1].hello.isa, "portable");
  (void)snprintf(s.players[3].hello.host, sizeof s.players[3].hello.host, "node2");
  CHECK_OK(start(&s, &err), &err);
  assert_string_equal(tfm_crew_common_isa(&s.crew), "portable");
  tfm_crew_share(&s.crew, 2, &index, &count);
  assert_int_equal(index, 1);
  assert_int_equal(count, 2);
  assert_int_equal(tfm_crew_keeper(&s.crew, 1), 1);
  assert_int_equal(tfm_crew_keeper(&s.crew, 2), 1);
  assert_int_equal(tfm_crew_keeper(&s.crew, 3), 3);
  tfm_crew_share(&s.crew, 3, &index, &count);
  assert_int_equal(index, 0);
  assert_int_equal(count, 1);
  end(&s, 0);
}

/* Three stages on the same cores: two of two cores measure, the last ones; a rank with cores of its
 * own does, and one without a stage has nothing to. */
static void as_many_measure_as_there_are_cores(void **state)
{
  (void)state;
  stagecraft s;
  begin(&s);
  for (int rank = 1; rank < RANKS; ++rank) {
    s.crew.ranks[rank].hello = common();
    s.crew.ranks[rank].hello.ncore = 2;
    s.crew.ranks[rank].assign.stage = rank - 1;
  }
  assert_false(tfm_crew_measures(&s.crew, 1));
  assert_true(tfm_crew_measures(&s.crew, 2) && tfm_crew_measures(&s.crew, 3));
  s.crew.ranks[3].assign.stage = -1;
  assert_true(tfm_crew_measures(&s.crew, 1) && tfm_crew_measures(&s.crew, 2));
  assert_false(tfm_crew_measures(&s.crew, 3));
  s.crew.ranks[3].assign.stage = 2;
  (void)snprintf(s.crew.ranks[1].hello.host, TFM_MSG_TEXT, "node2");
  for (int rank = 1; rank < RANKS; ++rank) {
    s.crew.ranks[rank].hello.ncore = 1;
  }
  assert_true(tfm_crew_measures(&s.crew, 1) && tfm_crew_measures(&s.crew, 3));
  assert_false(tfm_crew_measures(&s.crew, 2));
  assert_int_equal(start(&s, &(tfm_err){0}), TFM_OK);
  end(&s, 0);
}

static void work(stagecraft *s)
{
  s->crew.stall_s = 10;
  s->crew.load_s = 100;
  s->crew.now_s = 50;
  for (int i = 1; i < RANKS; ++i) {
    tfm_crew_rank *r = &s->crew.ranks[i];
    r->assign.stage = i - 1;
    r->assign.stages = RANKS - 1;
    r->heard_s = 45;
    r->moved_s = 45;
    r->beat = (tfm_msg_heartbeat){.computing = 1, .batch = 7};
  }
}

/* Silence is measured from the last message; a rank without a stage, or done, may be silent for
 * ever, and so may all where there is no limit. */
static void silence_is_noticed(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  CHECK_OK(start(&s, &err), &err);
  work(&s);
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  s.crew.ranks[2].heard_s = 39;
  assert_int_equal(tfm_watch_ranks(&s.crew, &err), TFM_E_PEER);
  assert_non_null(strstr(err.text, "rank 2"));
  assert_non_null(strstr(err.text, "silent"));
  s.crew.stall_s = 0;
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  s.crew.stall_s = 10;
  s.crew.ranks[2].have_stats = true;
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  s.crew.ranks[2].have_stats = false;
  s.crew.ranks[2].assign.stage = -1;
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  end(&s, 0);
}

/* Heard of, but at the same micro-batch; a rank that waits has nothing to end. */
static void computing_for_ever_is_noticed(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  CHECK_OK(start(&s, &err), &err);
  work(&s);
  s.crew.ranks[3].moved_s = 39;
  assert_int_equal(tfm_watch_ranks(&s.crew, &err), TFM_E_PEER);
  assert_non_null(strstr(err.text, "rank 3"));
  assert_non_null(strstr(err.text, "computing micro-batch 7"));
  s.crew.ranks[3].beat.computing = 0;
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  end(&s, 0);
}

/* All are well and wait, but the micro-batch that two of them have seen does not reach the third.
 */
static void a_lost_micro_batch_is_noticed(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  CHECK_OK(start(&s, &err), &err);
  work(&s);
  for (int i = 1; i < RANKS; ++i) {
    s.crew.ranks[i].beat = (tfm_msg_heartbeat){.batch = i < 3 ? 8 : 7};
    s.crew.ranks[i].moved_s = 39;
  }
  CHECK_OK(tfm_watch_ranks(&s.crew, &err), &err);
  CHECK_OK(tfm_watch_line(&s.crew, 1, 8, 41, &err), &err);
  assert_int_equal(tfm_watch_line(&s.crew, 1, 8, 39, &err), TFM_E_PEER);
  assert_non_null(strstr(err.text, "rank 3"));
  assert_non_null(strstr(err.text, "micro-batch 8"));
  s.crew.ranks[1].moved_s = 45;
  CHECK_OK(tfm_watch_line(&s.crew, 1, 8, 39, &err), &err);
  end(&s, 0);
}

/* Loading has a limit of its own. */
static void loading_for_ever_is_noticed(void **state)
{
  (void)state;
  stagecraft s;
  tfm_err err = {0};
  begin(&s);
  CHECK_OK(start(&s, &err), &err);
  work(&s);
  CHECK_OK(tfm_watch_loading(&s.crew, 2, "ready", -49, &err), &err);
  assert_int_equal(tfm_watch_loading(&s.crew, 2, "ready", -51, &err), TFM_E_PEER);
  assert_non_null(strstr(err.text, "rank 2 on node1"));
  assert_non_null(strstr(err.text, "--load-limit"));
  end(&s, 0);
}

static void no_span(void *arg, int rank, const tfm_msg_span *span)
{
  (void)arg;
  (void)rank;
  (void)span;
}

/* Frames of a type that have come to a worker so far. */
static int count_arrived(tfm_world *world, tfm_frame_type type)
{
  tfm_err err = {0};
  int n = 0;
  for (;;) {
    tfm_frame *frame = NULL;
    CHECK_OK(tfm_world_poll(world, &err), &err);
    CHECK_OK(tfm_link_receive(tfm_world_control_in(world, 0), &frame, &err), &err);
    if (!frame) {
      return n;
    }
    n += frame->head.type == (int)type;
    tfm_link_release(frame);
  }
}

/* A rank that loads wants MEASURE and nothing else, however long that takes. */
static void clocks_are_compared_when_all_work(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_world *worlds[2];
  tfm_crew crew;
  bool looked = false;
  CHECK_OK(tfm_world_open_local(worlds, 2, &err), &err);
  CHECK_OK(tfm_crew_init(&crew, worlds[0], &err), &err);
  crew.listener.span = no_span;
  crew.clocks_s = -100; /* long ago */
  CHECK_OK(tfm_watch_look(&crew, &looked, &err), &err);
  assert_true(looked);
  assert_int_equal(count_arrived(worlds[1], TFM_FRAME_CLOCK), 0);
  CHECK_OK(tfm_watch_begin(&crew, &err), &err);
  assert_int_equal(count_arrived(worlds[1], TFM_FRAME_CLOCK), 1);
  crew.listener.span = NULL; /* nobody wants to know */
  CHECK_OK(tfm_watch_begin(&crew, &err), &err);
  assert_int_equal(count_arrived(worlds[1], TFM_FRAME_CLOCK), 0);
  tfm_crew_fini(&crew);
  tfm_world_close(worlds[1]);
  tfm_world_close(worlds[0]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_ranks_are_welcome),
      cmocka_unit_test(a_rank_that_differs_is_named),
      cmocka_unit_test(differences_are_a_table),
      cmocka_unit_test(a_workers_failure_is_returned),
      cmocka_unit_test(common_isa_and_shares),
      cmocka_unit_test(as_many_measure_as_there_are_cores),
      cmocka_unit_test(silence_is_noticed),
      cmocka_unit_test(computing_for_ever_is_noticed),
      cmocka_unit_test(a_lost_micro_batch_is_noticed),
      cmocka_unit_test(loading_for_ever_is_noticed),
      cmocka_unit_test(clocks_are_compared_when_all_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
