#include "coordinator/input/parser.h"

#include <string.h>

/* Tabs and ends of lines separate, and nothing else means anything: quotes and backslashes are
 * text. That is the registered text/tab-separated-values, and what GLUE's files need. */
static void split(tfm__parser *p, tfm_span record)
{
  size_t at = 0;
  p->record = record.p;
  tfm__parser_begin_cells(p);
  for (;;) {
    const char *tab = memchr(record.p + at, '\t', record.n - at);
    size_t end = tab ? (size_t)(tab - record.p) : record.n;
    tfm__parser_add_cell(p, (tfm__cell){at, end - at, false});
    if (!tab) {
      return;
    }
    at = end + 1;
  }
}

static bool empty_line(const tfm__record *record)
{
  return record->bytes.n == 0 && !record->too_long;
}

static tfm_status begin(tfm__parser *p, tfm__window *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__record record = {0};
  bool there = true;
  p->cell_most = TFM__MOST_COLUMNS;
  do {
    TFM_TRY(tfm__window_line(w, &record, &there, err));
  } while (there && empty_line(&record));
  if (record.too_long) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.400s: the header is over 16 MiB",
                     tfm__stream_name(w->stream)));
  }
  if (there) {
    split(p, record.bytes);
    TFM_TRY(tfm__table_begin(p, tfm__stream_name(w->stream), err));
  }

fail:
  return st;
}

static tfm_status next_line(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                            tfm_err *err)
{
  (void)p;
  return tfm__window_line(w, record, there, err);
}

static void read_record(tfm__parser *p, const tfm__record *record)
{
  split(p, record->bytes);
  tfm__table_read(p);
}

const tfm__format tfm__format_tsv = {
    .begin = begin, .next = next_line, .blank = empty_line, .read = read_record};
