#include "coordinator/input/parser.h"

#include "coordinator/input/reader.h"

#include <string.h>

/* RFC 4180, read leniently as Python's csv module does: a quote opens only at the beginning of a
 * cell; in a quoted cell "" is a quote; what follows the closing quote belongs to the cell. */
enum { AT_CELL, IN_BARE, IN_QUOTES, AFTER_QUOTE };

enum { MOST_UNCLOSED = 100 };

static void end_cell(tfm__parser *parser, const char *p, size_t end)
{
  size_t at = parser->cell_at;
  tfm__parser_add_cell(parser, (tfm__cell){at, end - at, end > at && p[at] == '"'});
  parser->cell_at = end + 1;
}

/* Step over what is quoted, to behind the next quote or to n. */
static size_t scan_quotes(tfm__parser *parser, const char *p, size_t i, size_t n)
{
  const char *quote = memchr(p + i, '"', n - i);
  const char *end = quote ? quote : p + n;
  const char *at = p + i;
  while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
    ++parser->newlines;
    ++at;
  }
  parser->state = quote ? AFTER_QUOTE : IN_QUOTES;
  return (size_t)(end - p) + (quote ? 1 : 0);
}

/* Walk over bytes [from, n) of the record at p, noting its cells; returns the place of its end of
 * line, or n. */
static size_t scan(tfm__parser *parser, const char *p, size_t from, size_t n)
{
  size_t i = from;
  while (i < n && p[i] != '\n') {
    char c = p[i];
    if (c == ',') {
      end_cell(parser, p, i);
      parser->state = AT_CELL;
      ++i;
    } else if (c == '"' && parser->state != IN_BARE) {
      i = scan_quotes(parser, p, i + 1, n); /* opens a cell, or is the second of a pair */
    } else {
      parser->state = IN_BARE;
      while (i < n && p[i] != ',' && p[i] != '\n') {
        ++i;
      }
    }
  }
  return i;
}

/* Go on at `from`, which may stand inside quotes. */
static size_t resume(tfm__parser *parser, const char *p, size_t from, size_t n)
{
  size_t i = parser->state == IN_QUOTES ? scan_quotes(parser, p, from, n) : from;
  return parser->state == IN_QUOTES ? n : scan(parser, p, i, n);
}

/* A quote that never closes would swallow the file: its first line is a row that failed, and
 * reading goes on behind it. Each costs a look at 16 MiB, so that a file full of them is no CSV. */
static tfm_status give_up(tfm__parser *p, tfm__window *w, tfm__record *record, tfm_err *err)
{
  const char *from = w->data + w->at;
  const char *end = memchr(from, '\n', w->n - w->at);
  size_t n = end ? (size_t)(end - from) : w->n - w->at;
  if (n > TFM_ROW_MAX_BYTES) {
    return tfm__window_drop_line(w, record, err);
  }
  if (++p->unclosed > MOST_UNCLOSED) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%.400s: line %lld: more than %d quotes that never close; is this CSV?",
                    tfm__stream_name(w->stream), (long long)record->line, MOST_UNCLOSED);
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
  *record = (tfm__record){.line = w->lines + 1, .offset = tfm__window_offset(w)};
  p->state = AT_CELL;
  p->newlines = 0;
  p->cell_at = 0;
  tfm__parser_begin_cells(p);
  for (;;) {
    size_t held = w->n - w->at;
    const char *from = w->data + w->at;
    size_t n = resume(p, from, w->looked, held);
    bool end = n < held;
    if (n > TFM_ROW_MAX_BYTES || (w->ended && !end && p->state == IN_QUOTES)) {
      return give_up(p, w, record, err);
    }
    if (end || (w->ended && n)) {
      record->bytes = (tfm_span){from, n && from[n - 1] == '\r' ? n - 1 : n};
      end_cell(p, from, record->bytes.n);
      p->record = from;
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

static bool empty_line(const tfm__record *record)
{
  return record->bytes.n == 0 && !record->too_long && !record->unclosed;
}

static tfm_status begin(tfm__parser *p, tfm__window *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__record record = {0};
  bool there = true;
  p->cell_most = TFM__MOST_COLUMNS;
  p->unclosed = 0;
  do {
    TFM_TRY(next_record(p, w, &record, &there, err));
  } while (there && empty_line(&record));
  if (record.too_long || record.unclosed) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.400s: the header %s", tfm__stream_name(w->stream),
                     record.unclosed ? "has a quote that never closes" : "is over 16 MiB"));
  }
  if (there) {
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
  tfm__table_read(p);
}

const tfm__format tfm__format_csv = {
    .begin = begin, .next = next_record, .blank = empty_line, .read = read_record};
