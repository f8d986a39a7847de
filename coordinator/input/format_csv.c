#include "coordinator/input/parser.h"

#include "coordinator/input/reader.h"

#include <string.h>

/* RFC 4180, read leniently as Python's csv module does: a quote opens only at the beginning of a
 * cell; in a quoted cell "" is a quote; what follows the closing quote belongs to the cell. */
enum { AT_CELL, IN_BARE, IN_QUOTES, AFTER_QUOTE };

/* Walk over bytes [from, n) of the record at p; returns the place of its end of line, or n. */
static size_t scan(tfm__parser *parser, const char *p, size_t from, size_t n)
{
  int state = parser->state;
  size_t i = from;
  for (; i < n; ++i) {
    char c = p[i];
    if (state == IN_QUOTES) {
      parser->newlines += c == '\n';
      state = c == '"' ? AFTER_QUOTE : IN_QUOTES;
    } else if (c == '\n') {
      break;
    } else if (c == ',') {
      state = AT_CELL;
    } else if (c == '"' && state != IN_BARE) {
      state = IN_QUOTES; /* opens at a cell, or is the second of a pair */
    } else {
      state = IN_BARE;
    }
  }
  parser->state = state;
  return i;
}

/* A quote that never closes would swallow the file: its first line is a row that failed, and
 * reading goes on behind it. */
static tfm_status give_up(tfm__window *w, tfm__record *record, tfm_err *err)
{
  const char *from = w->data + w->at;
  const char *end = memchr(from, '\n', w->n - w->at);
  size_t n = end ? (size_t)(end - from) : w->n - w->at;
  if (n > TFM_ROW_MAX_BYTES) {
    return tfm__window_drop_line(w, record, err);
  }
  record->unclosed = true;
  record->bytes = (tfm_span){from, n};
  tfm__window_use(w, n + (end ? 1 : 0), 1);
  return TFM_OK;
}

static tfm_status next_record(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                              tfm_err *err)
{
  *there = true;
  *record = (tfm__record){.line = w->lines + 1, .offset = w->offset + (int64_t)w->at};
  p->state = AT_CELL;
  p->newlines = 0;
  for (;;) {
    size_t held = w->n - w->at;
    const char *from = w->data + w->at;
    size_t n = scan(p, from, w->looked, held);
    bool end = n < held;
    if (n > TFM_ROW_MAX_BYTES || (w->ended && !end && p->state == IN_QUOTES)) {
      return give_up(w, record, err);
    }
    if (end || (w->ended && n)) {
      record->bytes = (tfm_span){from, n && from[n - 1] == '\r' ? n - 1 : n};
      tfm__window_use(w, n + (end ? 1 : 0), p->newlines + 1);
      return TFM_OK;
    }
    if (w->ended) {
      *there = false;
      return TFM_OK;
    }
    w->looked = held;
    tfm_status st = tfm__window_more(w, err);
    if (st != TFM_OK) {
      return st;
    }
  }
}

static void split(tfm__parser *p, tfm_span record)
{
  int state = AT_CELL;
  size_t from = 0;
  p->ncell = 0;
  for (size_t i = 0; i <= record.n; ++i) {
    char c = i < record.n ? record.p[i] : ',';
    if (i == record.n || (c == ',' && state != IN_QUOTES)) {
      bool quoted = i > from && record.p[from] == '"';
      tfm__parser_add_cell(p, (tfm__cell){{record.p + from, i - from}, quoted});
      from = i + 1;
      state = AT_CELL;
    } else if (state == IN_QUOTES) {
      state = c == '"' ? AFTER_QUOTE : IN_QUOTES;
    } else {
      state = c == '"' && state != IN_BARE ? IN_QUOTES : IN_BARE;
    }
  }
}

static bool empty_line(const tfm__record *record)
{
  return record->bytes.n == 0 && !record->too_long && !record->unclosed;
}

static tfm_status begin(tfm__parser *p, tfm__window *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__record record = {0};
  bool there = true;
  do {
    TFM_TRY(next_record(p, w, &record, &there, err));
  } while (there && empty_line(&record));
  if (record.too_long || record.unclosed) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.400s: the header %s", tfm__stream_name(w->stream),
                     record.unclosed ? "has a quote that never closes" : "is over 16 MiB"));
  }
  if (there) {
    split(p, record.bytes);
    TFM_TRY(tfm__table_begin(p, tfm__stream_name(w->stream), err));
  }

fail:
  return st;
}

static void read_record(tfm__parser *p, const tfm__record *record)
{
  if (record->unclosed) {
    tfm__draft_discard(&p->draft, "a quote in this line never closes");
    return;
  }
  split(p, record->bytes);
  tfm__table_read(p);
}

const tfm__format tfm__format_csv = {
    .begin = begin, .next = next_record, .blank = empty_line, .read = read_record};
