#include "tests/support/check.h"

#include "core/base/mem.h"
#include "proto/messages.h"

#include <math.h>

#include <string.h>

typedef tfm_status (*encode_fn)(const void *msg, tfm_buf *out);
typedef tfm_status (*decode_fn)(void *msg, const void *bytes, size_t n, tfm_err *err);

/* A message with every field set to something no other field has, so that a field that is
 * forgotten, swapped or cut short shows. */
static const tfm_msg_start start = {.model = "/models/bert",
                                    .backend = "native",
                                    .dtype = "bfloat16",
                                    .kv = "int8",
                                    .wire = "bfloat32",
                                    .smooth = "/scales/bert.json",
                                    .digest_full = true,
                                    .cache = "/caches/tfm-cluster",
                                    .task = "fill-mask",
                                    .pooling = 2,
                                    .normalize = 1,
                                    .dims = 64,
                                    .top_k = 1LL << 40,
                                    .only = {.n = 3, .v = {7, 0, 30521}}};
static const tfm_msg_hello hello = {.version = "0.1.0",
                                    .digest = "sha256:12ab",
                                    .host = "node\xff"
                                            "7",
                                    .cpuset = "0-7,16-23",
                                    .cpu = "a processor",
                                    .isa = "avx512",
                                    .arithmetic = "v1",
                                    .ncore = 8,
                                    .ncore_host = 64,
                                    .nnode = 2,
                                    .node = -1,
                                    .pid = INT64_C(0x123456789),
                                    .resident_bytes = 1LL << 34,
                                    .available_bytes = -1};
static const tfm_msg_assign assign = {.numeric_id = "v1-native",
                                      .isa = "avx2",
                                      .backend = "ref",
                                      .precision = "bf16x3",
                                      .replica = -1,
                                      .stage = 3,
                                      .stages = 7,
                                      .units = {.first = 5, .last = 9},
                                      .head = true,
                                      .previous = 11,
                                      .next = 12,
                                      .hidden = 768,
                                      .result_width = 2,
                                      .max_tokens = 4096,
                                      .max_sequences = 512,
                                      .threads = 4,
                                      .share_index = 1,
                                      .share_count = 6,
                                      .keeper = 9,
                                      .probe = true,
                                      .longest = INT64_C(0x1234567890),
                                      .lender = INT64_C(0x2345678901),
                                      .lent = 17};
static const tfm_msg_ready ready = {.cpuset = "3",
                                    .probe_failed = "layer 2 key",
                                    .note = "cannot pin",
                                    .node = -1,
                                    .weight_bytes = INT64_C(0x7123456789),
                                    .scratch_bytes = 22,
                                    .locality_known = true,
                                    .pages = 33,
                                    .local_pages = 32,
                                    .load_s = 1.25,
                                    .lent = -1};
static const tfm_msg_heartbeat heartbeat = {.computing = 1,
                                            .batch = UINT64_MAX,
                                            .since_s = 0.1,
                                            .frames = 11,
                                            .tokens = 22,
                                            .busy_s = 0.25,
                                            .wait_s = 0.5,
                                            .send_s = 0.75};
static const tfm_msg_stats stats = {.frames = 1,
                                    .tokens = 2,
                                    .busy_s = 3.5,
                                    .wait_s = 4.5,
                                    .send_s = 5.5,
                                    .cpu_s = 6.5,
                                    .compute_cpu_s = 6.25,
                                    .peak_rss_bytes = 7,
                                    .locality_known = true,
                                    .pages = 8,
                                    .local_pages = 9};
static const tfm_msg_failed failed = {
    .err = {.status = TFM_E_FORMAT, .text = "model.safetensors: layer 7 is missing"}};
static const tfm_msg_leave leave = {.code = 75};
static const tfm_msg_comm comm = {.peer = 3, .measures = true, .passes = 5};
static const tfm_msg_sample sample = {
    .bytes = 4096, .shared = true, .latency_s = 0.5, .waiting_s = 0.75, .bytes_per_s = 1e9};
static const tfm_msg_memory memory = {.threads = 4, .beside = 2, .bytes = 1 << 20, .passes = 3};
static const tfm_msg_bandwidth bandwidth = {.host = "node7",
                                            .cpuset = "0-3,8",
                                            .ncore = 5,
                                            .threads = 4,
                                            .copy = 1e9,
                                            .scale = 2e9,
                                            .add = 3e9,
                                            .triad = 4e9};
static const tfm_msg_measure measure = {.tokens = 1024};
static const tfm_msg_speed speed = {
    .attention_s = 0x1p-40, .scores_s = 0x1p-41, .ffn_s = 0x1p-42, .head_s = 0x1p-43};

static const tfm_msg_clock clock_ = {.asked_s = 0.5, .now_s = 1e6};
static const tfm_msg_attention attention = {
    .layer = 3, .head = 5, .tokens = 2, .first = 1, .n = 2, .v = {0.25f, 0.75f}};
static const tfm_msg_trace trace = {
    .lost = 3,
    .n = 2,
    .v = {{.kind = TFM_SPAN_COMPUTE, .batch = 7, .tokens = 99, .begin_s = 1, .end_s = 2},
          {.kind = TFM_SPAN_SEND, .batch = 7, .begin_s = 2, .end_s = 2.5}}};

typedef struct {
  const char *name;
  const void *msg;
  encode_fn encode;
  decode_fn decode;
} message;

/* Functions of one message seen as functions of any. */
#define WRAP(name)                                                                             \
  static tfm_status encode_##name(const void *msg, tfm_buf *out)                               \
  {                                                                                            \
    return tfm_msg_##name##_encode(msg, out);                                                  \
  }                                                                                            \
  static tfm_status decode_##name(void *msg, const void *bytes, size_t n, tfm_err *err)        \
  {                                                                                            \
    return tfm_msg_##name##_decode(msg, bytes, n, err);                                        \
  }
WRAP(start)
WRAP(hello)
WRAP(assign)
WRAP(ready)
WRAP(heartbeat)
WRAP(stats)
WRAP(failed)
WRAP(leave)
WRAP(comm)
WRAP(sample)
WRAP(measure)
WRAP(speed)
WRAP(clock)
WRAP(trace)
WRAP(attention)
WRAP(memory)
WRAP(bandwidth)

#define ROW(name)                                                                              \
  {                                                                                            \
#name, &name, encode_##name, decode_##name                                                 \
  }
static const message messages[] = {ROW(start),
                                   ROW(hello),
                                   ROW(assign),
                                   ROW(ready),
                                   ROW(heartbeat),
                                   ROW(stats),
                                   ROW(failed),
                                   ROW(leave),
                                   ROW(comm),
                                   ROW(sample),
                                   ROW(measure),
                                   ROW(speed),
                                   {"clock", &clock_, encode_clock, decode_clock},
                                   ROW(trace),
                                   ROW(attention),
                                   ROW(memory),
                                   ROW(bandwidth)};
enum { NMESSAGE = sizeof messages / sizeof messages[0] };

/* The largest of the structs, with room for their alignment. */
typedef union {
  tfm_msg_start start;
  tfm_msg_hello hello;
  tfm_msg_assign assign;
  tfm_msg_ready ready;
  tfm_msg_stats stats;
  tfm_msg_failed failed;
  tfm_msg_trace trace;
  tfm_msg_attention attention;
} any_message;

static tfm_status decode_exact(const message *m, any_message *got, const void *bytes, size_t n,
                               tfm_err *err)
{
  /* Exactly n readable bytes, for the address sanitizer. */
  unsigned char *copy = tfm_alloc_aligned(n, 1);
  assert_non_null(copy);
  memcpy(copy, bytes, n);
  tfm_status st = m->decode(got, copy, n, err);
  tfm_free(copy);
  return st;
}

/* Every field arrives as it was. Compared as encodings: what one field holds is compared
 * field by field below. */
static void messages_round_trip(void **state)
{
  (void)state;
  for (int i = 0; i < NMESSAGE; ++i) {
    tfm_buf out = {0};
    tfm_err err = {0};
    any_message got;
    memset(&got, 0xEE, sizeof got);
    assert_int_equal(messages[i].encode(messages[i].msg, &out), TFM_OK);
    assert_int_equal(decode_exact(&messages[i], &got, out.data, out.n, &err), TFM_OK);
    tfm_buf again = {0};
    assert_int_equal(messages[i].encode(&got, &again), TFM_OK);
    assert_int_equal(again.n, out.n);
    assert_memory_equal(again.data, out.data, out.n);
    tfm_buf_fini(&again);
    tfm_buf_fini(&out);
  }
}

/* What another rank did is believed in its order only: a viewer takes nothing else. */
static void spans_come_in_order(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_msg_trace got;
  tfm_msg_trace bad = trace;
  for (int i = 0; i < 5; ++i) {
    bad = trace;
    bad.v[1].begin_s = i == 0 ? 1.5 : bad.v[1].begin_s;
    bad.v[1].end_s = i == 1 ? 1.75 : bad.v[1].end_s;
    bad.v[0].kind = i == 2 ? TFM_SPAN_COUNT : bad.v[0].kind;
    bad.v[0].kind = i == 3 ? -1 : bad.v[0].kind;
    bad.v[0].tokens = i == 4 ? -1 : bad.v[0].tokens;
    tfm_buf out = {0};
    assert_int_equal(tfm_msg_trace_encode(&bad, &out), TFM_OK);
    CHECK_FAILS(tfm_msg_trace_decode(&got, out.data, out.n, &err), TFM_E_FORMAT, &err, "trace");
    tfm_buf_fini(&out);
  }
  tfm_buf out = {0};
  assert_int_equal(tfm_msg_trace_encode(&trace, &out), TFM_OK);
  CHECK_OK(tfm_msg_trace_decode(&got, out.data, out.n, &err), &err);
  assert_true(got.lost == 3 && got.n == 2 && got.v[0].batch == 7 && got.v[0].tokens == 99);
  assert_true(got.v[1].kind == TFM_SPAN_SEND && got.v[1].begin_s == 2 && got.v[1].end_s == 2.5);
  out.data[8] = 1; /* more than 512: the count's second byte */
  out.data[9] = 3;
  CHECK_FAILS(tfm_msg_trace_decode(&got, out.data, out.n, &err), TFM_E_FORMAT, &err, "512");
  tfm_buf_fini(&out);
}

static void weights_are_weights(void **state)
{
  (void)state;
  static const float bad[] = {-0.5f, 1.5f, NAN, INFINITY};
  tfm_err err = {0};
  tfm_msg_attention got;
  tfm_msg_attention sent = attention;
  for (size_t i = 0; i < COUNT_OF(bad); ++i) {
    tfm_buf out = {0};
    sent.v[1] = bad[i];
    assert_int_equal(tfm_msg_attention_encode(&sent, &out), TFM_OK);
    CHECK_FAILS(tfm_msg_attention_decode(&got, out.data, out.n, &err), TFM_E_FORMAT, &err,
                "attention");
    tfm_buf_fini(&out);
  }
  tfm_buf out = {0};
  assert_int_equal(tfm_msg_attention_encode(&attention, &out), TFM_OK);
  CHECK_OK(tfm_msg_attention_decode(&got, out.data, out.n, &err), &err);
  assert_true(got.layer == 3 && got.head == 5 && got.tokens == 2 && got.first == 1);
  assert_true(got.n == 2 && got.v[0] == 0.25f && got.v[1] == 0.75f);
  tfm_buf_fini(&out);
}

/* A field that no table knows would be missed above. */
static void every_field_travels(void **state)
{
  (void)state;
  tfm_buf out = {0};
  tfm_err err = {0};
  tfm_msg_assign a;
  assert_int_equal(tfm_msg_assign_encode(&assign, &out), TFM_OK);
  assert_int_equal(tfm_msg_assign_decode(&a, out.data, out.n, &err), TFM_OK);
  assert_string_equal(a.numeric_id, assign.numeric_id);
  assert_string_equal(a.precision, assign.precision);
  assert_string_equal(a.isa, assign.isa);
  assert_string_equal(a.backend, assign.backend);
  assert_true(a.replica == -1 && a.stage == 3 && a.stages == 7 && a.head && a.probe);
  assert_true(a.units.first == 5 && a.units.last == 9 && a.previous == 11 && a.next == 12);
  assert_true(a.hidden == 768 && a.result_width == 2 && a.max_tokens == 4096);
  assert_true(a.max_sequences == 512 && a.threads == 4);
  assert_true(a.share_index == 1 && a.share_count == 6 && a.keeper == 9);
  tfm_buf_clear(&out);
  tfm_msg_hello h;
  assert_int_equal(tfm_msg_hello_encode(&hello, &out), TFM_OK);
  assert_int_equal(tfm_msg_hello_decode(&h, out.data, out.n, &err), TFM_OK);
  assert_string_equal(h.version, hello.version);
  assert_string_equal(h.digest, hello.digest);
  assert_string_equal(h.host, hello.host);
  assert_string_equal(h.cpuset, hello.cpuset);
  assert_string_equal(h.cpu, hello.cpu);
  assert_string_equal(h.isa, hello.isa);
  assert_string_equal(h.arithmetic, hello.arithmetic);
  assert_true(h.ncore == 8 && h.ncore_host == 64 && h.nnode == 2 && h.pid == hello.pid);
  assert_true(h.resident_bytes == 1LL << 34 && h.available_bytes == -1);
  tfm_buf_clear(&out);
  tfm_msg_ready r;
  assert_int_equal(tfm_msg_ready_encode(&ready, &out), TFM_OK);
  assert_int_equal(tfm_msg_ready_decode(&r, out.data, out.n, &err), TFM_OK);
  assert_string_equal(r.cpuset, ready.cpuset);
  assert_string_equal(r.probe_failed, ready.probe_failed);
  assert_string_equal(r.note, ready.note);
  assert_true(r.node == -1 && r.weight_bytes == ready.weight_bytes && r.scratch_bytes == 22);
  assert_true(r.locality_known && r.pages == 33 && r.local_pages == 32 && r.load_s == 1.25);
  tfm_buf_clear(&out);
  tfm_msg_stats s;
  assert_int_equal(tfm_msg_stats_encode(&stats, &out), TFM_OK);
  assert_int_equal(tfm_msg_stats_decode(&s, out.data, out.n, &err), TFM_OK);
  assert_true(s.frames == 1 && s.tokens == 2 && s.busy_s == 3.5 && s.wait_s == 4.5);
  assert_true(s.send_s == 5.5 && s.cpu_s == 6.5 && s.compute_cpu_s == 6.25 &&
              s.peak_rss_bytes == 7);
  assert_true(s.locality_known && s.pages == 8 && s.local_pages == 9);
  tfm_buf_fini(&out);
}

static void small_messages_travel(void **state)
{
  (void)state;
  tfm_buf out = {0};
  tfm_err err = {0};
  tfm_msg_start s;
  assert_int_equal(tfm_msg_start_encode(&start, &out), TFM_OK);
  assert_int_equal(tfm_msg_start_decode(&s, out.data, out.n, &err), TFM_OK);
  assert_string_equal(s.model, start.model);
  assert_string_equal(s.backend, start.backend);
  assert_string_equal(s.dtype, start.dtype);
  assert_string_equal(s.kv, start.kv);
  assert_string_equal(s.wire, start.wire);
  assert_string_equal(s.smooth, start.smooth);
  assert_string_equal(s.task, start.task);
  assert_memory_equal(&s.only, &start.only, sizeof s.only);
  assert_true(s.digest_full);
  tfm_buf_clear(&out);
  tfm_msg_heartbeat h;
  assert_int_equal(tfm_msg_heartbeat_encode(&heartbeat, &out), TFM_OK);
  assert_int_equal(tfm_msg_heartbeat_decode(&h, out.data, out.n, &err), TFM_OK);
  assert_true(h.computing == 1 && h.batch == UINT64_MAX && h.since_s == 0.1);
  tfm_buf_clear(&out);
  tfm_msg_failed f;
  assert_int_equal(tfm_msg_failed_encode(&failed, &out), TFM_OK);
  assert_int_equal(tfm_msg_failed_decode(&f, out.data, out.n, &err), TFM_OK);
  assert_int_equal(f.err.status, TFM_E_FORMAT);
  assert_string_equal(f.err.text, failed.err.text);
  tfm_buf_clear(&out);
  tfm_msg_leave l;
  assert_int_equal(tfm_msg_leave_encode(&leave, &out), TFM_OK);
  assert_int_equal(tfm_msg_leave_decode(&l, out.data, out.n, &err), TFM_OK);
  assert_int_equal(l.code, 75);
  tfm_buf_clear(&out);
  tfm_msg_comm c;
  assert_int_equal(tfm_msg_comm_encode(&comm, &out), TFM_OK);
  assert_int_equal(tfm_msg_comm_decode(&c, out.data, out.n, &err), TFM_OK);
  assert_true(c.peer == 3 && c.measures && c.passes == 5);
  tfm_buf_clear(&out);
  tfm_msg_sample m;
  assert_int_equal(tfm_msg_sample_encode(&sample, &out), TFM_OK);
  assert_int_equal(tfm_msg_sample_decode(&m, out.data, out.n, &err), TFM_OK);
  assert_true(m.bytes == 4096 && m.shared && m.latency_s == 0.5 && m.waiting_s == 0.75);
  assert_true(m.bytes_per_s == 1e9);
  tfm_buf_clear(&out);
  tfm_msg_memory o;
  assert_int_equal(tfm_msg_memory_encode(&memory, &out), TFM_OK);
  assert_int_equal(tfm_msg_memory_decode(&o, out.data, out.n, &err), TFM_OK);
  assert_true(o.threads == 4 && o.beside == 2 && o.bytes == 1 << 20 && o.passes == 3);
  tfm_buf_clear(&out);
  tfm_msg_bandwidth b;
  assert_int_equal(tfm_msg_bandwidth_encode(&bandwidth, &out), TFM_OK);
  assert_int_equal(tfm_msg_bandwidth_decode(&b, out.data, out.n, &err), TFM_OK);
  assert_true(b.ncore == 5 && b.threads == 4 && b.copy == 1e9 && b.scale == 2e9);
  assert_true(b.add == 3e9 && b.triad == 4e9);
  assert_string_equal(b.host, "node7");
  assert_string_equal(b.cpuset, "0-3,8");
  tfm_buf_clear(&out);
  tfm_msg_measure n;
  assert_int_equal(tfm_msg_measure_encode(&measure, &out), TFM_OK);
  assert_int_equal(tfm_msg_measure_decode(&n, out.data, out.n, &err), TFM_OK);
  assert_int_equal(n.tokens, 1024);
  tfm_buf_clear(&out);
  tfm_msg_speed p;
  assert_int_equal(tfm_msg_speed_encode(&speed, &out), TFM_OK);
  assert_int_equal(tfm_msg_speed_decode(&p, out.data, out.n, &err), TFM_OK);
  assert_true(p.attention_s == 0x1p-40 && p.scores_s == 0x1p-41 && p.ffn_s == 0x1p-42);
  assert_true(p.head_s == 0x1p-43);
  tfm_buf_fini(&out);
}

/* A message cut at any byte, or longer than its fields, is refused and names itself. */
static void every_wrong_length_is_refused(void **state)
{
  (void)state;
  for (int i = 0; i < NMESSAGE; ++i) {
    tfm_buf out = {0};
    tfm_err err = {0};
    any_message got;
    assert_int_equal(messages[i].encode(messages[i].msg, &out), TFM_OK);
    for (size_t n = 0; n < out.n; ++n) {
      err = (tfm_err){0};
      assert_int_equal(decode_exact(&messages[i], &got, out.data, n, &err), TFM_E_FORMAT);
      assert_non_null(strstr(err.text, messages[i].name));
    }
    assert_int_equal(tfm_buf_char(&out, '\0'), TFM_OK);
    assert_int_equal(decode_exact(&messages[i], &got, out.data, out.n, &err), TFM_E_FORMAT);
    tfm_buf_fini(&out);
  }
}

/* Random damage is refused or gives a message whose texts end inside their arrays and whose
 * numbers are in range: then encoding it again cannot read past a field. */
static void random_damage_is_refused_or_harmless(void **state)
{
  (void)state;
  uint64_t seed = 88172645463325252U;
  int refused = 0;
  for (int round = 0; round < 8000; ++round) {
    const message *m = &messages[round % NMESSAGE];
    tfm_buf out = {0};
    tfm_err err = {0};
    any_message got;
    assert_int_equal(m->encode(m->msg, &out), TFM_OK);
    for (int i = 0; i < 2; ++i) {
      seed ^= seed << 13;
      seed ^= seed >> 7;
      seed ^= seed << 17;
      out.data[seed % out.n] = (char)(seed >> 32);
    }
    if (decode_exact(m, &got, out.data, out.n, &err) == TFM_OK) {
      tfm_buf again = {0};
      assert_int_equal(m->encode(&got, &again), TFM_OK);
      assert_int_equal(again.n, out.n);
      assert_memory_equal(again.data, out.data, out.n); /* every byte was accounted for */
      tfm_buf_fini(&again);
    } else {
      ++refused;
    }
    tfm_buf_fini(&out);
  }
  assert_in_range(refused, 800, 7200);
}

static tfm_status leave_with(int32_t code, tfm_err *err)
{
  tfm_msg_leave msg = {.code = code};
  tfm_buf out = {0};
  assert_int_equal(tfm_msg_leave_encode(&msg, &out), TFM_OK);
  tfm_status st = tfm_msg_leave_decode(&msg, out.data, out.n, err);
  tfm_buf_fini(&out);
  return st;
}

/* Numbers outside a field's range, flags that are neither 0 nor 1 and statuses nobody knows are
 * refused by name. */
static void numbers_are_held_to_their_range(void **state)
{
  (void)state;
  tfm_err err = {0};
  assert_int_equal(leave_with(0, &err), TFM_OK);
  assert_int_equal(leave_with(-1, &err), TFM_E_FORMAT);
  assert_string_equal(err.text, "message leave: code: want at least 0, got -1");
  tfm_msg_failed f;
  static const unsigned char status[] = {TFM_STATUS_COUNT, 0, 0, 0, 0, 0, 0, 0};
  assert_int_equal(tfm_msg_failed_decode(&f, status, sizeof status, &err), TFM_E_FORMAT);
  assert_int_equal(f.err.status, TFM_OK); /* nothing unknown is left behind */
  tfm_msg_start s;
  static const unsigned char flag[28] = {[24] = 2}; /* six empty texts before it */
  assert_int_equal(tfm_msg_start_decode(&s, flag, sizeof flag, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "digest_full: want 0 or 1, got 2"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_round_trip),
      cmocka_unit_test(weights_are_weights),
      cmocka_unit_test(spans_come_in_order),
      cmocka_unit_test(every_field_travels),
      cmocka_unit_test(small_messages_travel),
      cmocka_unit_test(every_wrong_length_is_refused),
      cmocka_unit_test(random_damage_is_refused_or_harmless),
      cmocka_unit_test(numbers_are_held_to_their_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
