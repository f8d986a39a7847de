/** A regular expression of Oniguruma (Ruby's syntax as the `tokenizers` library uses it) rewritten
 *  for PCRE2, so that both match the same. What differs and what cannot be rewritten is listed in
 *  DECISIONS.md, T8. */
#ifndef TFM_CORE_TEXT_REGEX_REWRITE_H
#define TFM_CORE_TEXT_REGEX_REWRITE_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

enum { TFM__REGEX_BYTES = 16384 }; /* longest expression */

/** Append the expression to out: ASCII, for PCRE2 with UTF, MULTILINE and LF as the line end; no
 *  group captures. Errors: TFM_E_FORMAT (no expression), TFM_E_UNSUPPORTED (cannot be done the
 *  same), both with the byte in the expression; TFM_E_NOMEM. */
tfm_status tfm__regex_rewrite(tfm_span expression, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

#endif
