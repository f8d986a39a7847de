/** A row while it is read: its parts gathered in memory that is reused from row to row, then
 * copied into one block of the row's own. */
#ifndef TFM_COORDINATOR_INPUT_DRAFT_H
#define TFM_COORDINATOR_INPUT_DRAFT_H

#include "coordinator/input/row.h"
#include "core/base/buf.h"

/** Bytes [at, at+n) of the draft; offsets, because the memory may move. */
typedef struct {
  size_t at, n;
  bool there;
} tfm__piece;

typedef struct {
  tfm__piece name, value;
} tfm__extra;

/** Zero-initialised is empty and ready. */
typedef struct {
  tfm_buf bytes;
  tfm__piece id, text, pair;
  bool has_list;
  tfm__piece *list; /* [nlist], room for list_cap */
  int nlist, list_cap;
  tfm__extra *extra; /* [nextra], room for cap */
  int nextra, cap;
  tfm_err err; /* status != OK: an error row */
  bool no_memory;
} tfm__draft;

/** Where a row stands. */
typedef struct {
  int64_t number;
  int file;
  int64_t line, offset;
} tfm__where;

void tfm__draft_clear(tfm__draft *d);

/** Copy well-formed text. */
tfm__piece tfm__draft_put(tfm__draft *d, tfm_span s);

/** Copy text in which malformed UTF-8 becomes U+FFFD. */
tfm__piece tfm__draft_repair(tfm__draft *d, tfm_span s);

/** Copy text as a JSON string, repaired. */
tfm__piece tfm__draft_put_string(tfm__draft *d, tfm_span s);

/** A passed-through field. replace: one of the same name gives way (the last one counts). */
void tfm__draft_add(tfm__draft *d, tfm__piece name, tfm__piece value, bool replace);

/** Add a text to the row's list. */
void tfm__draft_add_list(tfm__draft *d, tfm__piece text);

/** Make the parts of a text between commas the list, without white space around them; empty ones
 * are left out. The text must not lie in the draft. */
void tfm__draft_split_list(tfm__draft *d, tfm_span text);

/** The row is an error row; the first reason stays. */
void tfm__draft_fail(tfm__draft *d, const char *format, ...) TFM_PRINTF(2, 3);

/** The row cannot be read at all: this is the reason, and nothing of it is kept. */
void tfm__draft_discard(tfm__draft *d, const char *reason);

/** Make the row. A draft without an id gets the number. gives: *row. Errors: TFM_E_NOMEM. */
tfm_status tfm__draft_row(const tfm__draft *d, const tfm__where *place, tfm_row **row,
                          tfm_err *err) TFM_MUST_USE;

void tfm__draft_fini(tfm__draft *d);

#endif
