#include "coordinator/resume/record.h"

#include "core/base/crc32c.h"

#include <string.h>

enum { CRC_AT = TFM__RECORD_BYTES - 4 };

static const uint32_t magic = 0x524a4654; /* "TFJR" */

/* One walk over the fields for both ways, so that they cannot differ. Little-endian. */
typedef struct {
  unsigned char *at;
  bool reading;
} walk;

static void step(walk *w, void *value, size_t n, uint64_t bits)
{
  uint64_t read = 0;
  for (size_t i = 0; i < n; ++i) {
    if (w->reading) {
      read |= (uint64_t)w->at[i] << 8 * i;
    } else {
      w->at[i] = (unsigned char)(bits >> 8 * i);
    }
  }
  w->at += n;
  if (w->reading && n == sizeof(uint32_t)) {
    memcpy(value, &(uint32_t){(uint32_t)read}, n);
  } else if (w->reading) {
    memcpy(value, &read, n);
  }
}

static void step32(walk *w, uint32_t *value)
{
  step(w, value, sizeof *value, *value);
}

static void step64(walk *w, int64_t *value)
{
  step(w, value, sizeof *value, (uint64_t)*value);
}

static void step_stretch(walk *w, tfm__stretch *s)
{
  step64(w, &s->bytes);
  step64(w, &s->from);
  step32(w, &s->crc);
}

static void step_mark(walk *w, tfm_mark *m)
{
  uint32_t file = (uint32_t)m->file;
  uint32_t unclosed = (uint32_t)m->unclosed;
  step64(w, &m->rows);
  step64(w, &m->number);
  step64(w, &m->blank_lines);
  step64(w, &m->offset);
  step64(w, &m->lines);
  step32(w, &file);
  step32(w, &unclosed);
  step32(w, &m->crc);
  step32(w, &m->before);
  m->file = (int32_t)file;
  m->unclosed = (int32_t)unclosed;
}

static void step_state(walk *w, tfm__record *r)
{
  step_stretch(w, &r->part);
  step_stretch(w, &r->tail);
  step_stretch(w, &r->errors);
  for (int i = 0; i < 8; ++i) {
    step32(w, &r->sha[i]);
  }
  step64(w, &r->lines);
  step_mark(w, &r->tally.mark);
  step64(w, &r->tally.row_errors);
  step64(w, &r->tally.rows_truncated);
  step64(w, &r->tally.rows_windowed);
  step64(w, &r->tally.tokens);
}

static void step_owner(walk *w, tfm__record *r)
{
  step64(w, &r->pid);
  if (w->reading) {
    memcpy(r->host, w->at, sizeof r->host);
    r->host[sizeof r->host - 1] = '\0';
  } else {
    memcpy(w->at, r->host, sizeof r->host);
  }
  w->at += sizeof r->host;
}

static void step_record(walk *w, tfm__record *r)
{
  uint32_t kind = (uint32_t)r->kind;
  int64_t sequence = (int64_t)r->sequence;
  step32(w, &kind);
  step32(w, &r->epoch);
  step64(w, &sequence);
  r->kind = (tfm__record_kind)kind;
  r->sequence = (uint64_t)sequence;
  if (r->kind == TFM__RECORD_BEGIN) {
    step_owner(w, r);
  } else {
    step_state(w, r);
  }
}

void tfm__record_encode(const tfm__record *record, unsigned char out[TFM__RECORD_BYTES])
{
  tfm__record copy = *record;
  walk w = {.at = out};
  uint32_t head = magic;
  memset(out, 0, TFM__RECORD_BYTES);
  step32(&w, &head);
  step_record(&w, &copy);
  uint32_t crc = tfm_crc32c(0, out, CRC_AT);
  w.at = out + CRC_AT;
  step32(&w, &crc);
}

static bool is_stretch(const tfm__stretch *s)
{
  return s->from >= 0 && s->from <= s->bytes;
}

/* Numbers that no writer writes are no record, whatever the CRC says. */
static bool is_sound(const tfm__record *r)
{
  const tfm_tally *t = &r->tally;
  const tfm_mark *m = &t->mark;
  const int64_t counts[] = {r->lines,      m->rows,           m->number,        m->blank_lines,
                            m->offset,     m->lines,          m->file,          m->unclosed,
                            t->row_errors, t->rows_truncated, t->rows_windowed, t->tokens};
  bool sound = r->kind >= TFM__RECORD_BEGIN && r->kind <= TFM__RECORD_FINAL &&
               is_stretch(&r->part) && is_stretch(&r->tail) && is_stretch(&r->errors);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i) {
    sound = sound && counts[i] >= 0;
  }
  return sound;
}

bool tfm__record_decode(tfm__record *record, const unsigned char bytes[TFM__RECORD_BYTES])
{
  unsigned char copy[TFM__RECORD_BYTES];
  walk w = {.at = copy, .reading = true};
  uint32_t head = 0;
  uint32_t crc = 0;
  memcpy(copy, bytes, sizeof copy);
  *record = (tfm__record){0};
  step32(&w, &head);
  step_record(&w, record);
  w.at = copy + CRC_AT;
  step32(&w, &crc);
  return head == magic && crc == tfm_crc32c(0, copy, CRC_AT) && is_sound(record);
}
