/** A growing look at a stream: whole lines out of it, within TFM_ROW_MAX_BYTES. */
#ifndef TFM_COORDINATOR_INPUT_WINDOW_H
#define TFM_COORDINATOR_INPUT_WINDOW_H

#include "coordinator/input/stream.h"

/** Zero-initialised with a stream is ready. Bytes [at, n) of data are not used up yet. */
typedef struct {
  tfm__stream *stream; /* borrowed */
  char *data;
  size_t at, n, cap;
  size_t looked;  /* bytes after `at` that hold no end of a record */
  int64_t offset; /* of data[0] in the (unpacked) file */
  int64_t lines;  /* ends of lines used up */
  uint32_t crc;   /* CRC-32C of all bytes used up */
  bool ended;
} tfm__window;

/** A piece of a file that makes a row: a line, or what stands between a CSV's row ends. */
typedef struct {
  tfm_span bytes; /* without the end of line; borrowed until the next record */
  int64_t line;   /* of its first byte, from 1 */
  int64_t offset;
  bool too_long; /* over TFM_ROW_MAX_BYTES: bytes is empty, the stream stands after its line */
  bool unclosed; /* a CSV quote in it never closes; bytes is its first line */
} tfm__record;

/** Read more behind n; moves [at, n) to the front and grows as it must. */
tfm_status tfm__window_more(tfm__window *w, tfm_err *err) TFM_MUST_USE;

/** Step over a UTF-8 byte order mark at the beginning of a file. UTF-16 is TFM_E_FORMAT. */
tfm_status tfm__window_skip_bom(tfm__window *w, tfm_err *err) TFM_MUST_USE;

/** Use up n bytes from `at`, which hold `lines` ends of lines. */
void tfm__window_use(tfm__window *w, size_t n, int64_t lines);

/** Use up everything to that byte of the file, or to its end. */
tfm_status tfm__window_pass(tfm__window *w, int64_t offset, tfm_err *err) TFM_MUST_USE;

/** Bytes of the file used up. */
static inline int64_t tfm__window_offset(const tfm__window *w)
{
  return w->offset + (int64_t)w->at;
}

/** The next line, with LF or CR LF taken off; *there is false at the end. */
tfm_status tfm__window_line(tfm__window *w, tfm__record *record, bool *there,
                            tfm_err *err) TFM_MUST_USE;

/** Use up everything to the end of the line that is too long, and describe it in *record, whose
 * line and offset are set. */
tfm_status tfm__window_drop_line(tfm__window *w, tfm__record *record,
                                 tfm_err *err) TFM_MUST_USE;

void tfm__window_fini(tfm__window *w);

#endif
