#include "proto/messages.h"

#include "proto/wire.h"
#include "proto/world.h"

#include <string.h>

/* A message is a table of its fields in the order they travel; one writer and one reader walk
 * every table. A new message is one table, and one line at the end. */
typedef enum {
  TEXT,   /* char [bytes]: u32 byte count and the bytes */
  BOOL,   /* u32, 0 or 1 */
  I32,    /* u32, two's complement, `least` or more */
  I64,    /* u64, two's complement, `least` or more */
  U64,    /* u64 */
  F64,    /* u64, the bits of a finite double */
  STATUS, /* u32, a number of TFM_STATUS_MAP */
  IDS,    /* tfm_msg_ids: u32 count and as many I32, `least` or more */
  SPANS,  /* int32_t n and as many tfm_msg_span: u32 count, then fields of each */
  WEIGHTS /* int32_t n and as many float of 0 to 1: u32 count, then the bits of each */
} field_kind;

typedef struct {
  field_kind kind;
  int32_t least; /* smallest legal value of I32 and I64 */
  const char *name;
  size_t offset, bytes; /* in the struct */
} field;

#define AT(msg, member)                                                                        \
#member, offsetof(tfm_msg_##msg, member), sizeof(((tfm_msg_##msg *)0)->member)

static const field start_fields[] = {
    {TEXT, 0, AT(start, model)},
    {TEXT, 0, AT(start, backend)},
    {TEXT, 0, AT(start, dtype)},
    {TEXT, 0, AT(start, kv)},
    {TEXT, 0, AT(start, wire)},
    {TEXT, 0, AT(start, smooth)},
    {BOOL, 0, AT(start, digest_full)},
    {TEXT, 0, AT(start, cache)},
    {TEXT, 0, AT(start, task)},
    {I32, 0, AT(start, pooling)},
    {I32, 0, AT(start, normalize)},
    {I64, 0, AT(start, dims)},
    {I64, 0, AT(start, top_k)},
    {IDS, 0, AT(start, only)},
    {I32, 0, AT(start, lm)},
    {BOOL, 0, AT(start, sample)},
    {I64, 0, AT(start, seed)},
    {F64, 0, AT(start, temperature)},
    {F64, 0, AT(start, top_p)},
    {F64, 0, AT(start, min_p)},
    {F64, 0, AT(start, typical_p)},
    {F64, 0, AT(start, epsilon_cutoff)},
    {F64, 0, AT(start, eta_cutoff)},
    {F64, 0, AT(start, repetition_penalty)},
    {I64, 0, AT(start, no_repeat_ngram)},
    {I64, 0, AT(start, min_new)},
    {I64, 0, AT(start, min_length)},
    {I64, 0, AT(start, force_first)},
    {I64, 0, AT(start, force_last)},
    {I64, 0, AT(start, last_new)},
    {I64, 0, AT(start, last_length)},
    {I64, 0, AT(start, decay_after)},
    {F64, 0, AT(start, decay)},
    {BOOL, 0, AT(start, renormalize)},
    {I64, 0, AT(start, branches)},
    {I64, 0, AT(start, candidates)},
    {IDS, INT32_MIN, AT(start, said)},
    {F64, 0, AT(start, stall_s)},
    {F64, 0, AT(start, load_s)},
};

static const field hello_fields[] = {
    {TEXT, 0, AT(hello, version)},       {TEXT, 0, AT(hello, digest)},
    {TEXT, 0, AT(hello, host)},          {TEXT, 0, AT(hello, cpuset)},
    {TEXT, 0, AT(hello, cpu)},           {TEXT, 0, AT(hello, isa)},
    {TEXT, 0, AT(hello, arithmetic)},    {TEXT, 0, AT(hello, numeric_id)},
    {TEXT, 0, AT(hello, denormals)},     {I32, 0, AT(hello, ncore)},
    {I32, 0, AT(hello, ncore_host)},     {I32, 0, AT(hello, nnode)},
    {I32, -1, AT(hello, node)},          {I64, 0, AT(hello, pid)},
    {I64, 0, AT(hello, resident_bytes)}, {I64, -1, AT(hello, available_bytes)},
};

static const field assign_fields[] = {
    {TEXT, 0, AT(assign, numeric_id)}, {TEXT, 0, AT(assign, isa)},
    {TEXT, 0, AT(assign, backend)},    {TEXT, 0, AT(assign, precision)},
    {I32, -1, AT(assign, replica)},    {I32, -1, AT(assign, stage)},
    {I32, 0, AT(assign, stages)},      {I64, 0, AT(assign, units.first)},
    {I64, 0, AT(assign, units.last)},  {BOOL, 0, AT(assign, head)},
    {I32, 0, AT(assign, previous)},    {I32, 0, AT(assign, next)},
    {I64, 0, AT(assign, hidden)},      {I64, 0, AT(assign, result_width)},
    {I64, 0, AT(assign, max_tokens)},  {I64, 0, AT(assign, max_sequences)},
    {I64, 0, AT(assign, max_rows)},    {I32, 0, AT(assign, threads)},
    {I32, 0, AT(assign, share_index)}, {I32, 0, AT(assign, share_count)},
    {I32, 0, AT(assign, keeper)},      {BOOL, 0, AT(assign, probe)},
    {BOOL, 0, AT(assign, trace)},      {BOOL, 0, AT(assign, look)},
    {I64, 0, AT(assign, slots)},       {I64, 0, AT(assign, pages)},
    {I64, 0, AT(assign, longest)},     {I64, 0, AT(assign, lender)},
    {I32, -1, AT(assign, lent)},
};

static const field ready_fields[] = {
    {TEXT, 0, AT(ready, cpuset)},         {TEXT, 0, AT(ready, probe_failed)},
    {TEXT, 0, AT(ready, note)},           {I32, -1, AT(ready, node)},
    {I64, 0, AT(ready, weight_bytes)},    {I64, 0, AT(ready, scratch_bytes)},
    {BOOL, 0, AT(ready, locality_known)}, {I64, 0, AT(ready, pages)},
    {I64, 0, AT(ready, local_pages)},     {F64, 0, AT(ready, load_s)},
    {I32, -1, AT(ready, lent)},
};

static const field heartbeat_fields[] = {
    {I32, 0, AT(heartbeat, computing)}, {U64, 0, AT(heartbeat, batch)},
    {F64, 0, AT(heartbeat, since_s)},   {U64, 0, AT(heartbeat, frames)},
    {U64, 0, AT(heartbeat, tokens)},    {F64, 0, AT(heartbeat, busy_s)},
    {F64, 0, AT(heartbeat, wait_s)},    {F64, 0, AT(heartbeat, send_s)},
};

static const field stats_fields[] = {
    {U64, 0, AT(stats, frames)},          {U64, 0, AT(stats, tokens)},
    {F64, 0, AT(stats, busy_s)},          {F64, 0, AT(stats, wait_s)},
    {F64, 0, AT(stats, send_s)},          {F64, 0, AT(stats, cpu_s)},
    {F64, 0, AT(stats, compute_cpu_s)},   {I64, 0, AT(stats, peak_rss_bytes)},
    {BOOL, 0, AT(stats, locality_known)}, {I64, 0, AT(stats, pages)},
    {I64, 0, AT(stats, local_pages)},
};

static const field failed_fields[] = {
    {STATUS, 0, AT(failed, err.status)},
    {TEXT, 0, AT(failed, err.text)},
};

static const field leave_fields[] = {
    {I32, 0, AT(leave, code)},
};

static const field comm_fields[] = {
    {I32, 0, AT(comm, peer)},
    {BOOL, 0, AT(comm, measures)},
    {I64, 1, AT(comm, passes)},
};

static const field sample_fields[] = {
    {I64, 1, AT(sample, bytes)},       {BOOL, 0, AT(sample, shared)},
    {F64, 0, AT(sample, latency_s)},   {F64, 0, AT(sample, waiting_s)},
    {F64, 0, AT(sample, bytes_per_s)},
};

static const field memory_fields[] = {
    {I32, 0, AT(memory, threads)},
    {I32, 1, AT(memory, beside)},
    {I64, 1, AT(memory, bytes)},
    {I64, 1, AT(memory, passes)},
};

static const field bandwidth_fields[] = {
    {TEXT, 0, AT(bandwidth, host)}, {TEXT, 0, AT(bandwidth, cpuset)},
    {I32, 1, AT(bandwidth, ncore)}, {I32, 1, AT(bandwidth, threads)},
    {F64, 0, AT(bandwidth, copy)},  {F64, 0, AT(bandwidth, scale)},
    {F64, 0, AT(bandwidth, add)},   {F64, 0, AT(bandwidth, triad)},
};

static const field measure_fields[] = {
    {I64, 0, AT(measure, tokens)},
};

static const field speed_fields[] = {
    {F64, 0, AT(speed, attention_s)},
    {F64, 0, AT(speed, scores_s)},
    {F64, 0, AT(speed, ffn_s)},
    {F64, 0, AT(speed, head_s)},
};

static const field clock_fields[] = {
    {F64, 0, AT(clock, asked_s)},
    {F64, 0, AT(clock, now_s)},
};

static const field trace_fields[] = {
    {U64, 0, AT(trace, lost)},
    {SPANS, 0, AT(trace, n)},
};

static const field attention_fields[] = {
    {I64, 0, AT(attention, layer)},  {I64, 0, AT(attention, head)},
    {I64, 1, AT(attention, tokens)}, {I64, 0, AT(attention, first)},
    {WEIGHTS, 0, AT(attention, n)},
};

static void put_weights(const unsigned char *at, tfm_buf *out)
{
  const tfm_msg_attention *msg = (const void *)(at - offsetof(tfm_msg_attention, n));
  tfm__put_u32(out, (uint32_t)msg->n);
  for (int32_t i = 0; i < msg->n; ++i) {
    uint32_t bits = 0;
    memcpy(&bits, &msg->v[i], sizeof bits);
    tfm__put_u32(out, bits);
  }
}

static void put_spans(const unsigned char *at, tfm_buf *out)
{
  const tfm_msg_trace *trace =
      (const void *)(at - offsetof(tfm_msg_trace, n)); /* the one message that has them */
  tfm__put_u32(out, (uint32_t)trace->n);
  for (int32_t i = 0; i < trace->n; ++i) {
    const tfm_msg_span *span = &trace->v[i];
    tfm__put_u32(out, (uint32_t)span->kind);
    tfm__put_u64(out, span->batch);
    tfm__put_u64(out, (uint64_t)span->tokens);
    tfm__put_f64(out, span->begin_s);
    tfm__put_f64(out, span->end_s);
  }
}

static void put_ids(const unsigned char *at, tfm_buf *out)
{
  const tfm_msg_ids *ids = (const void *)at;
  tfm__put_u32(out, (uint32_t)ids->n);
  for (int32_t i = 0; i < ids->n; ++i) {
    tfm__put_u32(out, (uint32_t)ids->v[i]);
  }
}

static void put_field(const field *f, const unsigned char *at, tfm_buf *out)
{
  bool flag = false;
  int32_t i32 = 0;
  uint64_t u64 = 0;
  double f64 = 0;
  tfm_status status = TFM_OK;
  switch (f->kind) {
  case TEXT:
    tfm__put_text(out, (const char *)at, f->bytes);
    break;
  case BOOL:
    memcpy(&flag, at, sizeof flag);
    tfm__put_u32(out, flag);
    break;
  case I32:
    memcpy(&i32, at, sizeof i32);
    tfm__put_u32(out, (uint32_t)i32);
    break;
  case I64:
  case U64:
    memcpy(&u64, at, sizeof u64);
    tfm__put_u64(out, u64);
    break;
  case F64:
    memcpy(&f64, at, sizeof f64);
    tfm__put_f64(out, f64);
    break;
  case STATUS:
    memcpy(&status, at, sizeof status);
    tfm__put_u32(out, (uint32_t)status);
    break;
  case IDS:
    put_ids(at, out);
    break;
  case SPANS:
    put_spans(at, out);
    break;
  case WEIGHTS:
    put_weights(at, out);
    break;
  }
}

static void get_bool(tfm__reader *r, const field *f, unsigned char *at)
{
  uint32_t value = tfm__get_u32(r, f->name);
  if (value > 1) {
    tfm__reader_fail(r, f->name, "want 0 or 1, got %lu", (unsigned long)value);
  }
  bool flag = value == 1;
  memcpy(at, &flag, sizeof flag);
}

static void get_signed(tfm__reader *r, const field *f, unsigned char *at)
{
  bool wide = f->kind == I64;
  int64_t value = wide ? (int64_t)tfm__get_u64(r, f->name) : (int32_t)tfm__get_u32(r, f->name);
  if (value < f->least) {
    tfm__reader_fail(r, f->name, "want at least %ld, got %lld", (long)f->least,
                     (long long)value);
    value = 0;
  }
  int32_t narrow = (int32_t)value;
  memcpy(at, wide ? (const void *)&value : (const void *)&narrow, f->bytes);
}

static void get_ids(tfm__reader *r, const field *f, unsigned char *at)
{
  tfm_msg_ids *ids = (void *)at;
  uint32_t n = tfm__get_u32(r, f->name);
  if (n > TFM_MSG_IDS) {
    tfm__reader_fail(r, f->name, "want at most %d numbers, got %lu", TFM_MSG_IDS,
                     (unsigned long)n);
    n = 0;
  }
  ids->n = (int32_t)n;
  for (uint32_t i = 0; i < n; ++i) {
    ids->v[i] = (int32_t)tfm__get_u32(r, f->name);
    if (ids->v[i] < f->least) {
      tfm__reader_fail(r, f->name, "want at least %ld, got %ld", (long)f->least,
                       (long)ids->v[i]);
    }
  }
}

static void get_weights(tfm__reader *r, const field *f, unsigned char *at)
{
  tfm_msg_attention *msg = (void *)(at - offsetof(tfm_msg_attention, n));
  uint32_t n = tfm__get_u32(r, f->name);
  if (n > TFM_MSG_WEIGHTS) {
    tfm__reader_fail(r, f->name, "want at most %d weights, got %lu", TFM_MSG_WEIGHTS,
                     (unsigned long)n);
    n = 0;
  }
  msg->n = (int32_t)n;
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t bits = tfm__get_u32(r, f->name);
    memcpy(&msg->v[i], &bits, sizeof bits);
    if (!(msg->v[i] >= 0.0f && msg->v[i] <= 1.0001f)) { /* a softmax's last bits */
      tfm__reader_fail(r, f->name, "weight %lu: want 0 to 1", (unsigned long)i);
      msg->v[i] = 0.0f;
    }
  }
}

static void get_spans(tfm__reader *r, const field *f, unsigned char *at)
{
  tfm_msg_trace *trace = (void *)(at - offsetof(tfm_msg_trace, n));
  uint32_t n = tfm__get_u32(r, f->name);
  if (n > TFM_MSG_SPANS) {
    tfm__reader_fail(r, f->name, "want at most %d spans, got %lu", TFM_MSG_SPANS,
                     (unsigned long)n);
    n = 0;
  }
  trace->n = (int32_t)n;
  double last_s = 0;
  for (uint32_t i = 0; i < n; ++i) {
    tfm_msg_span *span = &trace->v[i];
    const uint32_t kind = tfm__get_u32(r, f->name);
    span->kind = (int32_t)(kind < TFM_SPAN_COUNT ? kind : 0);
    span->batch = tfm__get_u64(r, f->name);
    span->tokens = (int64_t)tfm__get_u64(r, f->name);
    span->begin_s = tfm__get_f64(r, f->name);
    span->end_s = tfm__get_f64(r, f->name);
    if (kind >= TFM_SPAN_COUNT || span->tokens < 0 || span->begin_s < last_s ||
        span->end_s < span->begin_s) {
      tfm__reader_fail(r, f->name, "span %lu: want a kind, and none before another's end",
                       (unsigned long)i);
    }
    last_s = span->end_s;
  }
}

static void get_status(tfm__reader *r, const field *f, unsigned char *at)
{
  uint32_t value = tfm__get_u32(r, f->name);
  if (value >= TFM_STATUS_COUNT) {
    tfm__reader_fail(r, f->name, "want 0 to %d, got %lu", TFM_STATUS_COUNT - 1,
                     (unsigned long)value);
    value = TFM_OK;
  }
  tfm_status status = (tfm_status)value;
  memcpy(at, &status, sizeof status);
}

static void get_field(tfm__reader *r, const field *f, unsigned char *at)
{
  uint64_t u64 = 0;
  double f64 = 0;
  switch (f->kind) {
  case TEXT:
    tfm__get_text(r, f->name, (char *)at, f->bytes);
    break;
  case BOOL:
    get_bool(r, f, at);
    break;
  case I32:
  case I64:
    get_signed(r, f, at);
    break;
  case U64:
    u64 = tfm__get_u64(r, f->name);
    memcpy(at, &u64, sizeof u64);
    break;
  case F64:
    f64 = tfm__get_f64(r, f->name);
    memcpy(at, &f64, sizeof f64);
    break;
  case STATUS:
    get_status(r, f, at);
    break;
  case IDS:
    get_ids(r, f, at);
    break;
  case SPANS:
    get_spans(r, f, at);
    break;
  case WEIGHTS:
    get_weights(r, f, at);
    break;
  }
}

static tfm_status encode(const void *msg, const field *fields, size_t nfield, tfm_buf *out)
{
  for (size_t i = 0; i < nfield; ++i) {
    put_field(&fields[i], (const unsigned char *)msg + fields[i].offset, out);
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}

static tfm_status decode(void *msg, const field *fields, size_t nfield, tfm__reader reader,
                         tfm_err *err)
{
  for (size_t i = 0; i < nfield; ++i) {
    get_field(&reader, &fields[i], (unsigned char *)msg + fields[i].offset);
  }
  return tfm__reader_close(&reader, err);
}

/* A field takes at most 4 bytes more on the wire than in its struct, and far more in its table. */
#define TFM_MESSAGE(name)                                                                      \
  _Static_assert(sizeof(tfm_msg_##name) + sizeof name##_fields <= TFM_CONTROL_BYTES,           \
                 "fits a control frame");                                                      \
  tfm_status tfm_msg_##name##_encode(const tfm_msg_##name *msg, tfm_buf *out)                  \
  {                                                                                            \
    return encode(msg, name##_fields, sizeof name##_fields / sizeof *name##_fields, out);      \
  }                                                                                            \
  tfm_status tfm_msg_##name##_decode(tfm_msg_##name *msg, const void *bytes, size_t n,         \
                                     tfm_err *err)                                             \
  {                                                                                            \
    *msg = (tfm_msg_##name){0};                                                                \
    return decode(msg, name##_fields, sizeof name##_fields / sizeof *name##_fields,            \
                  tfm__reader_open(#name, bytes, n), err);                                     \
  }
TFM_MESSAGE(start)
TFM_MESSAGE(hello)
TFM_MESSAGE(assign)
TFM_MESSAGE(ready)
TFM_MESSAGE(heartbeat)
TFM_MESSAGE(stats)
TFM_MESSAGE(failed)
TFM_MESSAGE(leave)
TFM_MESSAGE(comm)
TFM_MESSAGE(sample)
TFM_MESSAGE(measure)
TFM_MESSAGE(speed)
TFM_MESSAGE(clock)
TFM_MESSAGE(trace)
TFM_MESSAGE(attention)
TFM_MESSAGE(memory)
TFM_MESSAGE(bandwidth)
#undef TFM_MESSAGE

tfm_status tfm_msg_send(tfm_link *out, tfm_frame_type type, const tfm_buf *payload, bool *sent,
                        tfm_err *err)
{
  if (sent) {
    *sent = false;
  }
  if (payload->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "message %s", tfm_frame_type_name((int)type));
  }
  tfm_frame *frame = tfm_link_frame(out);
  if (!frame) {
    return TFM_OK;
  }
  if (payload->n > frame->cap - TFM_FRAME_HEADER) {
    size_t room = frame->cap - TFM_FRAME_HEADER;
    tfm_link_release(frame);
    return tfm_fail(err, TFM_E_INTERNAL, "message %s: %zu bytes, want at most %zu",
                    tfm_frame_type_name((int)type), payload->n, room);
  }
  if (payload->n > 0) {
    memcpy(frame->bytes + TFM_FRAME_HEADER, payload->data, payload->n);
  }
  frame->head = (tfm_frame_head){.type = (int)type, .payload_bytes = payload->n};
  tfm_status st = tfm_link_send(out, frame, err);
  if (st == TFM_OK && sent) {
    *sent = true;
  }
  return st;
}
