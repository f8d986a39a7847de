/** How records of a file become rows. A format is one file and one row of the table in reader.c.
 */
#ifndef TFM_COORDINATOR_INPUT_PARSER_H
#define TFM_COORDINATOR_INPUT_PARSER_H

#include "coordinator/input/draft.h"
#include "coordinator/input/window.h"
#include "core/base/json_reader.h"

enum { TFM__TEXT_NAMES = 5, TFM__MOST_COLUMNS = 1 << 20 };

/** Which columns are read, by name. Borrows from the options. */
typedef struct {
  const char *text[TFM__TEXT_NAMES]; /* in order of preference */
  int ntext;
  bool text_array;         /* the text may be an array: its JSON is the text */
  const char *pair;        /* NULL: pairs are not read */
  bool pair_named;         /* asked for, or needed by the task: must be there */
  const char *list;        /* NULL: no list is read */
  bool list_named;         /* must be there */
  bool list_commas;        /* a string is a list too, its parts between commas */
  const char *const *urls; /* of an OpenAI batch, up to a NULL; NULL: none */
  const char *id;
  bool id_named;
  const char *const *extra; /* [nextra] */
  int nextra;
  bool extra_all; /* every column but the id */
} tfm__columns;

/** One cell of a CSV or TSV record, as it stands there: n bytes at record[at]. */
typedef struct {
  size_t at, n;
  bool quoted;
} tfm__cell;

/** Places of the columns of one CSV or TSV file; -1: not there. */
typedef struct {
  int ncolumn;
  int text, pair, list, id;
  int *extra; /* [nextra] places of what is passed through */
  int nextra;
  tfm_buf names;    /* decoded header names, one behind the other */
  tfm__piece *name; /* [ncolumn] */
} tfm__table;

/** What a reader keeps from record to record; formats use what they need. */
typedef struct {
  tfm__columns columns;
  tfm__draft draft;
  tfm_jread *json;  /* over a line */
  tfm_jread *inner; /* over one value of it */
  tfm__table table;
  const char *record; /* what the cells are of */
  tfm__cell *cells;   /* [ncell], room for cell_cap */
  int ncell, cell_cap;
  int cell_most;    /* no more are kept: the columns of the header */
  int64_t surplus;  /* cells that were not kept */
  bool surplus_any; /* and one of them was not empty */
  tfm_buf scratch;
  /* The CSV scanner, behind the window's `looked` bytes: */
  int state;
  size_t cell_at;   /* of the cell it is in */
  int64_t newlines; /* inside quotes */
  int unclosed;     /* quotes of this file that never closed */
} tfm__parser;

typedef struct {
  /* Get ready for a file: read its header. Errors: TFM_E_FORMAT (a column that is asked for is
   * not there), and those of reading. NULL: nothing to do. */
  tfm_status (*begin)(tfm__parser *p, tfm__window *w, tfm_err *err);
  /* The next record. *there: false at the end. Errors: those of reading. */
  tfm_status (*next)(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                     tfm_err *err);
  /* Whether the record is a blank line, which is no row. */
  bool (*blank)(const tfm__record *record);
  /* Fill the (empty) draft from a record that is neither blank nor too long. */
  void (*read)(tfm__parser *p, const tfm__record *record);
} tfm__format;

extern const tfm__format tfm__format_jsonl, tfm__format_csv, tfm__format_tsv, tfm__format_text,
    tfm__format_openai;

/** Read a JSON array of strings as the row's list; also a string where commas make one. Returns the
 * kind of the value; any other than these leaves the draft without a list, and a wrong element
 * fails it. */
tfm_json_kind tfm__list_read(tfm__parser *p, tfm_jread *from);

/** Whether there is nothing but white space. */
bool tfm__record_white(const tfm__record *record);

/** Find the columns in the header whose cells have just been found; a used column that is there
 * twice, or is asked for and is not there, is TFM_E_FORMAT. */
tfm_status tfm__table_begin(tfm__parser *p, const char *file, tfm_err *err) TFM_MUST_USE;

/** Fill the draft from the cells that have just been found. */
void tfm__table_read(tfm__parser *p);

/** Begin with the cells of a record. */
void tfm__parser_begin_cells(tfm__parser *p);

/** Add a cell. Running out of memory is remembered in the draft. */
void tfm__parser_add_cell(tfm__parser *p, tfm__cell cell);

void tfm__table_fini(tfm__table *t);

#endif
