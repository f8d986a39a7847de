/** The source of a template as tokens, with the white space around tags taken away as transformers
 * asks Jinja to: the newline behind a tag (trim_blocks), the blanks before one that begins a line
 * (lstrip_blocks), and what "-" and "+" say. Private to the room. Source: Jinja 3.1, lexer.py. */
#ifndef TFM_CORE_CHAT_LEX_H
#define TFM_CORE_CHAT_LEX_H

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdint.h>

typedef enum {
  TFM__TOKEN_END,
  TFM__TOKEN_TEXT,         /* to be written as it is */
  TFM__TOKEN_OUTPUT_BEGIN, /* {{ */
  TFM__TOKEN_OUTPUT_END,
  TFM__TOKEN_TAG_BEGIN, /* {% */
  TFM__TOKEN_TAG_END,
  TFM__TOKEN_NAME,
  TFM__TOKEN_STRING, /* text: what it means, escapes resolved */
  TFM__TOKEN_INTEGER,
  TFM__TOKEN_REAL,
  TFM__TOKEN_OPERATOR
} tfm__token_kind;

typedef struct {
  tfm__token_kind kind;
  int line;
  tfm_span text; /* in the source or the arena */
  int64_t integer;
  double real;
} tfm__token;

/** gives: *tokens, *n of them, the last an END; release with tfm_free(). borrows: source
 * (well-formed UTF-8, its newlines "\n"), which must outlive the tokens, as must memory.
 * Errors: TFM_E_FORMAT, TFM_E_UNSUPPORTED, both with "<name>: line N: ", TFM_E_NOMEM. */
tfm_status tfm__lex(tfm__token **tokens, size_t *n, const char *name, tfm_span source,
                    tfm_arena *memory, tfm_err *err) TFM_MUST_USE;

#endif
