#include "coordinator/input/parser.h"

#include "core/base/map.h"
#include "core/base/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void tfm__parser_begin_cells(tfm__parser *p)
{
  p->ncell = 0;
  p->surplus = 0;
  p->surplus_any = false;
}

void tfm__parser_add_cell(tfm__parser *p, tfm__cell cell)
{
  if (p->ncell == p->cell_most) { /* so that 16 MiB of commas are no gigabyte of cells */
    ++p->surplus;
    p->surplus_any = p->surplus_any || cell.n > (cell.quoted ? 2 : 0); /* "" is empty */
    return;
  }
  if (p->ncell == p->cell_cap) {
    int cap = p->cell_cap ? p->cell_cap * 2 : 64;
    tfm__cell *cells = tfm_realloc(p->cells, (size_t)cap, sizeof *cells);
    if (!cells) {
      p->draft.no_memory = true;
      return;
    }
    p->cells = cells;
    p->cell_cap = cap;
  }
  p->cells[p->ncell++] = cell;
}

/* The text of a cell: borrowed from it, or from scratch when quotes had to go. */
static tfm_span decode(tfm__parser *p, const tfm__cell *cell)
{
  const char *from = p->record + cell->at;
  const char *end = from + cell->n;
  if (!cell->quoted) {
    return (tfm_span){from, cell->n};
  }
  tfm_buf_clear(&p->scratch);
  ++from; /* the opening quote */
  for (;;) {
    const char *quote = memchr(from, '"', (size_t)(end - from));
    (void)tfm_buf_append(&p->scratch, from, (size_t)((quote ? quote : end) - from));
    if (!quote) {
      break;
    }
    from = quote + 1;
    if (from == end || *from != '"') { /* the closing one; the rest is text as it stands */
      (void)tfm_buf_append(&p->scratch, from, (size_t)(end - from));
      break;
    }
    (void)tfm_buf_char(&p->scratch, '"');
    ++from;
  }
  p->draft.no_memory = p->draft.no_memory || p->scratch.failed;
  return tfm_buf_view(&p->scratch);
}

static tfm_span column_name(const tfm__table *t, int column)
{
  return tfm_buf_part(&t->names, t->name[column].at, t->name[column].n);
}

/* "a, b, c ..." for messages */
static void list_columns(const tfm__table *t, char *out, size_t bytes)
{
  enum { SHOWN = 8 };
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; i < t->ncolumn && n < bytes; ++i) {
    tfm_span name = column_name(t, i);
    int wrote = i == SHOWN ? snprintf(out + n, bytes - n, " ...")
                           : snprintf(out + n, bytes - n, "%s%.*s", i ? ", " : "",
                                      name.n > 32 ? 32 : (int)name.n, name.n ? name.p : "");
    n += wrote > 0 ? (size_t)wrote : 0;
    if (i == SHOWN) {
      break;
    }
  }
}

/* The only column of that name, -1 for none. */
static tfm_status find_column(const tfm__table *t, const char *name, const char *file,
                              int *column, tfm_err *err)
{
  *column = -1;
  for (int i = 0; i < t->ncolumn; ++i) {
    if (!tfm_span_is(column_name(t, i), name)) {
      continue;
    }
    if (*column >= 0) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "%.300s: the header has column \"%.100s\" twice; rename one", file, name);
    }
    *column = i;
  }
  return TFM_OK;
}

static tfm_status missing(const tfm__table *t, const char *name, const char *option,
                          const char *file, tfm_err *err)
{
  char columns[320];
  list_columns(t, columns, sizeof columns);
  return tfm_fail(err, TFM_E_FORMAT,
                  "%.200s: the header has no column \"%.100s\" (%s); it has: %s", file, name,
                  option, columns);
}

static tfm_status read_header(tfm__parser *p, tfm_err *err)
{
  tfm__table *t = &p->table;
  t->name = tfm_calloc((size_t)p->ncell, sizeof *t->name);
  if (!t->name || p->draft.no_memory) {
    return tfm_fail(err, TFM_E_NOMEM, "a header of %d columns", p->ncell);
  }
  tfm__draft_clear(&p->draft);
  for (int i = 0; i < p->ncell; ++i) {
    t->name[i] = tfm__draft_repair(&p->draft, decode(p, &p->cells[i]));
  }
  (void)tfm_buf_span(&t->names, tfm_buf_view(&p->draft.bytes));
  t->ncolumn = p->ncell;
  return t->names.failed || p->draft.bytes.failed || p->draft.no_memory
             ? tfm_fail(err, TFM_E_NOMEM, "a header of %d columns", p->ncell)
             : TFM_OK;
}

static tfm_status find_text(tfm__table *t, const tfm__columns *c, const char *file,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  t->text = -1;
  for (int i = 0; i < c->ntext && t->text < 0; ++i) {
    TFM_TRY(find_column(t, c->text[i], file, &t->text, err));
  }
  if (t->text < 0) {
    const char *option = c->ntext > 1 ? "nor sentence, content, inputs, input: name the one "
                                        "to read with --text-column"
                                      : "--text-column";
    TFM_TRY(missing(t, c->text[0], option, file, err));
  }

fail:
  return st;
}

static bool contains(const int *places, int n, int place)
{
  int i = 0;
  while (i < n && places[i] != place) {
    ++i;
  }
  return i < n;
}

/* Columns that become fields of a JSON object need names of their own. */
static tfm_status want_distinct(const tfm__table *t, const char *file, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_map seen = {0};
  for (int i = 0; i < t->ncolumn && st == TFM_OK; ++i) {
    tfm_span name = column_name(t, i);
    bool found = false;
    st = tfm_map_add(&seen, name, i, &found, NULL);
    if (st != TFM_OK) {
      (void)tfm_fail(err, st, "a header of %d columns", t->ncolumn);
    } else if (found) {
      st = tfm_fail(err, TFM_E_FORMAT,
                    "%.300s: the header has column \"%.*s\" twice (--passthrough all)", file,
                    name.n > 100 ? 100 : (int)name.n, name.n ? name.p : "");
    }
  }
  tfm_map_fini(&seen);
  return st;
}

/* Every column but the id, or those that were named. */
static tfm_status find_extra(tfm__table *t, const tfm__columns *c, const char *file,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  int most = c->extra_all ? t->ncolumn : c->nextra;
  t->nextra = 0;
  t->extra = tfm_calloc((size_t)most, sizeof *t->extra);
  if (!t->extra) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%d columns to pass through", most));
  }
  if (c->extra_all) {
    TFM_TRY(want_distinct(t, file, err));
  }
  for (int i = 0; i < most; ++i) {
    int column = i;
    if (!c->extra_all) {
      TFM_TRY(find_column(t, c->extra[i], file, &column, err));
    }
    if (column < 0) {
      TFM_TRY(missing(t, c->extra[i], "--passthrough", file, err));
    }
    if (column != t->id && (c->extra_all || !contains(t->extra, t->nextra, column))) {
      t->extra[t->nextra++] = column;
    }
  }

fail:
  return st;
}

tfm_status tfm__table_begin(tfm__parser *p, const char *file, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__columns *c = &p->columns;
  tfm__table *t = &p->table;
  tfm__table_fini(t);
  if (p->surplus) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.300s: the header has more than %d columns", file,
                     TFM__MOST_COLUMNS));
  }
  t->text = t->pair = t->list = t->id = -1;
  TFM_TRY(read_header(p, err));
  TFM_TRY(find_text(t, c, file, err));
  if (c->pair) {
    TFM_TRY(find_column(t, c->pair, file, &t->pair, err));
    if (t->pair < 0 && c->pair_named) {
      TFM_TRY(missing(t, c->pair, "--pair-column", file, err));
    }
  }
  if (c->list) {
    TFM_TRY(find_column(t, c->list, file, &t->list, err));
    if (t->list < 0 && c->list_named) {
      TFM_TRY(missing(t, c->list, "a JSON array of strings in each cell", file, err));
    }
  }
  TFM_TRY(find_column(t, c->id, file, &t->id, err));
  if (t->id < 0 && c->id_named) {
    TFM_TRY(missing(t, c->id, "--id-column", file, err));
  }
  TFM_TRY(find_extra(t, c, file, err));
  p->cell_most = t->ncolumn;

fail:
  return st;
}

/* A cell with nothing in it, not even quotes, is the null of CSV. */
static bool is_null(const tfm__parser *p, int column)
{
  return column >= 0 && column < p->ncell && p->cells[column].n == 0;
}

static tfm__piece take_text(tfm__parser *p, int column)
{
  return column >= 0 && column < p->ncell
             ? tfm__draft_repair(&p->draft, decode(p, &p->cells[column]))
             : (tfm__piece){0};
}

/* A cell that is a JSON array of strings, or has commas where those make a list. */
static void take_list(tfm__parser *p)
{
  tfm__draft *d = &p->draft;
  const tfm__columns *c = &p->columns;
  int column = p->table.list;
  if (column < 0 || column >= p->ncell || is_null(p, column)) {
    if (c->list_named) {
      tfm__draft_fail(d, "no cell for column \"%.100s\"", c->list);
    }
    return;
  }
  tfm_span text = decode(p, &p->cells[column]);
  if (c->list_commas && (text.n == 0 || text.p[0] != '[')) {
    tfm__draft_split_list(d, text);
    return;
  }
  tfm_jread_restart(p->inner, text.p, text.n);
  if (tfm_jread_peek(p->inner) == TFM_JSON_ARRAY) {
    (void)tfm__list_read(p, p->inner);
    tfm_jread_end(p->inner);
  }
  if (!d->has_list || !tfm_jread_ok(p->inner)) {
    tfm__draft_fail(d, "column \"%.100s\": want a JSON array of strings in the cell", c->list);
  }
}

void tfm__table_read(tfm__parser *p)
{
  const tfm__table *t = &p->table;
  tfm__draft *d = &p->draft;
  d->text = take_text(p, t->text);
  d->pair = is_null(p, t->pair) ? (tfm__piece){0} : take_text(p, t->pair);
  if (t->id >= 0 && t->id < p->ncell) {
    d->id = tfm__draft_put_string(d, decode(p, &p->cells[t->id]));
  }
  if (p->columns.list) {
    take_list(p);
  }
  for (int i = 0; i < t->nextra; ++i) {
    int column = t->extra[i];
    if (column < p->ncell) {
      tfm__piece name = tfm__draft_put(d, column_name(t, column));
      tfm__piece value = tfm__draft_put_string(d, decode(p, &p->cells[column]));
      tfm__draft_add(d, name, value, false);
    }
  }
  /* More cells than columns: an unquoted comma would cut the text in silence. Empty ones at the
   * end are what spreadsheets leave. */
  if (p->surplus_any) {
    tfm__draft_fail(d,
                    "%lld cells in a row of %d columns; a cell that holds a comma, tab or end "
                    "of line must be quoted in CSV",
                    (long long)(p->ncell + p->surplus), t->ncolumn);
  } else if (!d->text.there) {
    tfm_span name = column_name(t, t->text);
    tfm__draft_fail(d, "no cell for column \"%.*s\"", name.n > 100 ? 100 : (int)name.n, name.p);
  }
}

void tfm__table_fini(tfm__table *t)
{
  tfm_free(t->extra);
  tfm_free(t->name);
  tfm_buf_fini(&t->names);
  *t = (tfm__table){0};
}
