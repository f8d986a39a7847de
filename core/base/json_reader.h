/** A strict, bounded pull reader for JSON text that others wrote: rows, tokenizer.json,
 * safetensors headers. Linear time, no tree, no recursion; memory is one decoding buffer.
 *
 *  Strict means RFC 8259 to the letter: valid UTF-8, no control characters in strings, no
 * leading zeros, nothing after the value but white space. Strings carry their length: \u0000
 * survives.
 *
 *  Errors are sticky: after the first failure every call returns an empty result, loops over
 * keys and elements end, and tfm_jread_status() tells what happened with byte offset and JSON
 * path
 *  ("tokenizer.json: byte 812, $.model.vocab: want an integer, got a string"). So a reader of a
 *  format is written straight down and checked once at the end:
 *
 *    tfm_jread_object(r);
 *    while (tfm_jread_key(r, &key)) {
 *      if (tfm_span_is(key, "shape")) { read_shape(r, e); } else { tfm_jread_skip(r); }
 *    }
 *    return tfm_jread_status(r, err);
 *
 *  Every key must be followed by reading or skipping exactly one value (TFM_ASSERT).
 */
#ifndef TFM_CORE_BASE_JSON_READER_H
#define TFM_CORE_BASE_JSON_READER_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  TFM_JSON_NONE, /* failed, or no value follows */
  TFM_JSON_OBJECT,
  TFM_JSON_ARRAY,
  TFM_JSON_STRING,
  TFM_JSON_NUMBER,
  TFM_JSON_TRUE,
  TFM_JSON_FALSE,
  TFM_JSON_NULL
} tfm_json_kind;

typedef struct tfm_jread tfm_jread;

enum {
  TFM_JSON_DEPTH = 64
}; /* deepest nesting of containers that is read; deeper is an error */

/** What to do with strings that are not proper Unicode. */
typedef enum {
  TFM_JSON_STRICT, /* malformed UTF-8 and lone surrogate escapes are errors */
  TFM_JSON_LOSSY   /* they become U+FFFD, as Python's errors="replace" does; for users' rows */
} tfm_json_unicode;

/** gives: a reader over n bytes at text, release with tfm_jread_close(). borrows: text and name
 * (what messages call the source, e.g. "config.json"), until closed. NULL when memory is out.
 */
tfm_jread *tfm_jread_open(const char *name, const char *text, size_t n,
                          tfm_json_unicode unicode);

/** Start over on another text with the same buffers: one reader serves a million rows. */
void tfm_jread_restart(tfm_jread *r, const char *text, size_t n);

/** Start over on the same text, which has not changed. The longest value that was stepped over is
 *  not looked at again where it is stepped over again. */
void tfm_jread_rewind(tfm_jread *r);

void tfm_jread_close(tfm_jread *r);

/** The kind of the value that comes next, without reading it. */
tfm_json_kind tfm_jread_peek(tfm_jread *r);

/** Enter the object that comes next. */
void tfm_jread_object(tfm_jread *r);

/** Step to the next member of the innermost object: true with its key decoded (borrowed until
 * the next key, string or double is read), false at the end of the object (which is left) or
 * after a failure.
 *  Duplicate keys are not looked for here: see tfm_jread_fail(). */
bool tfm_jread_key(tfm_jread *r, tfm_span *key);

/** Enter the array that comes next. */
void tfm_jread_array(tfm_jread *r);

/** Step to the next element of the innermost array; false at its end (which is left) or
 * failure. */
bool tfm_jread_element(tfm_jread *r);

/** Read a string; decoded bytes, borrowed until the next call on r. */
tfm_span tfm_jread_string(tfm_jread *r);

/** Read an integer in [low, high]: digits with an optional minus sign only, so 2.0, 1e3 and -0
 * are refused. */
int64_t tfm_jread_int(tfm_jread *r, int64_t low, int64_t high);

/** Read a non-negative integer up to 2^64-1. */
uint64_t tfm_jread_u64(tfm_jread *r);

/** Read any finite number; one whose magnitude a double cannot hold is an error. */
double tfm_jread_double(tfm_jread *r);

/** Read true or false. */
bool tfm_jread_bool(tfm_jread *r);

/** Read null if null comes next (true), else leave the value alone (false). */
bool tfm_jread_null(tfm_jread *r);

/** Step over one value of any kind and return its raw text, borrowed from the text itself: for
 *  fields that are passed through unread. Numbers keep their digits. Depth up to
 * TFM_JSON_DEPTH. */
tfm_span tfm_jread_skip(tfm_jread *r);

/** After the outermost value: only white space may follow. */
void tfm_jread_end(tfm_jread *r);

/** Fail from outside, at the value or key just read: "name: byte N, $.path: <text>". No effect
 * after an earlier failure. */
void tfm_jread_fail(tfm_jread *r, tfm_status st, const char *format, ...) TFM_PRINTF(3, 4);

/** Whether nothing has failed so far. */
bool tfm_jread_ok(const tfm_jread *r);

/** TFM_OK, or the first failure with its text in *err. Syntax errors are TFM_E_FORMAT. */
tfm_status tfm_jread_status(const tfm_jread *r, tfm_err *err);

/** Check a whole text: syntax, depth, UTF-8, trailing bytes and duplicate keys at every level.
 *  Used before a lenient parser sees it. */
tfm_status tfm_json_validate(const char *name, const char *text, size_t n, tfm_err *err);

#endif
