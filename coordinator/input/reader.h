/** Rows out of the user's files: JSONL, CSV, TSV, text; plain, gz, zst; several files as one
 * stream.
 *
 *  Whatever a row holds, it never stops the stream: malformed JSON, a missing or wrong field, a
 * line over TFM_ROW_MAX_BYTES become rows with a status. Malformed UTF-8 and lone surrogates
 * become U+FFFD, as Python's lossy decoding does. Only what loses the structure of a file ends
 * it: a broken gz or zst stream (TFM_E_FORMAT), a read error (TFM_E_IO), a CSV without the
 * named column (TFM_E_FORMAT). Blank lines are skipped and counted.
 *
 *  Threads: one thread reads; it may block (a pipe), and says so through `waiting`.
 */
#ifndef TFM_COORDINATOR_INPUT_READER_H
#define TFM_COORDINATOR_INPUT_READER_H

#include "coordinator/cli/options.h"
#include "coordinator/input/row.h"

#include <stdatomic.h>

enum { TFM_ROW_MAX_BYTES = 16 << 20 };

typedef struct tfm_reader tfm_reader;

/** What the task wants to find in a row. Zero-initialised: a text. */
typedef struct {
  bool pair;             /* a second text is read when it is there */
  bool pair_needed;      /* and must be there */
  bool list_needed;      /* the list must be there */
  bool text_array;       /* an array instead of a text is taken too, as it is written */
  bool list_commas;      /* a string is a list too: its parts between commas */
  const char *text_name; /* of the text's field; NULL: text, sentence, content, inputs, input */
  const char *pair_name; /* NULL: text_pair */
  const char *list_name; /* NULL: no list is read */
  const char *const *urls; /* of an OpenAI batch it answers, up to a NULL; NULL: none */
} tfm_row_wants;

/** Check and open the inputs named in options (all of them are looked at before the first is
 * read: a missing one is TFM_E_MISSING now, a folder is refused). No input named: standard
 * input. borrows: options until closed. gives: *out, release with tfm_reader_close(). */
tfm_status tfm_reader_open(tfm_reader **out, const tfm_options *options,
                           const tfm_row_wants *wants, tfm_err *err) TFM_MUST_USE;

/** The same over text already in memory, a line a row (the bundled sample). borrows: text. */
tfm_status tfm_reader_open_text(tfm_reader **out, const tfm_options *options, tfm_span text,
                                tfm_err *err) TFM_MUST_USE;

/** The next row, or *row = NULL at the end. gives: *row, release with tfm_row_free(). --skip
 * and
 *  --limit are applied here; numbers go on counting over skipped rows. */
tfm_status tfm_reader_next(tfm_reader *reader, tfm_row **row, tfm_err *err) TFM_MUST_USE;

/** Before the first row: stand behind `mark`, which an earlier process saw over the same input with
 * the same options. What lies between `since` (an earlier mark) and `mark` is read again and must
 * have the CRC it had; a pipe or a packed file is read from its beginning anyway, and then checked
 * from there. all: everything before the mark is read and checked, files before it included.
 * Errors: TFM_E_FORMAT, naming the input, when it is not what it was; those of reading. */
tfm_status tfm_reader_resume(tfm_reader *reader, const tfm_mark *mark, const tfm_mark *since,
                             bool all, tfm_err *err) TFM_MUST_USE;

/** Where reading stands. Only while no other thread reads. */
tfm_mark tfm_reader_mark(const tfm_reader *reader);

/** How many rows such a reader would give: the inputs are read to their ends. They must be files.
 * Errors: TFM_E_USAGE (standard input or a pipe, which can be read once only), those of reading. */
tfm_status tfm_reader_count(const tfm_options *options, const tfm_row_wants *wants,
                            int64_t *rows, tfm_err *err) TFM_MUST_USE;

/** True while a read is blocked on a slow input: what is complete so far should be sent on.
 * Callable from any thread. */
bool tfm_reader_waiting(const tfm_reader *reader);

/** Call waits(arg) whenever that becomes true, from the thread that reads. Before any reads. */
void tfm_reader_tell(tfm_reader *reader, void (*waits)(void *arg), void *arg);

/** Names of the columns that are passed through, for CSV headers. all: those of the first CSV
 * file. */
int tfm_reader_passthrough(const tfm_reader *reader, const tfm_span **names);

typedef struct {
  int64_t rows, blank_lines, bytes;
} tfm_reader_counts;
tfm_reader_counts tfm_reader_counted(const tfm_reader *reader);

/** Bytes of all inputs when they are plain files and known; -1 else. For progress. */
int64_t tfm_reader_total_bytes(const tfm_reader *reader);

void tfm_reader_close(tfm_reader *reader);

#endif
