#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "proto/frame.h"

#include <stdio.h>
#include <string.h>

enum { B = 3, T = 9, M = 2, WIDTH = 5, MAX_B = 4, MAX_T = 12, ROWS = 6, BATCH = 7, CAP = 1024 };

static const tfm_frame_limits data_limits = {
    .max_B = MAX_B, .max_T = MAX_T, .width = WIDTH, .max_payload = 64 + MAX_T * WIDTH * 4};
static const tfm_frame_limits control_limits = {.max_payload = 300};

/* Received bytes end where the allocation ends, so that the address sanitizer sees every read
 * past n. */
static tfm_status open_exact(const unsigned char *bytes, size_t n,
                             const tfm_frame_limits *limits, tfm_frame_head *head, tfm_err *err)
{
  unsigned char *copy = tfm_alloc_aligned(n, 1);
  assert_non_null(copy);
  memcpy(copy, bytes, n);
  tfm_status st = tfm_frame_open(copy, n, limits, head, err);
  tfm_free(copy);
  return st;
}

static void put_u32(unsigned char *bytes, size_t at, uint32_t value)
{
  memcpy(bytes + at, &value, sizeof value);
}

/* After a deliberate change: both checksums right again, so that the checks behind them are
 * reached. */
static void fix_checksums(unsigned char *bytes, size_t n)
{
  put_u32(bytes, 56, tfm_crc32c(0, bytes + TFM_FRAME_HEADER, n - TFM_FRAME_HEADER));
  put_u32(bytes, 60, tfm_crc32c(0, bytes, 60));
}

static size_t make_activations(unsigned char *bytes)
{
  tfm_frame_head head = {.type = TFM_FRAME_ACTIVATIONS,
                         .source = 2,
                         .sequence = 41,
                         .batch = BATCH,
                         .B = B,
                         .T = T,
                         .width = WIDTH,
                         .M = M};
  size_t payload = 0;
  assert_true(tfm_frame_activation_bytes(B + M, T, WIDTH, false, &payload));
  head.payload_bytes = payload;
  memset(bytes, 0xA5, CAP); /* the padding must not depend on what was there */
  const uint32_t table[B + M] = {4, 1, 4, 0, 5};
  memcpy(tfm_frame_lengths(bytes), table, sizeof table);
  float *x = tfm_frame_values(bytes, B + M);
  for (int i = 0; i < T * WIDTH; ++i) {
    x[i] = (float)i;
  }
  tfm_frame_seal(bytes, &head);
  return TFM_FRAME_HEADER + payload;
}

static size_t make_result(unsigned char *bytes)
{
  tfm_frame_head head = {
      .type = TFM_FRAME_RESULT, .source = 7, .batch = BATCH, .B = B, .T = ROWS, .width = WIDTH};
  size_t payload = 0;
  assert_true(tfm_frame_result_bytes(B, ROWS, WIDTH, &payload));
  head.payload_bytes = payload;
  memset(bytes, 0xA5, CAP);
  const uint32_t status[B] = {TFM_OK, TFM_E_INTERNAL, TFM_OK};
  memcpy(tfm_frame_lengths(bytes), status, sizeof status);
  float *values = tfm_frame_values(bytes, B);
  for (int i = 0; i < ROWS * WIDTH; ++i) {
    values[i] = -(float)i;
  }
  tfm_frame_seal(bytes, &head);
  return TFM_FRAME_HEADER + payload;
}

static size_t make_control(unsigned char *bytes, int type, size_t payload)
{
  tfm_frame_head head = {.type = type, .source = 1, .sequence = 3, .payload_bytes = payload};
  memset(bytes, 0x11, CAP);
  tfm_frame_seal(bytes, &head);
  return TFM_FRAME_HEADER + payload;
}

/* What was sealed is what is opened, field by field and byte by byte. */
static void frames_round_trip(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_activations(bytes);
  assert_int_equal(n, 64 + 64 + T * WIDTH * 4);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
  assert_int_equal(head.type, TFM_FRAME_ACTIVATIONS);
  assert_int_equal(head.source, 2);
  assert_int_equal(head.sequence, 41);
  assert_int_equal(head.batch, BATCH);
  assert_true(head.B == B && head.T == T && head.width == WIDTH && head.M == M);
  assert_int_equal(head.payload_bytes, n - TFM_FRAME_HEADER);
  assert_int_equal(tfm_frame_lengths(bytes)[2], 4);
  assert_true(tfm_frame_values(bytes, B + M)[T * WIDTH - 1] == (float)(T * WIDTH - 1));
  n = make_result(bytes);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
  assert_true(head.type == TFM_FRAME_RESULT && head.T == ROWS && head.B == B);
  n = make_control(bytes, TFM_FRAME_HELLO, 123);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_OK);
  assert_true(head.type == TFM_FRAME_HELLO && head.payload_bytes == 123);
  n = make_control(bytes, TFM_FRAME_END, 0);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
  assert_int_equal(head.type, TFM_FRAME_END);
}

/* Two bytes a value, on a link of such frames and on no other. */
static void bfloat16_frames_round_trip(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_limits limits = data_limits;
  tfm_frame_head head = {.type = TFM_FRAME_ACTIVATIONS,
                         .B = 2,
                         .T = T,
                         .width = WIDTH,
                         .M = 1,
                         .ids = true,
                         .bfloat16 = true};
  tfm_err err = {0};
  size_t payload = 0;
  assert_true(tfm_frame_activation_bytes(3 + T, T, WIDTH, true, &payload));
  assert_int_equal(payload, 64 + T * WIDTH * 2);
  head.payload_bytes = payload;
  memset(bytes, 0xA5, CAP);
  const uint32_t lengths[3] = {4, 5, 8};
  memcpy(tfm_frame_lengths(bytes), lengths, sizeof lengths);
  uint16_t *x = tfm_frame_halves(bytes, 3 + T);
  for (int i = 0; i < T * WIDTH; ++i) {
    x[i] = (uint16_t)(0x3f80 + i);
  }
  assert_int_equal(tfm_frame_agrees(&head, &limits, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "want float32, got bfloat16"));
  tfm_frame_seal(bytes, &head);
  const size_t n = TFM_FRAME_HEADER + payload;
  assert_int_equal(open_exact(bytes, n, &limits, &head, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "want float32, got bfloat16"));
  limits.bfloat16 = true;
  assert_int_equal(open_exact(bytes, n, &limits, &head, &err), TFM_OK);
  assert_true(head.bfloat16 && head.ids && !head.placed && head.payload_bytes == payload);
  assert_int_equal((unsigned char *)(x + T * WIDTH) - bytes, n);
  for (size_t at = 0; at < n; ++at) {
    bytes[at] ^= 1;
    assert_int_equal(open_exact(bytes, n, &limits, &head, &err), TFM_E_FORMAT);
    bytes[at] ^= 1;
  }
  const size_t floats = make_activations(bytes);
  assert_int_equal(open_exact(bytes, floats, &limits, &head, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "want bfloat16, got float32"));
}

/* Results and what has no values have none of that kind. */
static void only_activations_are_bfloat16(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_limits limits = data_limits;
  tfm_frame_head head;
  tfm_err err = {0};
  limits.bfloat16 = true;
  const size_t n = make_result(bytes);
  assert_int_equal(open_exact(bytes, n, &limits, &head, &err), TFM_OK);
  assert_false(head.bfloat16);
  bytes[12] = 8;
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &limits, &head, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "extras"));
  const size_t end = make_control(bytes, TFM_FRAME_END, 0);
  bytes[12] = 8;
  fix_checksums(bytes, end);
  assert_int_equal(open_exact(bytes, end, &limits, &head, &err), TFM_E_FORMAT);
}

/* Ids and places are optional, each alone too; what is there is where the tables say. */
static void ids_and_places_round_trip(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  const tfm_frame_limits limits = {
      .max_B = MAX_B, .max_T = MAX_T, .width = WIDTH, .max_payload = CAP};
  for (int bits = 1; bits < 4; ++bits) {
    tfm_frame_head got;
    tfm_err err = {0};
    size_t payload = 0;
    tfm_frame_head head = {.type = TFM_FRAME_ACTIVATIONS,
                           .B = 2,
                           .T = 3,
                           .width = WIDTH,
                           .M = 1,
                           .ids = (bits & 1) != 0,
                           .placed = (bits & 2) != 0};
    const int64_t table = tfm_frame_table(&head);
    assert_int_equal(table, 3 + (bits & 1 ? 3 : 0) + (bits & 2 ? 8 : 0));
    assert_true(table <= tfm_frame_table_most(2, 3));
    assert_true(tfm_frame_activation_bytes(table, 3, WIDTH, false, &payload));
    head.payload_bytes = payload;
    memset(bytes, 0xA5, CAP);
    uint32_t *at = tfm_frame_lengths(bytes);
    const uint32_t fixed[] = {1, 2, 2};
    memcpy(at, fixed, sizeof fixed);
    for (int64_t i = 3; i < table; ++i) {
      at[i] = (uint32_t)(100 * i);
    }
    tfm_frame_seal(bytes, &head);
    assert_int_equal(open_exact(bytes, TFM_FRAME_HEADER + payload, &limits, &got, &err),
                     TFM_OK);
    assert_true(got.ids == head.ids && got.placed == head.placed);
    const tfm_frame_tables tables = tfm_frame_tables_of(bytes, &got);
    assert_true(tables.marks[0] == 2 && (tables.ids != NULL) == head.ids &&
                (tables.slots != NULL) == head.placed);
    assert_true(!tables.slots ||
                (tables.slots[1] == 400 && tables.rows[1] == 800 && tables.parents[1] == 1000));
    assert_true(!tables.ids || tables.ids[2] == 100 * (uint32_t)(table - 1));
    assert_true(tfm_frame_values(bytes, table) ==
                (float *)(void *)(bytes + TFM_FRAME_HEADER + payload) - 3 * WIDTH);
  }
}

/* Rows of an encoder come before those the lengths count, and no mark is one of them. */
static void sources_are_counted(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP] = {0};
  const tfm_frame_limits limits = {
      .max_B = MAX_B, .max_T = MAX_T, .width = WIDTH, .max_payload = CAP};
  static const struct {
    uint32_t table[6]; /* lengths, mark, sources */
    const char *reason;
  } cases[] = {{{2, 1, 2, 4, 0}, NULL},
               {{1, 1, 1, 0, 5}, NULL},
               {{2, 1, 3, 4, 0}, "mark 0: want 0 to 2, got 3"},
               {{2, 1, 2, 4, 1}, "sum"},
               {{2, 1, 2, 3, 0}, "sum"},
               {{2, 1, 2, 0xffffffffU, 5}, "sum"},
               {{0, 3, 2, 4, 0}, "length 0"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_frame_head got;
    tfm_err err = {0};
    size_t payload = 0;
    tfm_frame_head head = {
        .type = TFM_FRAME_ACTIVATIONS, .B = 2, .T = 7, .width = WIDTH, .M = 1, .sourced = true};
    assert_int_equal(tfm_frame_table(&head), 5);
    assert_true(tfm_frame_activation_bytes(5, 7, WIDTH, false, &payload));
    head.payload_bytes = payload;
    memcpy(tfm_frame_lengths(bytes), cases[i].table, 5 * sizeof(uint32_t));
    tfm_frame_seal(bytes, &head);
    const tfm_status st = open_exact(bytes, TFM_FRAME_HEADER + payload, &limits, &got, &err);
    if (cases[i].reason) {
      assert_int_equal(st, TFM_E_FORMAT);
      assert_non_null(strstr(err.text, cases[i].reason));
    } else {
      assert_int_equal(st, TFM_OK);
      assert_true(got.sourced && !got.placed && !got.ids);
      assert_int_equal(tfm_frame_tables_of(bytes, &got).sources[1], cases[i].table[4]);
    }
  }
}

/* In an aligned buffer the values are aligned too, whatever B is: kernels compute on them there.
 */
static void values_are_aligned(void **state)
{
  (void)state;
  unsigned char *bytes = tfm_alloc_aligned(CAP, 1);
  assert_non_null(bytes);
  for (int64_t b = 0; b < 100; ++b) {
    assert_int_equal((uintptr_t)tfm_frame_values(bytes, b) % TFM_FRAME_ALIGN, 0);
  }
  tfm_free(bytes);
}

/* The worked example of FORMAT.md: other programs can be written from it. */
static void format_example_is_what_we_send(void **state)
{
  (void)state;
  static const unsigned char want[] = {
#include "tests/proto/frame_example.inc"
  };
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP] = {0};
  tfm_frame_head head = {.type = TFM_FRAME_ACTIVATIONS,
                         .source = 1,
                         .sequence = 2,
                         .batch = 3,
                         .B = 2,
                         .T = 3,
                         .width = 2,
                         .M = 1,
                         .payload_bytes = 88};
  const uint32_t lengths[3] = {2, 1, 2};
  const float x[6] = {1.0F, -2.0F, 0.5F, 0.25F, 0.0F, 100.0F};
  memcpy(tfm_frame_lengths(bytes), lengths, sizeof lengths);
  memcpy(tfm_frame_values(bytes, 3), x, sizeof x);
  tfm_frame_seal(bytes, &head);
  assert_int_equal(sizeof want, TFM_FRAME_HEADER + 88);
  assert_memory_equal(bytes, want, sizeof want);
}

/* Any change of any one bit of header or payload is seen: a CRC finds every single-bit error. */
static void every_flipped_bit_is_refused(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_activations(bytes);
  for (size_t at = 0; at < n; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= (unsigned char)(1U << bit);
      assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
      bytes[at] ^= (unsigned char)(1U << bit);
    }
  }
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
}

/* A frame cut anywhere, or with bytes after its end, is refused without a read past the end. */
static void every_wrong_size_is_refused(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_activations(bytes);
  for (size_t cut = 0; cut < n; ++cut) {
    assert_int_equal(open_exact(bytes, cut, &data_limits, &head, &err), TFM_E_FORMAT);
  }
  assert_int_equal(open_exact(bytes, n + 1, &data_limits, &head, &err), TFM_E_FORMAT);
}

typedef struct {
  size_t at;          /* of a u32 in the frame of make_activations() */
  uint32_t value;     /* written there, checksums fixed */
  const char *reason; /* the refusal names this */
} tampering;

/* With right checksums, every count is still held to the limits and to the others. */
static void counts_are_not_believed(void **state)
{
  (void)state;
  static const tampering cases[] = {
      {6, 0, "type"},
      {6, 9, "type"},
      {6, TFM_FRAME_START, "type"},
      {6, 0x7fff, "type"},
      {8, 0x80000000U, "source"},
      {12, 16, "extras"},
      {12, 8, "x: want float32"},
      {14, 8, "freed slots"},
      {44, 0x80000000U, "marks"},
      {44, T + 1, "marks"},
      {44, M - 1, "padding"}, /* where the second mark still lies */
      {44, M + 1, "mark 2"},
      {64 + 4 * B, T, "mark 0"},
      {64 + 4 * B, 5, "mark 1"}, /* the same row twice */
      {64 + 4 * B + 4, 0xffffffffU, "mark 1"},
      {32, 0, "sequences"},
      {32, 1, "padding"}, /* where the second length still lies */
      {32, MAX_B, "length 3"},
      {32, MAX_B + 1, "sequences"},
      {32, 0x7fffffffU, "sequences"},
      {32, 0x80000000U, "sequences"},
      {32, 0xffffffffU, "sequences"},
      {36, 0, "tokens"},
      {36, 1, "tokens"},
      {36, B - 1, "tokens"},
      {36, T - 1, "payload bytes"},
      {36, T + 1, "payload bytes"},
      {36, MAX_T + 1, "tokens"},
      {36, 0x7fffffffU, "tokens"},
      {36, 0x80000000U, "tokens"},
      {36, 0xffffffffU, "tokens"},
      {40, 0, "width"},
      {40, WIDTH - 1, "width"},
      {40, WIDTH + 1, "width"},
      {40, 0x80000000U, "width"},
      {48, 0, "payload bytes"},
      {48, 1, "payload bytes"},
      {48, 0xffffffffU, "payload bytes"},
      {52, 1, "payload bytes"},
      {52, 0x80000000U, "payload bytes"},
      {64, 0, "length 0"},
      {64, 5, "sum"},
      {64, 3, "sum"},
      {64, 0xfffffffcU, "sum"}, /* would wrap to the right sum in 32 bits */
      {64 + 4 * (B + M), 1, "padding"},
      {64 + 60, 0x01000000U, "padding"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
    tfm_frame_head head;
    tfm_err err = {0};
    size_t n = make_activations(bytes);
    if (cases[i].at == 6) {
      bytes[6] = (unsigned char)cases[i].value;
      bytes[7] = (unsigned char)(cases[i].value >> 8);
    } else {
      put_u32(bytes, cases[i].at, cases[i].value);
    }
    fix_checksums(bytes, n);
    tfm_status st = open_exact(bytes, n, &data_limits, &head, &err);
    if (st != TFM_E_FORMAT || !strstr(err.text, cases[i].reason)) {
      fail_msg("case %zu: status %d, want \"%s\" in \"%s\"", i, st, cases[i].reason, err.text);
    }
  }
}

/* Frames of the one kind of link are refused on the other, whole as they are. */
static void links_take_their_own_kind_only(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_activations(bytes);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "control link, got 64 (activations)"));
  n = make_result(bytes);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_E_FORMAT);
  for (int type = TFM_FRAME_START; type <= TFM_FRAME_LEAVE; ++type) {
    n = make_control(bytes, type, 0);
    assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_OK);
    assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
  }
  n = make_control(bytes, TFM_FRAME_END, 0);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_E_FORMAT);
  n = make_control(bytes, TFM_FRAME_END, 1); /* END carries nothing */
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
  n = make_control(bytes, TFM_FRAME_HELLO, control_limits.max_payload);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_OK);
  n = make_control(bytes, TFM_FRAME_HELLO, control_limits.max_payload + 1);
  assert_int_equal(open_exact(bytes, n, &control_limits, &head, &err), TFM_E_FORMAT);
}

/* A row's status must be one we have: it indexes nothing, but it is printed and counted. */
static void unknown_row_status_is_refused(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_result(bytes);
  put_u32(bytes, 64, TFM_STATUS_COUNT - 1);
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
  put_u32(bytes, 64, TFM_STATUS_COUNT);
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "status 0"));
}

/* A sequence that failed says where, one that did not says nothing else. */
static void fates_are_a_status_and_a_stage(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  for (int stage = -1; stage < 5; ++stage) {
    const uint32_t fate = tfm_frame_fate(TFM_E_INTERNAL, stage);
    assert_int_equal(tfm_frame_fate_status(fate), TFM_E_INTERNAL);
    assert_int_equal(tfm_frame_fate_stage(fate), stage);
  }
  size_t n = make_result(bytes);
  put_u32(bytes, 64, tfm_frame_fate(TFM_E_INTERNAL, 3));
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_OK);
  put_u32(bytes, 64, tfm_frame_fate(TFM_OK, 3));
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
}

/* Byte counts that no size_t holds are told, not wrapped. */
static void byte_counts_do_not_wrap(void **state)
{
  (void)state;
  size_t n = 5;
  assert_false(tfm_frame_activation_bytes(-1, 1, 1, false, &n));
  assert_false(tfm_frame_activation_bytes(1, -1, 1, false, &n));
  assert_false(tfm_frame_activation_bytes(1, 1, -1, false, &n));
  assert_false(tfm_frame_activation_bytes(1, INT64_MAX, 4, false, &n));
  assert_false(tfm_frame_activation_bytes(INT64_MAX, 1, 1, false, &n));
  assert_false(tfm_frame_activation_bytes(16, ((int64_t)1 << 61) - 1, 2, false, &n));
  assert_false(tfm_frame_activation_bytes(16, (int64_t)1 << 62, 2, true, &n));
  assert_false(tfm_frame_result_bytes(1, INT64_MAX / 2, 8, &n));
  assert_int_equal(n, 5);
  assert_true(tfm_frame_activation_bytes(0, 0, 0, false, &n));
  assert_int_equal(n, 0);
  assert_true(tfm_frame_activation_bytes(16, 16, 1, false, &n));
  assert_int_equal(n, 64 + 64);
  assert_true(tfm_frame_activation_bytes(17, 17, 1, false, &n));
  assert_int_equal(n, 128 + 68);
}

static uint64_t next_random(uint64_t *seed)
{
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

/* Whatever passes all checks is safe to use: lengths that sum to T within the limits, rows that
 * lie inside the frame. */
static void check_usable(unsigned char *bytes, size_t n, const tfm_frame_head *head)
{
  assert_int_equal(head->payload_bytes, n - TFM_FRAME_HEADER);
  if (head->type != TFM_FRAME_ACTIVATIONS) {
    return;
  }
  uint64_t sum = 0;
  assert_in_range(head->B, 1, MAX_B);
  assert_in_range(head->T, 1, MAX_T);
  const tfm_frame_tables tables = tfm_frame_tables_of(bytes, head);
  for (int64_t b = 0; b < head->B; ++b) {
    assert_in_range(tables.lengths[b], 1, MAX_T);
    sum += tables.lengths[b];
  }
  const uint64_t own = sum;
  for (int64_t b = 0; tables.sources && b < head->B; ++b) {
    sum += tables.sources[b];
  }
  assert_int_equal(sum, head->T);
  for (int64_t m = 0; m < head->M; ++m) {
    assert_true(tables.marks[m] < own);
  }
  const float *end = tfm_frame_values(bytes, tfm_frame_table(head)) + head->T * head->width;
  assert_true((const unsigned char *)end <= bytes + n);
}

/* A version under a right checksum is another build's; a wrong checksum is damage. */
static void another_version_is_another_build(void **state)
{
  (void)state;
  _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
  tfm_frame_head head;
  tfm_err err = {0};
  size_t n = make_activations(bytes);
  bytes[4] = TFM_WIRE_VERSION + 1;
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_FORMAT);
  fix_checksums(bytes, n);
  assert_int_equal(open_exact(bytes, n, &data_limits, &head, &err), TFM_E_CONFIG);
  assert_non_null(strstr(err.text, "wire version"));
  assert_non_null(strstr(err.text, "same build"));
}

/* Random damage with repaired checksums: refused, or a frame that is safe to use. Some must be
 * refused and some must pass, else the loop proves nothing. */
static void random_damage_is_refused_or_harmless(void **state)
{
  (void)state;
  uint64_t seed = 20240607;
  int passed = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    _Alignas(TFM_FRAME_ALIGN) unsigned char bytes[CAP];
    tfm_frame_head head;
    tfm_err err = {0};
    size_t n = next_random(&seed) % 2 ? make_activations(bytes) : make_result(bytes);
    for (uint64_t i = next_random(&seed) % 4 + 1; i > 0; --i) {
      size_t span = next_random(&seed) % 4 ? 128 : n; /* mostly header and lengths */
      size_t at = next_random(&seed) % span;
      bytes[at] = next_random(&seed) % 2 ? (unsigned char)(next_random(&seed) % 8)
                                         : (unsigned char)next_random(&seed);
    }
    if (next_random(&seed) % 8 == 0) {
      n = TFM_FRAME_HEADER + next_random(&seed) % (n - TFM_FRAME_HEADER + 1);
    }
    fix_checksums(bytes, n);
    if (open_exact(bytes, n, &data_limits, &head, &err) == TFM_OK) {
      ++passed;
      check_usable(bytes, n, &head);
    } else {
      ++refused;
      assert_true(err.status == TFM_E_FORMAT || err.status == TFM_E_CONFIG);
      assert_true(err.text[0] != '\0');
    }
  }
  assert_in_range(passed, 500, 10000);
  assert_in_range(refused, 5000, 19500);
}

/* Type names are for error texts; a number that nobody knows has one too. */
static void types_have_names(void **state)
{
  (void)state;
  assert_string_equal(tfm_frame_type_name(TFM_FRAME_ACTIVATIONS), "activations");
  assert_string_equal(tfm_frame_type_name(TFM_FRAME_LEAVE), "leave");
  assert_string_equal(tfm_frame_type_name(0), "unknown");
  assert_string_equal(tfm_frame_type_name(-1), "unknown");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_round_trip),
      cmocka_unit_test(bfloat16_frames_round_trip),
      cmocka_unit_test(only_activations_are_bfloat16),
      cmocka_unit_test(ids_and_places_round_trip),
      cmocka_unit_test(sources_are_counted),
      cmocka_unit_test(values_are_aligned),
      cmocka_unit_test(format_example_is_what_we_send),
      cmocka_unit_test(every_flipped_bit_is_refused),
      cmocka_unit_test(every_wrong_size_is_refused),
      cmocka_unit_test(counts_are_not_believed),
      cmocka_unit_test(links_take_their_own_kind_only),
      cmocka_unit_test(unknown_row_status_is_refused),
      cmocka_unit_test(fates_are_a_status_and_a_stage),
      cmocka_unit_test(byte_counts_do_not_wrap),
      cmocka_unit_test(another_version_is_another_build),
      cmocka_unit_test(random_damage_is_refused_or_harmless),
      cmocka_unit_test(types_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
