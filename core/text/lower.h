/** The lower case of a text, for comparing texts without regard to case. */
#ifndef TFM_CORE_TEXT_LOWER_H
#define TFM_CORE_TEXT_LOWER_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

/** Append text, well-formed UTF-8, in lower case. Two texts are equal after this where Python's
 *  str.lower() makes them equal, except that the two small sigmas count as one, whatever stands
 *  around them. Errors: TFM_E_NOMEM. Threads: callable from many at once. */
tfm_status tfm_text_lower(tfm_span text, tfm_buf *out) TFM_MUST_USE;

#endif
