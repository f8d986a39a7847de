/* A frame as it arrives, and the payloads of control messages. The first byte of the input chooses:
 * bit 0 the kind of link; bit 1, that length and checksums are put right, so that what stands
 * behind them is seen too; bit 2, that the rest is the payload of a message of the type in bits 3
 * to 7, from 0; without it, bit 3 that the link carries bfloat16. */
#include "proto/frame.h"

#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "proto/messages.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 1 << 14, AT_BYTES = 48, AT_PAYLOAD_CRC = 56, AT_HEADER_CRC = 60 };

static void put_le(unsigned char *at, uint64_t value, int bytes)
{
  for (int i = 0; i < bytes; ++i) {
    at[i] = (unsigned char)(value >> 8 * i);
  }
}

static void put_right(unsigned char *frame, size_t n)
{
  if (n >= TFM_FRAME_HEADER) {
    put_le(frame + AT_BYTES, n - TFM_FRAME_HEADER, 8);
    put_le(frame + AT_PAYLOAD_CRC,
           tfm_crc32c(0, frame + TFM_FRAME_HEADER, n - TFM_FRAME_HEADER), 4);
    put_le(frame + AT_HEADER_CRC, tfm_crc32c(0, frame, AT_HEADER_CRC), 4);
  }
}

/* Everything a stage reads of the table. */
static void walk(unsigned char *frame, size_t n, const tfm_frame_head *head)
{
  tfm_frame_tables t = tfm_frame_tables_of(frame, head);
  int64_t tokens = 0;
  int64_t sources = 0;
  for (int64_t b = 0; b < head->B; ++b) {
    FUZZ_WANT(t.lengths[b] >= 1);
    tokens += t.lengths[b];
    sources += t.sources ? t.sources[b] : 0;
  }
  FUZZ_WANT(tokens + sources == head->T);
  for (int64_t m = 0; m < head->M; ++m) {
    FUZZ_WANT(t.marks[m] < tokens && (m == 0 || t.marks[m] > t.marks[m - 1]));
  }
  FUZZ_WANT(head->placed == (t.slots != NULL) && head->placed == (t.parents != NULL));
  FUZZ_WANT(head->ids == (t.ids != NULL) && head->sourced == (t.sources != NULL));
  const uint32_t *end = t.freed + head->F;
  const float *x = tfm_frame_values(frame, tfm_frame_table(head));
  const uint16_t *halves = tfm_frame_halves(frame, tfm_frame_table(head));
  const int64_t values = head->T * head->width;
  FUZZ_WANT((const char *)end <= (const char *)x);
  FUZZ_WANT((head->bfloat16 ? (const char *)(halves + values) : (const char *)(x + values)) ==
            (const char *)frame + n);
}

/* What is accepted is what a sender seals, byte for byte. */
static void look_at_frame(unsigned char *frame, size_t n, const tfm_frame_limits *limits)
{
  tfm_err err = {0};
  tfm_frame_head head = {0};
  tfm_status st = tfm_frame_open(frame, n, limits, &head, &err);
  if (st != TFM_OK) {
    FUZZ_WANT((st == TFM_E_FORMAT || st == TFM_E_CONFIG) && err.text[0]);
    return;
  }
  FUZZ_WANT(head.payload_bytes + TFM_FRAME_HEADER == n);
  FUZZ_WANT(tfm_frame_agrees(&head, limits, &err) == TFM_OK);
  FUZZ_WANT(head.bfloat16 == (limits->bfloat16 && head.type == TFM_FRAME_ACTIVATIONS));
  if (head.type == TFM_FRAME_ACTIVATIONS) {
    walk(frame, n, &head);
  }
  unsigned char *again = tfm_alloc_aligned(n, 1);
  FUZZ_WANT(again);
  memcpy(again, frame, n);
  tfm_frame_seal(again, &head);
  FUZZ_WANT(memcmp(again, frame, n) == 0);
  tfm_free(again);
}

/* A payload that is decoded is the one its message is encoded as: nothing is read two ways. */
#define LOOK_AT(name)                                                                          \
  static void look_at_##name(const unsigned char *payload, size_t n)                           \
  {                                                                                            \
    static tfm_msg_##name msg;                                                                 \
    tfm_err err = {0};                                                                         \
    tfm_buf again = {0};                                                                       \
    memset(&msg, 0, sizeof msg);                                                               \
    tfm_status st = tfm_msg_##name##_decode(&msg, payload, n, &err);                           \
    FUZZ_WANT(st == TFM_OK || (st == TFM_E_FORMAT && err.text[0]));                            \
    if (st == TFM_OK) {                                                                        \
      FUZZ_WANT(tfm_msg_##name##_encode(&msg, &again) == TFM_OK);                              \
      FUZZ_WANT(again.n == n && (n == 0 || memcmp(again.data, payload, n) == 0));              \
    }                                                                                          \
    tfm_buf_fini(&again);                                                                      \
  }
LOOK_AT(start)
LOOK_AT(hello)
LOOK_AT(assign)
LOOK_AT(ready)
LOOK_AT(heartbeat)
LOOK_AT(stats)
LOOK_AT(failed)
LOOK_AT(leave)
LOOK_AT(comm)
LOOK_AT(sample)
LOOK_AT(measure)
LOOK_AT(speed)
LOOK_AT(clock)
LOOK_AT(trace)
LOOK_AT(attention)
LOOK_AT(memory)
LOOK_AT(bandwidth)

static void (*const messages[32])(const unsigned char *, size_t) = {
    look_at_start,   look_at_hello,    look_at_assign, look_at_ready, look_at_heartbeat,
    look_at_stats,   look_at_failed,   look_at_leave,  look_at_comm,  look_at_sample,
    look_at_measure, look_at_speed,    look_at_clock,  look_at_trace, look_at_attention,
    look_at_memory,  look_at_bandwidth};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static const tfm_frame_limits control = {.max_payload = MOST};
  static const tfm_frame_limits line = {
      .max_B = 4, .max_T = 16, .width = 3, .max_payload = MOST};
  static const tfm_frame_limits narrow = {
      .max_B = 4, .max_T = 16, .width = 3, .bfloat16 = true, .max_payload = MOST};
  if (n == 0 || n > MOST) {
    return 0;
  }
  unsigned how = data[0];
  unsigned char *bytes = tfm_alloc_aligned(n - 1, 1); /* as aligned as a link's frame */
  FUZZ_WANT(bytes);
  memcpy(bytes, data + 1, n - 1);
  if (how & 4) {
    if (messages[how >> 3 & 31]) {
      messages[how >> 3 & 31](bytes, n - 1);
    }
  } else {
    if (how & 2) {
      put_right(bytes, n - 1);
    }
    look_at_frame(bytes, n - 1, !(how & 1) ? &control : how & 8 ? &narrow : &line);
  }
  tfm_free(bytes);
  return 0;
}
