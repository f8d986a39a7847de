/** What several decoders do to a string. Errors: TFM_E_NOMEM. */
#ifndef TFM_CORE_TEXT_DECODE_TEXT_H
#define TFM_CORE_TEXT_DECODE_TEXT_H

#include "core/base/buf.h"

/** Append s with every `from` in it replaced. An empty `from` stands before each character and at
 *  the end. */
tfm_status tfm__replace_all(tfm_buf *out, tfm_span s, tfm_span from, tfm_span to);

/** Take out of a token the blanks that tokenizing put before punctuation and short forms. */
void tfm__cleanup(tfm_buf *b);

/** The same for a text, in place, as transformers has it: "do not" stays. Returns its length. */
size_t tfm__cleanup_text(char *p, size_t n);

#endif
