#include "proto/frame.h"

#include "core/base/checked.h"
#include "core/base/crc32c.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "lengths and values are used in place as they lie on the wire");
_Static_assert(sizeof(float) == 4, "values on the wire are IEEE binary32");

/* Where the header's fields lie; FORMAT.md section 1. */
enum {
  AT_MAGIC = 0,
  AT_VERSION = 4,
  AT_TYPE = 6,
  AT_SOURCE = 8,
  AT_EXTRAS = 12,
  AT_F = 14,
  AT_SEQUENCE = 16,
  AT_BATCH = 24,
  AT_B = 32,
  AT_T = 36,
  AT_WIDTH = 40,
  AT_M = 44,
  AT_PAYLOAD_BYTES = 48,
  AT_PAYLOAD_CRC = 56,
  AT_HEADER_CRC = 60
};

/* Bits of the extras. */
enum {
  HAS_IDS = 1,
  IS_PLACED = 2,
  IS_SOURCED = 4,
  IS_BFLOAT16 = 8,
  EXTRAS_MOST = 15,
  FREED_MOST = UINT16_MAX
};

static const unsigned char magic[4] = {'T', 'F', 'M', 'F'};

static void put(unsigned char *at, uint64_t value, int bytes)
{
  for (int i = 0; i < bytes; ++i) {
    at[i] = (unsigned char)(value >> (8 * i));
  }
}

static uint64_t get(const unsigned char *at, int bytes)
{
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= (uint64_t)at[i] << (8 * i);
  }
  return value;
}

/* Bytes of a u32 table of n entries and the zeros after it. */
static bool table_bytes(int64_t entries, size_t *out)
{
  size_t n = 0;
  if (entries < 0 || !tfm_mul_size((size_t)entries, sizeof(uint32_t), &n) ||
      !tfm_add_size(n, TFM_FRAME_ALIGN - 1, &n)) {
    return false;
  }
  *out = n / TFM_FRAME_ALIGN * TFM_FRAME_ALIGN;
  return true;
}

/* A u32 table, zeros, and values [rows,width] of so many bytes each. */
static bool table_and_values(int64_t entries, int64_t rows, int64_t width, size_t each,
                             size_t *out)
{
  size_t table = 0;
  size_t values = 0;
  return rows >= 0 && width >= 0 && table_bytes(entries, &table) &&
         tfm_mul_size((size_t)rows, (size_t)width, &values) &&
         tfm_mul_size(values, each, &values) && tfm_add_size(table, values, out);
}

bool tfm_frame_activation_bytes(int64_t table, int64_t T, int64_t width, bool bfloat16,
                                size_t *out)
{
  return table_and_values(table, T, width, bfloat16 ? sizeof(uint16_t) : sizeof(float), out);
}

bool tfm_frame_result_bytes(int64_t B, int64_t rows, int64_t width, size_t *out)
{
  return table_and_values(B, rows, width, sizeof(float), out);
}

uint32_t *tfm_frame_lengths(unsigned char *bytes)
{
  return (uint32_t *)(void *)(bytes + TFM_FRAME_HEADER);
}

float *tfm_frame_values(unsigned char *bytes, int64_t table)
{
  size_t n = 0;
  TFM_ASSERT(table_bytes(table, &n));
  return (float *)(void *)(bytes + TFM_FRAME_HEADER + n);
}

uint16_t *tfm_frame_halves(unsigned char *bytes, int64_t table)
{
  return (uint16_t *)(void *)tfm_frame_values(bytes, table);
}

int64_t tfm_frame_table(const tfm_frame_head *head)
{
  return head->B + head->M + (head->placed ? 4 * head->B : 0) + (head->sourced ? head->B : 0) +
         (head->ids ? head->T : 0) + head->F;
}

int64_t tfm_frame_table_most(int64_t max_B, int64_t max_T)
{
  return 7 * max_B + 2 * max_T; /* as many marks as tokens at most, and slots as sequences */
}

/* Entries before the sources. */
static int64_t sources_at(const tfm_frame_head *head)
{
  return head->B + head->M + (head->placed ? 4 * head->B : 0);
}

tfm_frame_tables tfm_frame_tables_of(unsigned char *bytes, const tfm_frame_head *head)
{
  uint32_t *at = tfm_frame_lengths(bytes);
  tfm_frame_tables tables = {.lengths = at, .marks = at + head->B};
  at += head->B + head->M;
  if (head->placed) {
    tables.slots = at;
    tables.starts = at + head->B;
    tables.rows = at + 2 * head->B;
    tables.parents = at + 3 * head->B;
    at += 4 * head->B;
  }
  if (head->sourced) {
    tables.sources = at;
    at += head->B;
  }
  tables.ids = head->ids ? at : NULL;
  tables.freed = at + (head->ids ? head->T : 0);
  return tables;
}

static bool has_table(int type)
{
  return type == TFM_FRAME_ACTIVATIONS || type == TFM_FRAME_RESULT;
}

void tfm_frame_seal(unsigned char *bytes, const tfm_frame_head *head)
{
  unsigned char *payload = bytes + TFM_FRAME_HEADER;
  if (has_table(head->type)) {
    size_t used = (size_t)tfm_frame_table(head) * sizeof(uint32_t);
    size_t table = 0;
    TFM_ASSERT(table_bytes(tfm_frame_table(head), &table));
    memset(payload + used, 0, table - used);
  }
  memcpy(bytes + AT_MAGIC, magic, sizeof magic);
  put(bytes + AT_VERSION, TFM_WIRE_VERSION, 2);
  put(bytes + AT_TYPE, (uint64_t)head->type, 2);
  put(bytes + AT_SOURCE, (uint64_t)head->source, 4);
  put(bytes + AT_EXTRAS,
      (head->ids ? HAS_IDS : 0U) | (head->placed ? IS_PLACED : 0U) |
          (head->sourced ? IS_SOURCED : 0U) | (head->bfloat16 ? IS_BFLOAT16 : 0U),
      2);
  put(bytes + AT_F, (uint64_t)head->F, 2);
  put(bytes + AT_SEQUENCE, head->sequence, 8);
  put(bytes + AT_BATCH, head->batch, 8);
  put(bytes + AT_B, (uint64_t)head->B, 4);
  put(bytes + AT_T, (uint64_t)head->T, 4);
  put(bytes + AT_WIDTH, (uint64_t)head->width, 4);
  put(bytes + AT_M, (uint64_t)head->M, 4);
  put(bytes + AT_PAYLOAD_BYTES, head->payload_bytes, 8);
  put(bytes + AT_PAYLOAD_CRC, tfm_crc32c(0, payload, (size_t)head->payload_bytes), 4);
  put(bytes + AT_HEADER_CRC, tfm_crc32c(0, bytes, AT_HEADER_CRC), 4);
}

/* One count of a frame: low..high. */
static tfm_status check_count(const char *field, int64_t low, int64_t high, int64_t got,
                              tfm_err *err)
{
  if (got < low || got > high) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: want %" PRId64 " to %" PRId64 ", got %" PRId64,
                    field, low, high, got);
  }
  return TFM_OK;
}

/* A header that carries no counts: control frames and END. */
static bool has_extras(const tfm_frame_head *head)
{
  return head->ids || head->placed || head->sourced || head->bfloat16 || head->F != 0;
}

static tfm_status check_plain(const tfm_frame_head *head, size_t max_payload, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_count("sequences", 0, 0, head->B, err));
  TFM_TRY(check_count("tokens", 0, 0, head->T, err));
  TFM_TRY(check_count("width", 0, 0, head->width, err));
  TFM_TRY(check_count("marks", 0, 0, head->M, err));
  TFM_TRY(check_count("extras", 0, 0, has_extras(head), err));
  if (head->batch != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "batch: want 0, got %" PRIu64, head->batch));
  }
  if (head->payload_bytes > max_payload) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "payload bytes: want at most %zu, got %" PRIu64,
                     max_payload, head->payload_bytes));
  }

fail:
  return st;
}

static tfm_status check_kind(const tfm_frame_head *head, const tfm_frame_limits *limits,
                             tfm_err *err)
{
  static const char *const names[] = {"float32", "bfloat16"};
  return head->bfloat16 == limits->bfloat16
             ? TFM_OK
             : tfm_fail(err, TFM_E_FORMAT, "x: want %s, got %s", names[limits->bfloat16],
                        names[head->bfloat16]);
}

static tfm_status check_data(const tfm_frame_head *head, const tfm_frame_limits *limits,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  size_t want = 0;
  bool fits = false;
  TFM_TRY(check_count("sequences", 1, limits->max_B, head->B, err));
  TFM_TRY(check_count("width", limits->width, limits->width, head->width, err));
  if (head->type == TFM_FRAME_ACTIVATIONS) {
    TFM_TRY(check_count("tokens", head->B, limits->max_T, head->T, err));
    TFM_TRY(check_count("marks", 0, head->T, head->M, err));
    TFM_TRY(check_count("freed slots", 0,
                        limits->max_B < FREED_MOST ? limits->max_B : FREED_MOST, head->F, err));
    TFM_TRY(check_kind(head, limits, err));
    fits = tfm_frame_activation_bytes(tfm_frame_table(head), head->T, head->width,
                                      head->bfloat16, &want);
  } else {
    TFM_TRY(check_count("rows", 0, limits->max_T, head->T, err));
    TFM_TRY(check_count("marks", 0, 0, head->M, err));
    TFM_TRY(check_count("extras", 0, 0, has_extras(head), err));
    fits = tfm_frame_result_bytes(head->B, head->T, head->width, &want);
  }
  if (!fits || want > limits->max_payload || head->payload_bytes != want) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "payload bytes: want %zu by the counts (at most %zu), got %" PRIu64, want,
                     limits->max_payload, head->payload_bytes));
  }

fail:
  return st;
}

tfm_status tfm_frame_agrees(const tfm_frame_head *head, const tfm_frame_limits *limits,
                            tfm_err *err)
{
  bool control = limits->width == 0;
  switch (head->type) {
  case TFM_FRAME_START:
  case TFM_FRAME_HELLO:
  case TFM_FRAME_ASSIGN:
  case TFM_FRAME_READY:
  case TFM_FRAME_HEARTBEAT:
  case TFM_FRAME_STATS:
  case TFM_FRAME_FAILED:
  case TFM_FRAME_LEAVE:
  case TFM_FRAME_COMM:
  case TFM_FRAME_SAMPLE:
  case TFM_FRAME_MEASURE:
  case TFM_FRAME_SPEED:
  case TFM_FRAME_CLOCK:
  case TFM_FRAME_TRACE:
  case TFM_FRAME_ATTENTION:
  case TFM_FRAME_MEMORY:
  case TFM_FRAME_BANDWIDTH:
    if (control) {
      return check_plain(head, limits->max_payload, err);
    }
    break;
  case TFM_FRAME_ACTIVATIONS:
  case TFM_FRAME_RESULT:
    if (!control) {
      return check_data(head, limits, err);
    }
    break;
  case TFM_FRAME_END:
    if (!control) {
      return check_plain(head, 0, err);
    }
    break;
  default:
    break;
  }
  return tfm_fail(err, TFM_E_FORMAT, "type: want one of a %s link, got %d (%s)",
                  control ? "control" : "data", head->type, tfm_frame_type_name(head->type));
}

/* Magic, version, both checksums: is this a frame of ours, and whole? */
static tfm_status check_envelope(const unsigned char *bytes, size_t n, tfm_err *err)
{
  if (n < TFM_FRAME_HEADER) {
    return tfm_fail(err, TFM_E_FORMAT, "frame: want at least %d bytes, got %zu",
                    TFM_FRAME_HEADER, n);
  }
  if (memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0) {
    return tfm_fail(err, TFM_E_FORMAT, "magic: want 54464d46 (hex), got %08" PRIx32,
                    __builtin_bswap32((uint32_t)get(bytes + AT_MAGIC, 4)));
  }
  uint32_t want = tfm_crc32c(0, bytes, AT_HEADER_CRC);
  uint32_t got = (uint32_t)get(bytes + AT_HEADER_CRC, 4);
  unsigned version = (unsigned)get(bytes + AT_VERSION, 2);
  if (version != TFM_WIRE_VERSION) {
    return tfm_fail(err, want == got ? TFM_E_CONFIG : TFM_E_FORMAT,
                    "wire version: want %d, got %u; start the same build on every node",
                    TFM_WIRE_VERSION, version);
  }
  if (want != got) {
    return tfm_fail(err, TFM_E_FORMAT, "header checksum: want %08" PRIx32 ", got %08" PRIx32,
                    want, got);
  }
  uint64_t payload = get(bytes + AT_PAYLOAD_BYTES, 8);
  if (payload != n - TFM_FRAME_HEADER) {
    return tfm_fail(err, TFM_E_FORMAT, "payload bytes: want %zu as received, got %" PRIu64,
                    n - TFM_FRAME_HEADER, payload);
  }
  want = tfm_crc32c(0, bytes + TFM_FRAME_HEADER, n - TFM_FRAME_HEADER);
  got = (uint32_t)get(bytes + AT_PAYLOAD_CRC, 4);
  if (want != got) {
    return tfm_fail(err, TFM_E_FORMAT, "payload checksum: want %08" PRIx32 ", got %08" PRIx32,
                    want, got);
  }
  return TFM_OK;
}

static tfm_status read_head(const unsigned char *bytes, tfm_frame_head *head, tfm_err *err)
{
  uint64_t extras = get(bytes + AT_EXTRAS, 2);
  if (extras > EXTRAS_MOST) {
    return tfm_fail(err, TFM_E_FORMAT, "extras: want 0 to %d, got %" PRIu64, EXTRAS_MOST,
                    extras);
  }
  uint64_t source = get(bytes + AT_SOURCE, 4);
  if (source > INT32_MAX) {
    return tfm_fail(err, TFM_E_FORMAT, "source: want a rank, got %" PRIu64, source);
  }
  *head = (tfm_frame_head){.type = (int)get(bytes + AT_TYPE, 2),
                           .source = (int)source,
                           .sequence = get(bytes + AT_SEQUENCE, 8),
                           .batch = get(bytes + AT_BATCH, 8),
                           .B = (int64_t)get(bytes + AT_B, 4),
                           .T = (int64_t)get(bytes + AT_T, 4),
                           .width = (int64_t)get(bytes + AT_WIDTH, 4),
                           .M = (int64_t)get(bytes + AT_M, 4),
                           .ids = (extras & HAS_IDS) != 0,
                           .placed = (extras & IS_PLACED) != 0,
                           .sourced = (extras & IS_SOURCED) != 0,
                           .bfloat16 = (extras & IS_BFLOAT16) != 0,
                           .F = (int64_t)get(bytes + AT_F, 2),
                           .payload_bytes = get(bytes + AT_PAYLOAD_BYTES, 8)};
  return TFM_OK;
}

/* sum: of the sources on the way in, with the lengths on the way out. At most 2^32 terms below
 * 2^32 cannot overflow it. */
static tfm_status check_lengths(const uint32_t *lengths, const tfm_frame_head *head,
                                int64_t sum, tfm_err *err)
{
  for (int64_t b = 0; b < head->B; ++b) {
    if (lengths[b] == 0) {
      return tfm_fail(err, TFM_E_FORMAT, "length %" PRId64 ": want at least 1, got 0", b);
    }
    sum += lengths[b];
  }
  if (sum != head->T) {
    return tfm_fail(err, TFM_E_FORMAT, "lengths: want a sum of %" PRId64 ", got %" PRId64,
                    head->T, sum);
  }
  return TFM_OK;
}

static int64_t sum_of(const uint32_t *n, int64_t B)
{
  int64_t sum = 0;
  for (int64_t b = 0; n && b < B; ++b) {
    sum += n[b];
  }
  return sum;
}

static tfm_status check_marks(const uint32_t *marks, const tfm_frame_head *head,
                              int64_t sources, tfm_err *err)
{
  const int64_t T = head->T - sources;
  int64_t before = -1;
  for (int64_t m = 0; m < head->M; ++m) {
    if (marks[m] >= T || marks[m] <= before) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "mark %" PRId64 ": want %" PRId64 " to %" PRId64 ", got %" PRIu32, m,
                      before + 1, T - 1, marks[m]);
    }
    before = marks[m];
  }
  return TFM_OK;
}

static tfm_status check_row_status(const uint32_t *status, const tfm_frame_head *head,
                                   tfm_err *err)
{
  for (int64_t b = 0; b < head->B; ++b) {
    if ((int)tfm_frame_fate_status(status[b]) >= TFM_STATUS_COUNT ||
        (status[b] && tfm_frame_fate_status(status[b]) == TFM_OK)) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "status %" PRId64 ": want 0 to %d, and no stage with 0, got %#" PRIx32, b,
                      TFM_STATUS_COUNT - 1, status[b]);
    }
  }
  return TFM_OK;
}

/* The u32 table of a data frame; the payload is known to hold it. */
static tfm_status check_table(const unsigned char *bytes, const tfm_frame_head *head,
                              tfm_err *err)
{
  const unsigned char *payload = bytes + TFM_FRAME_HEADER;
  size_t end = 0;
  TFM_ASSERT(table_bytes(tfm_frame_table(head), &end));
  for (size_t at = (size_t)tfm_frame_table(head) * sizeof(uint32_t); at < end; ++at) {
    if (payload[at] != 0) {
      return tfm_fail(err, TFM_E_FORMAT, "padding at payload byte %zu: want 0, got %d", at,
                      payload[at]);
    }
  }
  const uint32_t *table = (const uint32_t *)(const void *)payload;
  if (head->type == TFM_FRAME_RESULT) {
    return check_row_status(table, head, err);
  }
  const uint32_t *sources = head->sourced ? table + sources_at(head) : NULL;
  const int64_t S = sum_of(sources, head->B);
  tfm_status st = check_lengths(table, head, S, err);
  return st == TFM_OK ? check_marks(table + head->B, head, S, err) : st;
}

tfm_status tfm_frame_open(const unsigned char *bytes, size_t n, const tfm_frame_limits *limits,
                          tfm_frame_head *head, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_envelope(bytes, n, err));
  TFM_TRY(read_head(bytes, head, err));
  TFM_TRY(tfm_frame_agrees(head, limits, err));
  if (has_table(head->type)) {
    TFM_TRY(check_table(bytes, head, err));
  }

fail:
  return st;
}
