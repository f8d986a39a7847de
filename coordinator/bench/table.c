#include "coordinator/bench/table.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <math.h>
#include <string.h>

static tfm_status end_cell(tfm_bench_table *t)
{
  if (t->text.failed) {
    return TFM_E_NOMEM;
  }
  if (t->ncell == t->cap) {
    size_t cap = t->cap ? t->cap * 2 : 64;
    size_t *end = tfm_realloc(t->end, cap, sizeof *end);
    if (!end) {
      return TFM_E_NOMEM;
    }
    t->end = end;
    t->cap = cap;
  }
  t->end[t->ncell++] = t->text.n;
  return TFM_OK;
}

tfm_status tfm_bench_table_text(tfm_bench_table *t, const char *cell)
{
  for (; *cell; ++cell) {
    unsigned char c = (unsigned char)*cell;
    (void)tfm_buf_char(&t->text, c < 0x20 || c == 0x7f || c == '|' || c == '"' ? '_' : *cell);
  }
  return end_cell(t);
}

tfm_status tfm_bench_table_number(tfm_bench_table *t, double cell)
{
  if (!isnan(cell)) {
    (void)tfm_buf_printf(&t->text, "%.*f", t->column[t->ncell % t->ncolumn].digits, cell);
  }
  return end_cell(t);
}

static tfm_span cell_at(const tfm_bench_table *t, size_t i)
{
  size_t from = i ? t->end[i - 1] : 0;
  return (tfm_span){t->text.data + from, t->end[i] - from};
}

static bool is_text(const tfm_bench_table *t, size_t column)
{
  return t->column[column].digits < 0;
}

/* ---- Markdown ---- */

static size_t width_of(const tfm_bench_table *t, size_t column)
{
  size_t width = strlen(t->column[column].title);
  width = width < 4 ? 4 : width; /* room for the line that says how to align */
  for (size_t i = column; i < t->ncell; i += t->ncolumn) {
    tfm_span cell = cell_at(t, i);
    size_t n = tfm_utf8_count(cell.p, cell.n);
    width = n > width ? n : width;
  }
  return width;
}

static void put_padded(tfm_buf *out, tfm_span cell, size_t width, bool left)
{
  size_t n = tfm_utf8_count(cell.p, cell.n);
  int blanks = (int)(width > n ? width - n : 0);
  (void)tfm_buf_printf(out, "| %*s%.*s%*s ", left ? 0 : blanks, "", (int)cell.n, cell.p,
                       left ? blanks : 0, "");
}

static void print_markdown(const tfm_bench_table *t, tfm_buf *out)
{
  for (size_t k = 0; k < t->ncolumn; ++k) {
    put_padded(out, tfm_span_of(t->column[k].title), width_of(t, k), is_text(t, k));
  }
  (void)tfm_buf_str(out, "|\n");
  for (size_t k = 0; k < t->ncolumn; ++k) {
    (void)tfm_buf_str(out, is_text(t, k) ? "| :" : "| -");
    for (size_t i = 2; i < width_of(t, k); ++i) {
      (void)tfm_buf_char(out, '-');
    }
    (void)tfm_buf_str(out, is_text(t, k) ? "- " : ": ");
  }
  (void)tfm_buf_str(out, "|\n");
  for (size_t i = 0; i < t->ncell; ++i) {
    size_t k = i % t->ncolumn;
    put_padded(out, cell_at(t, i), width_of(t, k), is_text(t, k));
    (void)tfm_buf_str(out, k + 1 == t->ncolumn ? "|\n" : "");
  }
}

/* ---- CSV and JSON ---- */

/* A comma in a text needs the quotes; a quote never stands in one. */
static void put_csv(tfm_buf *out, tfm_span cell)
{
  bool quoted = cell.n && memchr(cell.p, ',', cell.n);
  (void)tfm_buf_str(out, quoted ? "\"" : "");
  (void)tfm_buf_span(out, cell);
  (void)tfm_buf_str(out, quoted ? "\"" : "");
}

static void print_csv(const tfm_bench_table *t, tfm_buf *out)
{
  for (size_t k = 0; k < t->ncolumn; ++k) {
    (void)tfm_buf_printf(out, "%s%s", k ? "," : "", t->column[k].key);
  }
  for (size_t i = 0; i < t->ncell; ++i) {
    (void)tfm_buf_str(out, i % t->ncolumn ? "," : "\n");
    put_csv(out, cell_at(t, i));
  }
  (void)tfm_buf_char(out, '\n');
}

static void print_json(const tfm_bench_table *t, tfm_buf *out)
{
  (void)tfm_buf_char(out, '[');
  for (size_t i = 0; i < t->ncell; ++i) {
    size_t k = i % t->ncolumn;
    const char *before = k ? ", " : i ? ",\n {" : "{";
    (void)tfm_buf_printf(out, "%s\"%s\": ", before, t->column[k].key);
    if (is_text(t, k)) {
      (void)tfm_buf_json_string(out, cell_at(t, i));
    } else if (cell_at(t, i).n == 0) {
      (void)tfm_buf_str(out, "null");
    } else {
      (void)tfm_buf_span(out, cell_at(t, i));
    }
    (void)tfm_buf_str(out, k + 1 == t->ncolumn ? "}" : "");
  }
  (void)tfm_buf_str(out, "]\n");
}

tfm_status tfm_bench_table_print(const tfm_bench_table *t, tfm_bench_format format,
                                 tfm_buf *out)
{
  TFM_ASSERT(t->ncell % t->ncolumn == 0);
  switch (format) {
  case TFM_BENCH_MD:
    print_markdown(t, out);
    break;
  case TFM_BENCH_CSV:
    print_csv(t, out);
    break;
  case TFM_BENCH_JSON:
    print_json(t, out);
    break;
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}

void tfm_bench_table_fini(tfm_bench_table *t)
{
  tfm_buf_fini(&t->text);
  tfm_free(t->end);
  *t = (tfm_bench_table){0};
}
